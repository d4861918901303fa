"""Methods that project codes to two or three dimensions, and place further codes on the map."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from core.errors import LabError
from core.inference.codes import PIXELS
from core.metrics.neighbours import Metric, nearest
from core.settings import settings
from core.tasks.family import Family, FamilyConfig, Variant, by_name, number

MAX_POINTS = 20_000
EARLY_SHARE = 0.5
"""Share of the iterations with early exaggeration."""
MAX_FRAMES = 20
"""Maximum number of snapshots of an optimisation, beside its start."""
CHECK_EVERY = 5
"""Iterations between two checks for a stop: a third of a second at 10,000 points."""
THETA = 0.8
"""Coarseness of the Barnes-Hut tree. It takes a third less time than 0.5, with the same
trustworthiness and accuracy on 10,000 codes."""
START_STD = 1e-4
"""Standard deviation of the initial points (Kobak and Berens 2019)."""
PLACE_PERPLEXITY, PLACE_STEPS = 5.0, 100
"""Perplexity and steps with which new points are placed on a finished map (Poličar et al. 2021)."""
MIN_PERPLEXITY, MIN_NEIGHBOURS = 2, 2


class ProjectionConfig(FamilyConfig):
    """Settings of a map."""

    source: str = Field(
        PIXELS,
        max_length=200,
        title="Codes of",
        description=f"`{PIXELS}`, a pretrained network such as `lite0`, or a finished run that "
        "encodes images",
    )
    split: Literal["test", "train"] = Field(
        "test", title="Split", description="which images of the data set"
    )
    points: int = number(
        10_000,
        (3, MAX_POINTS),
        "Points",
        "maximum number of images; of a larger set always the same choice",
        500,
    )
    dimensions: int = number(2, (2, 3), "Dimensions", "of the map")
    perplexity: float = number(
        30.0,
        (MIN_PERPLEXITY, 500),
        "Perplexity",
        "effective number of neighbours of each point; at most a third of the points",
        5.0,
    )
    exaggeration: float = number(
        12.0,
        (1, 100),
        "Exaggeration",
        "factor on the attraction of neighbours in the first half",
        1.0,
    )
    iterations: int = number(500, (50, 5000), "Iterations", "steps of descent", 50)
    start: Literal["pca", "random"] = Field(
        "pca", title="Start", description="principal components, or noise"
    )
    neighbours: int = number(
        15, (MIN_NEIGHBOURS, 200), "Neighbours", "of each point in the graph of UMAP"
    )
    least_distance: float = number(
        0.1, (0, 1), "Least distance", "how close UMAP packs its points", 0.05
    )
    metric: Metric = Field("euclidean", title="Metric", description="distance between two codes")
    seed: int = number(0, (0, 2**31 - 1), "Seed", "of the initial noise")


class Map(NamedTuple):
    """The result of a projection.

    `points` (N, D) float32; `frames` (F, N, D), the points after `iterations`; `history` a row for
    each of some iterations; `extra` what `place` needs to put further codes on the map.
    """

    points: Tensor
    frames: Tensor
    iterations: list[int]
    history: list[dict[str, float]]
    extra: dict[str, Tensor]


class Report(Protocol):
    """A callback that reports progress between pieces of work; raises `Cancelled` to stop it."""

    def __call__(self, stage: str, **progress: Any) -> None:
        """`progress` is `epoch` and `epochs`, the finished and the total iterations."""


def without_frames(points: Tensor, extra: dict[str, Tensor] | None = None) -> Map:
    """Return a map that is computed in one step."""
    return Map(points.float(), torch.zeros(0, *points.shape), [], [], extra or {})


# ---- principal components


def pca(codes: Tensor, config: ProjectionConfig, report: Report) -> Map:
    """Project on the principal components (Pearson 1901), each with its largest weight positive."""
    report("finding the directions of most variance")
    basis, mean, shares = principal(codes, config.dimensions)
    points = (codes - mean) @ basis
    return without_frames(points, {"basis": basis, "mean": mean, "explained": shares})


def principal(codes: Tensor, dimensions: int) -> tuple[Tensor, Tensor, Tensor]:
    """Basis (d, dimensions), mean (d,) and shares of the variance (dimensions,) of codes (N, d)."""
    mean = codes.mean(0)
    centred = (codes - mean).double()
    wide = codes.shape[1] > len(codes)  # then the smaller matrix of inner products says the same
    values, vectors = torch.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    basis = vectors[:, -dimensions:].flip(1)
    if wide:
        basis = F.normalize(centred.T @ basis, dim=0)
    largest = basis.abs().argmax(0)
    basis = basis * basis.gather(0, largest[None]).sign()
    total = values.clamp_min(0).sum().clamp_min(1e-12)
    shares = values[-dimensions:].flip(0).clamp_min(0) / total
    return basis.float(), mean, shares.float()


def place_pca(
    tensors: Mapping[str, Tensor], codes: Tensor, new: Tensor, config: ProjectionConfig
) -> Tensor:
    """Project new codes (M, d) by the same matrix, (M, D)."""
    return (new - tensors["mean"]) @ tensors["basis"]


# ---- t-SNE


def max_perplexity(points: int) -> int:
    """The largest perplexity that so many points allow; below `MIN_PERPLEXITY` there are too few
    of them for t-SNE."""
    return (points - 1) // 3


def tsne(codes: Tensor, config: ProjectionConfig, report: Report) -> Map:
    """t-SNE (van der Maaten and Hinton 2008) by openTSNE (Poličar, Stražar and Zupan 2024).

    Neighbours are exact; repulsion is Barnes-Hut's; the learning rate is n / exaggeration (Belkina
    et al. 2019).

    Raises:
        LabError: the perplexity is too large for so few points.
    """
    from openTSNE import TSNEEmbedding  # here: it brings scikit-learn, which few need
    from openTSNE.affinity import PrecomputedAffinities, joint_probabilities_nn

    n, threads = len(codes), settings().torch_threads
    most = max_perplexity(n)
    if most < MIN_PERPLEXITY:
        raise LabError(
            f"t-SNE needs {3 * MIN_PERPLEXITY + 1} points at least; there are {n:,}. "
            "Choose more points, or PCA."
        )
    if 3 * config.perplexity > n - 1:
        raise LabError(
            f"Perplexity {config.perplexity:g} needs {math.floor(3 * config.perplexity) + 1:,} "
            f"points or more; there are {n:,}. Choose one from {MIN_PERPLEXITY} to "
            f"{most:,}."
        )
    report("finding neighbours")
    k = int(3 * config.perplexity)
    own = torch.arange(n)
    ids, distances = nearest(
        codes, codes, k, config.metric, exclude=own, check=lambda _: report("finding neighbours")
    )
    affinities = joint_probabilities_nn(
        ids.numpy(), distances.double().numpy(), [config.perplexity], n_jobs=threads
    )
    embedding = TSNEEmbedding(
        _initial_points(codes, config),
        PrecomputedAffinities(affinities, normalize=False),
        negative_gradient_method="bh",
        theta=THETA,
        n_jobs=threads,
        random_state=config.seed,
    )
    recorder = _Recorder(embedding, config.iterations, report)
    early = round(EARLY_SHARE * config.iterations)
    phases = ((early, config.exaggeration, 0.5), (config.iterations - early, 1.0, 0.8))
    for steps, exaggeration, momentum in phases:
        embedding.optimize(
            steps,
            exaggeration=exaggeration,
            momentum=momentum,
            inplace=True,
            callbacks=recorder.note,
            callbacks_every_iters=CHECK_EVERY,
        )
        recorder.behind += steps
    points = torch.from_numpy(np.array(embedding, dtype=np.float32))
    return Map(points, *recorder.frames(points), recorder.rows, {})


class _Recorder:
    """Records an optimisation: its loss every few iterations, and snapshots of its points."""

    def __init__(self, start: np.ndarray, total: int, report: Report) -> None:
        self.total, self.report = total, report
        self.behind = 0
        self.every = max(CHECK_EVERY, total // MAX_FRAMES // CHECK_EVERY * CHECK_EVERY)
        self.rows: list[dict[str, float]] = []
        self.seen = {0: np.array(start, dtype=np.float32)}

    def note(self, step: int, divergence: float, points: np.ndarray) -> bool:
        """openTSNE's callback: the iteration of this phase, the loss so far, the points."""
        now = self.behind + step
        self.report(
            f"iteration {now} of {self.total}",
            epoch=now,
            epochs=self.total,
            done=now / self.total,
        )
        if now % self.every == 0:
            self.rows.append({"epoch": now, "kl_divergence_loss": float(divergence)})
            self.seen[now] = np.array(points, dtype=np.float32)
        return False

    def frames(self, last: Tensor) -> tuple[Tensor, list[int]]:
        """Snapshots (F, N, D), the last being the finished map, and their iterations."""
        self.seen[self.total] = last.numpy()
        kept = sorted(self.seen)
        return torch.from_numpy(np.stack([self.seen[i] for i in kept])), kept


def _initial_points(codes: Tensor, config: ProjectionConfig) -> np.ndarray:
    """Return the points that t-SNE starts from, float64 (N, D)."""
    if config.start == "random":
        noise = np.random.default_rng(config.seed)
        return START_STD * noise.standard_normal((len(codes), config.dimensions))
    basis, mean, _ = principal(codes, config.dimensions)
    points = ((codes - mean) @ basis).double().numpy()
    points = points / max(float(points[:, 0].std()), 1e-12) * START_STD
    # Equal codes would start at one point, from which no gradient could separate them.
    return points + START_STD / 100 * np.random.default_rng(config.seed).standard_normal(
        points.shape
    )


def place_tsne(
    tensors: Mapping[str, Tensor], codes: Tensor, new: Tensor, config: ProjectionConfig
) -> Tensor:
    """Place new codes (M, d) among those (N, d) of a finished map, which do not move: (M, D).

    Each starts at the median of its nearest neighbours, followed by a few steps of gradient descent
    (Poličar, Stražar and Zupan 2021).
    """
    points, n = tensors["points"].double(), len(codes)
    perplexity = min(PLACE_PERPLEXITY, config.perplexity, (n - 1) / 3)
    ids, distances = nearest(codes, new, max(1, int(3 * perplexity)), config.metric)
    weights = _affinities(distances.double(), perplexity)
    near = points[ids]  # (M, k, D)
    placed = near.median(1).values
    update = torch.zeros_like(placed)
    for _ in range(PLACE_STEPS):
        pull = _attraction(placed, near, 1.5 * weights) - _attraction(
            placed, points.expand(len(new), -1, -1)
        )
        length = pull.norm(dim=1, keepdim=True).clamp_min(1e-12)
        pull = pull * (0.25 / length).clamp_max(1)  # no point leaves the map
        update = 0.8 * update + 0.1 * pull
        placed = placed + update
    return placed.float()


def _attraction(places: Tensor, others: Tensor, weights: Tensor | None = None) -> Tensor:
    """The force of others (M, m, D) on places (M, D), by weights (M, m) and by Student's t.

    Without weights they are those of the t distribution itself, q(j|i): t-SNE's repulsion.
    """
    difference = others - places[:, None]
    student = 1 / (1 + difference.square().sum(2))
    if weights is None:
        weights = student / student.sum(1, keepdim=True)
    force: Tensor = ((weights * student)[:, :, None] * difference).sum(1)
    return force


def _affinities(distances: Tensor, perplexity: float) -> Tensor:
    """p(j|i) of neighbours at `distances` (M, k): Gaussians of this perplexity; rows sum to 1."""
    squared = distances.square()
    squared = squared - squared[:, :1]
    low, high = torch.zeros(len(squared), 1).double(), torch.full((len(squared), 1), 1e12).double()
    scale = squared.mean(1, keepdim=True).clamp_min(1e-12)
    beta = 1 / scale
    for _ in range(60):  # bisection on the precision
        weights = (-beta * squared).exp()
        weights = weights / weights.sum(1, keepdim=True)
        entropy = -(weights * weights.clamp_min(1e-300).log()).sum(1, keepdim=True)
        wide = entropy > math.log(perplexity)
        low, high = torch.where(wide, beta, low), torch.where(wide, high, beta)
        beta = torch.where(high >= 1e12, beta * 2, (low + high) / 2)
    return weights


# ---- UMAP


def umap(codes: Tensor, config: ProjectionConfig, report: Report) -> Map:
    """UMAP (McInnes, Healy and Melville 2018), if umap-learn is installed.

    Raises:
        LabError: it is not installed, or there are too few points.
    """
    try:
        from umap import UMAP
    except ImportError as error:
        raise LabError(
            "UMAP is an extra that is not installed here: `pip install umap-learn` brings it."
        ) from error
    if config.neighbours >= len(codes):
        raise LabError(
            f"{config.neighbours} neighbours need more points than {len(codes):,}. "
            + (
                f"Choose from {MIN_NEIGHBOURS} to {len(codes) - 1:,}."
                if len(codes) > MIN_NEIGHBOURS
                else f"UMAP needs {MIN_NEIGHBOURS + 1} points at least; choose PCA."
            )
        )
    report("building the graph and laying it out; this cannot be stopped half-way")
    points = UMAP(
        n_components=config.dimensions,
        n_neighbors=config.neighbours,
        min_dist=config.least_distance,
        metric=config.metric,
        random_state=config.seed,
        n_jobs=1,
    ).fit_transform(codes.numpy())
    report("the map is laid out")
    return without_frames(torch.from_numpy(np.array(points, dtype=np.float32)))


def place_umap(
    tensors: Mapping[str, Tensor], codes: Tensor, new: Tensor, config: ProjectionConfig
) -> Tensor:
    """Place new codes (M, d) at the weighted mean of their neighbours on the map, (M, D)."""
    k = min(config.neighbours, len(codes))
    ids, distances = nearest(codes, new, k, config.metric)
    weights = _affinities(distances.double(), max(1.0, k / 3)).float()
    return (tensors["points"][ids] * weights[..., None]).sum(1)


TSNE_SETTINGS = frozenset({"perplexity", "exaggeration", "iterations", "start"})
UMAP_SETTINGS = frozenset({"neighbours", "least_distance"})


@dataclass(frozen=True, kw_only=True)
class ProjectionVariant(Variant):
    """A method that makes maps."""

    place: Callable[[Mapping[str, Tensor], Tensor, Tensor, ProjectionConfig], Tensor]
    """How further codes are put on a finished map: (tensors, codes, new, config) to (M, D)."""
    learns: bool = False
    quick: bool = True


class Projecting(Family[ProjectionConfig, ProjectionVariant]):
    """Maps of codes."""

    name = "projecting"
    kind = "project"
    title = "Projecting"
    headline = "trustworthiness"
    rows_are = "iteration"
    config_class = ProjectionConfig
    variants = by_name(
        ProjectionVariant(
            "tsne",
            "t-SNE",
            "Keeps neighbours together; sizes and distances of its clusters mean little.",
            tsne,
            place=place_tsne,
            fixed=UMAP_SETTINGS,
            source="van der Maaten and Hinton 2008; openTSNE, Poličar et al. 2024",
            text="t-SNE of the codes of test images.",
            differs="openTSNE instead of scikit-learn: as good a map in a third of the time, "
            "on which new images can be placed. Seeded, begun with the PCA.",
        ),
        ProjectionVariant(
            "pca",
            "PCA",
            "The flat view that keeps most of the spread; distances keep their meaning.",
            pca,
            place=place_pca,
            fixed=TSNE_SETTINGS | UMAP_SETTINGS | {"metric"},
            source="Pearson 1901",
            text="Described in words.",
            differs="Ours.",
        ),
        ProjectionVariant(
            "umap",
            "UMAP",
            "A graph of neighbours laid out; needs the extra package umap-learn.",
            umap,
            place=place_umap,
            fixed=TSNE_SETTINGS,
            source="McInnes, Healy and Melville 2018",
            differs="Ours.",
        ),
    )


PROJECTING = Projecting()
