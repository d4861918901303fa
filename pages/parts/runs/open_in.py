"""On which page a run can be used, and the link that opens it there."""

from typing import NamedTuple

import streamlit as st

from core.dreaming.starting_pictures import MADE
from core.dreaming.variants import DREAMING
from core.foundations.regressions import DESCENDING
from core.jobs import queue
from core.projection.methods import PROJECTING
from core.runs.store import Run
from core.tasks import TASKS
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.classification import RECOGNITION
from core.tasks.denoising import DENOISING
from core.tasks.diffusion import DIFFUSION
from core.tasks.forecasting import FORECASTING
from core.tasks.language import LANGUAGE
from core.tasks.tagging import TAGGING
from core.tasks.transfer import TRANSFER
from core.tasks.translation import TRANSLATION
from pages.parts.deepdream.controls import KINDS_OF_DREAM, SOURCES
from pages.server.visitor import who
from pages.ui import cached

SAMPLES = SOURCES.keys() - {MADE}
"""Pictures that a link can choose on the page DeepDream."""


class Page(NamedTuple):
    """A page, the parameter of its address that chooses a run there, and the tab that it is in."""

    file: str
    title: str
    parameter: str = ""
    tab: str = ""


EXPLORER = Page("latent_explorer.py", "Latent explorer", "map_of")
PAGES = {
    DENOISING.name: Page("denoiser.py", "Denoiser", "model"),
    AUTOENCODING.name: Page("vae_sampler.py", "VAE sampler", "model"),
    ADVERSARIAL.name: Page("gan_gallery.py", "GAN gallery", "model"),
    DIFFUSION.name: Page("diffusion.py", "Diffusion", "model"),
    TRANSLATION.name: Page("translation.py", "Translation", "model"),
    PROJECTING.name: EXPLORER,
    RECOGNITION.name: Page("network_explorer.py", "Network explorer", "model"),
    TRANSFER.name: Page("transfer_classifier.py", "Transfer classifier", "classifier"),
    FORECASTING.name: Page("sequences.py", "Sequences", "forecasting", "Forecast"),
    LANGUAGE.name: Page("sequences.py", "Sequences", "language", "Words"),
    TAGGING.name: Page("sequences.py", "Sequences", "tagging", "Tags"),
    DREAMING.name: Page("deepdream.py", "DeepDream"),
    DESCENDING.name: Page("foundations.py", "Foundations", "descent", "As in the text"),
}
"""By family: the page of its runs, where there is one."""


def links(run: Run) -> None:
    """Links to the pages that this visitor can use a finished run on."""
    task = run.spec().task
    page = PAGES.get(task)
    if page is None or run.status().state != "done" or run not in cached.models(task):
        return
    if task == DREAMING.name:
        if query := _dream_query(run):
            _link(page, f"Open in {page.title}", query)
    else:
        tab = {"tab": page.tab} if page.tab else {}
        _link(page, f"Open in {page.title}", {page.parameter: run.id, **tab})
    if task in TASKS and TASKS[task].encodes and queue.entitled(run, who()):
        method = next(iter(PROJECTING.variants))
        _link(EXPLORER, "Map its codes", {"tab": "Make a map", f"{method}-source": run.id})


def _link(page: Page, label: str, query: dict[str, str]) -> None:
    st.page_link(page.file, label=label, icon=":material/arrow_forward:", query_params=query)


def _dream_query(run: Run) -> dict[str, str]:
    """The controls of a dream; empty where its picture is not among those of the page."""
    spec = run.spec()
    if spec.variant not in KINDS_OF_DREAM or spec.dataset not in SAMPLES:
        return {}
    config, usual = spec.config, DREAMING.config(spec.variant).model_dump()
    query = {"kind": spec.variant, "picture": spec.dataset}
    query |= {name: str(config[name]) for name in ("backbone", "layers")}
    for name, value in config.items():
        if name not in query and value != usual.get(name):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            query[f"{spec.variant}-{name}"] = text
    return query
