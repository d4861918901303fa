"""Finished runs and their networks."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st
from torch import nn

from core.data import Images
from core.errors import LabError, RunBroken
from core.inference import latent
from core.inference.browser_classifier import pack_classifier, pack_translator
from core.inference.browser_decoder import pack_decoder
from core.inference.browser_denoiser import pack_denoiser, process_name
from core.jobs import queue
from core.models.autoencoders import Autoencoder
from core.models.convnets import Recogniser
from core.models.denoising_nets import DiffusionNet
from core.models.gans import GAN
from core.models.translation_nets import Translator
from core.registry import family
from core.runs import store
from core.runs.query import finished
from core.runs.store import Run
from core.tasks import load_model
from core.tasks.denoising import DENOISING
from core.tasks.diffusion import DIFFUSION
from core.tasks.transfer import TRANSFER
from pages.server.visitor import who
from pages.ui.cached.by_run import by_run
from pages.ui.concurrency import heavy

M = TypeVar("M", bound=nn.Module)


@by_run(st.cache_resource, max_entries=32, show_spinner="Loading the model")
def model(run: Run) -> nn.Module:
    """A finished run's network, for inference."""
    return load_model(run)


def model_of(run: Run, kind: type[M]) -> M:
    """A finished run's network of a kind.

    Raises:
        RunBroken: it is of another kind.
    """
    network = model(run)
    if not isinstance(network, kind):
        raise RunBroken(f"This run's network is no {kind.__name__}.")
    return network


@by_run(st.cache_data, max_entries=32, show_spinner=False)
def browser_refusal(run: Run) -> str | None:
    """Why a browser cannot run the decoder, generators, classifier or denoiser of a run, as a
    sentence; None if it can."""
    network = model(run)
    try:
        if isinstance(network, Recogniser):
            pack_classifier(network, run.spec().data.shape)
        elif isinstance(network, Autoencoder | GAN):
            pack_decoder(network)
        elif isinstance(network, DiffusionNet):
            process = DIFFUSION.variant(run.spec().variant).process
            pack_denoiser(network, process_name(process))
        elif isinstance(network, Translator):
            pack_translator(network)
        else:
            return "This network draws nothing."
    except LabError as error:
        return str(error)
    return None


@st.cache_resource(max_entries=64, show_spinner="Reading the images")
def test_pictures(dataset: str, first: int, count: int) -> Images:
    """Test images as denoisers take them."""
    return latent.test_images(dataset, first, count)


@st.cache_resource(ttl=2, max_entries=8, show_spinner=False)
def _finished(task_name: str) -> list[Run]:
    return finished(family(task_name))


SHOWN_BY_LINK = {DENOISING.name, TRANSFER.name}
"""Families whose pages can do without the pictures that a run learnt from, which no link shares."""


def models(task_name: str) -> list[Run]:
    """Finished runs that this visitor may use, the best first; at most two seconds old."""
    may = queue.visible if task_name in SHOWN_BY_LINK else queue.entitled
    return [run for run in _finished(task_name) if may(run, who())]


def forget_models() -> None:
    """Look again at once: one has just been trained."""
    _finished.clear()


@heavy(st.cache_data(max_entries=32, show_spinner=False))
def _drawn(name: str, shipped: str, _draw: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    return _draw()


def cover(name: str, draw: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    """A page's cover, which only shipped models draw: once for everybody. Raises LabError."""
    shipped = " ".join(run.id for run in store.all_runs() if run.shipped)
    return _drawn(name, shipped, draw)
