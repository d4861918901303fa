"""Augmented pictures, and what an augmentation does to the answers of a network: whether a picture
keeps its label under it is measured, not supposed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor, nn

from core.cancellation import Check, silent, watched
from core.data import Images, augmentations
from core.images import fit
from core.metrics.image import wilson_interval
from core.tasks.base import unit
from core.tasks.family import Shape

CHUNK = 500
"""Images at a time."""


@dataclass(frozen=True)
class Augmentation:
    """A change of pictures by one number, its strength, from `low` to `high`."""

    title: str
    what: str
    """The strength in words, with its unit."""
    low: float
    high: float
    default: float
    step: float
    about: str
    draw: Callable[[Tensor, float, Generator], Tensor]
    """uint8 (N, C, H, W), of which H × W may change."""


def _of_side(pixels: Tensor, share: float) -> int:
    """A share of the shorter side, in whole pixels, one at least."""
    return max(1, round(share * min(pixels.shape[2:])))


def _scale(pixels: Tensor, share: float, generator: Generator) -> Tensor:
    return augmentations.scale(pixels, _of_side(pixels, share))


def _centre_crop(pixels: Tensor, share: float, generator: Generator) -> Tensor:
    return augmentations.centre_crop(pixels, _of_side(pixels, share))


def _random_crop(pixels: Tensor, share: float, generator: Generator) -> Tensor:
    return augmentations.random_crop(pixels, _of_side(pixels, share), generator)


def _flip(pixels: Tensor, share: float, generator: Generator) -> Tensor:
    return augmentations.flip(pixels, generator, share)


def _random_sized_crop(pixels: Tensor, share: float, generator: Generator) -> Tensor:
    side = min(pixels.shape[2:])
    return augmentations.random_sized_crop(pixels, side, generator, (share, 1.0))


def _pad(pixels: Tensor, share: float, generator: Generator) -> Tensor:
    return augmentations.pad(pixels, round(share * min(pixels.shape[2:])))


def _cutout(pixels: Tensor, share: float, generator: Generator) -> Tensor:
    return augmentations.cutout(pixels, _of_side(pixels, share), generator)


_side = partial(Augmentation, low=0.1, high=1.0, step=0.05)
AUGMENTATIONS: Mapping[str, Augmentation] = {
    "flip": Augmentation(
        "Flip", "share of pictures that are turned left to right", 0.0, 1.0, 0.5, 0.05,
        "Mirrors a picture. A cat stays a cat; few digits stay what they are.",
        _flip,
    ),
    "random_crop": _side(
        "Random crop", "side that is kept, as a share of the picture's", default=0.8,
        about="A square from anywhere in the picture.",
        draw=_random_crop,
    ),
    "random_sized_crop": _side(
        "Random sized crop", "least share of the area that is kept", default=0.4,
        about="A part of any size and of many shapes, brought back to the picture's own.",
        draw=_random_sized_crop,
    ),
    "centre_crop": _side(
        "Centre crop", "side that is kept, as a share of the picture's", default=0.7,
        about="The square in the middle; nothing is drawn at random.",
        draw=_centre_crop,
    ),
    "scale": _side(
        "Scale", "side in pixels, as a share of the picture's", default=0.4,
        about="Fewer pixels, and back to as many as the network takes: details are lost.",
        draw=_scale,
    ),
    "pad": Augmentation(
        "Pad", "black border, as a share of the picture's side", 0.0, 1.0, 0.3, 0.05,
        "A black border: what is shown gets smaller. In training a random crop follows it.",
        _pad,
    ),
    "cutout": _side(
        "Cutout", "side of the black square, as a share of the picture's", default=0.5,
        about="A black square somewhere. Ours; the text has it not (DeVries and Taylor 2017).",
        draw=_cutout,
    ),
}  # fmt: skip
"""By name. Sides are given as shares, so that a picture of any size can be augmented."""


def augmented(
    pixels: Tensor, name: str, strength: float, seed: int, shape: Shape | None = None
) -> Tensor:
    """Return augmented pictures, uint8 (N, C, H, W), brought back to their size or to a `shape`.

    The same seed draws the same.
    """
    generator = Generator().manual_seed(seed)
    drawn = AUGMENTATIONS[name].draw(pixels, strength, generator)
    return fit(drawn, shape or (pixels.shape[1], pixels.shape[2], pixels.shape[3]))


@dataclass(frozen=True)
class Effect:
    """What an augmentation did to the answers to N images: the classes read without and with it."""

    labels: Tensor
    before: Tensor
    after: Tensor

    def accuracy(self, read: Tensor, label: int | None = None) -> tuple[float, int]:
        """The share of a class, or of all, that is read right, and how many images these are."""
        rows = slice(None) if label is None else self.labels == label
        right = (read == self.labels)[rows]
        return float(right.float().mean()) if len(right) else 0.0, len(right)

    def breaks(self, label: int | None = None) -> bool:
        """Whether the answers got worse by more than chance: the 95 % interval of the accuracy with
        the augmentation lies below that of the accuracy without."""
        (before, n), (after, _) = (self.accuracy(r, label) for r in (self.before, self.after))
        return bool(n and wilson_interval(after * n, n)[1] < wilson_interval(before * n, n)[0])

    def taken_for(self, label: int) -> int | None:
        """The wrong class that a class is read as most often with it; None where there is none."""
        read = self.after[(self.labels == label) & (self.after != self.labels)]
        return int(read.mode().values) if len(read) else None


@torch.inference_mode()
def effect(
    model: nn.Module, images: Images, name: str, strength: float, seed: int, check: Check = silent
) -> Effect:
    """Ask a network for images without and with an augmentation.

    Args:
        model: from images in [0, 1] to logits.
    """
    changed = augmented(images.pixels, name, strength, seed)
    read = []
    for pixels in (images.pixels, changed):
        parts = watched(torch.split(pixels, CHUNK), check, "classifying")
        read.append(torch.cat([model(unit(part)).argmax(1) for part in parts]))
    return Effect(images.labels, *read)
