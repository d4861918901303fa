"""Drawing with a network that only takes noise away: it looks over and over, from noise to image.

Euler's steps (which are DDIM's), Heun's, ancestral sampling and what lies between, with guidance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from core.models.denoising_nets import DiffusionNet
from core.models.noise_processes import Guess, Process, Scales

Shape = tuple[int, int, int]
STEPS = 20
"""Steps in which images are usually drawn."""


class Sampling(NamedTuple):
    """How images are drawn."""

    steps: int = STEPS
    order: int = 1
    """Looks that a step takes: 1 (Euler, which is DDIM), or 2 (Heun)."""
    eta: float = 0.0
    """Share of the noise that is drawn anew at each step (Song et al. 2021): 0 makes the picture a
    function of its first noise, 1 is the ancestral sampling of Ho et al. 2020."""
    guidance: float = 0.0
    """How far to go beyond what is said with the class, away from what is said without."""


USUAL = Sampling()
OnStep = Callable[[int, Tensor, Guess], None]


@torch.inference_mode()
def denoise(
    process: Process,
    model: DiffusionNet,
    noise: Tensor,
    labels: Tensor | None = None,
    how: Sampling | None = None,
    generator: torch.Generator | None = None,
    on_step: OnStep = lambda step, x, guess: None,
) -> Tensor:
    """Draw images in [-1, 1] from normal noise (N, C, H, W).

    Args:
        labels: the classes (N,) that they are to be of; None for any.
        generator: of the noise that is drawn anew with `eta`; required there.
        on_step: called before each step with its number, the noisy images and the guess at them.

    Raises:
        ValueError: no steps, more than a thousand, or `eta` without a generator.
    """
    how = how or USUAL
    possible = 1 <= how.steps <= 1000 and 0 <= how.eta <= 1 and how.order in (1, 2)
    if not possible or (how.order == 2 and how.eta):
        raise ValueError(
            "Between 1 and 1,000 steps, an η from 0 to 1, one look a step, or two where η is 0."
        )
    times = torch.linspace(1, 0, how.steps + 1, device=noise.device)
    x = process.first(noise)
    for step in range(how.steps):
        now, then = (process.scales(times[step + i : step + i + 1]).spread() for i in (0, 1))
        guess = look(process, model, x, times[step], labels, how.guidance)
        on_step(step, x, guess)
        new = new_noise(now, then, how.eta)
        kept = (then.sigma.square() - new.square()).clamp_min(0).sqrt()
        ahead = then.alpha * guess.image + kept * guess.noise
        if how.order == 2 and step < how.steps - 1:
            # dx = x₀ dα + ε dσ, by the trapezoid rule: the mean of what is seen here and there
            there = look(process, model, ahead, times[step + 1], labels, how.guidance)
            image, left = ((a + b) / 2 for a, b in zip(guess, there, strict=True))
            ahead = x + (then.alpha - now.alpha) * image + (then.sigma - now.sigma) * left
        if how.eta:
            if generator is None:
                raise ValueError("Noise that is drawn anew needs a generator.")
            ahead += new * torch.randn(x.shape, generator=generator, device=x.device)
        x = ahead
    return x


def look(
    process: Process,
    model: DiffusionNet,
    x: Tensor,
    t: Tensor,
    labels: Tensor | None = None,
    guidance: float = 0.0,
) -> Guess:
    """Have a network look at noisy images (N, C, H, W), all at the time t ().

    With guidance g it says (1 + g) of what it says with the class, less g of what it says without
    (Ho and Salimans 2022).
    """
    times = t.expand(len(x))
    scales = process.scales(times).spread()
    said = model(x, times, labels)
    if guidance and labels is not None and model.classes:
        said = (1 + guidance) * said - guidance * model(x, times, None)
    return process.guess(x, said, scales)


def new_noise(now: Scales, then: Scales, eta: float) -> Tensor:
    """The level of the noise that a step draws anew (Song et al. 2021, equation 16).

    Written by signal to noise, so that it holds for any α and σ: σ' √(1 - (α σ' / α' σ)²).
    """
    ratio = now.alpha * then.sigma / (then.alpha * now.sigma)
    return eta * then.sigma * (1 - ratio.square()).clamp_min(0).sqrt()


def first_noise(count: int, shape: Shape, seed: int) -> Tensor:
    """Normal noise (N, C, H, W): the i-th of a seed is the same however many are drawn."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(shape, generator=generator) for _ in range(count)])
