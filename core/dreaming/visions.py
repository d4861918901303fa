"""Feature visualisation: pictures optimised from noise for channels and classes (Olah et al. 2017).

The picture is parametrised by its Fourier spectrum with decorrelated colours, which preconditions
the optimisation, and it is shifted, scaled and turned a little before each forward pass, so that
only what is robust to that can grow.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from core.dreaming.config import Dream, DreamConfig, Report, Scene, layer_channels, targets
from core.dreaming.objectives import Objective

COLOURS = (
    (0.26, 0.09, 0.02),
    (0.27, 0.00, -0.05),
    (0.27, -0.09, 0.03),
)
"""Square root of the covariance of the colours of ImageNet's photographs (lucid)."""
START_STD = 0.01
CONTRAST = 4.0
"""Divisor between the spectrum and the picture (lucid)."""
SCALE_RANGE = (0.9, 1.1)
MAX_DEGREES = 8.0
STAGE_COUNT = 6
"""Number of pictures that are saved of an optimisation."""
EDGE_FRACTION = 6
"""An atlas crops the side divided by this from each edge of its pictures."""
BATCH_SIZE = 16
"""Number of channels whose pictures are optimised at once."""
Aim = Callable[[Tensor], Tensor]
"""From images (N, 3, H, W) in [0, 1] to the objective (N,)."""
Step = Callable[[int, Tensor, float], None]
"""Called after each step with its number, the pictures and the mean objective."""


class Spectrum:
    """Pictures (N, 3, side, side) parametrised by their Fourier spectra."""

    def __init__(self, count: int, side: int, generator: torch.Generator) -> None:
        self.side = side
        rows = torch.fft.fftfreq(side)[:, None]
        columns = torch.fft.rfftfreq(side)[None]
        frequency = (rows.square() + columns.square()).sqrt()
        # Photographs have amplitudes of about 1 / frequency; so all frequencies learn alike.
        self.scale = 1 / frequency.clamp_min(1 / side)
        shape = (count, 3, *frequency.shape, 2)
        self.waves = (START_STD * torch.randn(shape, generator=generator)).requires_grad_(True)
        colours = torch.tensor(COLOURS)
        self.colours = colours / colours.norm(dim=0).max()

    def pictures(self) -> Tensor:
        """Return the pictures (N, 3, side, side) in [0, 1]."""
        waves = torch.view_as_complex(self.waves) * self.scale
        raw = torch.fft.irfft2(waves, s=(self.side, self.side), norm="ortho") / CONTRAST
        return torch.einsum("oc,nchw->nohw", self.colours, raw).sigmoid()


def optimise(aim: Aim, count: int, config: DreamConfig, step: Step) -> Tensor:
    """Optimise pictures (N, 3, side, side) in [0, 1] for an aim, starting from noise."""
    generator = torch.Generator().manual_seed(config.seed)
    spectrum = Spectrum(count, config.side, generator)
    optimiser = torch.optim.Adam([spectrum.waves], lr=config.rate)
    for number in range(config.steps):
        with torch.enable_grad():
            images = spectrum.pictures()
            seen = jittered(images, generator) if config.wobble else images
            value = aim(seen)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(-value.sum())
        optimiser.step()
        step(number, images.detach(), float(value.detach().mean()))
    with torch.no_grad():
        return spectrum.pictures()


def jittered(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift by up to an eighth, scale and turn all images alike; edges are mirrored."""
    low, high = SCALE_RANGE
    u = torch.rand(4, generator=generator).tolist()
    scale = low + (high - low) * u[0]
    angle = math.radians(MAX_DEGREES * (2 * u[1] - 1))
    shift = [(2 * v - 1) / 8 for v in u[2:]]
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    theta = torch.tensor([[cos, -sin, shift[0]], [sin, cos, shift[1]]])
    grid = F.affine_grid(theta.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def visualise(scene: Scene, config: DreamConfig, report: Report) -> Dream:
    """Optimise a picture from noise for a mixture of layers, channels or classes."""
    objective = Objective(scene, config)
    history: list[dict[str, float]] = []
    stages: list[tuple[str, Tensor]] = []
    kept = {round(config.steps * (i + 1) / STAGE_COUNT) for i in range(STAGE_COUNT)}

    def step(number: int, images: Tensor, value: float) -> None:
        done = number + 1
        history.append({"epoch": done, "octave": 1, "objective": value})
        if done in kept:
            stages.append((f"step {done}", images[0]))
        report(
            f"step {done} of {config.steps}",
            lambda: images[0],
            epoch=done,
            epochs=config.steps,
            done=done / config.steps,
        )

    picture = optimise(objective, 1, config, step)[0]
    return Dream(picture, [*stages[:-1], (f"step {config.steps}", picture)], history, [])


def atlas(scene: Scene, config: DreamConfig, report: Report) -> Dream:
    """Optimise a picture for each channel of each layer of the mixture.

    Its stages are sheets, by the name of the layer, of the centres of the channels' pictures.
    """
    channels = layer_channels(config.backbone)
    names = list(dict.fromkeys(t.layer for t in targets(config.layers)))
    total, finished = sum(channels[name] for name in names), 0
    sheets = []
    for name in names:
        objective = Objective(scene, config.model_copy(update={"layers": name}))
        pictures = []
        for first in range(0, channels[name], BATCH_SIZE):
            numbers = torch.arange(first, min(first + BATCH_SIZE, channels[name]))

            aim = _one_channel_each(objective, name, numbers)
            seeded = config.model_copy(update={"seed": config.seed + first})
            step = _batch_step(
                report, f"{name}, channel {first}", finished, len(numbers), total, config
            )
            pictures.append(optimise(aim, len(numbers), seeded, step))
            finished += len(numbers)
        edge = config.side // EDGE_FRACTION
        sheets.append((name, torch.cat(pictures)[:, :, edge:-edge, edge:-edge]))
    return Dream(sheets[0][1][0], sheets, [], [])


def _batch_step(
    report: Report, stage: str, finished: int, count: int, total: int, config: DreamConfig
) -> Step:
    """Return a step callback that reports a batch of channels as a part of the atlas."""

    def step(number: int, images: Tensor, value: float) -> None:
        done = (finished + count * (number + 1) / config.steps) / total
        report(stage, lambda: images[0], done=done)

    return step


def _one_channel_each(objective: Objective, layer: str, channels: Tensor) -> Aim:
    """Return the objective of an atlas: picture i maximises the centre of channel i of a layer."""

    def aim(images: Tensor) -> Tensor:
        response = objective.responses(images)[layer]
        maps = response[torch.arange(len(images)), channels]
        high, wide = (side // EDGE_FRACTION for side in maps.shape[1:])
        return maps[:, high : maps.shape[1] - high, wide : maps.shape[2] - wide].mean((1, 2))

    return aim
