"""How likely a flow makes pictures: bits per dimension, by following its velocity to the noise.

Along dx/dt = v(x, t) the logarithm of the density falls by the divergence of v (Chen et al. 2018),
so log p₀(x₀) = log N(x₁; 0, I) + ∫₀¹ div v dt. The divergence is E[εᵀ(∂v/∂x)ε] for random signs ε
(Hutchinson 1990; Grathwohl et al. 2019; Song et al. 2021).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from core.cancellation import Check, silent
from core.errors import LabError
from core.inference.posterior_sampling import How, Prior, checked, looked
from core.models.noise_processes import VELOCITY

GREYS = 256
CROWDING = 3
"""Power of the times: the steps are short at first, near the picture, where a density with sharp
peaks bends the way most."""
STEPS = 20
MAX_PROBES, MAX_IMAGES = 64, 10_000


class BitsPerDimension(NamedTuple):
    """The mean over pictures in bits per number of a picture; fewer is likelier.

    Each picture has several probes, and with each of them noise of its own within its grey levels.
    """

    mean: float
    error: float
    """The standard error of the mean over pictures and all that is random in them; NaN of one."""
    probe_error: float
    """The part of it that comes from probes and noise within grey levels; NaN with one probe."""
    halved: float
    """The mean with half as many steps: how far it is away tells how much the steps still matter,
    which no error here contains."""
    each: Tensor
    """Of each picture, (N,)."""


def bits_per_dimension(
    prior: Prior,
    pixels: Tensor,
    probes: int = 2,
    how: How | None = None,
    check: Check = silent,
) -> BitsPerDimension:
    """Measure uint8 pictures (N, C, H, W) by a flow.

    Every grey k becomes (k + u) / 256 with u uniform in [0, 1): the figure bounds from above that
    of the probabilities which the flow gives to greys (Theis et al. 2016). Steps are Heun's, so a
    finite number of them adds an error of its own that no interval here contains.

    Args:
        probes: random directions a picture, 1 to 64.
        how: its steps, class and seed count.
        check: called before each step.

    Raises:
        LabError: no flow, pictures of another shape, or a number out of bounds.
    """
    how = how or How(STEPS)
    checked(prior, how, 1)
    if prior.process is not VELOCITY:
        raise LabError("Bits per dimension are those of a flow: choose such a network.")
    if not 1 <= len(pixels) <= MAX_IMAGES or tuple(pixels.shape[1:]) != prior.shape:
        size = "×".join(map(str, prior.shape))
        raise LabError(f"Give between 1 and {MAX_IMAGES:,} pictures of {size} numbers.")
    if not 1 <= probes <= MAX_PROBES:
        raise LabError(f"Take between 1 and {MAX_PROBES} probes.")
    generator = torch.Generator().manual_seed(how.seed)
    repeated = pixels.float().repeat_interleave(probes, 0)
    within = torch.rand(repeated.shape, generator=generator)
    x = 2 * (repeated + within) / GREYS - 1
    signs = torch.randint(0, 2, x.shape, generator=generator).float() * 2 - 1

    def bits_with(steps: int) -> Tensor:
        nats = log_density(prior, x, signs, how._replace(steps=steps), check)
        per_number = nats / (math.prod(prior.shape) * math.log(2))
        return (math.log2(GREYS / 2) - per_number).view(-1, probes)

    bits = bits_with(how.steps)
    halved = float(bits_with(max(1, how.steps // 2)).mean())
    each = bits.mean(1)
    count = len(each)
    error = float(each.std() / count**0.5) if count > 1 else math.nan
    within_picture = bits.var(1).mean() / probes if probes > 1 else torch.tensor(math.nan)
    probe_error = float((within_picture / count).sqrt())
    return BitsPerDimension(float(each.mean()), error, probe_error, halved, each)


def one_of_each(labels: Tensor, each: int, seed: int = 0) -> Tensor:
    """The places of `each` pictures of every class (K,), drawn by a seed: a choice among test
    images that are in no random order. Of pictures without classes as many as of ten."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    classes = sorted(set(labels.tolist()))
    if classes == [-1]:
        return order[: 10 * each]
    return torch.cat([order[labels[order] == label][:each] for label in classes])


def log_density(prior: Prior, x: Tensor, signs: Tensor, how: How, check: Check = silent) -> Tensor:
    """The logarithm of the flow's density at x (N, C, H, W) in [-1, 1], in nats, (N,).

    Args:
        signs: directions like x in which the divergence is taken, one a picture.
        how: its steps and class count.
    """
    times = torch.linspace(0, 1, how.steps + 1) ** CROWDING
    total = torch.zeros(len(x))
    for step in range(how.steps):
        check(f"following the flow, step {step + 1} of {how.steps}")
        length = times[step + 1] - times[step]
        here, fall = _velocity(prior, x, times[step], signs, how)
        there, fall_there = _velocity(prior, x + length * here, times[step + 1], signs, how)
        x = x + length * (here + there) / 2
        total = total + length * (fall + fall_there) / 2
    dimensions = math.prod(prior.shape)
    normal = -0.5 * (x.square().sum((1, 2, 3)) + dimensions * math.log(2 * math.pi))
    return normal + total


def _velocity(
    prior: Prior, x: Tensor, time: Tensor, signs: Tensor, how: How
) -> tuple[Tensor, Tensor]:
    """v (N, C, H, W), and εᵀ(∂v/∂x)ε (N,)."""
    with torch.inference_mode(False), torch.enable_grad():
        x = x.detach().clone().requires_grad_(True)
        guess = looked(prior, x, time, how)
        velocity = guess.noise - guess.image
        (pulled,) = torch.autograd.grad((velocity * signs).sum(), x)
    return velocity.detach(), (pulled * signs).sum((1, 2, 3))
