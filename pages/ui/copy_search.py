"""Did it memorise? The real images nearest to samples, and a verdict where it can be had."""

import streamlit as st
import torch
from torch import Tensor

from core.errors import LabError
from core.inference import copying
from core.inference.copying import Matches
from core.runs.store import Run
from pages.ui import cached
from pages.ui.concurrency import check_visitor
from pages.ui.pictures import Row

NEIGHBOURS = 7


def search(run: Run, samples: Tensor) -> list[Row]:
    """Say what the search finds, and give a row a sample: itself, then the real images nearest to
    it, which can be clicked. Where there are no real images it says so, and gives none.

    Args:
        samples: (N, C, H, W) in [0, 1], drawn by the run's network.
    """
    spec = run.spec()
    of = (spec.task, spec.variant, spec.dataset)
    try:
        images, split = cached.real_images(*of)
        library = cached.library(*of)
    except LabError as error:
        st.info(str(error))
        return []
    matches = copying.search(samples, library, NEIGHBOURS, check_visitor)
    st.markdown(verdict(matches, split, len(images.labels)))
    if split == "train":
        st.caption(copying.TOLERANCE)
    return [
        Row(
            f"Sample {i + 1}, then the nearest",
            torch.cat([samples[i : i + 1], images.pixels[matches.ids[i]].float() / 255]),
            f"the nearest is at {float(matches.ratios[i]):.0%} of the tenth's distance",
            names=[f"Sample {i + 1}"],
        )
        for i in range(len(samples))
    ]


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
