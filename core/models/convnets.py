"""Convolutional classifiers: images to logits."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

Shape = tuple[int, int, int]


class Recogniser(nn.Module):
    """A body that turns a picture into features, and a head that reads classes from them.

    Args:
        body: images (N, C, H, W) to features (N, d), none of them negative.
        head: features to logits (N, classes).
    """

    def __init__(self, body: nn.Sequential, head: nn.Linear) -> None:
        super().__init__()
        self.body, self.head = body, head

    @property
    def width(self) -> int:
        """Dimension of the features."""
        return self.head.in_features

    def features(self, images: Tensor) -> Tensor:
        """Return the features (N, width) of images (N, C, H, W) in [0, 1]."""
        features: Tensor = self.body(2 * images - 1)
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, C, H, W) in [0, 1]."""
        logits: Tensor = self.head(self.features(images))
        return logits


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3), nn.BatchNorm2d(outputs), nn.ReLU()]


def cnn(shape: Shape, classes: int) -> Recogniser:
    """Conv 3 16, 32, pool, 64, 128, pool, batch norm and ReLU after each; Lin 2048-1024-128-k.

    Convolutions are not padded: 28 → 26 → 24 → 12 → 10 → 8 → 4, so 4·4·128 = 2,048 numbers.
    """
    pool = nn.MaxPool2d(2)
    layers = [*_block(shape[0], 16), *_block(16, 32), pool, *_block(32, 64), *_block(64, 128), pool]
    with torch.no_grad():
        inputs = nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).numel()
    layers.append(nn.Flatten())
    for a, b in pairwise((inputs, 1024, 128)):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return Recogniser(nn.Sequential(*layers), nn.Linear(128, classes))
