"""Noise on a translation before the way back: what a network may have hidden there is lost."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core import counter_random
from core.errors import LabError
from core.inference.translating import Direction
from core.models.translation_nets import Translator

MAX_NOISE, MAX_SEED = 16, 9999
"""Of the noise on a translation: its standard deviation in 255ths, and its seed."""


class Spoilt(NamedTuple):
    """A picture (C, H, W) in [0, 1] translated and back, and both with noise in between."""

    there: Tensor
    back: Tensor
    spoilt: Tensor
    lost: Tensor


@torch.inference_mode()
def spoilt_trip(
    model: Translator, picture: Tensor, direction: Direction, noise: int, seed: int
) -> Spoilt:
    """Translate a picture (C, H, W) in [0, 1], put noise on that, and take both back.

    Args:
        noise: standard deviation in 255ths, up to `MAX_NOISE`; the result is cut to [0, 1].
        seed: of the noise, up to `MAX_SEED`; pages/components/translation/translator.js draws the
            same.

    Raises:
        LabError: noise or seed beyond their bounds.
    """
    if not (0 <= noise <= MAX_NOISE and 0 <= seed <= MAX_SEED):
        raise LabError(f"Noise is from 0 to {MAX_NOISE}, its seed from 0 to {MAX_SEED}.")
    there = model.translate(picture[None], direction)
    channels, height, width = picture.shape
    drawn = counter_random.normal(seed, counter_random.stream("noise"), picture.numel())
    moved = torch.from_numpy(drawn.astype(np.float32)).view(height, width, channels)
    spoilt = (there + noise / 255 * moved.permute(2, 0, 1)).clamp(0, 1)
    back, lost = (model.translate(x, direction[::-1]) for x in (there, spoilt))
    return Spoilt(*(images[0] for images in (there, back, spoilt, lost)))
