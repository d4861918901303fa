"""What is done to features before a network sees them: centred, scaled, turned, whitened.

Each is one shift and one matrix, which are found on the points to learn from, and then do the same
to all others: what is known of the test points would leak otherwise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_VARIANCE = 1e-12
"""What is less has no direction, and is left as it is."""


@dataclass(frozen=True)
class Preprocessing:
    """A shift and a matrix."""

    mean: Tensor
    """(d,)"""
    matrix: Tensor
    """(d, d)"""

    def __call__(self, x: Tensor) -> Tensor:
        """Points (n, d), done to."""
        return (x - self.mean) @ self.matrix


def _centred(covariance: Tensor) -> Tensor:
    return torch.eye(len(covariance), dtype=covariance.dtype)


def _scaled(covariance: Tensor) -> Tensor:
    return torch.diag(_one_over_spread(covariance.diagonal()))


def _principal(covariance: Tensor) -> Tensor:
    return _directions(covariance)[1]


def _whitened(covariance: Tensor) -> Tensor:
    variances, directions = _directions(covariance)
    return directions * _one_over_spread(variances)


def _one_over_spread(variances: Tensor) -> Tensor:
    flat = variances < LEAST_VARIANCE
    return torch.where(
        flat, torch.ones_like(variances), variances.clamp_min(LEAST_VARIANCE)
    ).rsqrt()


def _directions(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Falling variances (d,) and their directions as columns (d, d), each with its largest number
    above 0: its sign would be a matter of chance."""
    variances, directions = torch.linalg.eigh(covariance)
    variances, directions = variances.flip(0), directions.flip(1)
    largest = directions.abs().argmax(0, keepdim=True)
    return variances, directions * directions.gather(0, largest).sign()


METHODS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "centre": _centred,
    "scale": _scaled,
    "pca": _principal,
    "whiten": _whitened,
}
"""From the covariance of the features to the matrix: mean 0; also σ 1 each; turned along the
principal directions, so that nothing is correlated (Pearson 1901); also σ 1 along each of them."""


def fitted(method: str, x: Tensor) -> Preprocessing:
    """Find the shift and the matrix of points (n, d) to learn from; `method` is of `METHODS`."""
    mean = x.mean(0)
    covariance = (x - mean).mT @ (x - mean) / len(x)
    return Preprocessing(mean, METHODS[method](covariance))
