"""What a diffusion makes of measured pictures, ready to be drawn."""

from typing import NamedTuple

import streamlit as st
import torch
from torch import Tensor

from core import data
from core.inference import posterior_sampling
from core.inference.adaptive_filters import Filter, filter_at
from core.inference.flow_likelihood import (
    BitsPerDimension,
    bits_by_place,
    bits_per_dimension,
    one_of_each,
)
from core.inference.linear_measurements import Measurement, holes, measure
from core.inference.posterior_sampling import How, Posterior, Prior
from core.metrics.image import psnr
from core.runs.store import Run
from core.tasks.base import fitted
from core.tasks.diffusion import DIFFUSION
from pages.ui.cached.by_run import by_run
from pages.ui.cached.noise_walls import diffusion_network
from pages.ui.concurrency import check_visitor, heavy

SAMPLES = 6
PROBES = 2
FINISHED = 4
"""Pictures that the server makes of one with holes, or of a scribble."""


class Measured(NamedTuple):
    """A picture, uint8 (1, C, H, W), of which a diffusion is told what a measurement says; one
    argument, as Streamlit inspects a cached function again for each."""

    run: Run
    picture: Tensor
    kind: str
    level: float
    seed: int
    how: How


class Restored(NamedTuple):
    """What was measured, as a picture (1, C, H, W) in [0, 1], what was made of it, and the PSNR of
    each of the latter against the picture itself, in dB."""

    measurement: Measurement
    shown: Tensor
    drawn: Posterior
    inverse: float
    one_look: float
    mean: float
    samples: list[float]


class Looked(NamedTuple):
    """A pixel (channel, row, column) of a noisy picture, uint8 (1, C, H, W), at a noise level."""

    run: Run
    picture: Tensor
    pixel: tuple[int, int, int]
    ratio: float
    how: How


def diffusion_prior(run: Run) -> Prior:
    """A finished diffusion."""
    return Prior(DIFFUSION.variant(run.spec().variant).process, diffusion_network(run))


@heavy(by_run(st.cache_resource, max_entries=64, show_spinner="Drawing samples"))
def restored(request: Measured) -> Restored:
    """Samples that agree with the measurement, and the rest."""
    truth = request.picture.float() / 255
    used = diffusion_prior(request.run)
    measurement = measure(used.shape, request.kind, request.level, request.seed)
    numbers = posterior_sampling.measured(measurement, truth)
    drawn = posterior_sampling.posterior(
        used, measurement, numbers, SAMPLES, request.how, check_visitor
    )
    inverse, one_look, mean = (
        float(psnr(p, truth)) for p in (drawn.inverse, drawn.one_look, drawn.mean)
    )
    each = psnr(drawn.samples, truth.expand_as(drawn.samples)).tolist()
    return Restored(measurement, measurement.shown(truth), drawn, inverse, one_look, mean, each)


@heavy(by_run(st.cache_resource, max_entries=32, show_spinner="Filling the holes"))
def filled(run: Run, picture: Tensor, missing: Tensor, how: How) -> Tensor:
    """Fillings (FINISHED, C, H, W) in [0, 1] of the holes (H, W) in a picture, uint8 (1, C, H, W).
    Raises LabError where the holes are all or nothing."""
    used, known = diffusion_prior(run), holes(missing)
    numbers = posterior_sampling.measured(known, picture.float() / 255)
    return posterior_sampling.posterior(used, known, numbers, FINISHED, how, check_visitor).samples


@heavy(by_run(st.cache_resource, max_entries=32, show_spinner="Finishing the scribble"))
def finished(run: Run, picture: Tensor, strength: float, how: How) -> Tensor:
    """What becomes (FINISHED, C, H, W), in [0, 1], of a scribble, uint8 (1, C, H, W)."""
    scribble = picture.float() / 255
    used = diffusion_prior(run)
    return posterior_sampling.edit(used, scribble, strength, FINISHED, how, check_visitor)


@by_run(st.cache_resource, max_entries=128, show_spinner=False)
def adaptive_filter(request: Looked) -> Filter:
    """The filter that the network is at the pixel."""
    picture = request.picture.float() / 255
    return filter_at(
        diffusion_prior(request.run), picture, request.pixel, request.ratio, request.how
    )


@heavy(by_run(st.cache_resource, max_entries=32, show_spinner="Following the flow to the noise"))
def bits(run: Run, dataset: str, each: int) -> tuple[BitsPerDimension, float]:
    """Bits per dimension of `each` test images of every class; and what they take a place at a
    time, by the greys of the other test images."""
    images, used = data.load(dataset, "test"), diffusion_prior(run)
    pixels = fitted(images, used.shape).pixels
    chosen = one_of_each(images.labels, each)
    others = torch.ones(len(pixels), dtype=torch.bool).index_fill(0, chosen, False)
    by_flow = bits_per_dimension(used, pixels[chosen], PROBES, check=check_visitor)
    return by_flow, bits_by_place(pixels[others], pixels[chosen])
