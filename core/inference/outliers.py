"""Outliers: how unusual a code is under the prior, and an image among the test images."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.inference.latent import checked_labels, class_names, dimensions
from core.models.autoencoders import Autoencoder
from core.runs.store import Run
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.autoencoding_training import anomaly_score
from core.tasks.base import unit

MIN_STRANGE_SHARE = 0.99
"""Minimum share of test images with a lower anomaly score for an image to count as strange."""
MIN_OUTSIDE_SHARE = 0.999
"""A code is outside if fewer than one sample in a thousand lies farther from the centre, and too
near if fewer than one in a thousand lies nearer."""
MAX_HOLLOW_SHARE = 0.05
"""Maximum share of samples within half of the radius √d for a space to count as hollow. With few
dimensions it is not: in the plane a fifth of all samples lie there."""
State = Literal["inside", "outside", "near", "mean"]
MIN_VARIANCE = 1e-3
"""Minimum variance of a direction in which codes vary; it is added to all of them, since a stored
covariance is rounded to four places, which can make variances negative."""


class Spread(NamedTuple):
    """The distribution of a model's codes around `centre` (d,).

    |root (z - centre)|² of a sample z follows χ² with `degrees` degrees of freedom; a root of None
    is the identity. `prior`: whether samples are those of a VAE's prior, or else of a Gaussian
    fitted to the codes of the test images, whose distribution may be another, with holes.
    """

    prior: bool
    centre: Tensor
    root: Tensor | None
    degrees: int

    @property
    def hollow(self) -> bool:
        """Whether hardly any sample lies near the centre, as in all spaces of many dimensions."""
        half = torch.tensor(self.degrees / 8, dtype=torch.float64)  # (√d / 2)², over two
        return float(torch.special.gammainc(half * 4, half)) < MAX_HOLLOW_SHARE


class Distance(NamedTuple):
    """Distance of a code: in standard deviations, and as the share of samples that are nearer."""

    radius: float
    share: float

    @property
    def outside(self) -> bool:
        """Whether hardly any sample lies as far from the centre."""
        return self.share > MIN_OUTSIDE_SHARE

    @property
    def near(self) -> bool:
        """Whether hardly any sample lies as near to the centre."""
        return self.share < 1 - MIN_OUTSIDE_SHARE


class Strangeness(NamedTuple):
    """An image's anomaly score, and the share of test images with a lower one, 0 to 1."""

    score: float
    share: float

    @property
    def strange(self) -> bool:
        """Whether hardly any test image has such a score. One below them all is strange too: an
        empty picture is easier than any picture of something."""
        return self.share >= MIN_STRANGE_SHARE or self.share <= 0


def spread(run: Run) -> Spread:
    """Return the distribution of a run's codes: of a VAE its prior, N(0, 1) in each active
    dimension; of a plain autoencoder that of the test images, in the directions in which they
    vary."""
    metrics = run.metrics()
    if "code_covariance" not in metrics:
        by_information = dimensions(run)
        active = sorted(d.index for d in by_information if not d.dead)
        root = (
            None if len(active) == len(by_information) else torch.eye(len(by_information))[active]
        )
        return Spread(True, torch.zeros(len(by_information)), root, max(1, len(active)))
    covariance = torch.tensor(metrics["code_covariance"], dtype=torch.float64)
    variances, directions = torch.linalg.eigh(covariance)
    root = directions.T / (variances.clamp(min=0) + MIN_VARIANCE).sqrt()[:, None]
    degrees = max(1, int((variances > MIN_VARIANCE).sum()))
    return Spread(False, torch.tensor(metrics["code_mean"]), root.float(), degrees)


def distance(run: Run, code: Tensor) -> Distance:
    """How far a code (1, d) lies out."""
    model_spread = spread(run)
    z = code[0] - model_spread.centre
    z = (z if model_spread.root is None else model_spread.root @ z).double()
    squared, degrees = z @ z, model_spread.degrees
    share = torch.special.gammainc(z.new_tensor(degrees / 2), squared / 2)
    return Distance(math.sqrt(float(squared) / degrees), float(share))


def state(spread: Spread, distance: Distance, mean: bool = False) -> State:
    """Classify a code by its distance.

    Args:
        mean: whether it is the mean of an image's posterior. Such means lie nearer to the centre
            than samples do (Var μ + E σ² is about 1), so they are not compared with samples,
            unless they are outside all the same.
    """
    if distance.outside:
        return "outside"
    if mean and spread.prior:
        return "mean"
    return "near" if spread.hollow and distance.near else "inside"


@torch.inference_mode()
def strangeness(
    run: Run, model: Autoencoder, pixels: Tensor, labels: int | Tensor | None = None
) -> list[Strangeness]:
    """Measure how unlike the training data each uint8 image (N, C, H, W) is."""
    classes = checked_labels(model, labels, len(pixels))
    class_labels = torch.zeros(len(pixels), dtype=torch.int64) if classes is None else classes
    scores = anomaly_score(AUTOENCODING.config_of(run), model, unit(pixels), class_labels)
    quantiles = np.array(run.metrics().get("anomaly_quantiles", [0.0]))
    shares = np.searchsorted(quantiles, scores.numpy()) / len(quantiles)
    return [Strangeness(float(s), float(p)) for s, p in zip(scores, shares, strict=True)]


def judges(runs: Sequence[Run], dataset: str) -> list[Run]:
    """Return those of some runs that can score images of a data set: its shipped VAEs without
    classes."""
    return [
        run
        for run in runs
        if run.shipped
        and run.spec().dataset == dataset
        and not class_names(run)
        and {"anomaly_quantiles", "kl_per_dimension"} <= run.metrics().keys()
    ]
