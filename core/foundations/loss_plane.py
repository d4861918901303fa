"""The loss of a trained network on a plane through its weights (Li et al. 2018).

Two random directions span the plane. Each filter of a direction (the weights of one output) is
given the length of the network's own filter, so that a unit along the plane means as much in every
layer; biases and batch norm stay as they are. What ships was computed once by `write`: minutes of
work for a grid of a few kilobytes.
"""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from core.data import Images
from core.runs import store
from core.tasks import load_model
from core.tasks.base import unit
from core.training.request import test_images

SHIPPED = ("recognise-lenet_relu-mnist-dd3f87e3", "recognise-mlp-mnist-dd3f87e3")
IMAGES, SIDE, REACH, SEED = 1000, 31, 1.0, 0
PLANES = Path(__file__).with_name("loss_planes.json")


class Plane(NamedTuple):
    """A network's loss on a square grid around its weights, which are in the middle."""

    run: str
    """The run whose network it is."""
    variant: str
    """What kind of network it is, see core/models/convnets.py."""
    images: int
    """Test images over which each loss is the mean; as many of each class as the test set has."""
    reach: float
    """The grid goes from -reach to reach in both directions, in lengths of the filters."""
    losses: list[list[float]]
    """Mean cross-entropy by row (second direction), then column (first direction)."""


@cache
def shipped() -> tuple[Plane, ...]:
    """The planes that ship with the lab."""
    return tuple(Plane(*row) for row in json.loads(PLANES.read_text("utf-8")))


def write() -> None:
    """Compute what ships, again."""
    PLANES.write_text(json.dumps([plane(run) for run in SHIPPED]) + "\n", "utf-8")


def plane(run_id: str, images: int = IMAGES, side: int = SIDE, reach: float = REACH) -> Plane:
    """Compute the plane of a finished classifier.

    Args:
        images: test images, at most; a seeded choice that keeps the classes' shares.
        side: points along each side of the grid, odd, so that one is the network itself.
        reach: how far it goes, in lengths of the filters.

    Raises:
        RunBroken: no usable weights.
        DataMissing: the test split is not here.
    """
    run = store.open_run(run_id)
    chosen = test_images(run).choice(images, SEED)
    along = torch.linspace(-reach, reach, side)
    surface = losses(load_model(run), chosen, along)
    rows = [[float(f"{value:.5g}") for value in row] for row in surface.tolist()]
    return Plane(run_id, run.spec().variant, len(chosen.labels), reach, rows)


def directions(model: nn.Module, seed: int = SEED) -> list[dict[str, Tensor]]:
    """Two random directions in the weights of a network, normalised filter by filter."""
    generator = torch.Generator().manual_seed(seed)
    return [
        {name: _normalised(weights, generator) for name, weights in model.named_parameters()}
        for _ in range(2)
    ]


def _normalised(weights: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.randn(weights.shape, generator=generator)
    if weights.dim() < 2:  # biases and batch norm
        return torch.zeros_like(weights)
    dims = tuple(range(1, weights.dim()))
    lengths = [torch.linalg.vector_norm(w, dim=dims, keepdim=True) for w in (weights, drawn)]
    scaled: Tensor = drawn * lengths[0] / lengths[1]
    return scaled


@torch.no_grad()
def losses(model: nn.Module, images: Images, along: Tensor, seed: int = SEED) -> Tensor:
    """The mean cross-entropy (side, side) at all pairs of places along the two directions: rows go
    along the second, columns along the first."""
    model.eval()
    first, second = directions(model, seed)
    own, pixels = dict(model.named_parameters()), unit(images.pixels)
    surface = torch.empty(len(along), len(along), dtype=torch.float64)
    for row, b in enumerate(along):
        for column, a in enumerate(along):
            moved = {name: w + a * first[name] + b * second[name] for name, w in own.items()}
            logits = functional_call(model, moved, (pixels,))
            surface[row, column] = F.cross_entropy(logits, images.labels)
    return surface
