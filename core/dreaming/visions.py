"""What channels and classes like best: pictures grown from noise (Olah et al. 2017).

The picture is kept as a spectrum with decorrelated colours, which turns steep and noisy directions
into even ones, and it is moved, scaled and turned a little before each look, so that only what
survives that can grow.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from core.dreaming.config import Dream, DreamConfig, Scene, Watch, answering, targets
from core.dreaming.objectives import Objective

COLOURS = (
    (0.26, 0.09, 0.02),
    (0.27, 0.00, -0.05),
    (0.27, -0.09, 0.03),
)
"""Root of the covariance of colours in ImageNet's photographs (lucid)."""
START = 0.01
CONTRAST = 4.0
"""Between the spectrum and the picture (lucid)."""
SCALES = (0.9, 1.1)
DEGREES = 8.0
STAGES = 6
"""Pictures kept of the way."""
EDGE = 6
"""Part of an atlas's pictures that is left out at each edge: a network sees what is beyond."""
BATCH = 16
"""Channels whose pictures grow at once."""
Aim = Callable[[Tensor], Tensor]
"""From images (N, 3, H, W) in [0, 1] to a number each, to be raised."""
Step = Callable[[int, Tensor, float], None]
"""Called after each step with its number, the pictures and the aims' mean."""


class Spectrum:
    """Pictures (N, 3, side, side) as numbers to be changed: the waves that they are made of."""

    def __init__(self, count: int, side: int, generator: torch.Generator) -> None:
        self.side = side
        rows = torch.fft.fftfreq(side)[:, None]
        columns = torch.fft.rfftfreq(side)[None]
        frequency = (rows.square() + columns.square()).sqrt()
        # Photographs have less of a wave the shorter it is; so each is as easy to change.
        self.scale = 1 / frequency.clamp_min(1 / side)
        shape = (count, 3, *frequency.shape, 2)
        self.waves = (START * torch.randn(shape, generator=generator)).requires_grad_(True)
        colours = torch.tensor(COLOURS)
        self.colours = colours / colours.norm(dim=0).max()

    def pictures(self) -> Tensor:
        """(N, 3, side, side) in [0, 1]."""
        waves = torch.view_as_complex(self.waves) * self.scale
        raw = torch.fft.irfft2(waves, s=(self.side, self.side), norm="ortho") / CONTRAST
        return torch.einsum("oc,nchw->nohw", self.colours, raw).sigmoid()


def grow(aim: Aim, count: int, config: DreamConfig, step: Step) -> Tensor:
    """Pictures (N, 3, side, side) in [0, 1] that an aim likes."""
    generator = torch.Generator().manual_seed(config.seed)
    spectrum = Spectrum(count, config.side, generator)
    optimiser = torch.optim.Adam([spectrum.waves], lr=config.rate)
    for number in range(config.steps):
        with torch.enable_grad():
            images = spectrum.pictures()
            seen = wobbled(images, generator) if config.wobble else images
            value = aim(seen)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(-value.sum())
        optimiser.step()
        step(number, images.detach(), float(value.detach().mean()))
    with torch.no_grad():
        return spectrum.pictures()


def wobbled(images: Tensor, generator: torch.Generator) -> Tensor:
    """Moved by up to an eighth, scaled and turned a little, all alike; mirrored at the edges."""
    low, high = SCALES
    u = torch.rand(4, generator=generator).tolist()
    scale = low + (high - low) * u[0]
    angle = math.radians(DEGREES * (2 * u[1] - 1))
    shift = [(2 * v - 1) / 8 for v in u[2:]]
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    theta = torch.tensor([[cos, -sin, shift[0]], [sin, cos, shift[1]]])
    grid = F.affine_grid(theta.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def visualise(scene: Scene, config: DreamConfig, watch: Watch) -> Dream:
    """A picture out of noise that raises a mixture of layers, channels or classes."""
    objective = Objective(scene, config)
    history: list[dict[str, float]] = []
    stages: list[tuple[str, Tensor]] = []
    kept = {round(config.steps * (i + 1) / STAGES) for i in range(STAGES)}

    def step(number: int, images: Tensor, value: float) -> None:
        done = number + 1
        history.append({"epoch": done, "octave": 1, "objective": value})
        if done in kept:
            stages.append((f"step {done}", images[0]))
        watch(
            f"step {done} of {config.steps}",
            lambda: images[0],
            epoch=done,
            epochs=config.steps,
            done=done / config.steps,
        )

    found = grow(objective, 1, config, step)[0]
    return Dream(found, [*stages[:-1], (f"step {config.steps}", found)], history, [])


def atlas(scene: Scene, config: DreamConfig, watch: Watch) -> Dream:
    """For each channel of each layer of the mixture the picture that it likes best.

    Its stages are sheets, the middle of each channel's picture, by the name of the layer.
    """
    known = answering(config.backbone)
    names = list(dict.fromkeys(t.layer for t in targets(config.layers)))
    everything, behind = sum(known[name] for name in names), 0
    sheets = []
    for name in names:
        objective = Objective(scene, config.model_copy(update={"layers": name}))
        pictures = []
        for first in range(0, known[name], BATCH):
            numbers = torch.arange(first, min(first + BATCH, known[name]))

            aim = _one_each(objective, name, numbers)
            seeded = config.model_copy(update={"seed": config.seed + first})
            told = _told(
                watch, f"{name}, channel {first}", behind, len(numbers), everything, config
            )
            pictures.append(grow(aim, len(numbers), seeded, told))
            behind += len(numbers)
        edge = config.side // EDGE
        sheets.append((name, torch.cat(pictures)[:, :, edge:-edge, edge:-edge]))
    return Dream(sheets[0][1][0], sheets, [], [])


def _told(
    watch: Watch, stage: str, behind: int, count: int, everything: int, config: DreamConfig
) -> Step:
    """Tells of some channels' pictures as a part of all."""

    def step(number: int, images: Tensor, value: float) -> None:
        done = (behind + count * (number + 1) / config.steps) / everything
        watch(stage, lambda: images[0], done=done)

    return step


def _one_each(objective: Objective, layer: str, channels: Tensor) -> Aim:
    """The mean answer of another channel of a layer for each picture, in its middle."""

    def aim(images: Tensor) -> Tensor:
        response = objective.responses(images)[layer]
        maps = response[torch.arange(len(images)), channels]
        high, wide = (side // EDGE for side in maps.shape[1:])
        return maps[:, high : maps.shape[1] - high, wide : maps.shape[2] - wide].mean((1, 2))

    return aim
