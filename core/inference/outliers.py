"""How ordinary a code or an image is: against the prior, the other codes, the other images."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.inference.latent import checked_labels, class_names, dimensions, settings_of
from core.models.autoencoders import Autoencoder
from core.runs.store import Run
from core.tasks.autoencoding import anomaly_score
from core.tasks.base import unit

STRANGE = 0.99
"""An image is strange when so many test images are less strange."""
RARE = 0.999
"""A code is outside when fewer than one draw in a thousand lies farther out, and too near to the
middle when fewer than one in a thousand lies nearer to it."""
EMPTY = 0.05
"""The middle of a space counts as empty when so few draws lie within half of the radius √d. With
few dimensions it is no emptier than the rest: a fifth of all draws in the plane do."""
State = Literal["inside", "outside", "near", "mean"]
STILL = 1e-3
"""Directions in which codes vary by less count as still, and are given this much: a stored
covariance is rounded to four places, which can make their variances negative."""


class Spread(NamedTuple):
    """Where a model's codes lie: around `centre` (d,), thinner and thinner.

    |root (z - centre)|² of a draw z follows χ² with `degrees` degrees of freedom; a root of None
    changes nothing. `prior`: draws are those of a VAE's prior; else of a Gaussian that fits the
    codes of the test images, which may lie in another shape, with holes.
    """

    prior: bool
    centre: Tensor
    root: Tensor | None
    degrees: int

    @property
    def hollow(self) -> bool:
        """Whether hardly any draw lies near the middle, as in all spaces of many dimensions."""
        half = torch.tensor(self.degrees / 8, dtype=torch.float64)  # (√d / 2)², over two
        return float(torch.special.gammainc(half * 4, half)) < EMPTY


class Distance(NamedTuple):
    """How far out a code lies: in standard deviations, and the share of draws nearer in."""

    radius: float
    share: float

    @property
    def outside(self) -> bool:
        """Whether hardly any draw lies as far out."""
        return self.share > RARE

    @property
    def near(self) -> bool:
        """Whether hardly any draw lies as near to the middle."""
        return self.share < 1 - RARE


class Strangeness(NamedTuple):
    """An image's anomaly score, and the share of test images that are less strange, 0 to 1."""

    score: float
    share: float

    @property
    def strange(self) -> bool:
        """Whether hardly any test image has such a score. One below them all is strange too: an
        empty picture is easier than any picture of something."""
        return self.share >= STRANGE or self.share <= 0


def spread(run: Run) -> Spread:
    """Where a run's codes lie: a VAE's as its prior, N(0, 1) in each dimension that is in use, for
    the others change nothing; a plain autoencoder's as those of the test images, in the directions
    in which they vary.
    """
    metrics = run.metrics()
    if "code_covariance" not in metrics:
        found = dimensions(run)
        living = sorted(d.index for d in found if not d.dead)
        root = None if len(living) == len(found) else torch.eye(len(found))[living]
        return Spread(True, torch.zeros(len(found)), root, max(1, len(living)))
    covariance = torch.tensor(metrics["code_covariance"], dtype=torch.float64)
    variances, directions = torch.linalg.eigh(covariance)
    root = directions.T / (variances.clamp(min=0) + STILL).sqrt()[:, None]
    degrees = max(1, int((variances > STILL).sum()))
    return Spread(False, torch.tensor(metrics["code_mean"]), root.float(), degrees)


def distance(run: Run, code: Tensor) -> Distance:
    """How far a code (1, d) lies out."""
    found = spread(run)
    z = code[0] - found.centre
    z = (z if found.root is None else found.root @ z).double()
    squared, degrees = z @ z, found.degrees
    share = torch.special.gammainc(z.new_tensor(degrees / 2), squared / 2)
    return Distance(math.sqrt(float(squared) / degrees), float(share))


def state(spread: Spread, found: Distance, mean: bool = False) -> State:
    """What is to be said of a code that lies so far out.

    Args:
        mean: it is the mean of an image's posterior. Such means shrink: they lie nearer to the
            middle than draws do (Var μ + E σ² is about 1), so that the draws say nothing of them,
            unless they are far out all the same.
    """
    if found.outside:
        return "outside"
    if mean and spread.prior:
        return "mean"
    return "near" if spread.hollow and found.near else "inside"


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


def judges(found: Sequence[Run], dataset: str) -> list[Run]:
    """Those of some autoencoders that can say how strange any image is among those of a data set:
    shipped VAEs that need no class."""
    return [
        run
        for run in found
        if run.shipped
        and run.spec().dataset == dataset
        and not class_names(run)
        and {"anomaly_quantiles", "kl_per_dimension"} <= run.metrics().keys()
    ]
