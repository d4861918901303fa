"""Pictures that a diffusion draws from given noises, and how they come about."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core.models.denoising_nets import DiffusionNet
from core.models.noise_processes import Guess
from core.models.sampling import USUAL, Sampling, denoise
from core.runs.store import Run
from core.tasks.diffusion import DIFFUSION


class WallSettings(NamedTuple):
    """Pictures to draw."""

    labels: tuple[int, ...]
    """A class for each; -1 for any."""
    seed: int = 0
    """Of the noise."""
    how: Sampling = USUAL


def drawn(run: Run, model: DiffusionNet, noise: Tensor, settings: WallSettings) -> Tensor:
    """Draw pictures (N, C, H, W) in [0, 1] with a run's network from normal noise of that shape."""
    process = DIFFUSION.variant(run.spec().variant).process
    generator = torch.Generator().manual_seed(settings.seed)
    x = denoise(process, model, noise, _labels(model, settings.labels), settings.how, generator)
    return _shown(x)


def paths(
    run: Run, model: DiffusionNet, noise: Tensor, settings: WallSettings, columns: int
) -> Tensor:
    """Draw pictures, and give how each looks at `columns` times from noise to picture, a row each:
    (rows · columns, C, H, W) in [0, 1]. Where there is more noise than 1, its level is made 1."""
    process = DIFFUSION.variant(run.spec().variant).process
    times = torch.linspace(1, 0, settings.how.steps + 1)
    frames: list[Tensor] = []

    def keep(step: int, x: Tensor, _guess: Guess) -> None:
        frames.append(x / process.scales(times[step : step + 1]).sigma.clamp_min(1))

    last = denoise(
        process, model, noise, _labels(model, settings.labels), settings.how, on_step=keep
    )
    every = torch.stack([*frames, last], 1)  # (rows, times, C, H, W)
    chosen = torch.linspace(0, every.shape[1] - 1, columns).round().long()
    return _shown(every[:, chosen].flatten(0, 1))


def _labels(model: DiffusionNet, labels: Sequence[int]) -> Tensor | None:
    return torch.tensor(labels) if model.classes else None


def _shown(x: Tensor) -> Tensor:
    return (x.clamp(-1, 1) + 1) / 2
