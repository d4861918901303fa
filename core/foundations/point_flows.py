"""Points that become noise, and networks that learn the way back, where the right answer is known.

x = α(t) x₀ + σ(t) n for times from 0 (points) to 1 (noise). The points are drawn from a mixture of
normal distributions, so that the density at every time, its score and the velocity of the flow are
known in closed form, and a network can be held against them. The browser's engine
(pages/components/trajectory/flow.js) computes the same numbers; a test holds them together.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from core import counter_random
from core.counter_random import stream
from core.foundations.networks import Network, PlaneSettings, Row, descend

PAIRS: Final = 1024
"""Of noise and what a network drew of it, that are learnt from after a reflow."""
PAIR_STEPS: Final = 25
"""In which it drew them."""
EVALUATED: Final = 2**28
"""Number of the batch whose loss is told, beyond those of steps."""
EVALUATION: Final = 256
OF_PAIRS: Final = EVALUATED + 1
SHOWN: Final = EVALUATED + 64
ANEW: Final = EVALUATED + 128


class Scales(NamedTuple):
    """Of times: how much of the points is left and how much noise there is, and the slopes of both
    by t."""

    alpha: Tensor
    sigma: Tensor
    alpha_slope: Tensor
    sigma_slope: Tensor


def straight(t: Tensor) -> Scales:
    """A straight line from point to noise (Liu et al. 2023; Lipman et al. 2023)."""
    one = torch.ones_like(t)
    return Scales(1 - t, t, -one, one)


def preserving(t: Tensor) -> Scales:
    """α² + σ² = 1, along a quarter of a circle (Nichol and Dhariwal 2021, without their offset)."""
    angle, quarter = math.pi / 2 * t, math.pi / 2
    alpha, sigma = angle.cos(), angle.sin()
    return Scales(alpha, sigma, -quarter * sigma, quarter * alpha)


PROCESSES: dict[str, Callable[[Tensor], Scales]] = {
    "straight": straight,
    "preserving": preserving,
}


class Expected(NamedTuple):
    """What noisy places (n, d) are taken for: the points without noise, and the noise."""

    image: Tensor
    noise: Tensor


class Field(Protocol):
    """What is known of noisy places, exactly or by a network."""

    process: str

    def look(self, x: Tensor, t: Tensor) -> Expected:
        """Of places (n, d), all at the time t ()."""


def velocity(field: Field, x: Tensor, t: Tensor) -> Tensor:
    """dx/dt (n, d) of the flow: α' E[x₀ | x] + σ' E[n | x]."""
    prediction, scales = field.look(x, t), PROCESSES[field.process](t)
    return scales.alpha_slope * prediction.image + scales.sigma_slope * prediction.noise


def score(field: Field, x: Tensor, t: Tensor) -> Tensor:
    """The slope (n, d) of log p(x) at the time t > 0: -E[n | x] / σ (Tweedie's formula)."""
    return -field.look(x, t).noise / PROCESSES[field.process](t).sigma


@dataclass(frozen=True)
class Mixture:
    """Normal distributions, each of one width in all directions."""

    centres: Tensor
    """(m, d), in double precision."""
    widths: Tensor
    """(m,)"""
    shares: Tensor
    """(m,), of a sum of 1."""
    process: str = "straight"

    def draw(self, seed: int, number: int, n: int) -> Tensor:
        """Points (n, d) by counter."""
        drawn = torch.from_numpy(counter_random.uniform(seed, stream("split", number), n))
        which = torch.searchsorted(self.shares.cumsum(0), drawn, right=True)
        which = which.clamp(max=len(self.shares) - 1)
        d = self.centres.shape[1]
        spread = torch.from_numpy(counter_random.normal(seed, stream("points", number), n * d))
        return self.centres[which] + self.widths[which, None] * spread.view(n, d)

    def log_parts(self, x: Tensor, t: Tensor) -> Tensor:
        """log of each bump's part in the density at noisy places (n, d): (n, m)."""
        scales, d = PROCESSES[self.process](t), x.shape[1]
        variance = self._variance(scales)
        squares = (x[:, None] - scales.alpha * self.centres).square().sum(2)
        logs = d * (2 * math.pi * variance).log() + squares / variance
        return self.shares.log() - logs / 2

    def log_density(self, x: Tensor, t: Tensor) -> Tensor:
        """log p (n,) of noisy places (n, d) at the time t ()."""
        return self.log_parts(x, t).logsumexp(1)

    def look(self, x: Tensor, t: Tensor) -> Expected:
        """E[x₀ | x] and E[n | x], both (n, d)."""
        scales = PROCESSES[self.process](t)
        weights = self.log_parts(x, t).softmax(1)[..., None]
        off = (x[:, None] - scales.alpha * self.centres) / self._variance(scales)[:, None]
        kept = scales.alpha * self.widths.square()[:, None]
        image = (weights * (self.centres + kept * off)).sum(1)
        return Expected(image, scales.sigma * (weights * off).sum(1))

    def _variance(self, scales: Scales) -> Tensor:
        return (scales.alpha**2 * self.widths.square() + scales.sigma**2).clamp_min(1e-9)


@dataclass(frozen=True)
class Learnt:
    """What a network takes noisy places for, from the velocity that it says."""

    network: Network
    process: str = "straight"

    def look(self, x: Tensor, t: Tensor) -> Expected:
        """Of places (n, d), all at the time t ()."""
        scales = PROCESSES[self.process](t)
        with torch.no_grad():
            said = self.network(torch.cat([x, (2 * t - 1).expand(len(x), 1)], 1))
        by = scales.alpha * scales.sigma_slope - scales.sigma * scales.alpha_slope
        image = (scales.sigma_slope * x - scales.sigma * said) / by
        return Expected(image, (scales.alpha * said - scales.alpha_slope * x) / by)


def noise_of(seed: int, number: int, n: int, d: int) -> Tensor:
    """Normal noise (n, d) by counter."""
    return torch.from_numpy(counter_random.normal(seed, stream("noise", number), n * d)).view(n, d)


def paths(
    field: Field, noise: Tensor, steps: int, seed: int = 0, anew: bool = False
) -> list[Tensor]:
    """Ways from noise (n, d) to points: the places before the first step and after each.

    Args:
        steps: 1 to 1,000, of equal length in t.
        seed: of the noise that is drawn anew.
        anew: ancestral sampling (Ho et al. 2020) where true; where not, Euler's steps along the
            flow, which are DDIM's (Song et al. 2021).
    """
    places, scales = [noise], PROCESSES[field.process]
    times = [torch.tensor(1 - k / steps, dtype=torch.float64) for k in range(steps + 1)]
    for step in range(steps):
        prediction, here, there = (
            field.look(places[-1], times[step]),
            *map(scales, times[step : step + 2]),
        )
        ratio = here.alpha * there.sigma / (there.alpha * here.sigma)
        new = anew * there.sigma * (1 - ratio.square()).clamp_min(0).sqrt()
        kept = (there.sigma.square() - new.square()).clamp_min(0).sqrt()
        ahead = there.alpha * prediction.image + kept * prediction.noise
        if anew:
            ahead = ahead + new * noise_of(seed, ANEW + step, *noise.shape)
        places.append(ahead)
    return places


class Pairs(NamedTuple):
    """Noise (n, d), and the points that a network drew of it."""

    noise: Tensor
    image: Tensor


def reflow(field: Field, seed: int, round_: int, d: int) -> Pairs:
    """What is learnt from after a reflow, the first of which is round 1 (Liu et al. 2023)."""
    noise = noise_of(seed, OF_PAIRS + round_, PAIRS, d)
    return Pairs(noise, paths(field, noise, PAIR_STEPS)[-1])


def noisy(
    mixture: Mixture, seed: int, number: int, n: int, pairs: Pairs | None = None
) -> tuple[Tensor, Tensor]:
    """A batch: noisy places with their times (n, d + 1), and the velocities to be learnt (n, d)."""
    d = mixture.centres.shape[1]
    if pairs:
        drawn = counter_random.uniform(seed, stream("split", number), n)
        which = torch.from_numpy((drawn * PAIRS).astype(np.int64))
        noise, image = pairs.noise[which], pairs.image[which]
    else:
        noise, image = noise_of(seed, number, n, d), mixture.draw(seed, number, n)
    offset = float(counter_random.uniform(seed, stream("order", number), 1)[0])
    t = (torch.arange(n, dtype=torch.float64)[:, None] / n + offset) % 1
    scales = PROCESSES[mixture.process](t)
    x = torch.cat([scales.alpha * image + scales.sigma * noise, 2 * t - 1], 1)
    return x, scales.alpha_slope * image + scales.sigma_slope * noise


def flow_settings(d: int, **settings: object) -> PlaneSettings:
    """Settings of a network that says velocities in d dimensions."""
    return PlaneSettings.model_validate({"inputs": d + 1, "outputs": d, "loss": "mse", **settings})


def learn(network: Network, mixture: Mixture, steps: int, pairs: Pairs | None = None) -> list[Row]:
    """Let a network learn the velocity by flow matching (Lipman et al. 2023)."""
    settings = network.settings

    def batch(step: int) -> tuple[Tensor, Tensor]:
        return noisy(mixture, settings.seed, step, settings.batch, pairs)

    return list(descend(network, batch, steps))


def loss_of(field: Field, mixture: Mixture, seed: int, pairs: Pairs | None = None) -> float:
    """The mean squared error of a field's velocity on the batch that is evaluated: for the exact
    field, what cannot be guessed from a noisy place."""
    x, y = noisy(mixture, seed, EVALUATED, EVALUATION, pairs)
    said = torch.cat([
        velocity(field, place[None, :-1], (place[-1] + 1) / 2) for place in x
    ])  # fmt: skip
    return float((said - y).square().mean())


def energy_distance(a: Tensor, b: Tensor) -> float:
    """The energy distance of two sets (n, d) and (m, d) (Székely and Rizzo 2013), ≥ 0."""

    def far(one: Tensor, other: Tensor) -> Tensor:
        exact = "donot_use_mm_for_euclid_dist"
        return torch.cdist(one, other, compute_mode=exact).mean()

    return float(2 * far(a, b) - far(a, a) - far(b, b))


def detour(places: list[Tensor]) -> float:
    """How much longer ways are than the lines from their beginnings to their ends, ≥ 1."""
    way = torch.stack([(b - a).norm(dim=1) for a, b in pairwise(places)])
    return float(way.sum() / (places[-1] - places[0]).norm(dim=1).sum())
