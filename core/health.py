"""Health of a generator: how far its samples are from the data, and whether they are all alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.models.convnets import Recogniser

NEIGHBOURS = 5
"""The k of precision, recall, density and coverage (Naeem et al. 2020)."""
RARE = 0.02
"""A class is covered when so large a share of the samples is read as it."""
LEAST_COVERAGE = 0.6
"""Of small pictures: three of MNIST's classes cover 0.52 of it at most, blurred digits 0.85."""
CHUNK = 500
PIXEL_SIDE = 14
Check = Callable[[str], None]
State = Literal["collapsed", "narrow", "healthy"]


class Features(NamedTuple):
    """Images as an extractor sees them: `values` (N, d) and, of a classifier, `classes` (N,)."""

    values: Tensor
    classes: Tensor | None


class Extractor:
    """What samples and data are compared in: a classifier's features, or else small pictures.

    Args:
        judge: a classifier of the data set; None takes pictures shrunk to 14×14.
        name: what is printed beside every figure: the classifier's run.
    """

    def __init__(self, judge: nn.Module | None = None, name: str = "") -> None:
        self.judge = judge if isinstance(judge, Recogniser) else None
        self.name = name if self.judge else f"pixels at {PIXEL_SIDE}×{PIXEL_SIDE}"

    @property
    def classes(self) -> int:
        """How many it tells apart; 0 for pixels."""
        return self.judge.head.out_features if self.judge else 0

    @torch.inference_mode()
    def features(self, images: Tensor, check: Check = lambda stage: None) -> Features:
        """Of images (N, C, H, W): uint8, or float in [0, 1]."""
        values, classes = [], []
        for part in torch.split(images, CHUNK):
            check("looking at samples")
            x = part if part.is_floating_point() else part.float() / 255
            if self.judge is None:
                small = F.interpolate(x.mean(1, keepdim=True), (PIXEL_SIDE,) * 2, mode="area")
                values.append(small.flatten(1))
            else:
                found = self.judge.features(x)
                values.append(found)
                classes.append(self.judge.head(found).argmax(1))
        return Features(torch.cat(values), torch.cat(classes) if classes else None)


@dataclass(frozen=True)
class Health:
    """Figures of samples against data, in an extractor's features; None where it has no classes.

    `duplicates` is the share of samples that lie nearer to another sample than all but one in a
    hundred real images do to another real one; `spread` the mean distance between two samples over
    that between two real images; `entropy` in nats, of the classes the samples are read as.
    """

    fid: float
    precision: float
    recall: float
    density: float
    coverage: float
    duplicates: float
    spread: float
    n: int
    n_data: int
    extractor: str
    classes: int = 0
    histogram: tuple[int, ...] | None = None
    entropy: float | None = None

    def figures(self) -> dict[str, Any]:
        """As they stand in a run's figures."""
        found = {k: v for k, v in asdict(self).items() if v is not None}
        found["histogram"] = list(self.histogram or ())
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in found.items()}

    @classmethod
    def read(cls, figures: dict[str, Any]) -> Health:
        """From a run's figures. Raises KeyError where they are not there."""
        known = {k: figures[k] for k in cls.__dataclass_fields__ if k not in OPTIONAL}
        more = {k: figures[k] for k in OPTIONAL if figures.get(k) not in (None, [])}
        if "histogram" in more:
            more["histogram"] = tuple(more["histogram"])
        more["classes"] = int(more.get("classes", 0))  # a history has it as a float
        return cls(**known, **more)

    @property
    def covered(self) -> int | None:
        """Classes that two samples in a hundred or more are read as."""
        if not self.histogram:
            return None
        return sum(count >= RARE * sum(self.histogram) for count in self.histogram)


OPTIONAL = ("classes", "histogram", "entropy")


@torch.inference_mode()
def health(
    samples: Tensor, data: Tensor, extractor: Extractor, check: Check = lambda stage: None
) -> Health:
    """Compare samples with real images, both (N, C, H, W), uint8 or in [0, 1].

    Neighbours are compared among as many real images as there are samples.
    """
    drawn, real = extractor.features(samples, check), extractor.features(data, check)
    n = min(len(drawn.values), len(real.values))
    x, y = real.values[:n].float(), drawn.values[:n].float()
    near = closeness(x, y, check)
    counts = None
    if drawn.classes is not None:
        counts = torch.bincount(drawn.classes, minlength=extractor.classes).tolist()
    return Health(
        fid=frechet_distance(real.values, drawn.values),
        **near,
        spread=_mean_distance(y) / max(_mean_distance(x), 1e-12),
        n=len(samples),
        n_data=len(data),
        extractor=extractor.name,
        classes=extractor.classes,
        histogram=tuple(counts) if counts else None,
        entropy=entropy(counts) if counts else None,
    )


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Between the normal distributions that fit two sets of features, (N, d) and (M, d).

    The FID of Heusel et al. 2017 in whatever features are given:
    |μa - μb|² + tr(A + B - 2 (A^½ B A^½)^½).
    """
    a, b = a.double(), b.double()
    between = (a.mean(0) - b.mean(0)).square().sum()
    first, second = a.T.cov(), b.T.cov()
    values, vectors = torch.linalg.eigh(first)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()
    return max(0.0, float(between + first.trace() + second.trace() - 2 * cross))


def closeness(
    real: Tensor, drawn: Tensor, check: Check = lambda stage: None, k: int = NEIGHBOURS
) -> dict[str, float]:
    """Precision, recall, density, coverage and duplicates of features (n, d) each.

    Precision: samples within reach of a real image, that is nearer to it than its k-th neighbour.
    Recall: real images within reach of a sample (Kynkäänniemi et al. 2019). Density: within how
    many reaches a sample lies, over k. Coverage: real images with a sample within their reach
    (Naeem et al. 2020). Duplicates: see `Health`.
    """
    k = min(k, len(real) - 1, len(drawn) - 1)
    if k < 1:
        return dict.fromkeys(("precision", "recall", "density", "coverage", "duplicates"), 0.0)
    reach = _own_distances(real, k, check)
    reach_drawn = _own_distances(drawn, k, check)
    within = torch.zeros(len(drawn), device=real.device)
    reached, covered = [], []
    for i in range(0, len(real), CHUNK):
        check("comparing samples with data")
        far = torch.cdist(real[i : i + CHUNK], drawn)
        inside = far <= reach[i : i + CHUNK, -1:]
        within += inside.sum(0)
        covered.append(inside.any(1))
        reached.append((far <= reach_drawn[:, -1]).any(1))
    threshold = torch.quantile(reach[:, 0], 0.01)
    return {
        "precision": float((within > 0).float().mean()),
        "recall": float(torch.cat(reached).float().mean()),
        "density": float(within.mean() / k),
        "coverage": float(torch.cat(covered).float().mean()),
        "duplicates": float((reach_drawn[:, 0] <= threshold).float().mean()),
    }


def entropy(counts: list[int]) -> float:
    """Of a histogram, in nats: log of the classes where all are alike, 0 for one class."""
    total = max(sum(counts), 1)
    return -sum(c / total * math.log(c / total) for c in counts if c)


def _own_distances(points: Tensor, k: int, check: Check) -> Tensor:
    """(n, k): to the nearest other points, the nearest first."""
    found = []
    for i in range(0, len(points), CHUNK):
        check("comparing samples")
        far = torch.cdist(points[i : i + CHUNK], points)
        far[torch.arange(len(far)), torch.arange(i, i + len(far))] = math.inf
        found.append(far.topk(k, largest=False).values)
    return torch.cat(found)


def _mean_distance(points: Tensor) -> float:
    """Mean distance of points to those that follow at a few fixed steps: pairs at random."""
    steps = [s for s in (1, 7, 31, 101) if s < len(points)]
    pairs = [(points - points.roll(s, 0)).norm(dim=1).mean() for s in steps]
    return float(torch.stack(pairs).mean()) if pairs else 0.0


# ---- the verdict


class Verdict(NamedTuple):
    """What is to be said of a generator: a state, and a sentence with the numbers behind it."""

    state: State
    sentence: str


def verdict(found: Health) -> Verdict:
    """Whether a generator has collapsed: it draws few things over and over, or leaves classes out.

    Bad pictures that differ are no collapse, unless the classifier reads them all as one class.
    That two samples differ little counts between pictures only: a classifier's features of bad
    ones are all small.
    """
    whys = []
    if found.duplicates >= 0.5:
        whys.append(f"{found.duplicates:.0%} of the samples have a twin among them")
    if found.spread < 0.5 and not found.classes:
        whys.append(f"two samples differ {found.spread:.0%} as much as two real images")
    if found.entropy is not None and found.entropy < 0.5 * math.log(max(found.classes, 2)):
        whys.append(f"the classes they are read as have an entropy of {found.entropy:.2f} nats")
    if found.density >= 0.7 and found.recall < 0.02 and found.coverage < 0.2:
        # They lie where the data are, but in few places: one picture a class, with some noise.
        whys.append(f"they look like the data, but reach {found.recall:.1%} of the real images")
    if whys:
        return Verdict("collapsed", f"Collapsed: {_and(whys)}.")
    missing = found.classes - found.covered if found.covered is not None else 0
    if missing:
        whys.append(f"{missing} of {found.classes} classes get fewer than 2 % of the samples")
    if found.duplicates >= 0.1:
        whys.append(f"{found.duplicates:.0%} of the samples have a twin among them")
    if found.coverage < (0.4 if found.classes else LEAST_COVERAGE):
        whys.append(f"only {found.coverage:.0%} of the real images have a sample near them")
    if whys:
        return Verdict("narrow", f"Narrow: {_and(whys)}.")
    classes = ""
    if found.entropy is not None:
        classes = f"all {found.classes} classes, entropy {found.entropy:.2f} nats, "
    return Verdict(
        "healthy",
        f"Healthy: {classes}{found.duplicates:.1%} twins, a sample near {found.coverage:.0%} of "
        f"the real images, recall {found.recall:.0%}.",
    )


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
