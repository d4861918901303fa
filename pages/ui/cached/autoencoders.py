"""Autoencoders and their codes."""

from typing import TYPE_CHECKING, NamedTuple, cast

import streamlit as st
import torch
from torch import Tensor

from core.data import Images
from core.errors import LabError
from core.images import contact_sheet, to_png
from core.inference import latent, outliers
from core.inference.browser_weights import pack
from core.models.autoencoders import Autoencoder
from core.runs.store import Run
from core.tasks.autoencoding import AUTOENCODING
from pages.ui.cached.by_run import by_run
from pages.ui.cached.networks import model, models
from pages.ui.concurrency import heavy

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture


def autoencoder(run: Run) -> Autoencoder:
    """A finished autoencoding run's network."""
    return cast(Autoencoder, model(run))


@by_run(st.cache_data, max_entries=32, show_spinner=False)
def browser_refusal(run: Run) -> str | None:
    """Why a browser cannot run the decoder of a run, as a sentence; None if it can."""
    try:
        pack(autoencoder(run))
    except LabError as error:
        return str(error)
    return None


@st.cache_resource(max_entries=4, show_spinner="Reading the images")
def digits(dataset: str) -> Images:
    """The whole test split as autoencoders take it."""
    return latent.test_images(dataset)


@heavy(by_run(st.cache_resource, max_entries=16, show_spinner="Encoding the test images"))
def codes(run: Run, dataset: str) -> Tensor:
    """The codes of a whole test split."""
    images = digits(dataset)
    return latent.encode(autoencoder(run), images.pixels, images.labels)


@heavy(by_run(st.cache_resource, max_entries=16, show_spinner="Fitting the mixture"))
def mixture(run: Run, dataset: str, components: int) -> "GaussianMixture":
    """Gaussians fitted to the codes of a test split."""
    return latent.fit_mixture(codes(run, dataset), components)


class Sampled(NamedTuple):
    """Codes (N, d) from a prior or a mixture, the classes of a model that is told one, and the
    pictures that they decode to, on a sheet as PNG."""

    codes: Tensor
    labels: Tensor | None
    png: bytes


COMPONENTS = 20
"""Gaussians of a mixture that samples come from."""


class Draws(NamedTuple):
    """One argument, as Streamlit inspects the cached function again for each that it is given."""

    run: Run
    number: int
    columns: int
    seed: int
    temperature: float
    fitted: bool


@by_run(st.cache_resource, max_entries=1024, show_spinner=False)
def _sampled(asked: Draws) -> Sampled:
    run = asked.run
    model = autoencoder(run)
    labels = None
    if model.classes:
        places = torch.arange(asked.number)  # a column a class, where there is room for all
        labels = (
            places % asked.columns if asked.columns >= model.classes else places
        ) % model.classes
    if asked.fitted:
        mixed = mixture(run, run.spec().dataset, COMPONENTS)
        codes = latent.mixture_samples(mixed, asked.number, asked.seed)
    else:
        codes = latent.prior_samples(model.latent, asked.number, asked.seed, asked.temperature)
    sheet = contact_sheet(latent.decode(model, codes, labels), asked.columns, gap=0)
    return Sampled(codes, labels, to_png(sheet))


def sampled(
    run: Run, count: int, columns: int, *, seed: int, temperature: float, fitted: bool
) -> Sampled:
    """Draws of a model; of one that is told a class, a column a class where there are as many
    columns, else one class after the other.

    Args:
        temperature: the spread of draws from the prior.
        fitted: from Gaussians fitted to the codes of the test images instead.
    """
    return _sampled(Draws(run, count, columns, seed, temperature, fitted))


@by_run(st.cache_resource, max_entries=256, show_spinner=False)
def _strange(run: Run, pixels: Tensor) -> int:
    found = outliers.strangeness(run, autoencoder(run), pixels)
    return sum(one.strange for one in found)


def strange(dataset: str, pixels: Tensor) -> int:
    """How many of some images, uint8 (N, C, H, W), are unlike those of a data set, as far as a
    shipped autoencoder can tell; none where there is no such autoencoder."""
    judge = outliers.judges(models(AUTOENCODING.name), dataset)
    if not judge or tuple(pixels.shape[1:]) != judge[0].spec().data.shape:
        return 0
    return _strange(judge[0], pixels)


@by_run(st.cache_resource, max_entries=256, show_spinner=False)
def strangeness(run: Run, pixels: Tensor, label: int | None) -> outliers.Strangeness:
    """How unlike its training data a model finds an image, uint8 (1, C, H, W)."""
    return outliers.strangeness(run, autoencoder(run), pixels, label)[0]
