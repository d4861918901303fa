"""The health of a generator: its figures are the published ones, its verdict is what eyes say."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import scipy.linalg
import torch
from sklearn.metrics import pairwise_distances
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import gaussian_blur

from core import data
from core.data import Images
from core.metrics import generative
from core.metrics.generative import (
    Extractor,
    Health,
    Real,
    closeness,
    entropy,
    frechet_distance,
    verdict,
)
from core.models.convnets import Recogniser
from core.tasks.adversarial import samples
from core.tasks.classification import RECOGNITION
from core.tasks.generating import of_row
from tests.core.games import network

N = 500
LEARNT = 1500
"""Test images that the judge learns from; the rest it has never seen."""


class Shelf(NamedTuple):
    """Real digits: some that stand for the data, others to be drawn, and a judge of both."""

    data: Tensor
    other: Images
    judge: Extractor
    real: dict[str, Real]
    """The data as the judge sees it, and in pixels."""


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    images = data.load("mnist", "test")
    config = RECOGNITION.config("cnn_strong", {"epochs": 1})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = RECOGNITION.build("cnn_strong", (1, 28, 28), config, 10).train()
    learner, generator = (
        RECOGNITION.learner(RECOGNITION.experiment("cnn_strong", config, model)),
        torch.Generator().manual_seed(0),
    )
    for start in range(0, LEARNT, 50):
        rows = slice(start, start + 50)
        batch = Images(images.pixels[rows], images.labels[rows])
        learner.step(batch, start / LEARNT, generator)
    rest = Images(images.pixels[LEARNT + N :], images.labels[LEARNT + N :])
    judge = Extractor(model.eval(), "a small judge")
    shown = images.pixels[LEARNT : LEARNT + N]
    real = {"judge": Real(shown, judge), "pixels": Real(shown, Extractor())}
    return Shelf(shown, rest, judge, real)


@pytest.fixture(params=["pixels", "judge"])
def real(request: pytest.FixtureRequest, shelf: Shelf) -> Real:
    return shelf.real[request.param]


def points(n: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(seed)) + shift


# ---- figures


def test_the_frechet_distance_is_that_of_the_published_formula() -> None:
    a, b = points(50, 0), 2 * points(40, 1, 0.5) @ torch.randn(6, 6).double().float()
    x, y = a.double().numpy(), b.double().numpy()
    root = scipy.linalg.sqrtm(np.cov(x.T) @ np.cov(y.T)).real
    means = ((x.mean(0) - y.mean(0)) ** 2).sum()
    expected = means + np.trace(np.cov(x.T) + np.cov(y.T) - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, a + 2) == pytest.approx(6 * 4, rel=1e-6)


def test_a_frechet_distance_of_few_points_in_many_dimensions_is_a_number() -> None:
    flat = torch.cat([points(4, 0), torch.zeros(4, 20)], 1)
    result = frechet_distance(flat, flat + 1)
    assert math.isfinite(result) and result == pytest.approx(26, rel=1e-4)


@pytest.mark.parametrize("shift", [0.0, 1.5, 9.0])
def test_closeness_is_what_a_plain_loop_finds(
    shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, drawn, k = points(31, 0), points(29, 1, shift), 3
    x, y = real.double().numpy(), drawn.double().numpy()
    across = pairwise_distances(x, y)
    reach = np.sort(pairwise_distances(x), 1)[:, k]  # the first is the point itself
    reach_drawn = np.sort(pairwise_distances(y), 1)[:, k]
    result = {"precision": 0, "density": 0.0, "recall": 0, "coverage": 0}
    for j in range(29):
        near = sum(across[i, j] <= reach[i] for i in range(31))
        result["precision"] += near > 0
        result["density"] += near / k
    for i in range(31):
        result["recall"] += any(across[i, j] <= reach_drawn[j] for j in range(29))
        result["coverage"] += any(across[i, j] <= reach[i] for j in range(29))
    monkeypatch.setattr(generative, "CHUNK", 7)
    told = closeness(real, drawn, k=k)
    for name, count in result.items():
        n = 29 if name in ("precision", "density") else 31
        assert told[name] == pytest.approx(count / n, abs=1e-6), name


def test_a_twin_is_nearer_than_all_but_one_in_a_hundred_real_pairs() -> None:
    real, drawn = points(200, 0), points(200, 1)
    drawn[:30] = drawn[100:130] + 1e-4
    nearest = np.sort(pairwise_distances(real.numpy()), 1)[:, 1]
    of_drawn = np.sort(pairwise_distances(drawn.numpy()), 1)[:, 1]
    expected = (of_drawn <= np.quantile(nearest, 0.01)).mean()
    assert closeness(real, drawn)["duplicates"] == pytest.approx(expected, abs=1e-6)
    assert 0.3 <= expected < 0.34
    assert closeness(real, real)["duplicates"] == pytest.approx(0.01)


def test_too_few_images_to_have_neighbours_are_no_fault() -> None:
    assert set(closeness(points(1, 0), points(5, 1)).values()) == {0.0}
    assert closeness(points(2, 0), points(2, 0))["precision"] == 1


def test_the_entropy_is_that_of_the_histogram() -> None:
    assert entropy([3, 1]) == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert entropy([5] * 10) == pytest.approx(math.log(10))
    assert entropy([7, 0, 0]) == entropy([]) == entropy([0]) == 0
    assert f"{entropy([7, 0]):.2f}" == "0.00", "and not -0.00"


def test_the_spread_is_one_for_real_images_and_grows_with_the_distance(shelf: Shelf) -> None:
    other = shelf.other.pixels[:N]
    spread = generative.health(other, shelf.real["pixels"]).spread
    assert spread == pytest.approx(1, abs=0.05)
    half = generative.health(other.float() / 510, shelf.real["pixels"]).spread
    assert half == pytest.approx(spread / 2, rel=1e-3)


def test_what_the_judge_reads_is_counted(shelf: Shelf) -> None:
    assert isinstance(shelf.judge.judge, Recogniser)
    one_class = shelf.other.pixels[shelf.other.labels == 7][:200]
    result = generative.health(one_class, shelf.data, shelf.judge)
    assert result.histogram is not None and sum(result.histogram) == 200
    assert result.histogram[7] > 150 and result.extractor == "a small judge"
    assert result.covered == sum(count >= 4 for count in result.histogram)
    assert (result.n, result.n_data, result.classes) == (200, N, 10)
    values = shelf.judge.features(one_class).values
    real = shelf.judge.features(shelf.data).values
    assert result.fid == pytest.approx(frechet_distance(real, values))


def test_a_network_that_is_no_classifier_does_not_judge() -> None:
    none = Extractor(torch.nn.Linear(3, 3), "something")
    assert (none.classes, none.name) == (0, "pixels at 14×14")
    seen = none.features(torch.full((2, 3, 64, 64), 51, dtype=torch.uint8))
    assert seen.classes is None and seen.values.shape == (2, 196)
    torch.testing.assert_close(seen.values, torch.full((2, 196), 0.2))


def test_health_is_read_again_from_figures_and_from_a_history(shelf: Shelf, real: Real) -> None:
    result = generative.health(shelf.other.pixels[:100], real)
    figures = result.figures()
    again = Health.read(figures)
    assert again.figures() == figures and verdict(again) == verdict(result)
    row = {k: float(v) for k, v in figures.items() if isinstance(v, int | float)}
    row |= {f"class_{i:02d}": float(count) for i, count in enumerate(result.histogram or ())}
    assert of_row({"epoch": 3.0, "critic_loss": 1.0, **row}).histogram == result.histogram
    assert verdict(of_row(row)) == verdict(result), "to the letter"
    with pytest.raises(KeyError):
        of_row({"epoch": 3.0})


# ---- the verdict


def of(drawn: Tensor, real: Real) -> generative.Verdict:
    said = verdict(generative.health(drawn, real))
    assert said.sentence.startswith(said.state.capitalize()) and said.sentence.endswith(".")
    return said


def ten(shelf: Shelf) -> Tensor:
    """One image of each class, over and over."""
    one = [shelf.other.pixels[shelf.other.labels == k][0] for k in range(10)]
    return torch.stack(one)[torch.arange(N) % 10]


def noise(strength: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return strength * torch.randn(N, 1, 28, 28, generator=generator)


def test_real_digits_are_healthy_where_a_classifier_says_so(shelf: Shelf, real: Real) -> None:
    said = of(shelf.other.choice(N).pixels, real)
    if real.extractor.classes:
        assert said.state == "healthy"
    else:
        assert said.state == "not checked for classes"
    assert "copies training images is not tested here" in said.sentence


def test_one_image_over_and_over_is_a_collapse(shelf: Shelf, real: Real) -> None:
    said = of(shelf.other.pixels[:1].expand(N, -1, -1, -1), real)
    assert said.state == "collapsed" and "100% of the samples have a twin" in said.sentence


def test_one_image_a_class_is_a_collapse(shelf: Shelf, real: Real) -> None:
    assert of(ten(shelf), real).state == "collapsed"


@pytest.mark.parametrize("strength", [1, 51, 128])
def test_one_image_a_class_with_noise_is_a_collapse(
    shelf: Shelf, real: Real, strength: float
) -> None:
    noisy = (ten(shelf) + noise(strength)).round().clamp(0, 255).byte()
    assert of(noisy, real).state == "collapsed"


@pytest.mark.parametrize("each", [1, 2])
def test_a_few_images_moved_about_under_noise_are_a_collapse(
    shelf: Shelf, real: Real, each: int
) -> None:
    few = torch.cat([shelf.other.pixels[shelf.other.labels == k][:each] for k in range(10)])
    many = few[torch.arange(N) % len(few)].float() / 255
    moves = torch.randint(-1, 2, (N, 2), generator=torch.Generator().manual_seed(0)).tolist()
    moved = torch.stack([x.roll((y, z), (1, 2)) for x, (y, z) in zip(many, moves, strict=True)])
    drawn = (moved + noise(0.2)).clamp(0, 1)
    said = of(drawn, real).state
    assert said == "collapsed" or (each == 2 and said == "narrow")


@pytest.mark.parametrize("radius", [1.0, 2.0])
def test_blurred_digits_are_not_healthy(shelf: Shelf, real: Real, radius: float) -> None:
    digits = shelf.other.choice(N).pixels.float() / 255
    size = 2 * math.ceil(3 * radius) + 1
    said = of(gaussian_blur(digits, [size, size], [radius, radius]), real)
    assert said.state != "healthy"
    if radius == 1:
        assert said.state != "collapsed", "they are bad, but they differ"


def test_samples_are_compared_with_a_choice_of_the_data_not_with_its_beginning(
    shelf: Shelf,
) -> None:
    order = shelf.judge.features(shelf.data).classes
    assert order is not None
    in_order = shelf.data[order.argsort()]
    few = shelf.other.choice(N // 5).pixels
    assert generative.health(few, in_order, Extractor()).coverage > 0.6


def test_half_of_the_samples_over_again_are_noticed(shelf: Shelf, real: Real) -> None:
    few = shelf.other.pixels[: N // 2]
    assert of(torch.cat([few, few]), real).state == "collapsed"
    some = torch.cat([shelf.other.pixels[: N - N // 8], few[: N // 8]])
    assert of(some, real).state == "narrow"


def test_three_classes_are_not_healthy(shelf: Shelf, real: Real) -> None:
    some = torch.isin(shelf.other.labels, torch.tensor((4, 7, 9)))
    said = of(shelf.other.pixels[some][:N], real)
    assert said.state != "healthy"
    if real.extractor.classes and said.state == "narrow":
        assert "of 10 classes get fewer than 2 % of the samples" in said.sentence


def test_a_class_that_is_left_out_is_noticed_by_a_judge(shelf: Shelf) -> None:
    without = shelf.other.pixels[shelf.other.labels != 6][:N]
    said = of(without, shelf.real["judge"])
    assert said.state == "narrow" and "1 of 10 classes get fewer" in said.sentence


@pytest.mark.parametrize("variant", ["gan", "cgan"])
def test_an_untrained_generator_is_a_collapse(shelf: Shelf, real: Real, variant: str) -> None:
    drawn = samples(network(variant).eval(), N, seed=0)
    assert of(drawn, real).state == "collapsed"


def test_a_generator_that_draws_grey_is_a_collapse(shelf: Shelf, real: Real) -> None:
    assert of(torch.full((N, 1, 28, 28), 0.5), real).state == "collapsed"


GAN_7 = Health(
    # An MLP GAN after seven epochs: rough digits of many kinds, no two alike.
    fid=2038, precision=0.888, recall=0.011, density=0.532, coverage=0.053, duplicates=0.043,
    spread=0.324, n=2000, n_data=2000, extractor="a classifier", classes=10, entropy=1.326,
    histogram=(50, 690, 100, 690, 60, 60, 10, 240, 60, 40),
)  # fmt: skip
FINE = replace(
    GAN_7, fid=384, recall=0.9, coverage=0.9, variety=0.9, far=0.01, histogram=(50,) * 10
)
PICTURES = replace(GAN_7, classes=0, histogram=None, entropy=None, spread=0.9, coverage=0.7)


@pytest.mark.parametrize(
    ("result", "state", "why"),
    [
        (GAN_7, "narrow", "1 of 10 classes get fewer than 2 % of the samples and only 5%"),
        (replace(GAN_7, entropy=1.1), "collapsed", "entropy of 1.10 nats"),
        (replace(GAN_7, duplicates=0.5), "collapsed", "50% of the samples have a twin"),
        (replace(GAN_7, density=0.7), "collapsed", "but reach 1.1% of the real images"),
        (replace(GAN_7, density=0.7, recall=0.02), "narrow", "only 5%"),
        (replace(GAN_7, density=0.7, coverage=0.2), "narrow", "only 20%"),
        (PICTURES, "not checked for classes", "4.3% twins, a sample near 70% of the real images"),
        (replace(PICTURES, variety=0.2), "collapsed", "20% as many different pictures"),
        (FINE, "healthy", "all 10 classes, entropy 1.33 nats, 4.3% twins"),
        (replace(FINE, variety=0.2), "collapsed", "20% as many different pictures"),
        (replace(FINE, far=0.2), "unlike the data", "Fréchet distance of 384 from it"),
        (replace(FINE, far=0.2, floor=2.3), "unlike the data", "training images are at 2.3"),
        (replace(FINE, variety=None), "not checked", "of an older version"),
        (replace(FINE, entropy=0.0), "collapsed", "an entropy of 0.00 nats"),
        (replace(PICTURES, spread=0.324), "collapsed", "differ 32% as much as two real images"),
        (replace(PICTURES, coverage=0.55), "narrow", "only 55%"),
        (replace(PICTURES, duplicates=0.1), "narrow", "10% of the samples have a twin"),
    ],
)
def test_the_verdict_says_which_figures_it_goes_by(result: Health, state: str, why: str) -> None:
    said = verdict(result)
    assert said.state == state and why in said.sentence


def test_bad_pictures_that_differ_are_no_collapse(shelf: Shelf, real: Real) -> None:
    digits = shelf.other.pixels[:N].float() / 255
    for bad in (F.avg_pool2d(digits, 3, 1, 1), (digits + noise(0.1)).clamp(0, 1)):
        assert of(bad, real).state != "collapsed"
