"""Objectives of a dream: activations of layers and channels, to be maximised.

Each target gives a density, a number for each position of its map. The objective is made of the
densities' means, so that it can be had tile by tile (Mordvintsev, Olah and Tyka 2015; the form of
the objectives is that of lucid, Olah, Mordvintsev and Schubert 2017).
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from core.dreaming.config import CLASSES, DreamConfig, Scene, Target, targets
from core.errors import LabError
from core.models.pretrained import FeatureNet

GUIDE_SIDE, MAX_GUIDE_POSITIONS = 320, 400
"""Longer side of the guide in pixels, and maximum number of its positions to compare with."""
Density = Callable[[Tensor], Tensor]
"""From a response (N, C, h, w) to a number at each position, (N, h, w)."""


DENSITIES: dict[str, Density] = {
    "mean square": lambda response: response.square().mean(1),
    "mean": lambda response: response.mean(1),
    "norm": lambda response: response.square().sum(1),
}


def similarity(features: Tensor) -> Density:
    """Return the similarity of each position to `features` (C, K): the largest dot product."""

    def density(response: Tensor) -> Tensor:
        n, c, h, w = response.shape
        fits = response.permute(0, 2, 3, 1).reshape(-1, c) @ features  # (N·h·w, K)
        return fits.amax(1).view(n, h, w)

    return density


def responses(net: FeatureNet, images: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
    """Return the activations of layers for images (N, 3, H, W) in [0, 1], by name."""
    normal = net.preprocess.normalise(images)
    return net.body.responses(normal.contiguous(memory_format=torch.channels_last), layers)


class Objective:
    """The weighted sum of the measures of the targets."""

    def __init__(self, scene: Scene, config: DreamConfig) -> None:
        """Raises LabError if the measure needs a guide and there is none."""
        self.net, self.tick = scene.net, scene.tick
        self.mixture = targets(config.layers)
        self.is_norm = config.measure == "norm"
        self.layers = {t.layer for t in self.mixture} - {CLASSES}
        wanted = any(t.layer == CLASSES for t in self.mixture)
        self.head = scene.head if wanted else None
        if wanted:
            self.layers.add(next(reversed(self.net.body.layers)))
        if config.measure != "guide":
            self.kinds = [DENSITIES[config.measure]] * len(self.mixture)
        elif scene.guide is not None:
            self.kinds = self._guide_densities(scene.guide)
        else:
            raise LabError("Bring a guide picture, or choose another measure.")

    def densities(self, images: Tensor) -> list[Tensor]:
        """Return the densities (N, h, w) of each target for images (N, 3, H, W) in [0, 1]."""
        seen = self.responses(images)
        return [
            kind(select_channel(seen[target.layer], target))
            for target, kind in zip(self.mixture, self.kinds, strict=True)
        ]

    def responses(self, images: Tensor) -> dict[str, Tensor]:
        """Return the activations of the layers of the mixture, by name."""
        self.tick()
        seen = responses(self.net, images, self.layers)
        if self.head is not None:
            last = next(reversed(self.net.body.layers))
            seen[CLASSES] = self.head(seen[last])[:, :, None, None]
        return seen

    def value(self, means: list[Tensor], counts: list[int]) -> Tensor:
        """Compute the objective (N,) from the means (N,) and numbers of positions of densities."""
        total = torch.zeros_like(means[0])
        for target, mean, count in zip(self.mixture, means, counts, strict=True):
            # The norm of a layer's activations: the root of the sum of their squares.
            measured = (mean * count).clamp_min(1e-12).sqrt() if self.is_norm else mean
            total = total + target.weight * measured
        return total

    def gradients(self, means: list[Tensor], counts: list[int]) -> list[Tensor]:
        """Return the derivatives of the objective with respect to the means."""
        with torch.enable_grad():
            points = [mean.detach().requires_grad_(True) for mean in means]
            return list(torch.autograd.grad(self.value(points, counts).sum(), points))

    def __call__(self, images: Tensor) -> Tensor:
        """Compute the objective (N,) of images that fit into memory at once."""
        densities = self.densities(images)
        return self.value([d.mean((1, 2)) for d in densities], [d[0].numel() for d in densities])

    @torch.no_grad()
    def _guide_densities(self, guide: Tensor) -> list[Density]:
        scale = GUIDE_SIDE / max(guide.shape[1:])
        size = [max(1, round(side * scale)) for side in guide.shape[1:]]
        small = F.interpolate(guide[None], size, mode="bilinear", antialias=True).clamp(0, 1)
        seen = self.responses(small)
        kinds = []
        for target in self.mixture:
            places = select_channel(seen[target.layer], target)[0].flatten(1)  # (C, h·w)
            every = max(1, places.shape[1] // MAX_GUIDE_POSITIONS)
            kinds.append(similarity(places[:, ::every].contiguous()))
        return kinds


def select_channel(response: Tensor, target: Target) -> Tensor:
    """Return the target's channel of a response, or all channels."""
    if target.channel is None:
        return response
    return response[:, target.channel : target.channel + 1]
