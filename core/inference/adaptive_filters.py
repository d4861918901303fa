"""The filter that a denoiser is at one pixel: a row of its Jacobian.

Near a noisy picture y a network's guess is x̂(y + d) = x̂(y) + J d for small d. A row of J says how
much each noisy pixel counts for one pixel of the guess, as the weights of a filter that is made
anew for every picture and place (Mohan et al. 2020). Of a perfect denoiser J = (α/σ²) Cov[x₀ | y]:
the row is what is still unknown of that pixel together with every other (Miyasawa 1961).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import LabError
from core.inference.posterior_sampling import How, Noises, Prior, checked, looked, time_of

LEAST_RATIO, MOST_RATIO = 0.02, 3.0
"""Noise as a share of half the range of grey, σ / α, that a filter is looked at with."""


class Filter(NamedTuple):
    """A noisy picture and what a network takes it for, (C, H, W) in the units of [0, 1] without
    being cut to it, and the weights (C, H, W) of one pixel's filter."""

    noisy: Tensor
    guess: Tensor
    weights: Tensor
    value: float
    """The pixel of the guess, in [-1, 1]."""
    weighted: float
    """The sum of the noisy pixels by these weights, in [-1, 1]. Of a blind network it is the value,
    as its answer grows with the picture; others add something of their own."""

    @property
    def total(self) -> float:
        """The sum of the weights; 1 would keep the mean of a flat region."""
        return float(self.weights.sum())

    @property
    def width(self) -> float:
        """How far the weights reach: the radius of gyration of their squares, in pixels."""
        squares = self.weights.square().sum(0)
        rows, columns = torch.meshgrid(
            *(torch.arange(s, dtype=squares.dtype) for s in squares.shape), indexing="ij"
        )
        share = squares / squares.sum().clamp_min(1e-12)
        down, across = (share * rows).sum(), (share * columns).sum()
        return float((share * ((rows - down) ** 2 + (columns - across) ** 2)).sum().sqrt())


def filter_at(
    prior: Prior, picture: Tensor, pixel: tuple[int, int, int], ratio: float, how: How
) -> Filter:
    """The filter of one pixel of the guess, by automatic differentiation.

    Args:
        picture: (1, C, H, W) in [0, 1]; noise of the seed is added to it.
        pixel: channel, row and column, from 0.
        ratio: noise to picture, 0.02 to 3: the noise's standard deviation as a share of half the
            range of grey. The network is told the time at which that is so, unless it is blind.
        how: its class, guidance and seed count.

    Raises:
        LabError: a number out of bounds, or a picture of another shape.
    """
    how = checked(prior, how, 1)
    if tuple(picture.shape) != (1, *prior.shape):
        size = "×".join(map(str, prior.shape))
        raise LabError(f"This network draws pictures of {size} numbers: bring yours to that size.")
    if not all(0 <= place < side for place, side in zip(pixel, prior.shape, strict=True)):
        raise LabError("That pixel lies outside of the picture.")
    if not LEAST_RATIO <= ratio <= MOST_RATIO:
        raise LabError(f"Choose noise from {LEAST_RATIO:g} to {MOST_RATIO:g}.")
    time = time_of(prior.process, ratio)
    alpha, sigma = prior.process.scales(time[None]).spread()
    noise = Noises(how.seed, 1, prior.shape).draw()
    with torch.inference_mode(False), torch.enable_grad():
        x = (alpha * (2 * picture.clone() - 1) + sigma * noise).requires_grad_(True)
        guess = looked(prior, x, time, how).image
        value = guess[(0, *pixel)]
        (row,) = torch.autograd.grad(value, x)
    # Weights of the picture as it is seen, y = x / α, so that those of all processes compare.
    weights = row[0] * alpha[0]
    weighted = float((row * x.detach()).sum())
    noisy, guess = ((p.detach()[0] + 1) / 2 for p in (x / alpha, guess))
    return Filter(noisy, guess, weights, float(value.detach()), weighted)
