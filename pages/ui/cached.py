"""The only `st.cache_*` of the lab: models, data and lists, shared by all sessions and bounded.

Nothing that is returned here is ever changed, trained or put into another mode.
"""

from typing import TYPE_CHECKING, cast

import streamlit as st
from torch import Tensor, nn

from core import jobs, runs
from core.data import Images
from core.errors import LabError
from core.inference import denoising, latent
from core.inference.browser import pack
from core.inference.finished import finished
from core.models.autoencoders import Autoencoder
from core.runs import Run
from core.tasks import load_model
from pages.ui.visitor import who

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture


@st.cache_resource(max_entries=32, show_spinner="Loading the model")
def _model(run_id: str, version: int) -> nn.Module:
    return load_model(runs.open_run(run_id))


def model(run: Run) -> nn.Module:
    """A finished run's network, for inference."""
    return _model(run.id, run.version())


@st.cache_resource(max_entries=64, show_spinner="Reading the images")
def test_pictures(dataset: str, first: int, count: int) -> Images:
    """Test images as denoisers take them."""
    return denoising.test_pictures(dataset, first, count)


@st.cache_resource(ttl=2, max_entries=8, show_spinner=False)
def _finished(task_name: str) -> list[Run]:
    return finished(task_name)


def models(task_name: str) -> list[Run]:
    """Finished runs that this visitor may see, the best first; at most two seconds old."""
    return [run for run in _finished(task_name) if jobs.visible(run, who())]


def forget_models() -> None:
    """Look again at once: one has just been trained."""
    _finished.clear()


def autoencoder(run: Run) -> Autoencoder:
    """A finished autoencoding run's network."""
    return cast(Autoencoder, model(run))


@st.cache_data(max_entries=32, show_spinner=False)
def _refusal(run_id: str, version: int) -> str | None:
    try:
        pack(cast(Autoencoder, _model(run_id, version)))
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


@st.cache_resource(max_entries=16, show_spinner="Encoding the test images")
def _codes(run_id: str, version: int, dataset: str) -> Tensor:
    run = runs.open_run(run_id)
    images = digits(dataset)
    return latent.encode(autoencoder(run), images.pixels, images.labels)


def codes(run: Run, dataset: str) -> Tensor:
    """The codes of a whole test split."""
    return _codes(run.id, run.version(), dataset)


@st.cache_resource(max_entries=16, show_spinner="Fitting the mixture")
def _mixture(run_id: str, version: int, dataset: str, components: int) -> "GaussianMixture":
    return latent.fit_mixture(_codes(run_id, version, dataset), components)


def mixture(run: Run, dataset: str, components: int) -> "GaussianMixture":
    """Gaussians fitted to the codes of a test split."""
    return _mixture(run.id, run.version(), dataset, components)
