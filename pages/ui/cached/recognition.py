"""Networks that answer with classes: finished runs of recognition, and those of ImageNet."""

from typing import NamedTuple

import streamlit as st
import torch
from torch import Tensor, nn

from core.data import Images
from core.errors import RunBroken
from core.inference.activations import Layer, classifier_layers
from core.inference.augmented import Effect, effect
from core.inference.network import Row, layer_table
from core.models import backbones
from core.models.backbones import BACKBONES
from core.runs.store import Run
from core.tasks.base import unit
from core.tasks.classification import CHUNK
from core.tasks.family import Shape
from core.training.request import test_images
from pages.ui.cached.by_run import by_run
from pages.ui.cached.networks import model
from pages.ui.concurrency import check_visitor, heavy

Source = Run | str
"""A finished run, or the name of a network of ImageNet."""


@st.cache_resource(max_entries=4, show_spinner="Loading the network")
def _backbone(name: str) -> nn.Module:
    return backbones.load_classifier(name)


def recogniser(source: Source) -> nn.Module:
    """A network from pictures (N, C, H, W) in [0, 1] to logits (N, classes), for inference."""
    return _backbone(source) if isinstance(source, str) else model(source)


def recogniser_shape(source: Source) -> Shape:
    """The shape (C, H, W) of the pictures that it takes."""
    if isinstance(source, str):
        side = BACKBONES[source].side
        return 3, side, side
    return source.spec().data.shape


@by_run(st.cache_resource, max_entries=16, show_spinner="Measuring the layers")
def layer_rows(source: Source) -> list[Row]:
    """The layers of a network with their costs."""
    return layer_table(recogniser(source), recogniser_shape(source))


@by_run(st.cache_resource, max_entries=32, show_spinner=False)
def recogniser_activations(source: Source, pixels: Tensor) -> list[Layer]:
    """What each layer makes of one picture, uint8 (1, C, H, W)."""
    return classifier_layers(recogniser(source), unit(pixels))


class Answers(NamedTuple):
    """Test images as a network takes them, and the probability of each class, (N, classes)."""

    images: Images
    probabilities: Tensor

    @property
    def read(self) -> Tensor:
        """The class read of each, (N,)."""
        return self.probabilities.argmax(1)

    @property
    def confusion(self) -> list[list[int]]:
        """How many of each class (a row) were read as each class (a column)."""
        classes = self.probabilities.shape[1]
        counts = torch.bincount(self.images.labels * classes + self.read, minlength=classes**2)
        rows: list[list[int]] = counts.view(classes, classes).tolist()
        return rows


@heavy(by_run(st.cache_resource, max_entries=8, show_spinner="Classifying the test images"))
def recogniser_answers(run: Run) -> Answers:
    """A network's answers to its test images. Raises DataMissing, and RunBroken as below."""
    images = test_images(run)
    parts = []
    for pixels in torch.split(images.pixels, CHUNK):
        check_visitor("classifying")
        parts.append(answered(recogniser(run), pixels))
    return Answers(images, torch.cat(parts))


@heavy(by_run(st.cache_resource, max_entries=32, show_spinner="Classifying test images"))
def augmentation_effect(run: Run, name: str, strength: float, seed: int, most: int) -> Effect:
    """What an augmentation does to the answers to test images, `most` of them. Raises
    DataMissing."""
    images = test_images(run).choice(most)
    return effect(recogniser(run), images, name, strength, seed, check_visitor)


@by_run(st.cache_resource, max_entries=256, show_spinner=False)
def probabilities(source: Source, pixels: Tensor) -> Tensor:
    """What a network answers to pictures, uint8 (N, C, H, W): (N, classes).

    Raises:
        RunBroken: the answer is no number, as its weights are not.
    """
    return answered(recogniser(source), pixels)


@torch.inference_mode()
def answered(network: nn.Module, pixels: Tensor) -> Tensor:
    """What a network answers to pictures. Raises RunBroken as above."""
    answer: Tensor = network(unit(pixels)).softmax(1)
    if not bool(answer.isfinite().all()):
        raise RunBroken(
            "This network answers with what is no number (NaN): its weights grew beyond all "
            "bounds while it was trained. Choose another, or train it with a smaller learning rate."
        )
    return answer
