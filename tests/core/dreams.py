"""What tests of dreams share: small scenes, and a watch that only notes."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from core.dreaming.config import Scene
from core.dreaming.starting_pictures import fitted, sample
from core.models import backbones
from core.models.backbones import backbone
from core.models.pretrained import FeatureNet


@lru_cache(maxsize=1)
def lite0() -> FeatureNet:
    """The network that is always there."""
    return backbones.load("lite0")


@lru_cache(maxsize=1)
def random_vgg() -> FeatureNet:
    """VGG-16 with random weights, for its own are not here."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = backbone("vgg16").body().eval().requires_grad_(False)
    return FeatureNet(backbone("vgg16"), body)


def flower(side: int = 96) -> Tensor:
    """A photograph (3, H, W) in [0, 1]."""
    return fitted(sample("flower").pixels, side).float() / 255


def scene(side: int = 96, **more: Any) -> Scene:
    """The flower before Lite0."""
    return Scene(flower(side), lite0(), **more)


def unwatched(stage: str, picture: Callable[[], Tensor] | None = None, **progress: Any) -> None:
    """Nobody looks."""
