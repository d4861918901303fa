"""Zoom films: each frame is the last one, enlarged, turned, and dreamt on."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from core.dreaming.ascent import dream
from core.dreaming.config import Dream, DreamConfig, Report, Scene

STAGE_COUNT = 6
"""Number of frames that are saved as stages."""


def zoom(scene: Scene, config: DreamConfig, report: Report) -> Dream:
    """Make the frames of a zoom; the first is the dream of the picture itself.

    Raises: as `dream`.
    """
    picture = scene.picture
    frames: list[Tensor] = []
    history: list[dict[str, float]] = []
    remarks: list[str] = []
    for number in range(config.frames):
        frame_config = config.model_copy(update={"seed": config.seed + number})

        dreamt = dream(
            scene._replace(picture=picture),
            frame_config,
            _frame_report(report, number, config.frames),
        )
        remarks = dreamt.remarks or remarks
        history.append({**dreamt.history[-1], "epoch": number + 1})
        frames.append((dreamt.picture * 255).round().byte())
        picture = enlarged_by(dreamt.picture, config.zoom, config.turn)
    film = torch.stack(frames)
    shown = sorted({round(i * (len(film) - 1) / (STAGE_COUNT - 1)) for i in range(STAGE_COUNT)})
    stages = [(f"frame {i + 1}", film[i].float() / 255) for i in shown]
    return Dream(film[-1].float() / 255, stages, history, remarks, film)


def _frame_report(report: Report, number: int, frames: int) -> Report:
    """Return a callback that reports a frame's dream as a part of the film."""

    def report_frame(
        stage: str, picture: Callable[[], Tensor] | None = None, **progress: float
    ) -> None:
        report(
            f"frame {number + 1} of {frames}, {stage}",
            picture,
            epoch=number + 1,
            epochs=frames,
            done=(number + progress["done"]) / frames,
        )

    return report_frame


def enlarged_by(picture: Tensor, scale: float, degrees: float) -> Tensor:
    """Enlarge a picture (3, H, W) around its centre and turn it; edges are mirrored."""
    height, width = picture.shape[1:]
    angle = math.radians(degrees)
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    ratio = width / height
    theta = torch.tensor([[[cos, -sin / ratio, 0.0], [sin * ratio, cos, 0.0]]])
    grid = F.affine_grid(theta, [1, 3, height, width], align_corners=False)
    enlarged = F.grid_sample(
        picture[None], grid, mode="bicubic", padding_mode="reflection", align_corners=False
    )
    return enlarged[0].clamp(0, 1)
