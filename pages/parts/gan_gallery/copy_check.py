"""Did it memorise? A search for copies of training images among samples."""

import streamlit as st
import torch

from core.errors import LabError
from core.inference import copying, generators
from core.inference.copying import Matches
from pages.components import picks
from pages.parts.gan_gallery.stage import KEY, Scene, go
from pages.ui import cached, pictures
from pages.ui.concurrency import check_visitor
from pages.ui.downloads import png_button
from pages.ui.pictures import Row

SHOWN, NEIGHBOURS = 6, 7
PICKS = "copy-picks"


def panel(scene: Scene) -> None:
    """A row a sample: itself, then the real images nearest to it."""
    run = scene.run
    spec = run.spec()
    try:
        images, split = cached.real_images(spec.dataset, spec.variant)
        library = cached.library(spec.dataset, spec.variant)
    except LabError as error:
        st.info(str(error))
        return
    drawn = generators.drawn(cached.generator(run), SHOWN, scene.seed, None, scene.truncation)
    if (index := picks.picked(PICKS, SHOWN)) is not None:
        go(scene, drawn.latents[index], drawn.label(index))
    matches = copying.search(drawn.images, library, NEIGHBOURS, check_visitor)
    rows = [
        Row(
            f"Sample {i + 1}, then the nearest",
            torch.cat([drawn.images[i : i + 1], images.pixels[matches.ids[i]].float() / 255]),
            f"the nearest is at {float(matches.ratios[i]):.0%} of the tenth's distance",
            names=[f"Sample {i + 1}"],
        )
        for i in range(SHOWN)
    ]
    picks.show(pictures.rows_html(rows), key=PICKS, stage=KEY)
    st.caption("Click a sample to put it on the stage.")
    st.markdown(verdict(matches, split, len(images.labels)))
    if split == "train":
        st.caption(copying.TOLERANCE)
    png_button(lambda: pictures.rows_png(rows), f"{run.id}-nearest", "png-nearest")


def verdict(matches: Matches, split: str, count: int) -> str:
    """The result of the search, as a sentence; no verdict where only test images were searched."""
    samples = len(matches.ratios)
    if split != "train":
        return (
            f"No verdict: these are the nearest of {count:,} test images. The training images are "
            "not on this machine, and only they could have been memorised."
        )
    if copies := int(matches.copies.sum()):
        return (
            f"**{copies} of {samples} samples lie far nearer to one of {count:,} training images "
            "than to any other: look whether they are copies.**"
        )
    return f"Not found: no copy among these {samples} samples, of {count:,} training images."
