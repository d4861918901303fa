"""Autoencoders and their codes."""

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st
import torch
from torch import Tensor

from core.data import Images
from core.images import contact_sheet, to_png
from core.inference import latent, outliers
from core.inference.activations import Layer, autoencoder_layers
from core.models.autoencoders import Autoencoder
from core.runs.store import Run
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.base import unit
from pages.ui.cached.by_run import by_run
from pages.ui.cached.networks import model_of, models
from pages.ui.concurrency import heavy

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture


def autoencoder(run: Run) -> Autoencoder:
    """A finished autoencoding run's network."""
    return model_of(run, Autoencoder)


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
    """Codes (N, d) from a prior or a mixture, the classes of a conditional model, and the
    pictures that they decode to, on a sheet as PNG."""

    codes: Tensor
    labels: Tensor | None
    png: bytes


COMPONENTS = 20
"""Gaussians of a mixture that samples come from."""


class Draws(NamedTuple):
    """What is drawn: `number` codes of a model, a sheet with so many `columns`; from the prior with
    a spread of `temperature`, or where `fitted` from Gaussians fitted to the codes of the test
    images.

    It is one argument, as Streamlit inspects a cached function again for each.
    """

    run: Run
    number: int
    columns: int
    seed: int
    temperature: float
    fitted: bool


@by_run(st.cache_resource, max_entries=1024, show_spinner=False)
def sampled(draws: Draws) -> Sampled:
    """Samples; of a conditional model a column a class where there are as many columns, else one
    class after the other."""
    run, number, columns, seed, temperature, fitted = draws
    model = autoencoder(run)
    labels = None
    if model.classes:
        places = torch.arange(number)
        labels = (places % columns if columns >= model.classes else places) % model.classes
    if fitted:
        codes = latent.mixture_samples(mixture(run, run.spec().dataset, COMPONENTS), number, seed)
    else:
        codes = latent.prior_samples(model.latent, number, seed, temperature)
    sheet = contact_sheet(latent.decode(model, codes, labels), columns, gap=0)
    return Sampled(codes, labels, to_png(sheet))


@by_run(st.cache_resource, max_entries=256, show_spinner=False)
def _strange(run: Run, pixels: Tensor) -> int:
    return sum(image.strange for image in outliers.strangeness(run, autoencoder(run), pixels))


def count_strange(dataset: str, pixels: Tensor) -> int:
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


@by_run(st.cache_resource, max_entries=32, show_spinner=False)
def autoencoder_activations(
    run: Run,
    pixels: Tensor | None,
    code: Tensor,
    label: int | None,
    image_label: int | None,
) -> list[Layer]:
    """What each layer of an encoder makes of an image, uint8 (1, C, H, W), and each layer of the
    decoder of a code, (1, d). Without an image the decoder's alone."""
    image = None if pixels is None else unit(pixels)
    return autoencoder_layers(autoencoder(run), image, code, label, image_label)


@by_run(st.cache_resource, max_entries=256, show_spinner=False)
def posterior(run: Run, pixels: Tensor, label: int | None) -> latent.Posterior | None:
    """The cloud of codes that an encoder gives an image, uint8 (1, C, H, W)."""
    return latent.posterior(autoencoder(run), pixels, label)
