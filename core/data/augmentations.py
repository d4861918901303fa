"""Augmentations of whole batches: what a picture may become without becoming another.

Each takes uint8 pixels (B, C, H, W) and gives uint8 pixels; what is random comes from a generator,
another draw for each image. They are those of torchvision's transforms, which take an image at a
time.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def scale(pixels: Tensor, side: int) -> Tensor:
    """Resize so that the shorter side has `side` pixels, with a filter against aliasing."""
    height, width = pixels.shape[2:]
    shorter = min(height, width)
    size = [side * height // shorter, side * width // shorter]
    if size == [height, width]:
        return pixels
    resized = F.interpolate(pixels.float(), size, mode="bilinear", antialias=True)
    return resized.round().clamp(0, 255).byte()


def centre_crop(pixels: Tensor, side: int) -> Tensor:
    """Cut a square of `side` pixels out of the middle; what lies outside is black."""
    pixels = _at_least(pixels, side)
    top, left = ((size - side) // 2 for size in pixels.shape[2:])
    return pixels[:, :, top : top + side, left : left + side]


def pad(pixels: Tensor, width: int, fill: int = 0) -> Tensor:
    """Add a border of `width` pixels."""
    return F.pad(pixels, [width] * 4, value=fill)


def random_crop(pixels: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Cut a square of `side` pixels out of each image, anywhere; what lies outside is black."""
    pixels = _at_least(pixels, side)
    free = torch.tensor(pixels.shape[2:]) - side + 1
    corners = torch.rand(len(pixels), 2, generator=generator, device=pixels.device)
    top, left = (corners * free.to(corners)).long().T
    steps = torch.arange(side, device=pixels.device)
    return _gathered(pixels, top[:, None] + steps, left[:, None] + steps)


def flip(pixels: Tensor, generator: torch.Generator, share: float = 0.5) -> Tensor:
    """Turn a share of the images left to right, half of them by default."""
    turned = torch.rand(len(pixels), generator=generator, device=pixels.device) < share
    return torch.where(turned.view(-1, 1, 1, 1), pixels.flip(3), pixels)


def shift(pixels: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    """Move each image by up to `reach` pixels either way; its border is repeated."""
    n, _, height, width = pixels.shape
    by = torch.randint(2 * reach + 1, (2, n, 1), generator=generator, device=pixels.device)
    steps = [torch.arange(side, device=pixels.device) for side in (height, width)]
    rows, columns = (s + b - reach for s, b in zip(steps, by, strict=True))
    return _gathered(pixels, rows.clamp(0, height - 1), columns.clamp(0, width - 1))


def random_sized_crop(
    pixels: Tensor,
    side: int,
    generator: torch.Generator,
    share: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """Cut out a part of each image and bring it to a square of `side` pixels (Szegedy et al. 2015).

    Args:
        share: of the area that is kept, uniform between the two.
        ratio: of the width to the height of the part, uniform in its logarithm.
    """
    n, _, height, width = pixels.shape
    u = torch.rand(n, 4, generator=generator, device=pixels.device)
    area = share[0] + (share[1] - share[0]) * u[:, 0]
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = (low + (high - low) * u[:, 1]).exp() * height / width
    wide, high_part = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    theta = torch.zeros(n, 2, 3, device=pixels.device)
    theta[:, 0, 0], theta[:, 1, 1] = wide, high_part
    theta[:, 0, 2] = (1 - wide) * (2 * u[:, 2] - 1)
    theta[:, 1, 2] = (1 - high_part) * (2 * u[:, 3] - 1)
    grid = F.affine_grid(theta, [n, pixels.shape[1], side, side], align_corners=False)
    seen = F.grid_sample(pixels.float(), grid, padding_mode="border", align_corners=False)
    return seen.round().clamp(0, 255).byte()


def cutout(pixels: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Blacken a square of `side` pixels of each image, which may lie partly outside (DeVries and
    Taylor 2017)."""
    n, _, height, width = pixels.shape
    centre = torch.rand(n, 2, generator=generator, device=pixels.device)
    rows, columns = (
        ((torch.arange(size, device=pixels.device) + 0.5 - centre[:, i, None] * size).abs())
        <= side / 2
        for i, size in enumerate((height, width))
    )
    hidden = rows[:, None, :, None] & columns[:, None, None, :]
    return pixels.masked_fill(hidden, 0)


def _at_least(pixels: Tensor, side: int) -> Tensor:
    """With a black border where an image is smaller than a square of `side` pixels."""
    missing = [max(0, side - size) for size in pixels.shape[2:]]
    if not any(missing):
        return pixels
    (top, left) = (m // 2 for m in missing)
    return F.pad(pixels, [left, missing[1] - left, top, missing[0] - top])


def _gathered(pixels: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Of each image the pixels at its `rows` (B, h) and `columns` (B, w)."""
    every = torch.arange(len(pixels), device=pixels.device).view(-1, 1, 1)
    seen = pixels.permute(0, 2, 3, 1)[every, rows[:, :, None], columns[:, None, :]]
    return seen.permute(0, 3, 1, 2)
