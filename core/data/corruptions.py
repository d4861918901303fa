"""Corruptions of pictures, batched: images in [0, 1], a strength per image, a seeded generator.

`gaussian` adds noise of standard deviation `strength` and clips to [0, 1]; the others reach from
nothing (0) to hardly anything left (1).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from core.errors import UnknownName


def gaussian(x: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """x + σ·N(0, 1), clipped to [0, 1]; `strength` is σ."""
    noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    return torch.addcmul(x, noise, strength.view(-1, 1, 1, 1)).clamp_(0, 1)


def salt_and_pepper(x: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """A share `strength` of the pixels turned black or white, all channels together."""
    n, _, h, w = x.shape
    chance = torch.rand(n, 1, h, w, generator=generator, device=x.device)
    half = strength.view(-1, 1, 1, 1) / 2
    return torch.where(chance < half, 0.0, torch.where(chance > 1 - half, 1.0, x))


def mosaic(x: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Pixelation: every block of pixels becomes its mean; at 1 a block is half the picture."""
    h, w = x.shape[2:]
    blocks = (1 + strength * (min(h, w) / 2 - 1)).round().long().clamp_min(1)
    out = x.clone()
    for block in blocks.unique().tolist():
        rows = (blocks == block).nonzero()[:, 0]
        size = (-(-h // block), -(-w // block))
        # Edge blocks are cut by the border: their mean is taken over what is inside.
        padded = F.pad(x[rows], (0, size[1] * block - w, 0, size[0] * block - h))
        inside = F.pad(x.new_ones(1, 1, h, w), (0, size[1] * block - w, 0, size[0] * block - h))
        means = F.avg_pool2d(padded, block) / F.avg_pool2d(inside, block)
        out[rows] = F.interpolate(means, scale_factor=block, mode="nearest")[..., :h, :w]
    return out


def mask(x: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """A black square at a random place; its side is `strength` times the picture's."""
    n, _, h, w = x.shape
    side = (strength * min(h, w)).round().view(-1, 1, 1, 1)
    place = torch.rand(2, n, 1, 1, 1, generator=generator, device=x.device)
    top = (place[0] * (h - side + 1)).floor()
    left = (place[1] * (w - side + 1)).floor()
    rows = torch.arange(h, device=x.device).view(1, 1, -1, 1)
    columns = torch.arange(w, device=x.device).view(1, 1, 1, -1)
    hidden = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    return x.masked_fill(hidden, 0.0)


def blur(x: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Gaussian blur with σ = `strength` times a seventh of the picture's side (4 of 28 pixels)."""
    n, c, h, w = x.shape
    sigma = (strength * min(h, w) / 7).clamp_min(1e-3)
    reach = min(h, w) // 2
    offsets = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma.view(-1, 1)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(c, dim=0)
    flat = x.reshape(1, n * c, h, w)  # every channel of every image has its own kernel
    flat = F.pad(flat, (0, 0, reach, reach), mode="replicate")
    flat = F.conv2d(flat, kernel.view(n * c, 1, -1, 1), groups=n * c)
    flat = F.pad(flat, (reach, reach, 0, 0), mode="replicate")
    flat = F.conv2d(flat, kernel.view(n * c, 1, 1, -1), groups=n * c)
    return flat.view(n, c, h, w).clamp(0, 1)


def mixed(x: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """One of the five above for each picture, each of them equally likely."""
    kinds = torch.randint(len(MIXED), (len(x),), generator=generator, device=x.device)
    out = x.clone()
    for kind, name in enumerate(MIXED):
        rows = (kinds == kind).nonzero()[:, 0]
        if len(rows):
            out[rows] = CORRUPTIONS[name].function(x[rows], strength[rows], generator)
    return out


def none(x: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Return the pictures unchanged."""
    return x


@dataclass(frozen=True)
class Corruption:
    """A corruption of pictures; `unit` is the unit of its strength."""

    name: str
    title: str
    unit: str
    function: Callable[[Tensor, Tensor, Generator], Tensor]


MIXED = ("gaussian", "salt_and_pepper", "mosaic", "mask", "blur")
"""What `mixed` draws from."""
CORRUPTIONS = {
    c.name: c
    for c in (
        Corruption("gaussian", "Gaussian noise", "standard deviation σ", gaussian),
        Corruption("salt_and_pepper", "Salt and pepper", "share of pixels", salt_and_pepper),
        Corruption("mosaic", "Mosaic", "block size, up to half the picture", mosaic),
        Corruption("mask", "Missing square", "side of the square", mask),
        Corruption("blur", "Blur", "radius, up to a seventh of the picture", blur),
        Corruption("mixed", "One of the five, at random", "that of each", mixed),
        Corruption("none", "None", "no effect", none),
    )
}


def corrupt(x: Tensor, name: str, strength: float | Tensor, generator: Generator) -> Tensor:
    """Corrupt images.

    Args:
        x: (N, C, H, W) in [0, 1]; not changed.
        name: a key of `CORRUPTIONS`.
        strength: one number in [0, 1], or one an image (N,).
        generator: decides all that is random; on `x`'s device.

    Returns:
        (N, C, H, W) in [0, 1].

    Raises:
        UnknownName: no such corruption.
        ValueError: a strength outside [0, 1].
    """
    if name not in CORRUPTIONS:
        raise UnknownName("corruption", name, CORRUPTIONS)
    strengths = torch.as_tensor(strength, dtype=x.dtype, device=x.device).expand(len(x))
    if not len(x):
        return x
    if not (float(strengths.min()) >= 0 and float(strengths.max()) <= 1):
        raise ValueError("The strength lies between 0 and 1.")
    return CORRUPTIONS[name].function(x, strengths, generator)


def corrupt_seeded(x: Tensor, name: str, strength: float, seed: int) -> Tensor:
    """`corrupt` with a generator made from `seed` (0 and above)."""
    return corrupt(x, name, strength, Generator(x.device).manual_seed(seed))
