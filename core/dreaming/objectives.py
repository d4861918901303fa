"""What a picture is changed for: answers of layers and channels, as numbers to be raised.

Each target gives a density, a number for each position of its map. The objective is made of the
densities' means, so that it can be had tile by tile (Mordvintsev, Olah and Tyka 2015; the form of
the objectives is that of lucid, Olah, Mordvintsev and Schubert 2017).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from core.dreaming.config import CLASSES, DreamConfig, Scene, Target, targets
from core.errors import LabError

GUIDE_SIDE, GUIDE_PLACES = 320, 400
"""Pixels along the guide's longer side, and how many of its positions are held against."""
Density = Callable[[Tensor], Tensor]
"""From a response (N, C, h, w) to a number at each position, (N, h, w)."""


DENSITIES: dict[str, Density] = {
    "mean square": lambda response: response.square().mean(1),
    "mean": lambda response: response.mean(1),
    "norm": lambda response: response.square().sum(1),
}


def like(features: Tensor) -> Density:
    """How well each position fits the nearest of `features` (C, K): the largest product."""

    def density(response: Tensor) -> Tensor:
        n, c, h, w = response.shape
        fits = response.permute(0, 2, 3, 1).reshape(-1, c) @ features  # (N·h·w, K)
        return fits.amax(1).view(n, h, w)

    return density


class Objective:
    """The weighted sum of what is measured of each target."""

    def __init__(self, scene: Scene, config: DreamConfig) -> None:
        """Raises LabError: a guide is wanted and there is none."""
        self.net, self.tick = scene.net, scene.tick
        self.mixture = targets(config.layers)
        self.rooted = config.measure == "norm"
        self.layers = {t.layer for t in self.mixture} - {CLASSES}
        wanted = any(t.layer == CLASSES for t in self.mixture)
        self.head = scene.head if wanted else None
        if wanted:
            self.layers.add(next(reversed(self.net.body.layers)))
        if config.measure != "guide":
            self.kinds = [DENSITIES[config.measure]] * len(self.mixture)
        elif scene.guide is not None:
            self.kinds = self._fits(scene.guide)
        else:
            raise LabError("Bring a guide picture, or choose another measure.")

    def densities(self, images: Tensor) -> list[Tensor]:
        """Of images (N, 3, H, W) in [0, 1], one tensor (N, h, w) a target."""
        seen = self.responses(images)
        return [
            kind(_part(seen[target.layer], target))
            for target, kind in zip(self.mixture, self.kinds, strict=True)
        ]

    def responses(self, images: Tensor) -> dict[str, Tensor]:
        """What the layers of the mixture say, by name."""
        self.tick()
        normal = self.net.preprocess.normalise(images)
        seen = self.net.body.responses(
            normal.contiguous(memory_format=torch.channels_last), self.layers
        )
        if self.head is not None:
            last = next(reversed(self.net.body.layers))
            seen[CLASSES] = self.head(seen[last])[:, :, None, None]
        return seen

    def value(self, means: list[Tensor], counts: list[int]) -> Tensor:
        """The objective (N,) from the densities' means (N,) over so many positions each."""
        total = torch.zeros_like(means[0])
        for target, mean, count in zip(self.mixture, means, counts, strict=True):
            # The norm of a layer's answer: the root of the sum of its squares.
            measured = (mean * count).clamp_min(1e-12).sqrt() if self.rooted else mean
            total = total + target.weight * measured
        return total

    def slopes(self, means: list[Tensor], counts: list[int]) -> list[Tensor]:
        """How much the objective rises with each of the means."""
        with torch.enable_grad():
            points = [mean.detach().requires_grad_(True) for mean in means]
            return list(torch.autograd.grad(self.value(points, counts).sum(), points))

    def __call__(self, images: Tensor) -> Tensor:
        """The objective (N,) of images that fit into memory at once."""
        found = self.densities(images)
        return self.value([d.mean((1, 2)) for d in found], [d[0].numel() for d in found])

    @torch.no_grad()
    def _fits(self, guide: Tensor) -> list[Density]:
        scale = GUIDE_SIDE / max(guide.shape[1:])
        size = [max(1, round(side * scale)) for side in guide.shape[1:]]
        small = F.interpolate(guide[None], size, mode="bilinear", antialias=True).clamp(0, 1)
        seen = self.responses(small)
        kinds = []
        for target in self.mixture:
            places = _part(seen[target.layer], target)[0].flatten(1)  # (C, h·w)
            every = max(1, places.shape[1] // GUIDE_PLACES)
            kinds.append(like(places[:, ::every].contiguous()))
        return kinds


def _part(response: Tensor, target: Target) -> Tensor:
    """The channel of a response, or all of it."""
    if target.channel is None:
        return response
    return response[:, target.channel : target.channel + 1]
