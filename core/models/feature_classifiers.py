"""Classifiers on pretrained features: backbones side by side, and a head that reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.models.pretrained import FeatureNet

Head = Literal["linear", "published", "mlp"]
HIDDEN: dict[Head, tuple[int, ...]] = {"published": (256, 256), "mlp": (512, 256, 256)}
"""Widths of the layers between the features and the classes."""
QUANTILES = 101
MAX_KNOWN = 2000
"""Training pictures whose features are kept with the network."""
NEIGHBOURS = 10
MIN_SPREAD = 1e-3


def head(kind: Head, width: int, classes: int, dropout: float = 0.5) -> nn.Sequential:
    """One linear layer; the text's 256-256-k; or ours, 512-256-256-k: with ReLU and dropout."""
    if kind == "linear":
        layer = nn.Linear(width, classes)
        nn.init.normal_(
            layer.weight, std=MIN_SPREAD
        )  # what it begins with, few pictures do not unlearn
        nn.init.zeros_(layer.bias)
        return nn.Sequential(layer)
    layers: list[nn.Module] = []
    widths = (width, *HIDDEN[kind])
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(widths[-1], classes))


def joined(features: Sequence[Tensor]) -> Tensor:
    """The features of several backbones (N, width) side by side, each of length 1: no network is
    louder than another, no picture than another."""
    return torch.cat([F.normalize(part, dim=1) for part in features], 1)


class Transfer(nn.Module):
    """Backbones, standardised features, a head, and a temperature that calibrates it.

    Args:
        nets: the backbones by name, their features joined.
        head: joined features to logits (N, classes).
        trained: the backbones are part of what was trained; otherwise their weights are those that
            everybody has, and are not kept with the run.
    """

    mean: Tensor
    std: Tensor
    temperature: Tensor
    known: Tensor
    reach: Tensor

    def __init__(self, nets: Mapping[str, FeatureNet], head: nn.Sequential, trained: bool) -> None:
        super().__init__()
        width = sum(net.width for net in nets.values())
        self.names, self.head, self.trained = tuple(nets), head, trained
        self._frozen = () if trained else tuple(nets.values())  # no modules: not in the state
        self.nets = nn.ModuleList(nets.values() if trained else [])
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("known", torch.zeros(0, width))
        self.register_buffer("reach", torch.zeros(QUANTILES))

    @property
    def classes(self) -> int:
        """Number of classes."""
        last = [layer for layer in self.head if isinstance(layer, nn.Linear)][-1]
        return last.out_features

    @property
    def backbones(self) -> tuple[FeatureNet, ...]:
        """One or several."""
        return tuple(self.nets) if self.trained else self._frozen  # type: ignore[arg-type]

    def with_new_head(self, kind: Head, classes: int) -> Transfer:
        """Another network on the same frozen backbones, which they share."""
        nets = dict(zip(self.names, self.backbones, strict=True))
        new_head = head(kind, len(self.mean), classes)
        return Transfer(nets, new_head, trained=False)

    def train(self, mode: bool = True) -> Transfer:
        """Backbones keep their batch norms' statistics: a few pictures have none of their own."""
        super().train(mode)
        for norm in (m for m in self.nets.modules() if isinstance(m, nn.BatchNorm2d)):
            norm.eval()
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> Transfer:
        """Frozen networks go along to another device, though they are not part of the state."""
        for net in self._frozen:
            net._apply(fn, recurse)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    @property
    def neighbours(self) -> int:
        """How many of the known pictures strangeness counts: ten, or a twentieth of few."""
        return min(max(len(self.known) // 20, 1), NEIGHBOURS)

    def features(self, images: Tensor) -> Tensor:
        """Joined features (N, width) of images (N, 3, H, W) in [0, 1]."""
        return joined([net(images) for net in self.backbones])

    def read(self, features: Tensor) -> Tensor:
        """Return calibrated logits (N, classes) of features (N, width)."""
        logits: Tensor = self.head(self.standard(features))
        return logits / self.temperature

    def standard(self, features: Tensor) -> Tensor:
        """Features (N, width) with the training pictures' mean 0 and an overall spread of 1.

        One spread for all: those of single features, taken from few pictures, add noise.
        """
        return (features - self.mean) / self.std

    def standardise(self, features: Tensor) -> None:
        """Set the mean and spread from the training pictures' features (N, width)."""
        self.mean.copy_(features.mean(0))
        if len(features) > 1:
            self.std.fill_((features - self.mean).std().clamp_min(1e-6))

    def remember(self, features: Tensor) -> None:
        """Keep training pictures' features (N, width), and how far they lie from each other."""
        self.known = F.normalize(features[:MAX_KNOWN], dim=1)
        if len(self.known) > 1:
            apart = self._apart(self.known, others=True)
            self.reach.copy_(apart.quantile(torch.linspace(0, 1, QUANTILES, device=apart.device)))

    def strangeness(self, features: Tensor) -> Tensor:
        """Of features (N, width): the share (N,) of training pictures whose cosine distance to
        their tenth nearest other is smaller than that of these to their tenth nearest; near 1
        they are unlike them (Sun et al. 2022). Of fewer than 200 it is the nearest twentieth. 0
        where none are known.
        """
        if len(self.known) < 2:
            return features.new_zeros(len(features))
        apart = self._apart(F.normalize(features, dim=1))
        return torch.searchsorted(self.reach, apart.contiguous()) / QUANTILES

    def _apart(self, unit: Tensor, others: bool = False) -> Tensor:
        """Cosine distance (N,) of unit features to the k-th nearest known ones; with `others`, not
        counting themselves."""
        k = self.neighbours + int(others)
        return (1 - unit @ self.known.T).topk(k, largest=False).values[:, -1]

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """However many features were kept."""
        if (known := state_dict.get(f"{prefix}known")) is not None:
            self.known = self.known.new_empty(known.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, H, W) in [0, 1]."""
        return self.read(self.features(images))
