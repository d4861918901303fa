"""What teaching a pretrained network asks: its settings, how rare classes weigh, how it is shown
pictures."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional as F

from core.models.backbones import BACKBONES
from core.tasks.base import TaskConfig

JITTER = 0.2
"""Share of the side that a random crop may leave out."""


class TransferConfig(TaskConfig):
    """Settings of a classifier on pretrained features."""

    backbones: str = Field(
        "lite0",
        max_length=100,
        title="Backbone",
        description="the pretrained network; several, joined with +, give their features together",
    )
    head: Literal["linear", "published", "mlp"] = Field(
        "linear",
        title="Head",
        description="`linear`: one layer; `published`: the text's three, 256-256-k with dropout; "
        "`mlp`: ours of four, 512-256-256-k with dropout",
    )
    weight_decay: float = Field(
        0.01,
        ge=0,
        le=1,
        json_schema_extra={"step": 0.005},
        title="Weight decay",
        description="pull of the weights towards zero",
    )
    class_weights: bool = Field(
        True, title="Weigh classes", description="pictures of rarer classes count for more"
    )
    validation_share: float = Field(
        0.1,
        ge=0,
        le=0.5,
        json_schema_extra={"step": 0.05},
        title="Held back",
        description="share of the training pictures that tells when to stop and calibrates",
    )
    patience: int = Field(
        10,
        ge=0,
        le=1000,
        title="Patience",
        description="epochs without a better validation loss after which it stops; 0 never does",
    )
    body_rate: float = Field(
        0.05,
        ge=0,
        le=1,
        json_schema_extra={"step": 0.05},
        title="Rate of the body",
        description="learning rate of the backbone as a share of the head's, once it is unfrozen",
    )

    @field_validator("backbones")
    @classmethod
    def _known(cls, value: str) -> str:
        names = value.split("+")
        unknown = [name for name in names if name not in BACKBONES]
        if unknown or len(set(names)) != len(names):
            raise ValueError(f"is one of {', '.join(BACKBONES)}, or several of them joined with +")
        return value


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """A weight for each class (classes,), so that all count the same; 1 on average over images."""
    counts = torch.bincount(labels, minlength=classes).clamp_min(1).float()
    return len(labels) / (classes * counts)


def cropped(images: Tensor, generator: torch.Generator) -> Tensor:
    """A random crop of each (N, C, H, W), scaled back; half are mirrored."""
    n, _, height, width = images.shape
    device = images.device
    scale = 1 - JITTER * torch.rand(n, generator=generator, device=device)
    place = 2 * torch.rand(n, 2, generator=generator, device=device) - 1
    mirror = torch.where(torch.rand(n, generator=generator, device=device) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0], theta[:, 1, 1] = scale * mirror, scale
    theta[:, :, 2] = place * (1 - scale)[:, None]
    grid = F.affine_grid(theta, [n, 3, height, width], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
