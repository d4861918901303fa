"""A way into the picture: each frame is the last one, enlarged, turned, and dreamt on."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from core.dreaming.ascent import dream
from core.dreaming.config import Dream, DreamConfig, Scene, Watch

STAGES = 6
"""Frames that are shown beside each other."""


def zoom(scene: Scene, config: DreamConfig, watch: Watch) -> Dream:
    """Frames that go deeper and deeper; the first is the picture's own dream.

    Raises: as `dream`.
    """
    picture = scene.picture
    frames: list[Tensor] = []
    history: list[dict[str, float]] = []
    remarks: list[str] = []
    for number in range(config.frames):
        asked = config.model_copy(update={"seed": config.seed + number})

        found = dream(scene._replace(picture=picture), asked, _within(watch, number, config.frames))
        remarks = found.remarks or remarks
        history.append({**found.history[-1], "epoch": number + 1})
        frames.append((found.picture * 255).round().byte())
        picture = deeper(found.picture, config.zoom, config.turn)
    film = torch.stack(frames)
    shown = sorted({round(i * (len(film) - 1) / (STAGES - 1)) for i in range(STAGES)})
    stages = [(f"frame {i + 1}", film[i].float() / 255) for i in shown]
    return Dream(film[-1].float() / 255, stages, history, remarks, film)


def _within(watch: Watch, number: int, frames: int) -> Watch:
    """Tells of a frame's dream as a part of the film."""

    def told(stage: str, picture: Callable[[], Tensor] | None = None, **progress: float) -> None:
        watch(
            f"frame {number + 1} of {frames}, {stage}",
            picture,
            epoch=number + 1,
            epochs=frames,
            done=(number + progress["done"]) / frames,
        )

    return told


def deeper(picture: Tensor, scale: float, degrees: float) -> Tensor:
    """A picture (3, H, W) enlarged around its middle and turned; mirrored where it ends."""
    height, width = picture.shape[1:]
    angle = math.radians(degrees)
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    ratio = width / height
    theta = torch.tensor([[[cos, -sin / ratio, 0.0], [sin * ratio, cos, 0.0]]])
    grid = F.affine_grid(theta, [1, 3, height, width], align_corners=False)
    found = F.grid_sample(
        picture[None], grid, mode="bicubic", padding_mode="reflection", align_corners=False
    )
    return found[0].clamp(0, 1)
