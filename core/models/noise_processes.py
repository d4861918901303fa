"""How an image becomes noise, and what a network says of it on the way.

One procedure for all diffusions: a noisy image is x = α(t) x₀ + σ(t) n. A process is its α and σ,
and what is predicted of x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

LEAST_SIGMA = 0.02
"""Noise level at which a blind network's path ends."""
MOST_SIGMA = 10.0
"""Noise level at which it begins, in units of half the range of grey: even the mean of a picture is
hardly left to see, which nobody knows at the beginning."""


class Scales(NamedTuple):
    """Of times (B,): how much of the image is left and how much noise there is, both (B,)."""

    alpha: Tensor
    sigma: Tensor

    def spread(self) -> Scales:
        """Return both with a place for channels, height and width, (B, 1, 1, 1)."""
        return Scales(*(s[:, None, None, None] for s in self))


class Guess(NamedTuple):
    """What a network takes a noisy image for: the image without noise, and the noise."""

    image: Tensor
    noise: Tensor


@dataclass(frozen=True)
class Process:
    """How an image becomes noise as t goes from 0 to 1, and what is predicted on the way."""

    scales: Callable[[Tensor], Scales]
    target: Callable[[Tensor, Tensor, Scales], Tensor]
    """Of images, noise (B, C, H, W) and scales: what the network is to say."""
    guess: Callable[[Tensor, Tensor, Scales], Guess]
    """Of noisy images, what the network said, and scales."""
    weight: Callable[[Scales], Tensor]
    """Of the squared error, by the scales."""
    begin: float = 0.0
    """What each number of an image counts as while nothing of it is known, in [-1, 1]."""

    def noisy(self, image: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return images (B, C, H, W) as they are at times t (B,)."""
        alpha, sigma = self.scales(t).spread()
        return alpha * image + sigma * noise

    def first(self, noise: Tensor) -> Tensor:
        """Return what normal noise (B, C, H, W) is at t = 1, where every path begins."""
        ones = torch.ones(1, device=noise.device)
        return self.noisy(torch.full_like(noise, self.begin), noise, ones)


def linear_beta(t: Tensor) -> Scales:
    """A thousand steps whose share of noise rises from 10⁻⁴ to 0.02 (Ho et al. 2020)."""
    kept = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, device=t.device), 0)
    kept = torch.cat([torch.ones(1, device=t.device), kept])[(t * 1000).round().long()]
    return Scales(kept.sqrt(), (1 - kept).sqrt())


def straight(t: Tensor) -> Scales:
    """A straight line from the image to the noise (Liu et al. 2023; Lipman et al. 2023)."""
    return Scales(1 - t, t)


def added(t: Tensor) -> Scales:
    """The image stays, and noise is added: its level rises by equal ratios, and is 0 at t = 0."""
    sigma = LEAST_SIGMA * (MOST_SIGMA / LEAST_SIGMA) ** t
    return Scales(torch.ones_like(t), torch.where(t > 0, sigma, 0.0))


def _even(scales: Scales) -> Tensor:
    return torch.ones_like(scales.sigma)


def _from_noise(x: Tensor, noise: Tensor, scales: Scales) -> Guess:
    """Where hardly anything of the image is left, an error is divided by almost nothing: the image
    is cut to its range, and the noise is what is left (Ho et al. 2020)."""
    image = ((x - scales.sigma * noise) / scales.alpha).clamp(-1, 1)
    return Guess(image, (x - scales.alpha * image) / scales.sigma)


NOISE = Process(
    # ε, by which L_simple weighs all times alike (Ho et al. 2020)
    linear_beta,
    target=lambda image, noise, scales: noise,
    guess=_from_noise,
    weight=_even,
)
VELOCITY = Process(
    # dx/dt of the straight line, n - x₀
    straight,
    target=lambda image, noise, scales: noise - image,
    guess=lambda x, said, scales: Guess(x - scales.sigma * said, x + scales.alpha * said),
    weight=_even,
)
RESIDUAL = Process(
    # σ n: what is taken away. It is -σ² times the slope of log p(x) (Miyasawa 1961) at any σ, so
    # the network need not be told it (Kadkhodaie and Simoncelli 2021). The noise is not clipped.
    added,
    target=lambda image, noise, scales: scales.sigma * noise,
    guess=lambda x, said, scales: Guess(x - said, said / scales.sigma.clamp_min(1e-6)),
    weight=lambda scales: 1 / (scales.sigma.square() + 0.1**2),
    begin=-1.0,  # black
)
