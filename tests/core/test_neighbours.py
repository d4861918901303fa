"""Neighbours and the measures of a map, against brute force and scikit-learn, on real digits."""

import numpy as np
import pytest
import torch
from scipy.stats import mode
from sklearn.manifold import trustworthiness
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from core import data
from core.errors import LabError
from core.metrics import neighbours
from core.projection.methods import principal


@pytest.fixture(scope="module")
def codes() -> Tensor:
    return data.load("digits", "test").pixels.float().flatten(1) / 255


@pytest.fixture(scope="module")
def labels() -> Tensor:
    return data.load("digits", "test").labels


@pytest.fixture(scope="module")
def points(codes: Tensor) -> Tensor:
    basis, mean, _ = principal(codes, 2)
    return (codes - mean) @ basis


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("count", [1, 5, 300])
def test_the_nearest_are_those_of_brute_force(
    codes: Tensor, metric: neighbours.Metric, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "QUERIES_AT_A_TIME", 64)
    own = torch.arange(20, 20 + count)
    result = neighbours.nearest(codes, codes[own], 12, metric, own)
    apart = pairwise_distances(codes[own].double(), codes.double(), metric=metric)
    apart[np.arange(count), own] = np.inf
    expected = np.sort(apart, 1)[:, :12]
    assert np.abs(result.distances.numpy() - expected).max() < 1e-5
    assert np.abs(np.take_along_axis(apart, result.ids.numpy(), 1) - expected).max() < 1e-5


def test_a_query_is_not_its_own_neighbour_but_its_double_is(codes: Tensor) -> None:
    doubled = torch.cat([codes[:30], codes[:1]])
    result = neighbours.nearest(doubled, doubled[:1], 3, exclude=torch.tensor([0]))
    assert result.ids[0, 0] == 30 and result.distances[0, 0] == 0
    assert 0 not in result.ids


def test_a_row_of_zeros_is_one_away_from_everything(codes: Tensor) -> None:
    result = neighbours.nearest(codes[:20], torch.zeros(1, codes.shape[1]), 5, "cosine")
    assert torch.allclose(result.distances, torch.ones(1, 5))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_cannot_be_compared_is_a_sentence(codes: Tensor, bad: float) -> None:
    broken = codes[:20].clone()
    broken[3, 3] = bad
    with pytest.raises(LabError, match="not finite numbers"):
        neighbours.nearest(broken, codes[:1], 3)
    for k in (0, 21):
        with pytest.raises(LabError, match="20 points are too few"):
            neighbours.nearest(codes[:20], codes[:1], k)
    with pytest.raises(LabError, match="no codes here"):
        neighbours.checked(torch.zeros(0, 4))


@pytest.mark.parametrize("k", [1, 5, 12])
def test_trustworthiness_is_scikit_learns(
    codes: Tensor, points: Tensor, labels: Tensor, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "QUERIES_AT_A_TIME", 50)
    result = neighbours.measure(codes, points, labels, k)
    theirs = trustworthiness(codes.numpy(), points.numpy(), n_neighbors=k)
    assert result.trustworthiness == pytest.approx(theirs, abs=1e-6)


def test_what_is_preserved_is_what_both_have(codes: Tensor, points: Tensor, labels: Tensor) -> None:
    result = neighbours.measure(codes, points, labels, 12)
    near, shown = (
        neighbours.nearest(space, space, 12, exclude=torch.arange(len(space))).ids.tolist()
        for space in (codes, points)
    )
    by_hand = [len(set(a) & set(b)) / 12 for a, b in zip(near, shown, strict=True)]
    assert result.preserved.tolist() == pytest.approx(by_hand)
    assert result.preservation == pytest.approx(np.mean(by_hand))
    same = neighbours.measure(points, points, labels, 12)
    assert same.trustworthiness == same.preservation == 1


def test_accuracy_is_that_of_leaving_each_out(
    codes: Tensor, points: Tensor, labels: Tensor
) -> None:
    result = neighbours.measure(codes, points, labels, 12)
    for space, ours in ((codes, result.codes_accuracy), (points, result.map_accuracy)):
        x, y = space.numpy(), labels.numpy()
        near = NearestNeighbors(n_neighbors=10).fit(x).kneighbors(return_distance=False)
        read = mode(y[near], axis=1).mode
        right = int((read == y).sum())
        assert ours == pytest.approx(right / len(x), abs=0.02)  # draws are decided otherwise


@pytest.mark.parametrize("label", [0, -1])
def test_accuracy_of_one_class_or_none_says_nothing(
    codes: Tensor, points: Tensor, label: int
) -> None:
    result = neighbours.measure(codes, points, torch.full((len(codes),), label), 5)
    assert result.codes_accuracy is None and result.map_accuracy is None


def test_three_points_can_be_measured_two_cannot(codes: Tensor, points: Tensor) -> None:
    labels = torch.tensor([0, 1, 1])
    assert neighbours.largest_k(3) == 1
    assert 0 <= neighbours.measure(codes[:3], points[:3], labels, 1).trustworthiness <= 1
    with pytest.raises(LabError, match="2 points are too few"):
        neighbours.measure(codes[:2], points[:2], labels[:2], 1)


def test_a_measurement_can_be_stopped(codes: Tensor, points: Tensor, labels: Tensor) -> None:
    class Stop(Exception):
        pass

    def stop(stage: str) -> None:
        raise Stop(stage)

    with pytest.raises(Stop, match="comparing 0 of 360"):
        neighbours.measure(codes, points, labels, 5, check=stop)


def test_stability_of_a_map_with_itself_and_with_chance(points: Tensor) -> None:
    turned = points @ torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    assert neighbours.stability([points, turned], 12) == 1
    shuffled = points[torch.randperm(len(points), generator=torch.Generator().manual_seed(0))]
    assert neighbours.stability([points, shuffled], 12) == pytest.approx(12 / 359, abs=0.02)
    for wrong in ([points], [points, points[:10]]):
        with pytest.raises(LabError, match="Two maps or more"):
            neighbours.stability(wrong, 12)


def test_strangeness_is_a_share_of_the_sets_own_distances(codes: Tensor) -> None:
    known = neighbours.kth_distances(codes, 10)
    far = torch.full((1, codes.shape[1]), 5.0)
    result = neighbours.strangeness(codes, torch.cat([far, codes[:1]]), 10, known)
    assert float(result.shares[0]) == 1
    apart = (codes - far).norm(dim=1).sort().values[9]
    assert float(result.distances[0]) == pytest.approx(float(apart), rel=1e-5)
    expected = float((known < result.distances[1]).float().mean())
    assert float(result.shares[1]) == pytest.approx(expected, abs=0.01)
