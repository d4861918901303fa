import math

import numpy as np
import pytest
import torch
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from core import data
from core.errors import LabError
from core.projection import clusters
from core.projection.methods import principal


def digits() -> tuple[Tensor, Tensor]:
    """Real pixels (360, 784) in [0, 1], and their classes."""
    images = data.load("digits", "test")
    return images.pixels.flatten(1).float() / 255, images.labels


def short(pixels: Tensor, columns: int = 5) -> Tensor:
    basis, mean, _ = principal(pixels, columns)
    return (pixels - mean) @ basis


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def heaps(sizes: tuple[int, ...], columns: int = 2) -> tuple[Tensor, Tensor]:
    """Heaps of points far from each other, shuffled, and which heap each is of."""
    which = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    shuffled = which[torch.randperm(len(which), generator=torch.Generator().manual_seed(0))]
    centres = 50.0 * torch.eye(max(len(sizes), columns))[: len(sizes), :columns]
    if columns < len(sizes):
        centres = 50.0 * torch.arange(len(sizes))[:, None].expand(-1, columns)
    return centres[shuffled] + drawn(len(which), columns), shuffled


def test_k_means_finds_heaps_the_largest_first() -> None:
    points, which = heaps((10, 60, 30, 29))
    result = clusters.kmeans(points, 4)
    names = {1: 0, 2: 1, 3: 2, 0: 3}
    assert result.labels.tolist() == [names[w] for w in which.tolist()]
    assert result.labels.dtype == torch.int64 and result.number == 4 and not result.reduced


def test_k_means_is_scikit_learn_s_and_its_seed_decides() -> None:
    pixels, labels = digits()
    result = clusters.kmeans(pixels, 10, seed=3)
    theirs = KMeans(10, n_init=1, random_state=3).fit_predict(pixels.numpy())
    assert adjusted_rand_score(result.labels.numpy(), theirs) == 1
    assert torch.equal(clusters.kmeans(pixels, 10, seed=3).labels, result.labels)
    agreement = clusters.agreement(result.labels, labels)
    assert agreement == pytest.approx(adjusted_rand_score(labels.numpy(), theirs))
    assert agreement > 0.4, "chance is 0"
    sizes = torch.bincount(result.labels).tolist()
    assert sizes == sorted(sizes, reverse=True) and sum(sizes) == 360


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_fewer_different_points_make_fewer_clusters() -> None:
    twice = torch.tensor([[0.0, 0], [0, 0], [0, 0], [9, 9], [9, 9]])
    result = clusters.kmeans(twice, 4)
    assert result.labels.tolist() == [0, 0, 0, 1, 1] and result.number == 2
    alike = clusters.kmeans(torch.ones(6, 3), 2)
    assert alike.labels.tolist() == [0] * 6 and alike.number == 1


@pytest.mark.parametrize(
    ("count", "asked", "sentence"),
    [
        (60, 1, "2 to 50 clusters of 60 points"),
        (60, 51, "2 to 50 clusters of 60 points"),
        (3, 4, "2 to 3 clusters of 3 points"),
        (3, -2, "2 to 3 clusters"),
    ],
)
def test_too_many_or_too_few_clusters_are_a_sentence(count: int, asked: int, sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        clusters.kmeans(drawn(count, 2), asked)


@pytest.mark.parametrize("count", [2, 3, 50])
def test_as_many_clusters_as_points_are_possible(count: int) -> None:
    result = clusters.kmeans(drawn(count, 2), count)
    assert sorted(result.labels.tolist()) == list(range(count))


# ---- HDBSCAN


def test_dense_places_are_clusters_and_the_rest_is_noise() -> None:
    points, which = heaps((40, 80, 20))
    lost = torch.tensor([[-300.0, 200], [300, -400], [700, 700]])
    result = clusters.hdbscan(torch.cat([points, lost]), 10)
    assert result.number == 3 and result.labels.dtype == torch.int64 and not result.reduced
    assert result.labels[-3:].tolist() == [-1] * 3
    names = {1: 0, 0: 1, 2: 2}
    same = [
        names[w] == label for w, label in zip(which.tolist(), result.labels.tolist(), strict=False)
    ]
    assert np.mean(same) > 0.9


def test_hdbscan_is_scikit_learn_s() -> None:
    pixels, labels = digits()
    points = short(pixels)
    result = clusters.hdbscan(points, 8)
    model = HDBSCAN(min_cluster_size=8, min_samples=clusters.MIN_SAMPLES, copy=True)
    theirs = model.fit_predict(points.numpy())
    assert result.number == theirs.max() + 1 >= 2
    assert adjusted_rand_score(result.labels.numpy(), theirs) == 1
    assert np.array_equal(result.labels.numpy() == -1, theirs == -1)
    agreement = clusters.agreement(result.labels, labels)
    assert agreement == pytest.approx(adjusted_rand_score(labels.numpy(), theirs))


def test_wide_points_are_reduced_and_it_is_said() -> None:
    points, which = heaps((40, 30, 20), columns=300)
    result = clusters.hdbscan(points, 10)
    assert result.reduced and result.number == 3
    known = result.labels >= 0
    assert float(known.float().mean()) > 0.8 and torch.equal(result.labels[known], which[known])
    assert not clusters.hdbscan(points[:, : clusters.MAX_DIMENSIONS], 10).reduced
    again = clusters.hdbscan(points, 10)
    assert torch.equal(again.labels, result.labels)


@pytest.mark.parametrize(
    "points", [torch.ones(30, 2), torch.ones(30, 25), drawn(3, 2), drawn(2, 1)]
)
def test_where_nothing_is_denser_all_is_noise(points: Tensor) -> None:
    result = clusters.hdbscan(points, len(points))
    assert result.labels.tolist() == [-1] * len(points) and result.number == 0


@pytest.mark.parametrize(
    ("count", "least", "sentence"),
    [
        (60, 1, "2 to 60 points at least"),
        (60, 61, "2 to 60 points at least"),
    ],
)
def test_a_least_size_that_cannot_be_is_a_sentence(count: int, least: int, sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        clusters.hdbscan(drawn(count, 2), least)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_points_that_are_no_numbers_are_a_sentence(wrong: float) -> None:
    points = drawn(30, 2)
    points[4, 1] = wrong
    for call in (clusters.kmeans, clusters.hdbscan):
        with pytest.raises(LabError, match="not finite numbers"):
            call(points, 3)


# ---- against the classes


def test_agreement_counts_all_noise_as_one_cluster() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2])
    assert clusters.agreement(labels, labels) == 1
    assert clusters.agreement(torch.tensor([1, 1, 1, 0, 0, 0, -1, -1]), labels) == 1
    noisy = torch.tensor([0, 0, -1, 1, 1, -1, 2, -1])
    expected = adjusted_rand_score(labels.numpy(), [0, 0, 3, 1, 1, 3, 2, 3])
    assert clusters.agreement(noisy, labels) == pytest.approx(expected)
    assert clusters.agreement(torch.full((8,), -1), labels) == 0
    assert clusters.agreement(torch.arange(8), labels) == 0


def test_without_two_known_classes_there_is_nothing_to_agree_with() -> None:
    result = torch.arange(6) % 2
    for labels in ([3] * 6, [-1] * 6, [0, 1, 0, 1, 0, -1]):
        assert clusters.agreement(result, torch.tensor(labels)) is None


def test_a_medoid_is_the_member_nearest_to_all_others() -> None:
    points = torch.cat([drawn(40, 3), drawn(30, 3, seed=1) + 9, torch.full((1, 3), 99.0)])
    labels = torch.cat([torch.zeros(40), torch.ones(30), -torch.ones(1)]).long()
    result = clusters.medoids(points, clusters.Clusters(labels, reduced=False))
    for cluster, row in enumerate(result.tolist()):
        members = points[labels == cluster]
        sums = torch.cdist(members, members).sum(1)
        assert torch.equal(points[row], members[sums.argmin()])
    assert len(result) == 2
    none = clusters.Clusters(torch.full((5,), -1), reduced=False)
    assert len(clusters.medoids(points[:5], none)) == 0
