"""A quick small preview of a dream: what its settings grow, in about a second."""

import io
import time
from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from core.dreaming.config import Dream, Scene
from core.dreaming.starting_pictures import fitted, to_pixels
from core.dreaming.variants import DREAMING
from core.models.pretrained import FeatureNet
from core.runs.schema import RunRequest

SIDE, OCTAVES, STEPS, VISION_STEPS = 192, 3, 16, 64
"""A preview has at most this many pixels on its longer side, octaves, and steps in each; and steps
of one that grows from noise, on half the side."""
MAX_STRIDE = 2.0
"""Times its own length, a step of a preview at most."""
SECONDS = 1.4
"""How long a preview takes at most, but for its last step."""


class _TimeIsUp(Exception):
    """The picture so far has to do."""


def preview(
    request: RunRequest,
    net: FeatureNet,
    head: nn.Module | None = None,
    seconds: float = SECONDS,
    tick: Callable[[], None] = lambda: None,
) -> Tensor:
    """Dream a small picture (3, H, W) in [0, 1] with the settings of a request; nothing is written.

    A film shows its first frame.

    Args:
        net: the network of the request.
        head: its classifier, which only a dream of classes needs.
        seconds: the picture as it is after this time is the preview.
        tick: called before each forward pass, and may raise to stop.

    Raises:
        LabError: the gradient is zero.
    """
    variant = request.config.variant
    config = DREAMING.config(variant, request.config.config)
    grows = not DREAMING.needs_picture(variant)
    small: dict[str, Any] = {
        "side": min(config.side, SIDE // 2 if grows else SIDE),
        "octaves": min(config.octaves, OCTAVES),
        "steps": min(config.steps, VISION_STEPS if grows else STEPS),
    }
    if not grows:  # fewer steps go as far by larger ones
        small["rate"] = config.rate * min(config.steps / small["steps"], MAX_STRIDE)
    inputs = {name.removesuffix(".png"): _input(png) for name, png in request.given.items()}
    scene = Scene(
        torch.full((3, 1, 1), 0.5) if grows else _small(inputs["picture"], small["side"]),
        net,
        _small(inputs["mask"], small["side"])[0] if "mask" in inputs else None,
        _small(inputs["guide"], SIDE) if "guide" in inputs else None,
        head,
        tick,
    )
    latest, until = scene.picture, time.monotonic() + seconds

    def report(stage: str, picture: Callable[[], Tensor] | None = None, **progress: Any) -> None:
        nonlocal latest
        if picture is not None and time.monotonic() > until:
            latest = picture()
            raise _TimeIsUp

    build = DREAMING.variant("deep" if variant == "zoom" else variant).build
    try:
        dreamt: Dream = build(scene, config.model_copy(update=small), report)
    except _TimeIsUp:
        return latest
    return dreamt.picture


def _input(png: bytes) -> Tensor:
    """The pixels of a request's input, uint8 (C, H, W)."""
    return to_pixels(Image.open(io.BytesIO(png)))


def _small(pixels: Tensor, side: int) -> Tensor:
    """An input (C, H, W) in [0, 1], `side` pixels long."""
    return fitted(pixels, side).float() / 255
