"""A finished diffusion as a prior: pictures that agree with what was measured of one.

The network only takes noise away. A perfect one says the mean of all pictures that a noisy one may
have come from, which is where the slope of log p(x) points (Miyasawa 1961); whoever follows it, and
puts back what is known at every step, draws from the pictures that could have been measured.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple, NoReturn

import torch
from torch import Tensor

from core.cancellation import Check, silent
from core.errors import LabError
from core.inference.linear_measurements import Measurement
from core.models.denoising_nets import DiffusionNet
from core.models.noise_processes import LEAST_SIGMA, MOST_SIGMA, Guess, Process
from core.models.sampling import look, new_noise
from core.runs.store import Run
from core.tasks import load_model
from core.tasks.diffusion import DIFFUSION
from core.tasks.family import Shape

STEPS, BLIND_STEPS = 20, 70
MAX_STEPS, MAX_SOLVES, MAX_SAMPLES = 1000, 10, 100
MAX_GUIDANCE = 20.0
GAIN = 0.02
"""First step of the ascent as a share of the way to the guess (h₀ of Kadkhodaie and Simoncelli)."""
LEAST_CURVE = 1e-3
"""Uncertainty of a direction, as a share of the noise's, below which it corrects no guess."""
PLAIN_RATIO = 1.0
"""Noise to picture, σ / α, at which the plain restoration looks once."""


class Prior(NamedTuple):
    """A finished diffusion: its process and its network, which takes images in [-1, 1]."""

    process: Process
    model: DiffusionNet

    @property
    def shape(self) -> Shape:
        """Of its pictures, (C, H, W)."""
        return self.model.shape


class How(NamedTuple):
    """How samples are drawn."""

    steps: int = STEPS
    solves: int = 1
    """Steps of conjugate gradients by which each guess takes into account what is known, 0 to 10;
    with 0 it is only put into the guess."""
    eta: float = 1.0
    """Share of the noise that each step draws anew, 0 to 1."""
    guidance: float = 0.0
    label: int | None = None
    """The class that is asked for; None for any."""
    seed: int = 0


class Posterior(NamedTuple):
    """Samples (S, C, H, W) that agree with a measurement, with their mean and their standard
    deviation at each pixel (1, C, H, W); beside them what needs no sampling, (1, C, H, W). All
    in [0, 1]."""

    samples: Tensor
    mean: Tensor
    spread: Tensor
    inverse: Tensor
    """The pseudo-inverse: what was measured, and mid-grey where nothing is known."""
    one_look: Tensor
    """What the network takes that for at once, with the known put back."""


def prior_of(run: Run) -> Prior:
    """Load the run's network. Raises RunBroken, and LabError if it is no diffusion."""
    model = load_model(run)
    if not isinstance(model, DiffusionNet):
        raise LabError(f"{run.id} is no diffusion: it takes no noise away step by step.")
    return Prior(DIFFUSION.variant(run.spec().variant).process, model)


def usual(prior: Prior) -> How:
    """How samples worth looking at are drawn, for all we have tried; a blind network's ascent is as
    published."""
    return How(BLIND_STEPS, solves=0) if prior.model.blind else How()


def measured(measurement: Measurement, pictures: Tensor) -> Tensor:
    """The numbers (N, C, k) of pictures (N, C, H, W) in [0, 1], as `posterior` takes them."""
    return measurement.of(2 * pictures - 1)


@torch.no_grad()
def posterior(
    prior: Prior,
    measurement: Measurement,
    numbers: Tensor,
    count: int,
    how: How | None = None,
    check: Check = silent,
) -> Posterior:
    """Draw pictures that agree with what was measured of one.

    Each guess is corrected by the numbers (Song et al. 2023; Rozet et al. 2024) and projected onto
    the pictures that have them (Wang et al. 2023). A network that is told the time then takes its
    usual steps; a blind one climbs by the stochastic ascent of Kadkhodaie and Simoncelli 2021,
    which is theirs where nothing is corrected. All only come near the posterior, however many
    steps they take.

    Args:
        numbers: (1, C, k), of `measured`.
        count: of samples, 1 to 100. The first ones are the same however many there are.
        check: called before each step.

    Raises:
        LabError: a number out of bounds, another size of pictures, a class that the network does
            not have, or samples that are no numbers any more.
    """
    how = checked(prior, how or usual(prior), count)
    channels, height, width = prior.shape
    if (measurement.height, measurement.width) != (height, width):
        raise LabError(
            f"This network draws pictures of {height}×{width} pixels: measure such a one."
        )
    if tuple(numbers.shape) != (1, channels, len(measurement.rows)):
        raise LabError("Measure one picture, with as many channels as the network draws.")
    if not bool(numbers.isfinite().all()):
        raise LabError("What was measured has to be numbers: one of them is infinite or none.")
    noises = Noises(how.seed, count, prior.shape)

    def project(x: Tensor) -> Tensor:
        return measurement.project(x, numbers)

    walk = _ascent if prior.model.blind else _projected
    x = walk(prior, measurement, numbers, noises, how, check)
    if not bool(x.isfinite().all()):
        _lost()

    def finished(x: Tensor) -> Tensor:
        """Into the range, and where that moves a known pixel, back."""
        unit_numbers = (numbers + measurement.of(torch.ones(1, *prior.shape))) / 2
        pictures = measurement.project(((x + 1) / 2).clamp(0, 1), unit_numbers)
        return pictures.clamp(0, 1)

    inverse = measurement.back(numbers)
    time = time_of(prior.process, PLAIN_RATIO)
    alpha, sigma = prior.process.scales(time[None]).spread()
    noise = Noises(how.seed, 1, prior.shape).draw()
    guess = looked(prior, alpha * inverse + sigma * noise, time, how)
    samples = finished(x)
    return Posterior(
        samples,
        samples.mean(0, keepdim=True),
        samples.std(0, correction=0, keepdim=True),
        ((inverse + 1) / 2).clamp(0, 1),
        finished(project(guess.image)),
    )


@torch.inference_mode()
def edit(
    prior: Prior,
    picture: Tensor,
    strength: float,
    count: int,
    how: How,
    check: Check = silent,
) -> Tensor:
    """Add noise to a picture and take it away again (SDEdit, Meng et al. 2022).

    Args:
        picture: (1, C, H, W) in [0, 1], such as a scribble.
        strength: the time at which the way back begins: near 0 gives the picture back, 1 another.
        count: of results, 1 to 100, each from noise of its own.
        check: called before each step.

    Returns:
        (count, C, H, W) in [0, 1].

    Raises:
        LabError: a number out of bounds, or a picture of another shape.
    """
    how = checked(prior, how, count)
    if tuple(picture.shape) != (1, *prior.shape):
        size = "×".join(map(str, prior.shape))
        raise LabError(f"This network draws pictures of {size} numbers: bring yours to that size.")
    if not 0 < strength <= 1:
        raise LabError("The strength lies above 0, which would leave the picture, up to 1.")
    noises = Noises(how.seed, count, prior.shape)
    times = torch.linspace(strength, 0, how.steps + 1)
    alpha, sigma = prior.process.scales(times[:1]).spread()
    x = alpha * (2 * picture - 1) + sigma * noises.draw()
    for now, then in pairwise(times):
        check("taking noise away")
        guess = looked(prior, x, now, how)
        x = _ahead(prior.process, guess, (now, then), how.eta, noises)
    if not bool(x.isfinite().all()):
        _lost()
    return (x.clamp(-1, 1) + 1) / 2


def checked(prior: Prior, how: How, count: int) -> How:
    """`how`, if samples can be drawn so. Raises LabError."""
    if not 1 <= count <= MAX_SAMPLES:
        raise LabError(f"Draw between 1 and {MAX_SAMPLES} pictures.")
    if not 1 <= how.steps <= MAX_STEPS:
        raise LabError(f"Take between 1 and {MAX_STEPS:,} steps.")
    if not 0 <= how.solves <= MAX_SOLVES:
        raise LabError(f"Correct each guess in between 0 and {MAX_SOLVES} steps.")
    if not 0 <= how.eta <= 1:
        raise LabError("The share η of new noise lies between 0 and 1.")
    if not 0 <= how.guidance <= MAX_GUIDANCE:
        raise LabError(f"The guidance lies between 0 and {MAX_GUIDANCE:g}.")
    if not 0 <= how.seed < 2**31:
        raise LabError("A seed is a whole number from 0 to 2,147,483,647.")
    classes = prior.model.classes
    if how.label is not None and not classes:
        raise LabError("This network was told no classes, so it cannot be asked for one.")
    if how.label is not None and not 0 <= how.label < classes:
        raise LabError(f"This network has the classes 0 to {classes - 1} only.")
    return how


def time_of(process: Process, ratio: float) -> Tensor:
    """The time () at which the noise is `ratio` times the picture, σ / α = `ratio`, to a
    thousandth; the last one where it is never so strong.

    The ratio is in the units of images in [-1, 1]: there the greys are two apart.
    """
    times = torch.linspace(0, 1, 1001)[1:]
    alpha, sigma = process.scales(times)
    return times[int((sigma / alpha.clamp_min(1e-9) - ratio).abs().argmin())]


class Noises:
    """Normal noise for each sample from a stream of its own, so that a sample does not depend on
    how many are drawn with it."""

    def __init__(self, seed: int, count: int, shape: Shape) -> None:
        self.shape = shape
        self.streams = [torch.Generator().manual_seed((seed << 16) + i) for i in range(count)]

    def draw(self) -> Tensor:
        """The next noise of each sample, (N, C, H, W)."""
        return torch.stack([torch.randn(self.shape, generator=g) for g in self.streams])


# ---- two ways from noise to a picture


def _projected(
    prior: Prior,
    measurement: Measurement,
    numbers: Tensor,
    noises: Noises,
    how: How,
    check: Check,
) -> Tensor:
    """Each step goes where the guess leads once it agrees with the numbers."""
    process = prior.process
    times = torch.linspace(1, 0, how.steps + 1)
    x = process.first(noises.draw())
    for step, (now, then) in enumerate(pairwise(times)):
        check(f"drawing, step {step + 1} of {how.steps}")
        alpha, sigma = process.scales(now[None]).spread()
        image = measurement.project(_told(prior, measurement, numbers, x, now, how), numbers)
        # the noise that is in x if the image is this
        guess = Guess(image, (x - alpha * image) / sigma)
        x = _ahead(process, guess, (now, then), how.eta, noises)
    return x


def _told(
    prior: Prior,
    measurement: Measurement,
    numbers: Tensor,
    x: Tensor,
    now: Tensor,
    how: How,
) -> Tensor:
    """The guess at x, corrected by what the numbers m say of it (Rozet et al. 2024).

    If the pictures that x may come from were normal with covariance C, the mean of those with the
    numbers m would be x̂ + C Mᵀ (M C Mᵀ)⁻¹ (m - M x̂). C is the Jacobian of the guess times σ²/α,
    which cancels; products with it come from automatic differentiation.
    """
    if not how.solves:
        return looked(prior, x, now, how).image
    with torch.enable_grad():
        x = x.clone().requires_grad_(True)
        image = looked(prior, x, now, how).image
        guess = image.detach()
        left = numbers - measurement.of(guess)
        towards, squares = left, left.square().sum((1, 2), keepdim=True)
        for solve in range(how.solves):
            last = solve == how.solves - 1
            back = measurement.back(towards)
            (moved,) = torch.autograd.grad(image, x, back, retain_graph=not last)
            seen = measurement.of(moved)
            curve = (towards * seen).sum((1, 2), keepdim=True)
            # A direction in which nothing is uncertain any more explains nothing either.
            sound = curve > LEAST_CURVE * towards.square().sum((1, 2), keepdim=True)
            length = torch.where(sound, squares / curve, 0.0)
            guess = guess + length[..., None] * moved
            left = left - length * seen
            before, squares = squares, left.square().sum((1, 2), keepdim=True)
            towards = left + squares / before.clamp_min(1e-20) * towards
    return guess


def _ahead(
    process: Process, guess: Guess, way: tuple[Tensor, Tensor], eta: float, noises: Noises
) -> Tensor:
    """Take a step from one time to an earlier one, as in drawing."""
    now, then = (process.scales(t[None]).spread() for t in way)
    new = new_noise(now, then, eta)
    kept = (then.sigma.square() - new.square()).clamp_min(0).sqrt()
    ahead = then.alpha * guess.image + kept * guess.noise
    return ahead + new * noises.draw() if eta else ahead


def _ascent(
    prior: Prior,
    measurement: Measurement,
    numbers: Tensor,
    noises: Noises,
    how: How,
    check: Check,
) -> Tensor:
    """Algorithm 2 of Kadkhodaie and Simoncelli 2021: a part of the way to the guess, plus noise, so
    that the level falls by 1 - βh a step. It ends with the guess itself.

    Nobody has to know how much noise there is: the level is what the network takes away.
    """
    gain, keep = schedule(how.steps)
    unknown = torch.full((1, *prior.shape), prior.process.begin)
    known = measurement.back(numbers - measurement.of(unknown))
    x = prior.process.first(noises.draw()) + known
    time = torch.tensor(0.5)  # which a blind network is not told
    for step in range(1, how.steps + 1):
        check(f"drawing, step {step} of {how.steps}")
        guess = measurement.project(_told(prior, measurement, numbers, x, time, how), numbers)
        if step == how.steps:
            return guess
        towards = guess - x
        level = towards.square().mean((1, 2, 3), keepdim=True).sqrt()
        part = _part(gain, step)
        fresh = ((1 - keep * part) ** 2 - (1 - part) ** 2) ** 0.5
        x = x + part * towards + fresh * level * noises.draw()
    return x


def schedule(steps: int) -> tuple[float, float]:
    """h₀ and β with which a perfect denoiser's level falls from the first to the last in `steps`.

    A hundred steps or so are those of the paper, 0.02 and 0.1; for fewer the parts are larger and
    less noise is drawn anew.
    """
    gain = min(1.0, max(GAIN, 2 / steps))
    goal = math.log(LEAST_SIGMA / MOST_SIGMA)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        parts = (_part(gain, step) for step in range(1, steps + 1))
        fallen = sum(math.log(max(1 - middle * part, 1e-9)) for part in parts)
        low, high = (low, middle) if fallen < goal else (middle, high)
    return gain, high


def _part(gain: float, step: int) -> float:
    """h of a step, from h₀ towards 1."""
    return gain * step / (1 + gain * (step - 1))


def looked(prior: Prior, x: Tensor, time: Tensor, how: How) -> Guess:
    """Have the network look at noisy images (N, C, H, W) in [-1, 1] at a time ()."""
    labels = None if how.label is None else torch.full((len(x),), how.label)
    return look(prior.process, prior.model, x, time, labels, how.guidance)


def _lost() -> NoReturn:
    raise LabError(
        "The numbers grew beyond all bounds on the way: take more steps, or less guidance."
    )
