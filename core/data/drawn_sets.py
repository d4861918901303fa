"""Sets that are drawn from another: sketches of pictures, and pictures blended over photographs."""

import torch
from torch import Tensor
from torch.nn import functional as F

from core.images import fit

BLUR = 0.03
"""Standard deviation of the blur, as a share of the image's side."""
BLEND_SEED = 60_008
_CHUNK = 1000


def sketched(pixels: Tensor) -> Tensor:
    """Draw pictures as with a pencil: the grey divided by its blurred self ("colour dodge").

    Where a picture is even, it is paper; only what differs from its surroundings leaves a line, so
    how light or dark a region is, and its colour, are gone.

    Args:
        pixels: uint8 (N, C, H, W), grey or RGB.

    Returns:
        uint8 (N, C, H, W), grey in all channels.
    """
    return torch.cat([_sketched(part) for part in torch.split(pixels, _CHUNK)] or [pixels])


def blended(pixels: Tensor, photographs: Tensor) -> Tensor:
    """Blend pictures over photographs: the absolute difference of both in each channel, as MNIST-M
    was made (Ganin and Lempitsky 2015); behind each lies a quarter of a photograph, enlarged, at
    half its brightness, so that what is white in the picture is lighter than what is behind it.

    Args:
        pixels: uint8 (N, 1 or 3, H, W).
        photographs: uint8 (M, 3, h, w); one is drawn for each picture, by a seed.

    Returns:
        uint8 (N, 3, H, W).
    """
    size = pixels.shape[2:]
    generator = torch.Generator().manual_seed(BLEND_SEED)
    parts = []
    for part in torch.split(pixels, _CHUNK):
        behind = fit(_quarters(photographs, len(part), generator), (3, size[0], size[1]))
        parts.append((behind.int() // 2 - part.int()).abs().to(torch.uint8))
    return torch.cat(parts or [pixels.expand(-1, 3, -1, -1)])


def _quarters(photographs: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Cut a quarter out of `count` of the photographs, both drawn at random."""
    sides = [max(1, side // 2) for side in photographs.shape[2:]]
    which = torch.randint(len(photographs), (count,), generator=generator)
    down, across = (
        torch.randint(whole - side + 1, (count, 1), generator=generator) + torch.arange(side)
        for whole, side in zip(photographs.shape[2:], sides, strict=True)
    )
    cut = photographs[which[:, None, None], :, down[:, :, None], across[:, None, :]]
    return cut.permute(0, 3, 1, 2).contiguous()


def _sketched(pixels: Tensor) -> Tensor:
    grey = pixels.float().mean(1, keepdim=True) / 255
    around = _blurred(grey, BLUR * min(pixels.shape[2:]))
    # Dividing by the inverse of the blurred negative is dividing by the blurred picture.
    lines = (grey / around.clamp_min(1 / 255)).clamp(0, 1)
    return (lines * 255).round().to(torch.uint8).expand_as(pixels).contiguous()


def _blurred(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (N, 1, H, W), the edge continued."""
    reach = max(1, round(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, device=images.device)
    kernel = torch.exp(-offsets.square() / (2 * max(sigma, 1e-3) ** 2))
    kernel = kernel / kernel.sum()
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    across = F.conv2d(padded, kernel.view(1, 1, 1, -1))
    return F.conv2d(across, kernel.view(1, 1, -1, 1))
