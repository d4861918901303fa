"""Autoencoders and their codes."""

from typing import TYPE_CHECKING, cast

import streamlit as st
from torch import Tensor

from core import runs
from core.data import Images
from core.errors import LabError
from core.inference import latent
from core.inference.browser import pack
from core.models.autoencoders import Autoencoder
from core.runs import Run
from pages.ui.cached.networks import model, model_at
from pages.ui.turns import heavy

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture


def autoencoder(run: Run) -> Autoencoder:
    """A finished autoencoding run's network."""
    return cast(Autoencoder, model(run))


@st.cache_data(max_entries=32, show_spinner=False)
def _refusal(run_id: str, version: int) -> str | None:
    try:
        pack(cast(Autoencoder, model_at(run_id, version)))
    except LabError as error:
        return str(error)
    return None


def browser_refusal(run: Run) -> str | None:
    """Why a browser cannot run the decoder of a run, as a sentence; None if it can."""
    return _refusal(run.id, run.version())


@st.cache_resource(max_entries=4, show_spinner="Reading the images")
def digits(dataset: str) -> Images:
    """The whole test split as autoencoders take it."""
    return latent.test_images(dataset)


@heavy(st.cache_resource(max_entries=16, show_spinner="Encoding the test images"))
def _codes(run_id: str, version: int, dataset: str) -> Tensor:
    run = runs.open_run(run_id)
    images = digits(dataset)
    return latent.encode(autoencoder(run), images.pixels, images.labels)


def codes(run: Run, dataset: str) -> Tensor:
    """The codes of a whole test split."""
    return _codes(run.id, run.version(), dataset)


@heavy(st.cache_resource(max_entries=16, show_spinner="Fitting the mixture"))
def _mixture(run_id: str, version: int, dataset: str, components: int) -> "GaussianMixture":
    return latent.fit_mixture(_codes(run_id, version, dataset), components)


def mixture(run: Run, dataset: str, components: int) -> "GaussianMixture":
    """Gaussians fitted to the codes of a test split."""
    return _mixture(run.id, run.version(), dataset, components)
