"""How ordinary a code or an image is: against the prior, the other codes, the other images."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.inference.latent import checked_labels, settings_of
from core.models.autoencoders import Autoencoder
from core.runs import Run
from core.tasks.base import unit
from core.tasks.bounds import anomaly_score

RARE = 0.999
"""A code is outside when fewer than one in a thousand draws of the prior lie farther out."""
STILL = 1e-3
"""Directions in which codes vary by less count as still, and are given this much: a stored
covariance is rounded to four places, which can make their variances negative."""


class Spread(NamedTuple):
    """Where a model's codes lie: around `centre` (d,), thinner and thinner.

    |root (z - centre)|² of a code z follows χ² with `degrees` degrees of freedom; a root of None
    changes nothing. `of` names what was asked.
    """

    of: str
    centre: Tensor
    root: Tensor | None
    degrees: int


class Distance(NamedTuple):
    """How far out a code lies: in standard deviations, and the share of codes nearer in."""

    radius: float
    share: float

    @property
    def outside(self) -> bool:
        """Whether hardly any code lies as far out."""
        return self.share > RARE


class Strangeness(NamedTuple):
    """An image's anomaly score, and the share of test images that are less strange, 0 to 1."""

    score: float
    share: float


def spread(run: Run) -> Spread:
    """Where a run's codes lie: a VAE's as its prior, N(0, 1) in each direction; a plain
    autoencoder's as those of the test images, in the directions in which they vary.
    """
    metrics = run.metrics()
    if "code_covariance" not in metrics:
        count = len(metrics["kl_per_dimension"])
        return Spread("the prior", torch.zeros(count), None, count)
    covariance = torch.tensor(metrics["code_covariance"], dtype=torch.float64)
    variances, directions = torch.linalg.eigh(covariance)
    root = directions.T / (variances.clamp(min=0) + STILL).sqrt()[:, None]
    degrees = max(1, int((variances > STILL).sum()))
    return Spread("the codes", torch.tensor(metrics["code_mean"]), root.float(), degrees)


def distance(run: Run, code: Tensor) -> Distance:
    """How far a code (1, d) lies out."""
    found = spread(run)
    z = code[0] - found.centre
    z = (z if found.root is None else found.root @ z).double()
    squared, degrees = z @ z, found.degrees
    share = torch.special.gammainc(z.new_tensor(degrees / 2), squared / 2)
    return Distance(math.sqrt(float(squared) / degrees), float(share))


@torch.inference_mode()
def strangeness(
    run: Run, model: Autoencoder, pixels: Tensor, labels: int | Tensor | None = None
) -> list[Strangeness]:
    """How unlike the training data each uint8 image (N, C, H, W) is."""
    found = checked_labels(model, labels, len(pixels))
    known = torch.zeros(len(pixels), dtype=torch.int64) if found is None else found
    scores = anomaly_score(settings_of(run), model, unit(pixels), known)
    spread = np.array(run.metrics().get("anomaly_quantiles", [0.0]))
    shares = np.searchsorted(spread, scores.numpy()) / len(spread)
    return [Strangeness(float(s), float(p)) for s, p in zip(scores, shares, strict=True)]
