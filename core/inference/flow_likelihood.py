"""How likely a flow makes pictures: bits per dimension, by following its velocity to the noise.

Along dx/dt = v(x, t) the logarithm of the density falls by the divergence of v (Chen et al. 2018),
so log p₀(x₀) = log N(x₁; 0, I) + ∫₀¹ div v dt. The divergence is E[εᵀ(∂v/∂x)ε] for random signs ε
(Hutchinson 1990; Grathwohl et al. 2019; Song et al. 2021).

Pictures of greys have no density, so the way begins a little after 0 with some noise in them. What
the noise hides of a grey is paid for: the figure bounds the bits from above, as in Kingma et al.
(2021).
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
START = 0.002
"""Time at which a picture's density is taken: its noise of 0.002 is a quarter of the step between
greys, 2 / 255, so that nearly every grey can still be read."""
STEPS = 16
"""Of four looks each. The steps are equal in log t: near the picture v is what is left of the noise
divided by t, which so changes as slowly there as everywhere."""
AROUND = 9
MAX_PROBES, MAX_IMAGES = 64, 10_000


class BitsPerDimension(NamedTuple):
    """The mean over pictures in bits per number of a picture; fewer is likelier.

    Each picture has several probes, each with noise of its own.
    """

    mean: float
    error: float
    """The standard error of the mean over pictures and all that is random in them; NaN of one."""
    probe_error: float
    """The part of it that comes from probes and noise; NaN with one probe."""
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

    With q the noise that is added to greys k, -log₂ P(k) is at most the mean over x from q of
    -log₂ p(x) - log₂ P(k | x) + log₂ q(x | k), where p is the flow's density and P(k | x) names
    each grey by its distance alone. A finite number of steps adds an error of its own that no
    interval here contains.

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
    greys = pixels.repeat_interleave(probes, 0)
    noise = torch.randn(greys.shape, generator=generator)
    signs = torch.randint(0, 2, greys.shape, generator=generator).float() * 2 - 1
    scale = (1 - START) * 2 / (GREYS - 1)
    x = scale * greys - (1 - START) + START * noise
    added = (-0.5 * noise.square() - math.log(START * math.sqrt(2 * math.pi))).sum((1, 2, 3))
    paid = added - read(greys, noise, scale / START)

    def bits_with(steps: int) -> Tensor:
        nats = paid - log_density(prior, x, signs, how._replace(steps=steps), check)
        return (nats / (math.prod(prior.shape) * math.log(2))).view(-1, probes)

    bits = bits_with(how.steps)
    halved = float(bits_with(max(1, how.steps // 2)).mean())
    each = bits.mean(1)
    count = len(each)
    error = float(each.std() / count**0.5) if count > 1 else math.nan
    within_picture = bits.var(1).mean() / probes if probes > 1 else torch.tensor(math.nan)
    probe_error = float((within_picture / count).sqrt())
    return BitsPerDimension(float(each.mean()), error, probe_error, halved, each)


def bits_by_place(others: Tensor, pixels: Tensor) -> float:
    """The mean bits per number that pictures take without a network, which a flow has to beat.

    Each number is packed by how often other pictures have its grey at its place, a 256th of a
    picture more for every grey.

    Args:
        others: uint8 (M, C, H, W), without those that are packed.
        pixels: uint8 (N, C, H, W).
    """
    counts = torch.full((math.prod(others.shape[1:]), GREYS), 1 / GREYS)
    for start in range(0, len(others), 1000):
        greys = others[start : start + 1000].flatten(1).T.long()
        counts.scatter_add_(1, greys, torch.ones(greys.shape))
    packed = counts.gather(1, pixels.flatten(1).T.long())
    return float((math.log2(len(others) + 1) - packed.log2()).mean())


def one_of_each(labels: Tensor, each: int, seed: int = 0) -> Tensor:
    """The places of `each` pictures of every class (K,), drawn by a seed: a choice among test
    images that are in no random order. Of pictures without classes as many as of ten."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    classes = sorted(set(labels.tolist()))
    if classes == [-1]:
        return order[: 10 * each]
    return torch.cat([order[labels[order] == label][:each] for label in classes])


def read(greys: Tensor, noise: Tensor, apart: float) -> Tensor:
    """Return the log probability, in nats, with which greys are read again under noise, (N,).

    Each number is read by its distance to the greys around it alone.

    Args:
        greys: uint8 (N, C, H, W).
        noise: normal numbers like them.
        apart: what lies between two greys, in standard deviations of the noise; above 1, so that
            greys further than `AROUND` away cannot be meant.
    """
    beside = torch.arange(-AROUND, AROUND + 1)
    logits = -0.5 * (noise[..., None] - apart * beside).square()
    others = greys[..., None] + beside
    logits[(others < 0) | (others >= GREYS)] = -math.inf
    return logits.log_softmax(-1)[..., AROUND].sum((1, 2, 3))


def log_density(prior: Prior, x: Tensor, signs: Tensor, how: How, check: Check = silent) -> Tensor:
    """The logarithm of the flow's density at x (N, C, H, W) at the time `START`, in nats, (N,).

    By the classic method of Runge and Kutta, in log t.

    Args:
        signs: directions like x in which the divergence is taken, one a picture.
        how: its steps and class count.
    """
    length = -math.log(START) / how.steps
    total = torch.zeros(len(x))

    def slope(x: Tensor, done: float) -> tuple[Tensor, Tensor]:
        time = torch.tensor(START ** (1 - done / how.steps))
        velocity, divergence = _velocity(prior, x, time, signs, how)
        return time * velocity, time * divergence

    for step in range(how.steps):
        check(f"following the flow, step {step + 1} of {how.steps}")
        first, fall = slope(x, step)
        second, fall_2 = slope(x + length / 2 * first, step + 0.5)
        third, fall_3 = slope(x + length / 2 * second, step + 0.5)
        last, fall_4 = slope(x + length * third, step + 1)
        x = x + length * (first + 2 * second + 2 * third + last) / 6
        total = total + length * (fall + 2 * fall_2 + 2 * fall_3 + fall_4) / 6
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
