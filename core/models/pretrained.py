"""Pretrained networks: a record, one preprocessing, and a chain of named layers."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

Progress = Callable[[str, float], None]
"""Called with a sentence and the share done, 0 to 1."""
Norm = tuple[tuple[float, float, float], tuple[float, float, float]]
IMAGENET: Norm = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CENTRED: Norm = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CROP_SHARE = 0.875
"""Share of the shorter side that is kept: the middle of the picture."""


@dataclass(frozen=True)
class Backbone(ABC):
    """A pretrained network. `side` is that of the square that it sees, `width` the number of its
    features, `megabytes` the size of its weights' file."""

    name: str
    title: str
    side: int
    width: int
    megabytes: int
    body: Callable[[], Chain]
    """Builds it without its head and with other weights, from images to maps (N, width, h, w)."""
    head: Callable[[dict[str, Tensor]], nn.Module]
    """Builds what reads the 1,000 classes from those maps, out of the weights in the file."""
    mean: tuple[float, float, float] = IMAGENET[0]
    std: tuple[float, float, float] = IMAGENET[1]
    source: str = ""

    @abstractmethod
    def weights(self, progress: Progress) -> Path:
        """Return the weights' file, fetched where it must be. Raises DataMissing."""

    @abstractmethod
    def rename(self, state: dict[str, Tensor], body: nn.Module) -> dict[str, Tensor]:
        """Return of the weights in the file those of `body`, by its names."""

    def here(self) -> bool:
        """Whether the weights are on this machine."""
        return True


class Preprocess(nn.Module):
    """Pictures as a backbone was trained on them: scaled, the middle cut out, normalised."""

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.side = backbone.side
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1), persistent=False)

    def crop(self, size: Sequence[int]) -> tuple[int, int, int, int]:
        """The part of a picture (height, width) that is seen: top, left, height, width."""
        scaled = self._scaled(size)
        high, wide = (round(self.side * a / b) for a, b in zip(size, scaled, strict=True))
        return (size[0] - high) // 2, (size[1] - wide) // 2, high, wide

    def _scaled(self, size: Sequence[int]) -> list[int]:
        scale = self.side / CROP_SHARE / min(size)
        return [max(self.side, round(part * scale)) for part in size]

    def normalise(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1], in the size that they have."""
        return (images - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] to (N, 3, side, side), normalised."""
        height, width = images.shape[2:]
        size = self._scaled((height, width))
        if size != [height, width]:
            images = F.interpolate(images, size, mode="bicubic", antialias=True).clamp(0, 1)
        top, left = (size[0] - self.side) // 2, (size[1] - self.side) // 2
        return self.normalise(images[:, :, top : top + self.side, left : left + self.side])


class Chain(nn.Module):
    """A network as layers with names, one after the other."""

    def __init__(self, net: nn.Module, layers: Mapping[str, Sequence[str]]) -> None:
        """
        Args:
            net: loses what no layer uses.
            layers: of each layer, in order, the paths of its modules in `net`.
        """
        super().__init__()
        used = {path.partition(".")[0] for paths in layers.values() for path in paths}
        for name, _ in list(net.named_children()):
            if name not in used:
                delattr(net, name)
        self.net, self.layers = net, {name: tuple(paths) for name, paths in layers.items()}

    def responses(self, images: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Return the activations of layers, (N, channels, h, w) each, for normalised images;
        nothing is computed beyond the last of them. Raises KeyError for an unknown name."""
        requested = set(names)
        responses: dict[str, Tensor] = {}
        if unknown := requested - set(self.layers):
            raise KeyError(*unknown)
        for name, paths in self.layers.items():
            if len(responses) == len(requested):
                break
            for path in paths:
                images = self.net.get_submodule(path)(images)
            if name in requested:  # a copy, for a layer behind may work in place
                responses[name] = images.clone() if len(responses) + 1 < len(requested) else images
        return responses

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W), normalised, to the last maps."""
        last = next(reversed(self.layers))
        return self.responses(images, [last])[last]


class _Redirected(torch.autograd.Function):
    """A ReLU up to a bound whose gradient finds a way where all of it would be lost."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(0, bound)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        passed = gradient * ((x > 0) & (x < ctx.bound))
        lost = ~passed.flatten(1).any(1)
        return torch.where(lost.view(-1, 1, 1, 1), gradient * (x <= 0), passed), None


class RedirectedReLU(nn.Module):
    """ReLU, or ReLU6 where `bound` is 6, for pictures that are grown from noise.

    A channel that noise does not excite at all has no gradient, and its picture stays grey. Of
    images for which a ReLU would let nothing through, the gradient passes where the ReLU is off;
    that of all others is a ReLU's (Olah, Mordvintsev and Schubert 2017, in their library lucid).
    """

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.bound = bound

    def forward(self, x: Tensor) -> Tensor:
        """Any shape (N, C, h, w)."""
        out: Tensor = _Redirected.apply(x, self.bound)
        return out


def folded(net: FeatureNet) -> FeatureNet:
    """The same network for gradients to pictures: without batch norms, a third less work, and with
    a `RedirectedReLU` where a layer ends in a ReLU.

    In inference a batch norm scales and shifts channels, which the convolution before it can do.
    """
    net = copy.deepcopy(net)
    for parent in list(net.body.modules()):
        before: tuple[str, nn.Module] | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d) and before and isinstance(before[1], nn.Conv2d):
                setattr(parent, before[0], fuse_conv_bn_eval(before[1], child))
                setattr(parent, name, getattr(child, "act", nn.Identity()))  # as timm's have
            if not isinstance(child, nn.Identity):
                before = (name, child)
    for module in net.body.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # type: ignore[assignment]
    for path in {path for paths in net.body.layers.values() for path in paths}:
        if isinstance(module := net.body.net.get_submodule(path), nn.ReLU | nn.ReLU6):
            bound = 6.0 if isinstance(module, nn.ReLU6) else math.inf
            net.body.net.set_submodule(path, RedirectedReLU(bound))
    return net.to(memory_format=torch.channels_last).eval().requires_grad_(False)


class FeatureNet(nn.Module):
    """A backbone with its preprocessing: pictures to maps, and their means to features."""

    def __init__(self, backbone: Backbone, body: Chain) -> None:
        super().__init__()
        self.preprocess, self.body, self.width = Preprocess(backbone), body, backbone.width

    def maps(self, images: Tensor) -> Tensor:
        """Map images (N, 3, H, W) in [0, 1] to the last feature maps (N, width, h, w)."""
        normalised = self.preprocess(images).contiguous(memory_format=torch.channels_last)
        feature_maps: Tensor = self.body(normalised)
        return feature_maps

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, width) of images (N, 3, H, W) in [0, 1]."""
        return self.maps(images).mean((2, 3))


class ImageNetClassifier(nn.Module):
    """A backbone with its head, as one network."""

    def __init__(self, net: FeatureNet, head: nn.Module) -> None:
        super().__init__()
        self.preprocess, self.body, self.head = net.preprocess, net.body, head

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, 1000) of images (N, 3, side, side) in [0, 1], of which nothing is cut off."""
        images = images.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.head(self.body(self.preprocess.normalise(images)))
        return logits
