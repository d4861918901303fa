"""What is found out about a classifier by taking it apart."""

import streamlit as st
import torch
from torch import Tensor

from core.data import Images
from core.inference import alignment, perturbation, surgery, units
from core.inference.activations import Layer, classifier_layers
from core.inference.alignment import Alignment, Difference
from core.inference.perturbation import Accuracies, Steps
from core.inference.surgery import Cut, Judge, Part, Tell, Verdict
from core.inference.units import Excited, Unit
from core.models.convnets import Recogniser
from core.randomness import Seeded
from core.runs.store import Run
from core.tasks.base import unit
from core.tasks.classification import RECOGNITION
from core.training.request import test_images
from pages.ui.cached.by_run import by_run
from pages.ui.cached.networks import model_of
from pages.ui.cached.recognition import Source, recogniser, recogniser_shape
from pages.ui.concurrency import check_visitor, heavy, turn

SIZES = (0, 2, 4, 8, 16, 24, 32, 48)
"""Of the adversarial steps that are measured, in grey values."""


@by_run(st.cache_resource, max_entries=32, show_spinner=False)
def gradients(source: Source, pixels: Tensor, label: int) -> list[Layer]:
    """The layers for a picture, uint8 (1, C, H, W), each with its gradient for a class."""
    return classifier_layers(recogniser(source), unit(pixels), label)


@by_run(st.cache_resource, max_entries=32, show_spinner=False)
def readable_layers(source: Source) -> dict[str, tuple[int, ...]]:
    """Layers whose units can be read, with the shape of their output, by path."""
    return units.readable(recogniser(source), recogniser_shape(source))


@by_run(st.cache_resource, max_entries=128, show_spinner=False)
def read_unit(
    source: Source, pixels: Tensor, path: str, channel: int, position: tuple[int, int]
) -> Unit:
    """One number of a layer, and how it comes about."""
    return units.read_unit(recogniser(source), unit(pixels), path, channel, position)


@by_run(st.cache_resource, max_entries=64, show_spinner=False)
def filter_pictures(source: Source, path: str, channel: int | None) -> Tensor:
    """The weights of a layer as pictures. Raises LabError where they are none."""
    return units.filters(recogniser(source), recogniser_shape(source), path, channel)


@heavy(by_run(st.cache_resource, max_entries=64, show_spinner="Looking through the test images"))
def exciting_images(run: Run, path: str, channel: int, most: int) -> Excited:
    """The test images, of `most` or all for 0, that excite a channel most. Raises DataMissing."""
    images = test_images(run)
    rows = Images(torch.arange(len(images.labels)), images.labels).choice(most).pixels
    chosen = Images(images.pixels[rows], images.labels[rows])
    top = units.exciting(model_of(run, Recogniser), chosen, path, channel, check=check_visitor)
    return top._replace(rows=rows[top.rows])


@st.cache_resource(show_spinner=False)
def _surgery_cache() -> surgery.Cache:
    return surgery.Cache()


@by_run(st.cache_resource, max_entries=32, show_spinner=False)
def cut_parts(run: Run) -> dict[str, Part]:
    """Layers of which something can be cut away, by path."""
    return surgery.cuttable(model_of(run, Recogniser), run.spec().data.shape)


def verdict(run: Run, cut: Cut, tell: Tell) -> Verdict:
    """What a cut costs on all test images; the answers are kept, and `tell` draws how far they are.
    Raises LabError, DataMissing."""
    key = (run.id, run.version(), "test")
    judge = Judge(model_of(run, Recogniser), test_images(run), key, _surgery_cache())
    with turn():
        return judge.verdict(cut, tell)


@by_run(st.cache_resource, max_entries=64, show_spinner=False)
def adversarial_steps(
    source: Source, pixels: Tensor, size: int, label: int | None, seed: int
) -> Steps:
    """An adversarial and a random step from a picture, uint8 (1, C, H, W)."""
    return perturbation.steps(recogniser(source), pixels, size, label, seed)


@heavy(by_run(st.cache_data, max_entries=32, show_spinner="Taking adversarial steps"))
def adversarial_accuracies(run: Run, most: int, seed: int) -> list[Accuracies]:
    """The accuracy after steps of several sizes, on a fair choice of test images. Raises
    DataMissing."""
    images = test_images(run).choice(most)
    network = model_of(run, Recogniser)
    return perturbation.accuracies(network, images, SIZES, seed, check_visitor)


@by_run(st.cache_data, max_entries=32, show_spinner=False)
def layer_channels(run: Run) -> tuple[int, ...]:
    """The channels of each layer with weights: networks that have the same can be aligned."""
    return tuple(part.channels for part in cut_parts(run).values())


@heavy(by_run(st.cache_resource, max_entries=8, show_spinner="Comparing the two networks"))
def aligned(run: Run, other: Run, most: int) -> Alignment:
    """How alike two networks are, on a fair choice of the first one's test images. Raises
    DataMissing, LabError."""
    spec = run.spec()
    with Seeded(0):
        config = RECOGNITION.config_of(run)
        untrained = RECOGNITION.build(spec.variant, spec.data.shape, config, spec.data.classes)
    first, second = (model_of(one, Recogniser) for one in (run, other))
    images = test_images(run).choice(most)
    return alignment.aligned(first, second, untrained.eval(), images, check_visitor)


@by_run(st.cache_resource, max_entries=32, show_spinner=False)
def network_differences(run: Run, other: Run, pixels: Tensor, most: int) -> list[Difference]:
    """Two networks, layer by layer, on one picture, uint8 (1, C, H, W)."""
    first, second = (model_of(one, Recogniser) for one in (run, other))
    return alignment.differences(first, second, unit(pixels), aligned(run, other, most))
