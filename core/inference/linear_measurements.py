"""Linear measurements of a picture: what is known of it, as numbers.

Every kind here is brought to orthonormal rows M, the same for each channel. Then Mᵀ takes numbers
back to a picture, and the nearest picture with given numbers m is x - MᵀMx + Mᵀm, exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.data.corruptions import blur
from core.errors import LabError, UnknownName
from core.images import Shape

LEAST_GAIN = 0.05
"""What blur leaves of a pattern for it to count as known: of weaker ones the rounding of a picture
to 256 greys, enlarged twentyfold, would be a fiftieth of the range or more."""


@dataclass(frozen=True)
class Measurement:
    """Numbers that are known of a picture of `height` × `width`.

    `rows` (k, H·W) are orthonormal: number i of a channel is the product of row i with its pixels.
    """

    rows: Tensor
    height: int
    width: int
    seen: Callable[[Tensor], Tensor] | None = None
    """What a camera would show of pictures (N, C, H, W) in [0, 1], where that is another thing
    than the picture of the numbers."""

    @property
    def share(self) -> float:
        """How many numbers are known for each pixel, above 0 to 1."""
        return len(self.rows) / (self.height * self.width)

    def of(self, x: Tensor) -> Tensor:
        """Measure pictures (N, C, H, W): (N, C, k). Raises LabError for another size."""
        if x.dim() != 4 or tuple(x.shape[2:]) != (self.height, self.width):
            raise LabError(
                f"This measures pictures of {self.height}×{self.width} pixels: bring yours to that "
                "size."
            )
        return x.flatten(2) @ self.rows.T.to(x)

    def back(self, numbers: Tensor) -> Tensor:
        """Mᵀ: the picture (N, C, H, W) that has these numbers (N, C, k) and nothing else."""
        return (numbers @ self.rows.to(numbers)).view(*numbers.shape[:2], self.height, self.width)

    def project(self, x: Tensor, numbers: Tensor) -> Tensor:
        """The pictures nearest to x (N, C, H, W) that have these numbers (1 or N, C, k).

        A pixel that is a number by itself becomes it, to the last bit.
        """
        return x - self.back(self.of(x)) + self.back(numbers)

    def shown(self, pictures: Tensor) -> Tensor:
        """What was measured of pictures (N, C, H, W) in [0, 1], as pictures in [0, 1]: grey where
        nothing is known."""
        if self.seen is not None:
            return self.seen(pictures)
        return ((self.back(self.of(2 * pictures - 1)) + 1) / 2).clamp(0, 1)


@dataclass(frozen=True)
class Kind:
    """A kind of measurement; `levels` are those that a page offers, `least` and `most` the ones
    that there can be, in its `unit`."""

    name: str
    title: str
    unit: str
    levels: tuple[float, ...]
    usual: float
    make: Callable[[tuple[int, int], float, int], Measurement]

    def label(self, level: float) -> str:
        """A level with its unit."""
        return self.unit.format(level)


def holes(missing: Tensor) -> Measurement:
    """The pixels of a picture that a mask leaves.

    Args:
        missing: (H, W), true where a pixel is to be filled.

    Raises:
        LabError: no such mask, or one that covers all or nothing.
    """
    if missing.dim() != 2:
        raise LabError("A mask has one number for each pixel of the picture.")
    known = ~missing.bool().flatten()
    if not bool(known.any()):
        raise LabError(
            "The mask covers the whole picture: leave a part of it, or draw from nothing."
        )
    if bool(known.all()):
        raise LabError("The mask covers nothing: mark the pixels that are to be filled.")
    return Measurement(torch.eye(len(known))[known], *missing.shape)


def measure(shape: Shape, kind: str, level: float, seed: int = 0) -> Measurement:
    """A measurement of pictures of a shape (C, H, W).

    Args:
        kind: a key of `KINDS`.
        level: within its levels, in its unit.
        seed: of random pixels and patterns.

    Raises:
        UnknownName: no such kind.
        LabError: a level out of bounds, or one that such pictures cannot have.
    """
    if kind not in KINDS:
        raise UnknownName("measurement", kind, KINDS)
    chosen = KINDS[kind]
    least, most = chosen.levels[0], chosen.levels[-1]
    if not least <= level <= most:  # so written, nan is caught too
        raise LabError(
            f"{chosen.title}: choose from {chosen.label(least)} to {chosen.label(most)}."
        )
    return chosen.make(shape[1:], level, seed)


# ---- the kinds


def _bottom(size: tuple[int, int], level: float, seed: int) -> Measurement:
    height, _ = size
    missing = torch.zeros(size, dtype=torch.bool)
    missing[height - min(max(round(level * height), 1), height - 1) :] = True
    return holes(missing)


def _middle(size: tuple[int, int], level: float, seed: int) -> Measurement:
    side = min(max(round(level * min(size)), 1), min(size) - 1)
    top, left = ((s - side) // 2 for s in size)
    missing = torch.zeros(size, dtype=torch.bool)
    missing[top : top + side, left : left + side] = True
    return holes(missing)


def _pixels(size: tuple[int, int], level: float, seed: int) -> Measurement:
    count = size[0] * size[1]
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    missing = torch.ones(count, dtype=torch.bool)
    missing[order[: max(round(level * count), 1)]] = False
    return holes(missing.view(size))


def _boxes(size: tuple[int, int], level: float, seed: int) -> Measurement:
    """Means of boxes, each times the box's side, which makes a row as long as 1."""
    height, width = size
    side = int(level)
    if side != level or height % side or width % side:
        raise LabError(
            f"A picture of {height}×{width} pixels has no whole boxes of {level:g}×{level:g}."
        )
    down, across = (
        torch.eye(s // side).repeat_interleave(side, 1) / side**0.5 for s in (height, width)
    )
    return Measurement(torch.kron(down, across), height, width)


def _blurred(size: tuple[int, int], level: float, seed: int) -> Measurement:
    """Gaussian blur, whose patterns that are left well enough are known as they were.

    The blur is B = USVᵀ along each axis; what it leaves of a pattern of V is its gain in S, and
    the known numbers are those patterns' with a gain of `LEAST_GAIN` or more.
    """
    strength = torch.tensor([7 * level / min(size)])

    def seen(pictures: Tensor) -> Tensor:
        return blur(pictures, strength.to(pictures).expand(len(pictures)), torch.Generator())

    _, gains_down, patterns_down = torch.linalg.svd(_blur_matrix(size[0], min(size), strength))
    _, gains_across, patterns_across = torch.linalg.svd(_blur_matrix(size[1], min(size), strength))
    kept = torch.outer(gains_down, gains_across).flatten() >= LEAST_GAIN
    rows = torch.kron(patterns_down, patterns_across)[kept]
    return Measurement(rows, *size, seen)


def _blur_matrix(side: int, least_side: int, strength: Tensor) -> Tensor:
    """The blur of the corruptions along an axis of `side` pixels, (side, side): column i is what
    becomes of a line at i. Its width is that of the picture's shorter side."""
    lines = torch.eye(side)[:, None, :, None].expand(-1, -1, -1, least_side)
    return blur(lines.contiguous(), strength.expand(side), torch.Generator())[:, 0, :, 0].T


def _patterns(size: tuple[int, int], level: float, seed: int) -> Measurement:
    """Products with random patterns: an orthonormal basis of a random subspace."""
    pixels = size[0] * size[1]
    generator = torch.Generator().manual_seed(seed)
    random = torch.randn(pixels, max(round(level * pixels), 1), generator=generator)
    return Measurement(torch.linalg.qr(random).Q.T.contiguous(), *size)


SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "bottom",
            "Lower part missing",
            "{:.0%} of the rows missing",
            (0.25, 0.4, 0.5, 0.6, 0.75, 0.9),
            0.5,
            _bottom,
        ),
        Kind(
            "middle",
            "Hole in the middle",
            "side of {:.0%} of the picture",
            (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
            0.5,
            _middle,
        ),
        Kind("boxes", "Small picture", "{:.0f} times smaller", (2, 4, 7), 4, _boxes),
        Kind(
            "blur",
            "Blur",
            "σ of {:g} pixels",
            (1, 1.5, 2, 3, 4),
            2,
            _blurred,
        ),
        Kind("pixels", "Random pixels", "{:.0%} of the pixels known", SHARES, 0.15, _pixels),
        Kind(
            "patterns",
            "Random patterns",
            "numbers for {:.0%} of the pixels",
            SHARES,
            0.1,
            _patterns,
        ),
    )
}
