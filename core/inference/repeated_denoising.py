"""A denoiser that is used over and over: a spoilt picture, with noise added, becomes a new one."""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import LabError
from core.models.denoising_nets import DiffusionNet
from core.models.noise_processes import Process
from core.models.sampling import first_noise, look

MAX_STEPS = 100


class Looks(NamedTuple):
    """What a network saw and said at each of its steps, lists of (N, C, H, W) in [0, 1]."""

    seen: list[Tensor]
    guesses: list[Tensor]
    end: Tensor
    """The pictures (N, C, H, W) that came out."""


@torch.inference_mode()
def repeated(
    process: Process,
    model: DiffusionNet,
    picture: Tensor,
    strength: float,
    steps: int,
    seed: int = 0,
) -> Looks:
    """Add noise to pictures, and take a part of it away again and again (SDEdit, Meng et al. 2022).

    Args:
        picture: (N, C, H, W) in [0, 1]; the i-th gets the i-th noise of the seed.
        strength: the time, above 0 up to 1, whose noise is added.
        steps: in which it is taken away, 1 to 100.

    Raises:
        LabError: a number out of bounds, or pictures of another shape.
    """
    if not 0 < strength <= 1 or not 1 <= steps <= MAX_STEPS:
        raise LabError(f"A strength above 0 up to 1, and from 1 to {MAX_STEPS} steps.")
    if tuple(picture.shape[1:]) != tuple(model.shape):
        raise LabError("This network takes pictures of another size.")
    times = torch.linspace(strength, 0, steps + 1)
    noise = first_noise(len(picture), model.shape, seed)
    x = process.noisy(2 * picture - 1, noise, times[:1])
    looks = Looks([], [], x)
    for now, then in pairwise(times):
        guess = look(process, model, x, now)
        looks.seen.append(_unit(x))
        looks.guesses.append(_unit(guess.image))
        there = process.scales(then[None]).spread()
        x = there.alpha * guess.image + there.sigma * guess.noise
    return looks._replace(end=_unit(x))


def _unit(x: Tensor) -> Tensor:
    return ((x + 1) / 2).clamp(0, 1)
