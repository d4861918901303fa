"""The server translates where the browser cannot: one picture after the other."""

import base64
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import LabError
from core.inference.spoilt_translations import spoilt_trip
from core.inference.translating import DIRECTIONS
from core.metrics.image import psnr
from core.models.translation_nets import Translator
from core.runs.store import Run
from core.tasks.base import unit
from pages.server import camera_answers
from pages.ui import cached

HEAD = 6
"""Bytes before the picture: direction, noise, and four of the seed, the lowest first."""


def address(run: Run) -> str:
    """Where a browser sends pictures, as `Server` of pages/components/translation/engines.js
    does."""
    answer = partial(answered, cached.translator(run))
    return camera_answers.address(answer, f"translation {run.id} {run.version()}".encode())


def answered(model: Translator, message: bytes) -> dict[str, Any]:
    """The picture of a message there and back, as Base64 of (H, W, C), with how near the way back
    is. Raises LabError for what is no such message."""
    channels, height, width = model.shape
    if len(message) != HEAD + prod(model.shape) or message[0] > 1:
        raise LabError("This is no picture that the network takes.")
    pixels = np.frombuffer(message, np.uint8, offset=HEAD).reshape(height, width, channels)
    picture = unit(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None])[0]
    noise, seed = message[1], int.from_bytes(message[2:HEAD], "little")
    trip = spoilt_trip(model, picture, DIRECTIONS[message[0]], noise, seed)
    said: dict[str, Any] = {
        "there": _encoded(trip.there),
        "back": _encoded(trip.back),
        "psnr": float(psnr(trip.back[None], picture[None])),
    }
    if noise:
        said |= {
            "spoilt": _encoded(trip.spoilt),
            "lost": _encoded(trip.lost),
            "lostPsnr": float(psnr(trip.lost[None], picture[None])),
        }
    return said


def _encoded(image: Tensor) -> str:
    pixels = (255 * image).round().clamp(0, 255).to(torch.uint8)
    return base64.b64encode(pixels.permute(1, 2, 0).contiguous().numpy().tobytes()).decode()
