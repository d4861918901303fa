"""Two networks of the same layers side by side: how alike are they, layer by layer, and which
channel of one is which of the other.

Linear CKA compares what two layers make of the same images, whatever the order, rotation and scale
of their channels (Kornblith et al. 2019, https://arxiv.org/abs/1905.00414). It is estimated batch
by batch without bias (Song et al. 2012; Nguyen, Raghu and Kornblith 2021,
https://arxiv.org/abs/2010.15327), so that many channels and few images alone do not look alike. Its
floor is the same measure against a network of the same layers that has learnt nothing.

Channels are matched one to one by the sum of their correlations over images and positions (Li et
al. 2016, https://arxiv.org/abs/1511.07543).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from core.cancellation import Check, silent, watched
from core.data import Images
from core.errors import LabError
from core.inference.activations import Layer, classifier_layers
from core.inference.network import own_copy
from core.inference.surgery import check_finite, cuttable
from core.tasks.base import unit
from core.tasks.family import Shape

BATCH = 100
"""Images of a batch, in which all pairs are compared."""
MIN_IMAGES = 2 * BATCH
"""Two batches at least, so that there is a spread."""
MAX_POSITIONS = 64
"""Positions of a map at most, evenly spread, over which channels are correlated."""


class Pair(NamedTuple):
    """A layer that both networks have: its path in each, its channels, and the modules behind which
    it is."""

    first: str
    second: str
    channels: int
    ends: tuple[str, str]


@dataclass(frozen=True)
class Alignment:
    """How alike two networks are on `n` images."""

    pairs: tuple[Pair, ...]
    n: int
    similarity: Tensor
    """(L, L) CKA of each layer of the first (a row) with each of the second (a column)."""
    spread: Tensor
    """(L,) half the 95 % interval of the diagonal, by leaving out one batch at a time."""
    floor: Tensor
    """(L,) CKA of each layer of the first with that of an untrained network."""
    matches: tuple[Tensor, ...]
    """For each layer the channels of the second (C,), matched to those of the first in order."""
    correlations: tuple[Tensor, ...]
    """For each layer the correlations (C,) of matched channels."""
    correlation_floor: tuple[float, ...]
    """For each layer, the mean correlation of channels matched to those of an untrained network."""


def pairs(first: nn.Module, second: nn.Module, shape: Shape) -> tuple[Pair, ...]:
    """Return the layers of two networks in their order.

    Raises:
        LabError: their layers differ, or they take other pictures.
    """
    try:
        parts = [cuttable(model, shape) for model in (first, second)]
    except RuntimeError as error:
        raise LabError("These networks take pictures of different shapes.") from error
    channels = [[part.channels for part in one.values()] for one in parts]
    if channels[0] != channels[1]:
        raise LabError(
            "Only networks of the same layers are aligned: these have layers of "
            f"{_listed(channels[0])} and of {_listed(channels[1])} channels."
        )
    return tuple(
        Pair(a, b, one.channels, (one.end, other.end))
        for (a, one), (b, other) in zip(parts[0].items(), parts[1].items(), strict=True)
    )


def _listed(channels: Sequence[int]) -> str:
    return ", ".join(str(c) for c in channels)


def aligned(
    first: nn.Module,
    second: nn.Module,
    untrained: nn.Module,
    images: Images,
    check: Check = silent,
) -> Alignment:
    """Compare two networks on images, of which an incomplete last batch is left out.

    Args:
        untrained: a network of the same layers that has learnt nothing, for the floor.
        images: 200 at least.

    Raises:
        LabError: too few images, other layers, or weights that are no numbers.
    """
    count = len(images.labels) // BATCH
    if count * BATCH < MIN_IMAGES:
        raise LabError(f"{MIN_IMAGES} images at least are needed; there are {len(images.labels)}.")
    for model in (first, second, untrained):
        check_finite(model)
    shape: Shape = (images.pixels.shape[1], images.pixels.shape[2], images.pixels.shape[3])
    known = pairs(first, second, shape)
    floor = pairs(first, untrained, shape)
    ends = [
        [pair.ends[0] for pair in known],
        [pair.ends[1] for pair in known],
        [pair.ends[1] for pair in floor],
    ]
    watches = [_Outputs(m, e) for m, e in zip((first, second, untrained), ends, strict=True)]
    products: list[list[Tensor]] = [[], [], [], [], []]
    moments = [[_Moments(pair.channels) for pair in known] for _ in range(2)]
    # A seeded order: test images may be sorted, and a batch is to be like all of them.
    order = torch.randperm(len(images.labels), generator=torch.Generator().manual_seed(0))
    batches = torch.split(order[: count * BATCH], BATCH)
    for rows in watched(batches, check, "comparing two networks"):
        x = unit(images.pixels[rows])
        seen = [watch(x) for watch in watches]
        grams = [[_gram(out) for out in outs] for outs in seen]
        products[0].append(_hsic(grams[0], grams[1]))
        products[1].append(_hsic(grams[0], grams[2]).diagonal())
        for i in range(3):
            products[2 + i].append(torch.stack([_inner(g, g) for g in grams[i]]))
        for other, kept in zip(seen[1:], moments, strict=True):
            for a, b, moment in zip(seen[0], other, kept, strict=True):
                moment.add(a, b)
    cross, low, own, others, empty = (torch.stack(part) for part in products)
    matched = [moment.matched() for moment in moments[0]]
    return Alignment(
        known,
        count * BATCH,
        _cka(cross.mean(0), own.mean(0)[:, None], others.mean(0)[None]),
        _jackknife(cross.diagonal(dim1=1, dim2=2), own, others),
        _cka(low.mean(0), own.mean(0), empty.mean(0)),
        tuple(match for match, _ in matched),
        tuple(correlation for _, correlation in matched),
        tuple(float(moment.matched()[1].mean()) for moment in moments[1]),
    )


class Difference(NamedTuple):
    """A layer of both networks for one picture, the channels of the second in the order of those
    that they are matched to."""

    first: Layer
    second: Tensor
    difference: Tensor
    relative: float
    """The root of the mean squared difference, in those of the first's values."""


def differences(
    first: nn.Module, second: nn.Module, image: Tensor, alignment: Alignment
) -> list[Difference]:
    """Subtract two networks, layer by layer, on one picture, (1, C, H, W) in [0, 1]."""
    layers = [
        {layer.path: layer for layer in classifier_layers(model, image)}
        for model in (first, second)
    ]
    made = []
    for pair, match in zip(alignment.pairs, alignment.matches, strict=True):
        one, other = layers[0][pair.first], layers[1][pair.second].values[match]
        difference = one.values - other
        scale = one.values.square().mean().sqrt().clamp_min(1e-12)
        relative = float(difference.square().mean().sqrt() / scale)
        made.append(Difference(one, other, difference, relative))
    return made


# ---- what is measured


class _Outputs:
    """What modules of a network give for images."""

    def __init__(self, model: nn.Module, ends: Sequence[str]) -> None:
        self.net, self.ends = own_copy(model), ends
        self.seen: dict[str, Tensor] = {}
        for end in ends:
            self._watch(end)

    def _watch(self, end: str) -> None:
        def after(module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
            self.seen[end] = out.clone()  # what follows may work in place

        self.net.get_submodule(end).register_forward_hook(after)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> list[Tensor]:
        self.net(images)
        return [self.seen[end] for end in self.ends]


def _gram(out: Tensor) -> Tensor:
    """Products of all pairs of images, (B, B), with a diagonal of zeros."""
    flat = out.flatten(1).double()
    gram = flat @ flat.T
    return gram.fill_diagonal_(0)


def _inner(k: Tensor, other: Tensor) -> Tensor:
    """The unbiased estimate of HSIC (Song et al. 2012), for Gram matrices without diagonal."""
    n = len(k)
    ones = k.sum(0) @ other.sum(0)
    mean = k.sum() * other.sum() / ((n - 1) * (n - 2))
    return ((k * other).sum() + mean - 2 * ones / (n - 2)) / (n * (n - 3))


def _hsic(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    return torch.stack([torch.stack([_inner(a, b) for b in second]) for a in first])


def _cka(cross: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """0 where a layer gives the same for all images."""
    scale = (first * second).clamp_min(0).sqrt()
    return torch.where(scale > 1e-30, cross / scale.clamp_min(1e-30), torch.zeros_like(cross))


def _jackknife(cross: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Half the 95 % interval of CKA (L,), from its values without one batch each; (batches, L)."""
    n = len(cross)
    rest = [(part.sum(0, keepdim=True) - part) / (n - 1) for part in (cross, first, second)]
    left_out = _cka(*rest)
    variance = (n - 1) / n * (left_out - left_out.mean(0)).square().sum(0)
    return 1.96 * variance.sqrt()


class _Moments:
    """Correlations of the channels of two layers, over images and positions."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.sums = [torch.zeros(channels, dtype=torch.float64) for _ in range(4)]
        self.products = torch.zeros(channels, channels, dtype=torch.float64)

    def add(self, first: Tensor, second: Tensor) -> None:
        """Add what both layers give for the same images."""
        a, b = (_samples(out) for out in (first, second))
        self.count += len(a)
        for total, new in zip(self.sums, (a, b, a.square(), b.square()), strict=True):
            total += new.sum(0)
        self.products += a.T @ b

    def matched(self) -> tuple[Tensor, Tensor]:
        """For each channel of the first that of the second, and their correlations."""
        means = [total / self.count for total in self.sums]
        stds = [
            (means[i + 2] - means[i].square()).clamp_min(0).sqrt().clamp_min(1e-12) for i in (0, 1)
        ]
        covariance = self.products / self.count - means[0][:, None] * means[1][None]
        correlation = (covariance / (stds[0][:, None] * stds[1][None])).clamp(-1, 1)
        _, columns = linear_sum_assignment(correlation.numpy(), maximize=True)
        match = torch.from_numpy(columns)
        return match, correlation[torch.arange(len(match)), match]


def _samples(out: Tensor) -> Tensor:
    """(images × positions, C), of a map some positions that are spread evenly."""
    if out.dim() == 2:
        return out.double()
    flat = out.flatten(2)
    step = max(1, -(-flat.shape[2] // MAX_POSITIONS))
    return flat[:, :, ::step].transpose(1, 2).flatten(0, 1).double()
