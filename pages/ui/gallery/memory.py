"""Did it memorise? The real images nearest to samples."""

import streamlit as st
import torch

from core.errors import DataMissing
from core.inference import gans
from core.inference.gans import NearestImages
from pages.ui import cached, pictures
from pages.ui.gallery.stage import Scene
from pages.ui.pictures import Row

SHOWN, NEIGHBOURS = 6, 7
COPY = 0.01
"""A sample is nearly a copy when so few real images lie as near to another one."""


def nearest(scene: Scene) -> None:
    """A row a sample: itself, then the real images nearest to it."""
    run = scene.run
    asked = run.config()
    try:
        images, split = cached.real_images(asked.dataset, asked.variant)
    except DataMissing as error:
        st.info(str(error))
        return
    model, extractor = cached.generator(run), cached.extractor(run)
    drawn = gans.drawn(model, SHOWN, scene.seed, None, scene.truncation)
    found = gans.nearest_images(
        drawn.images, images, NEIGHBOURS, extractor, cached.known_images(run)
    )
    rows = [
        Row(
            f"Sample {i + 1}, then the nearest",
            torch.cat([drawn.images[i : i + 1], images.pixels[found.ids[i]].float() / 255]),
            _told(found, i),
        )
        for i in range(SHOWN)
    ]
    pictures.rows(rows)
    st.markdown(_verdict(found))
    which = "training" if split == "train" else "test"
    more = (
        ""
        if split == "train"
        else " The training images are not on this machine, and only they could be memorised."
    )
    st.caption(
        f"Among {len(images.labels):,} {which} images, by distance in the features of "
        f"{extractor.name}.{more}"
    )
    st.download_button(
        "PNG", lambda: pictures.rows_png(rows), f"{run.id}-nearest.png", "image/png",
        icon=":material/download:", on_click="ignore", key="png-nearest",
    )  # fmt: skip


def _told(found: NearestImages, i: int) -> str:
    return (
        f"distance {float(found.distances[i, 0]):.1f}; {float(found.shares[i]):.0%} of real images "
        "have a nearer neighbour"
    )


def _verdict(found: NearestImages) -> str:
    copies = int((found.shares <= COPY).sum())
    if copies:
        return (
            f"**{copies} of {len(found.shares)} samples lie nearer to a real image than 99 % of "
            "real images lie to each other: look whether they are copies.**"
        )
    return (
        "None of these samples is a copy: each is as far from the nearest real image as real "
        "images are from each other, or farther."
    )
