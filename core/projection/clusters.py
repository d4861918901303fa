"""Clusters of a map or of its codes, and how well they agree with the classes."""

from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import LabError
from core.metrics.neighbours import checked
from core.projection.methods import principal

MOST = 50
"""Clusters by k-means: more than anybody can tell apart."""
WIDE = 20
"""Numbers that HDBSCAN is given at most: in more dimensions 10,000 points take it minutes."""
DENSE = 5
"""How dense a place is, HDBSCAN tells by so many points. scikit-learn would take the least size of
a cluster, and call almost everything noise."""


class Clusters(NamedTuple):
    """The cluster of each point, int64 (N,): 0 is the largest, -1 noise; `reduced` where the
    points were brought to `WIDE` numbers first."""

    labels: Tensor
    reduced: bool

    @property
    def number(self) -> int:
        """How many there are, without the noise."""
        return int(self.labels.max()) + 1


def kmeans(points: Tensor, number: int, seed: int = 0) -> Clusters:
    """Clusters about means (Lloyd 1982; Arthur and Vassilvitskii 2007) of points (N, d).

    Raises:
        LabError: not 2 to `MOST` clusters, or more than points.
    """
    spec = checked(points)
    most = min(MOST, len(spec))
    if not 2 <= number <= most:
        raise LabError(f"k-means makes 2 to {most} clusters of {len(spec):,} points.")
    from sklearn.cluster import KMeans  # here: few need it, and it takes a second

    model = KMeans(number, n_init=1, random_state=seed)
    return Clusters(_by_size(model.fit_predict(spec.numpy())), reduced=False)


def hdbscan(points: Tensor, least: int) -> Clusters:
    """Dense places (Campello, Moulavi and Sander 2013) among points (N, d); the rest is noise.

    Args:
        least: points that make a cluster.

    Raises:
        LabError: fewer than 2, or more than there are points.
    """
    found = checked(points)
    if not 2 <= least <= len(found):
        raise LabError(f"A cluster has 2 to {len(found):,} points at least.")
    from sklearn.cluster import HDBSCAN

    reduced = found.shape[1] > WIDE
    if reduced:
        basis, mean, _ = principal(found, WIDE)
        found = (found - mean) @ basis
    model = HDBSCAN(min_cluster_size=least, min_samples=min(DENSE, least), copy=True)
    return Clusters(_by_size(model.fit_predict(found.numpy())), reduced)


def _by_size(labels: object) -> Tensor:
    """The same clusters, the largest called 0; noise stays -1."""
    found = torch.as_tensor(labels, dtype=torch.int64)
    names, sizes = found[found >= 0].unique(return_counts=True)
    numbers = torch.full((int(found.max()) + 2,), -1)  # the last one is for noise
    numbers[names[sizes.argsort(descending=True, stable=True)]] = torch.arange(len(names))
    return numbers[found]


def agreement(clusters: Tensor, labels: Tensor) -> float | None:
    """How far clusters (N,) are the classes (N,): the adjusted Rand index (Hubert and Arabie 1985).

    Returns:
        1 for the same grouping, about 0 by chance; noise counts as one cluster more. None with one
        class, or with unknown ones (-1).
    """
    if not 0 <= int(labels.min()) < int(labels.max()):
        return None
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(labels.numpy(), clusters.numpy()))
