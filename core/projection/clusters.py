"""Clusters of a map or of its codes, and how well they agree with the classes."""

from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import LabError
from core.metrics.neighbours import checked
from core.projection.methods import principal

MAX_CLUSTERS = 50
"""Maximum number of clusters of k-means: nobody can tell more apart."""
MAX_DIMENSIONS = 20
"""Maximum number of dimensions for HDBSCAN: with more, 10,000 points take it minutes."""
MEDOID_CANDIDATES = 50
"""Members nearest to a cluster's mean, among which its medoid is looked for."""
MIN_SAMPLES = 5
"""HDBSCAN's `min_samples`, the number of neighbours by which it measures density. scikit-learn's
default is the minimum size of a cluster, which makes almost everything noise."""


class Clusters(NamedTuple):
    """The cluster of each point, int64 (N,): 0 is the largest, -1 noise. `reduced` says whether
    the points were projected to `MAX_DIMENSIONS` dimensions first."""

    labels: Tensor
    reduced: bool

    @property
    def number(self) -> int:
        """The number of clusters, without the noise."""
        return int(self.labels.max()) + 1


def kmeans(points: Tensor, number: int, seed: int = 0) -> Clusters:
    """Cluster points (N, d) by k-means (Lloyd 1982; Arthur and Vassilvitskii 2007).

    Raises:
        LabError: `number` is not from 2 to `MAX_CLUSTERS`, or exceeds the number of points.
    """
    values = checked(points)
    max_clusters = min(MAX_CLUSTERS, len(values))
    if not 2 <= number <= max_clusters:
        raise LabError(f"k-means makes 2 to {max_clusters} clusters of {len(values):,} points.")
    from sklearn.cluster import KMeans  # here: few need it, and it takes a second

    model = KMeans(number, n_init=1, random_state=seed)
    return Clusters(_by_size(model.fit_predict(values.numpy())), reduced=False)


def hdbscan(points: Tensor, min_size: int) -> Clusters:
    """Cluster points (N, d) by density (Campello, Moulavi and Sander 2013); the rest is noise.

    Args:
        min_size: minimum number of points in a cluster.

    Raises:
        LabError: `min_size` is less than 2, or exceeds the number of points.
    """
    values = checked(points)
    if not 2 <= min_size <= len(values):
        raise LabError(f"A cluster has 2 to {len(values):,} points at least.")
    from sklearn.cluster import HDBSCAN

    reduced = values.shape[1] > MAX_DIMENSIONS
    if reduced:
        basis, mean, _ = principal(values, MAX_DIMENSIONS)
        values = (values - mean) @ basis
    model = HDBSCAN(min_cluster_size=min_size, min_samples=min(MIN_SAMPLES, min_size), copy=True)
    return Clusters(_by_size(model.fit_predict(values.numpy())), reduced)


def medoids(points: Tensor, clusters: Clusters) -> Tensor:
    """The member of each cluster that has the least sum of distances to the others of it.

    It is looked for among the `MEDOID_CANDIDATES` members nearest to the cluster's mean: among all
    of them it would take the square of their number.

    Returns:
        int64 (number of clusters,): rows of `points` (N, d).
    """
    chosen = []
    for cluster in range(clusters.number):
        rows = (clusters.labels == cluster).nonzero()[:, 0]
        members = points[rows].float()
        to_mean = (members - members.mean(0)).square().sum(1)
        near = to_mean.argsort(stable=True)[:MEDOID_CANDIDATES]
        sums = torch.cdist(members[near], members).sum(1)
        chosen.append(rows[near[sums.argmin()]])
    return torch.stack(chosen) if chosen else torch.empty(0, dtype=torch.int64)


def _by_size(labels: object) -> Tensor:
    """Number the clusters by size, the largest 0; noise stays -1."""
    clusters = torch.as_tensor(labels, dtype=torch.int64)
    names, sizes = clusters[clusters >= 0].unique(return_counts=True)
    numbers = torch.full((int(clusters.max()) + 2,), -1)  # the last one is for noise
    numbers[names[sizes.argsort(descending=True, stable=True)]] = torch.arange(len(names))
    return numbers[clusters]


def agreement(clusters: Tensor, labels: Tensor) -> float | None:
    """The adjusted Rand index (Hubert and Arabie 1985) of clusters (N,) and classes (N,).

    Returns:
        1 for the same grouping, about 0 by chance; noise counts as one more cluster. None with only
        one class, or with unknown ones (-1).
    """
    if not 0 <= int(labels.min()) < int(labels.max()):
        return None
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(labels.numpy(), clusters.numpy()))
