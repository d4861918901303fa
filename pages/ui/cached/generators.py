"""GANs, and what they are compared with."""

import streamlit as st
from torch import Tensor

from core import data
from core.data import Images
from core.inference import copying, curves, generators
from core.inference.directions import Direction, attribute_directions, principal_directions
from core.inference.generators import Drawn
from core.inference.inversion import Inversion, invert
from core.metrics.generative import Extractor, Health
from core.models.gans import GAN
from core.runs.store import Run
from core.tasks import task
from core.training.request import judge
from pages.ui.cached.by_run import by_run
from pages.ui.cached.networks import model_of
from pages.ui.concurrency import check_visitor, heavy

MAX_REAL = 60_000
"""Real images, at most, that are searched for copies."""


def generator(run: Run) -> GAN:
    """A finished GAN."""
    return model_of(run, GAN)


@by_run(st.cache_resource, max_entries=8, show_spinner="Loading the classifier")
def _extractor(run: Run) -> Extractor:
    classifier = judge(run)
    return Extractor(classifier.model, classifier.name) if classifier else Extractor()


@heavy(by_run(st.cache_resource, max_entries=16, show_spinner="Looking for directions"))
def _principal(run: Run) -> list[Direction]:
    return principal_directions(generator(run))


@heavy(by_run(st.cache_resource, max_entries=16, show_spinner="Measuring what changes with what"))
def _attributes(run: Run) -> list[Direction]:
    spec = run.spec()
    known = data.known(spec.dataset)
    classes = () if known is None else known.classes
    return attribute_directions(generator(run), _extractor(run), classes, check=check_visitor)


def directions(run: Run, kind: str) -> list[Direction]:
    """A generator's "principal" or "attribute" directions."""
    return (_principal if kind == "principal" else _attributes)(run)


@st.cache_resource(max_entries=4, show_spinner="Reading the real images")
def real_images(task_name: str, variant: str, dataset: str) -> tuple[Images, str]:
    """Real images as a network draws them, and of which split: those of training where they are
    here.

    Raises:
        DataMissing: neither split is on this machine.
    """
    split: data.Split = "train" if "train" in data.available(dataset) else "test"
    chosen = task(task_name)
    return chosen.prepare(variant, data.load(dataset, split).choice(MAX_REAL)), split


@heavy(st.cache_resource(max_entries=2, show_spinner="Reading the real images"))
def library(task_name: str, variant: str, dataset: str) -> copying.Library:
    """What is searched of `real_images`. Raises DataMissing."""
    return copying.library(real_images(task_name, variant, dataset)[0], check_visitor)


@heavy(by_run(st.cache_resource, max_entries=32, show_spinner="Searching: eight starts, 200 steps"))
def inversion(run: Run, wanted: Tensor, label: int | None) -> Inversion:
    """The latent from which a generator draws a picture (1, C, H, W) in [0, 1], or nearly."""
    return invert(generator(run), wanted, label, check=check_visitor)


@by_run(st.cache_resource, max_entries=32, show_spinner=False)
def scored_samples(
    run: Run, count: int, seed: int, label: int | None, truncation: float
) -> tuple[Drawn, Tensor]:
    """Samples as `generators.drawn` gives them, and the critic's score of each (count,): of
    probability where the critic tells one. A click on one draws the page again, but not them."""
    model = generator(run)
    drawn = generators.drawn(model, count, seed, label, truncation)
    probable = generators.tells_probability(run)
    return drawn, generators.scores(model, drawn.images, drawn.labels, probable)


@by_run(st.cache_data, max_entries=64, show_spinner=False)
def healths(run: Run) -> dict[int, Health]:
    """How a generator did after each epoch."""
    return curves.healths(run.history())
