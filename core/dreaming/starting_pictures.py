"""Pictures to dream on: samples, noise, somebody's own."""

from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core import images
from core.dreaming import ascent
from core.errors import LabError

SAMPLES = {"china": "china.jpg", "flower": "flower.jpg"}
"""Photographs that come with scikit-learn."""
NOISE, OWN, MADE = "noise", "own", "made"
"""Sources: nothing, somebody's picture, a picture that the lab itself has drawn."""
SLIMMEST = 8
"""Times the shorter side that the longer may be; of slimmer pictures the middle is taken."""


class Picture(NamedTuple):
    """A picture to dream on: where it is from, its pixels, uint8 (3, H, W), and whether only those
    who brought it may see what comes of it."""

    source: str
    pixels: Tensor
    private: bool = False


def sample(name: str) -> Picture:
    """A photograph that is always there, or grey noise for dreams that begin with nothing.

    Raises:
        LabError: there is none of that name.
    """
    if name == NOISE:
        generator = torch.Generator().manual_seed(0)
        grain = 128 + 24 * torch.randn(3, 384, 512, generator=generator)
        return Picture(name, grain.round().clamp(0, 255).byte())
    if name not in SAMPLES:
        raise LabError(f"There is no sample called {name[:60]!r}: {', '.join([*SAMPLES, NOISE])}.")
    from sklearn.datasets import load_sample_image  # here: it takes a second

    return Picture(name, torch.from_numpy(load_sample_image(SAMPLES[name]).copy()).permute(2, 0, 1))


def brought(content: bytes, name: str) -> Picture:
    """Somebody's own picture. Raises BadUpload."""
    return Picture(OWN, pixels_in(images.decode(content, name).convert("RGB")), private=True)


def pixels_in(image: Image.Image) -> Tensor:
    """The pixels of an image, uint8 (C, H, W)."""
    found = np.asarray(image)
    return torch.from_numpy(found.reshape(*found.shape[:2], -1).copy()).permute(2, 0, 1)


def fitted(pixels: Tensor, side: int) -> Tensor:
    """A picture, uint8 (C, H, W), with its longer side of `side` pixels, large or small as it was;
    of a very slim one the middle."""
    slimmest = min(SLIMMEST, side / ascent.LEAST)
    height, width = pixels.shape[1:]
    high, wide = min(height, round(width * slimmest)), min(width, round(height * slimmest))
    top, left = (height - high) // 2, (width - wide) // 2
    pixels = pixels[:, top : top + high, left : left + wide]
    scale = side / max(high, wide)
    tall, broad = (max(ascent.LEAST, round(s * scale)) for s in (high, wide))
    if (tall, broad) == (high, wide):
        return pixels
    image = Image.fromarray(pixels.permute(1, 2, 0).squeeze(2).contiguous().numpy())
    grown = np.asarray(image.resize((broad, tall), Image.Resampling.BICUBIC))
    return torch.from_numpy(grown.reshape(tall, broad, -1).copy()).permute(2, 0, 1)
