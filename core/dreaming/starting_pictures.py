"""Starting pictures of dreams: samples, noise and uploads."""

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
"""Sources: noise, an uploaded picture, a picture that a model of the lab has drawn."""
MAX_ASPECT = 8
"""Maximum ratio of the longer to the shorter side; slimmer pictures are cropped."""


class Picture(NamedTuple):
    """A picture to dream on: its source, its pixels, uint8 (3, H, W), and whether only its owner
    may see its dreams."""

    source: str
    pixels: Tensor
    private: bool = False


def sample(name: str) -> Picture:
    """Return a photograph that is always there, or grey noise.

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


def uploaded(content: bytes, name: str) -> Picture:
    """Decode an uploaded picture. Raises BadUpload."""
    return Picture(OWN, to_pixels(images.decode(content, name).convert("RGB")), private=True)


def to_pixels(image: Image.Image) -> Tensor:
    """Return the pixels of an image, uint8 (C, H, W)."""
    pixels = np.asarray(image)
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1).copy()).permute(2, 0, 1)


def fitted(pixels: Tensor, side: int) -> Tensor:
    """Resize a picture, uint8 (C, H, W), to a longer side of `side` pixels; a very slim one is
    cropped to its centre."""
    max_aspect = min(MAX_ASPECT, side / ascent.MIN_SIDE)
    height, width = pixels.shape[1:]
    high, wide = min(height, round(width * max_aspect)), min(width, round(height * max_aspect))
    top, left = (height - high) // 2, (width - wide) // 2
    pixels = pixels[:, top : top + high, left : left + wide]
    scale = side / max(high, wide)
    new_height, new_width = (max(ascent.MIN_SIDE, round(s * scale)) for s in (high, wide))
    if (new_height, new_width) == (high, wide):
        return pixels
    image = Image.fromarray(pixels.permute(1, 2, 0).squeeze(2).contiguous().numpy())
    resized = np.asarray(image.resize((new_width, new_height), Image.Resampling.BICUBIC))
    return torch.from_numpy(resized.reshape(new_height, new_width, -1).copy()).permute(2, 0, 1)
