"""Health of a generator: how far its samples are from the data, and whether they are all alike."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.cancellation import Check, silent
from core.models.convnets import Recogniser

NEIGHBOURS = 5
"""The k of precision, recall, density and coverage (Naeem et al. 2020)."""
MIN_CLASS_SHARE = 0.02
"""Share of the samples from which on a class counts as covered."""
MIN_COVERAGE = 0.6
"""For small pictures: three of MNIST's classes cover 0.52 of it at most, blurred digits 0.85."""
CHUNK = 500
PIXEL_SIDE = 14
SIDE = 32
"""Maximum side of the pictures in which variety is measured."""
COMPONENTS = 20
"""Principal components of those pictures: they hold most differences and hardly any noise."""
MAX_COMPARED = 1000
"""Maximum number of pictures in which variety counts the different ones."""
MIN_CONTRAST = 0.5
"""Contrast relative to real images, down to which variety does not depend on it."""
CHOICE_SEED = 50_000
"""Seed of the choice of features when one side has more of them."""
MAX_COLLAPSED_VARIETY, MAX_NARROW_VARIETY = 0.4, 0.5
"""Maximum variety of a collapsed and of a narrow generator."""
MAX_DISTANCE = 0.1
"""A Fréchet distance of so large a share of the features' variance is no likeness: real digits
that are blurred with a standard deviation of a pixel and a half get more."""
DISTANCE = "Fréchet distance, own features"
"""What is called FID elsewhere, where it is one in the features of Inception."""
State = Literal[
    "collapsed", "narrow", "unlike the data", "not checked for classes", "not checked", "healthy"
]


class Features(NamedTuple):
    """Features of images: `values` (N, d) and, of a classifier, `classes` (N,)."""

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
    def features(self, images: Tensor, check: Check = silent) -> Features:
        """Of images (N, C, H, W): uint8, or float in [0, 1]."""
        values, classes = [], []
        for part in torch.split(images, CHUNK):
            check("looking at samples")
            x = part if part.is_floating_point() else part.float() / 255
            if self.judge is None:
                small = F.interpolate(x.mean(1, keepdim=True), (PIXEL_SIDE,) * 2, mode="area")
                values.append(small.flatten(1))
            else:
                features = self.judge.features(x)
                values.append(features)
                classes.append(self.judge.head(features).argmax(1))
        return Features(torch.cat(values), torch.cat(classes) if classes else None)


@dataclass(frozen=True)
class Health:
    """Figures of samples against data, in an extractor's features; None where it has no classes.

    `fid` is the Fréchet distance in those features, `floor` that of `floor_n` real training images
    to the data, `far` its share of the features' variance over the data. `duplicates` is the share
    of samples that lie nearer to another sample than all but one in a hundred real images do to
    another real one; `spread` the mean distance between two samples over that between two real
    images; `variety` see there; `entropy` in nats, of the classes the samples are read as.
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
    variety: float | None = None
    far: float | None = None
    floor: float | None = None
    floor_n: int | None = None

    def figures(self) -> dict[str, Any]:
        """Return the figures as a run keeps them."""
        figures = {k: v for k, v in asdict(self).items() if v is not None}
        figures["histogram"] = list(self.histogram or ())
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}

    @classmethod
    def read(cls, figures: dict[str, Any]) -> Health:
        """Read the health from a run's figures. Raises KeyError if they are missing."""
        known = {k: figures[k] for k in cls.__dataclass_fields__ if k not in OPTIONAL}
        more = {k: figures[k] for k in OPTIONAL if figures.get(k) not in (None, [])}
        if "histogram" in more:
            more["histogram"] = tuple(more["histogram"])
        # A history has numbers only, and none of what older runs did not measure.
        more = {k: v for k, v in more.items() if not (isinstance(v, float) and math.isnan(v))}
        more |= {k: int(more[k]) for k in ("classes", "floor_n") if k in more}
        more.setdefault("classes", 0)
        return cls(**known, **more)

    @property
    def covered(self) -> int | None:
        """Classes that two samples in a hundred or more are read as."""
        if not self.histogram:
            return None
        return sum(count >= MIN_CLASS_SHARE * sum(self.histogram) for count in self.histogram)


OPTIONAL = ("classes", "histogram", "entropy", "variety", "far", "floor", "floor_n")


class Real:
    """Real images that samples are held against, looked at once for all of a training's epochs.

    Args:
        data: (N, C, H, W), uint8 or in [0, 1].
        training: other real images of the set, whose distance to the data is the floor of every
            generator's; None leaves it unknown.
    """

    def __init__(
        self,
        data: Tensor,
        extractor: Extractor,
        training: Tensor | None = None,
        check: Check = silent,
    ) -> None:
        self.extractor = extractor
        self.values = extractor.features(data, check).values.float()
        self.variance = float(self.values.double().T.cov().diagonal().sum())
        self.floor: float | None = None
        self.floor_n: int | None = None
        if training is not None:
            others = extractor.features(training, check).values
            self.floor, self.floor_n = frechet_distance(self.values, others), len(others)
        self.pictures = _Pictures(data)

    def chosen(self, n: int) -> Tensor:
        """The features (n, d) of a seeded choice of the images."""
        return _seeded_choice(self.values, n)


@torch.inference_mode()
def health(
    samples: Tensor,
    data: Tensor | Real,
    extractor: Extractor | None = None,
    check: Check = silent,
) -> Health:
    """Compare samples with real images, both (N, C, H, W), uint8 or in [0, 1].

    Neighbours are compared among as many real images as there are samples, or the other way.

    Args:
        extractor: needed where `data` are images.
    """
    real = data if isinstance(data, Real) else Real(data, extractor or Extractor(), check=check)
    drawn = real.extractor.features(samples, check)
    n = min(len(drawn.values), len(real.values))
    x, y = real.chosen(n), _seeded_choice(drawn.values.float(), n)
    neighbourhoods = closeness(x, y, check)
    counts = None
    if drawn.classes is not None:
        counts = torch.bincount(drawn.classes, minlength=real.extractor.classes).tolist()
    distance = frechet_distance(real.values, drawn.values)
    return Health(
        fid=distance,
        **neighbourhoods,
        spread=_mean_distance(y) / max(_mean_distance(x), 1e-12),
        n=len(samples),
        n_data=len(real.values),
        extractor=real.extractor.name,
        classes=real.extractor.classes,
        histogram=tuple(counts) if counts else None,
        entropy=entropy(counts) if counts else None,
        variety=real.pictures.variety(samples),
        far=distance / max(real.variance, 1e-12),
        floor=real.floor,
        floor_n=real.floor_n,
    )


class _Pictures:
    """Real images in their principal components, and how many different ones there are."""

    def __init__(self, data: Tensor) -> None:
        small = _small(data)
        self.middle = small.mean(0)
        # In float64: of fewer images than pixels the covariance is singular.
        covariance = (small - self.middle).double().T.cov(correction=0)
        _, vectors = torch.linalg.eigh(covariance)
        self.basis = vectors.flip(1)[:, :COMPONENTS].float()  # the largest variances come last
        self.points = (small - self.middle) @ self.basis

    def variety(self, samples: Tensor) -> float:
        """The effective number of different samples, by that of as many real images: about 1 for
        real ones, near 0 for a few pictures over and over, with any noise.

        The number is the Vendi score (Friedman and Dieng 2023), the exponential of the entropy of
        the eigenvalues of all similarities. Two pictures are as similar as a Gaussian of their
        distance says, as wide as real images lie from their nearest others.
        """
        n = min(MAX_COMPARED, len(samples), len(self.points))
        if n < 2:
            return 0.0
        real = _seeded_choice(self.points, n)
        drawn = (_small(_seeded_choice(samples, n)) - self.middle) @ self.basis
        apart = torch.cdist(real, real).fill_diagonal_(math.inf).amin(1)
        width = max(float(apart.median()), 1e-6)
        # Pictures that are only paler, or blurred, are not fewer.
        contrast = _mean_distance(drawn) / max(_mean_distance(real), 1e-6)
        return _different(drawn, width * min(1.0, max(MIN_CONTRAST, contrast))) / _different(
            real, width
        )


def _different(points: Tensor, width: float) -> float:
    """The effective number of different points (n, d): 1 to n."""
    alike = torch.exp(-torch.cdist(points, points).square().double() / (2 * width**2))
    shares = torch.linalg.eigvalsh(alike.cpu() / len(points)).clamp_min(1e-12)
    shares = shares / shares.sum()
    return float(torch.exp(-(shares * shares.log()).sum()))


def _small(images: Tensor) -> Tensor:
    """(N, H·W) in [0, 1], grey, of `SIDE` pixels at most."""
    parts = []
    for part in torch.split(images, CHUNK):
        x = (part if part.is_floating_point() else part.float() / 255).mean(1, keepdim=True)
        side = (min(SIDE, x.shape[2]), min(SIDE, x.shape[3]))
        parts.append(F.adaptive_avg_pool2d(x, side).flatten(1))
    return torch.cat(parts)


def _seeded_choice(rows: Tensor, n: int) -> Tensor:
    """Return n rows, drawn by a seed, since data and samples may be ordered."""
    if len(rows) <= n:
        return rows
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(CHOICE_SEED))
    return rows[order[:n].to(rows.device)]


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Between the normal distributions that fit two sets of features, (N, d) and (M, d).

    Heusel et al. 2017 take it in the features of Inception and call it FID; here it is in whatever
    features are given:
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
    real: Tensor, drawn: Tensor, check: Check = silent, k: int = NEIGHBOURS
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
    return sum(c / total * math.log(total / c) for c in counts if c)


def _own_distances(points: Tensor, k: int, check: Check) -> Tensor:
    """Distances (n, k) to the nearest other points, the nearest first."""
    distances = []
    for i in range(0, len(points), CHUNK):
        check("comparing samples")
        far = torch.cdist(points[i : i + CHUNK], points)
        far[torch.arange(len(far)), torch.arange(i, i + len(far))] = math.inf
        distances.append(far.topk(k, largest=False).values)
    return torch.cat(distances)


def _mean_distance(points: Tensor) -> float:
    """Mean distance of points to those that follow at a few fixed steps: pairs at random."""
    steps = [s for s in (1, 7, 31, 101) if s < len(points)]
    pairs = [(points - points.roll(s, 0)).norm(dim=1).mean() for s in steps]
    return float(torch.stack(pairs).mean()) if pairs else 0.0


# ---- the verdict


class Verdict(NamedTuple):
    """The state of a generator, and a sentence with the numbers behind it."""

    state: State
    sentence: str


def verdict(health: Health) -> Verdict:
    """Judge whether a generator has collapsed: it repeats a few images, or leaves classes out.

    Bad pictures that differ are no collapse, unless the classifier reads them all as one class; but
    what is far from the data is not healthy either. Without a classifier nobody knows whether
    classes are missing, nor how good the pictures are. That two samples differ little counts
    between pictures only: a classifier's features of bad ones are all small.
    """
    reasons = _collapse(health)
    if reasons:
        return Verdict("collapsed", f"Collapsed: {_and(reasons)}.")
    reasons = _narrowness(health)
    if reasons:
        return Verdict("narrow", f"Narrow: {_and(reasons)}. {UNTESTED}")
    summary = (
        f"{health.duplicates:.1%} twins, a sample near {health.coverage:.0%} of the real images, "
        f"recall {health.recall:.0%}. {UNTESTED}"
    )
    if not health.classes:
        return Verdict(
            "not checked for classes",
            "Not checked for classes, nor for how good the pictures are: there is no classifier "
            f"of this data set. No collapse was seen: {summary}",
        )
    classes = f"all {health.classes} classes, entropy {health.entropy or 0:.2f} nats, "
    if health.far is not None and health.far > MAX_DISTANCE:
        return Verdict(
            "unlike the data",
            f"Unlike the data: {_distance(health)}. No collapse was seen: {classes}{summary}",
        )
    if health.variety is None or health.far is None:
        return Verdict(
            "not checked",
            "Not checked for few pictures under noise, nor for how far they are from the data: "
            f"these figures are of an older version. No collapse was seen: {classes}{summary}",
        )
    return Verdict("healthy", f"Healthy: {classes}{summary}")


UNTESTED = "Whether it copies training images is not tested here."


def _collapse(health: Health) -> list[str]:
    """Return the signs that a few images are repeated."""
    signs = []
    if health.duplicates >= 0.5:
        signs.append(_duplicates(health.duplicates))
    if health.variety is not None and health.variety <= MAX_COLLAPSED_VARIETY:
        signs.append(_variety(health.variety))
    if health.spread < 0.5 and not health.classes:
        signs.append(f"two samples differ {health.spread:.0%} as much as two real images")
    if health.entropy is not None and health.entropy < 0.5 * math.log(max(health.classes, 2)):
        signs.append(f"the classes they are read as have an entropy of {health.entropy:.2f} nats")
    low_variety = health.variety is None or health.variety <= MAX_NARROW_VARIETY
    if low_variety and health.density >= 0.7 and health.recall < 0.02 and health.coverage < 0.2:
        # They lie where the data are, but in few places: one picture a class, with some noise.
        signs.append(f"they look like the data, but reach {health.recall:.1%} of the real images")
    return signs


def _narrowness(health: Health) -> list[str]:
    """Return the signs that part of the data is not drawn."""
    signs = []
    missing = health.classes - health.covered if health.covered is not None else 0
    if missing:
        signs.append(f"{missing} of {health.classes} classes get fewer than 2 % of the samples")
    if health.duplicates >= 0.1:
        signs.append(_duplicates(health.duplicates))
    if health.variety is not None and health.variety <= MAX_NARROW_VARIETY:
        signs.append(_variety(health.variety))
    if health.coverage < (0.4 if health.classes else MIN_COVERAGE):
        signs.append(f"only {health.coverage:.0%} of the real images have a sample near them")
    return signs


def _duplicates(share: float) -> str:
    return f"{share:.0%} of the samples have a twin among them"


def _variety(share: float) -> str:
    return f"there are {share:.0%} as many different pictures among them as among real images"


def _distance(health: Health) -> str:
    floor = (
        "" if health.floor is None else f", where real training images are at {health.floor:,.1f}"
    )
    return f"they are at a Fréchet distance of {health.fid:,.0f} from it, in own features{floor}"


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
