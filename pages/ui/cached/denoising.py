"""Pictures that were spoilt and restored, ready to be drawn."""

from dataclasses import dataclass
from typing import NamedTuple

import streamlit as st
from torch import Tensor

from core.data import CORRUPTIONS
from core.inference import restoration
from core.inference.activations import Layer, denoiser_layers
from core.inference.restoration import Corrupted, Restored
from core.runs.store import Run
from pages.ui import pictures
from pages.ui.cached.by_run import by_run
from pages.ui.cached.networks import model
from pages.ui.pictures import Row


@dataclass(frozen=True)
class Stage:
    """Clean, spoilt, restored and error; `drawn` is what a page shows of them, `gain` the dB that
    restoring has brought in the mean."""

    spoilt: Corrupted
    restored: Restored
    rows: list[Row]
    drawn: str
    gain: float


class Restoration(NamedTuple):
    """What is restored: uint8 pictures (N, C, H, W) under a corruption, by a finished denoiser.

    It is one argument, as Streamlit inspects a cached function again for each.
    """

    run: Run
    pixels: Tensor
    corruption: str
    strength: float
    seed: int


@by_run(st.cache_resource, max_entries=256, show_spinner=False)
def stage(shown: Restoration) -> Stage:
    """Corrupt the pictures and restore them."""
    # A class looks at the same pictures: most moves of a slider have been made by a neighbour, and
    # the network is two thirds of what a move costs.
    run, pixels, corruption, strength, seed = shown
    spoilt = restoration.corrupt_images(pixels, corruption, strength, seed)
    restored = restoration.restore(run.spec().variant, model(run), spoilt)
    rows = _rows(spoilt, restored, CORRUPTIONS[corruption].title)
    gain = _mean(restored.psnr - restored.psnr_noisy)
    return Stage(spoilt, restored, rows, pictures.rows_html(rows), gain)


@by_run(st.cache_resource, max_entries=32, show_spinner=False)
def denoiser_activations(run: Run, noisy: Tensor) -> list[Layer]:
    """What each layer of a denoiser makes of one spoilt picture, (1, C, H, W) in [0, 1]."""
    return denoiser_layers(run.spec().variant, model(run), noisy)


def _rows(spoilt: Corrupted, restored: Restored, corruption: str) -> list[Row]:
    before = f"{_mean(restored.psnr_noisy):.1f} dB · SSIM {_mean(restored.ssim_noisy):.2f}"
    after = f"{_mean(restored.psnr):.1f} dB · SSIM {_mean(restored.ssim):.2f}"
    errors = restoration.error_map(restored.images, spoilt.clean)
    return [
        Row("Clean", spoilt.clean),
        Row(f"Spoilt: {corruption}", spoilt.noisy, before),
        Row("Restored", restored.images, after),
        Row("Error", errors, "orange too bright, blue too dark"),
    ]


def _mean(values: Tensor) -> float:
    return float(values.mean())
