"""Latent spaces by hand: codes and pictures, ways through the space, draws, and what is odd."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core import data, training
from core.data import Images
from core.errors import LabError, RunBroken
from core.execution import carry_out
from core.inference import latent, outliers
from core.models.autoencoders import Autoencoder
from core.runs import store
from core.runs.query import finished
from core.runs.store import Run
from core.settings import settings
from core.tasks import autoencoding
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.base import fitted, unit
from tests.core.support import built

BRIEFLY = {"epochs": 8, "batch_size": 32, "learning_rate": 3e-3}
TRAINED = ("vae", "cvae", "ae_mlp3", "ae_conv")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    """Runs by variant that were trained briefly on the digits, once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_LAB_CHECKPOINTS", str(tmp_path_factory.mktemp("shelf")))
        patch.setenv("LATENT_LAB_THREADS", "1")
        settings.cache_clear()
        patch.setattr(autoencoding, "IWAE_IMAGES", 2)
        patch.setattr(autoencoding, "IWAE_SAMPLES", 2)
        patch.setattr(autoencoding, "SAMPLES", 20)
        result = {}
        for variant in TRAINED:
            question = training.make_request("autoencoding", variant, "digits", BRIEFLY)
            result[variant] = store.create(question.run_id, question.config)
            assert carry_out(result[variant]).state == "done"
        yield result
    settings.cache_clear()


def digits(n: int = 0) -> Images:
    return fitted(data.load("digits", "test").first(n))


def new(variant: str, **values: Any) -> Autoencoder:
    """A network that has learnt nothing."""
    model = built(AUTOENCODING, variant, values=values).eval()
    assert isinstance(model, Autoencoder)
    return model


def measured(lab: Path, metrics: dict[str, Any], variant: str = "vae") -> Run:
    """A run whose codes are said to lie so; it has no weights."""
    question = training.make_request("autoencoding", variant, "digits")
    run = store.create(question.run_id, question.config)
    run.write_metrics(metrics)
    return run


# ---- codes and pictures


@pytest.mark.parametrize("variant", AUTOENCODING.variants)
def test_codes_and_pictures_have_their_shapes_and_ranges(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autoencoding, "CHUNK", 4)
    model, images = new(variant), digits(10)
    codes = latent.encode(model, images.pixels, images.labels)
    assert codes.shape == (10, model.latent) and codes.dtype == torch.float32
    whole = model.encode(unit(images.pixels), images.labels).mu
    torch.testing.assert_close(codes, whole, rtol=1e-4, atol=1e-5)
    pictures = latent.decode(model, codes, images.labels)
    assert pictures.shape == (10, 1, 28, 28) and pictures.dtype == torch.float32
    assert 0 <= float(pictures.min()) < float(pictures.max()) <= 1


def test_a_trained_model_gives_back_its_images(shelf: dict[str, Run]) -> None:
    model, images = latent.network(shelf["vae"]), digits(100)
    x = unit(images.pixels)
    drawn = latent.decode(model, latent.encode(model, images.pixels))
    error = (drawn - x).square().mean()
    average = float((x - x.mean(0)).square().mean())
    assert float(error) < 0.7 * average


def test_codes_of_another_length_are_a_sentence() -> None:
    for codes in (torch.zeros(2, 19), torch.zeros(20), torch.zeros(1, 2, 20)):
        with pytest.raises(LabError, match="codes have 20 numbers"):
            latent.decode(new("vae"), codes)


def test_a_class_that_is_missing_or_unknown_is_a_sentence() -> None:
    model, images = new("cvae"), digits(2)
    with pytest.raises(LabError, match="one class at a time: choose which"):
        latent.encode(model, images.pixels)
    with pytest.raises(LabError, match="one class at a time: choose which"):
        latent.decode(model, torch.zeros(1, 20))
    for wrong in (-1, 10, torch.tensor([3, 10])):
        with pytest.raises(LabError, match="classes 0 to 9 only"):
            latent.encode(model, images.pixels, wrong)


def test_one_class_serves_all_and_is_nothing_to_other_models() -> None:
    images, threes = digits(2), torch.tensor([3, 3])
    model = new("cvae")
    one, each = (latent.encode(model, images.pixels, labels) for labels in (3, threes))
    assert torch.equal(one, each)
    assert latent.checked_labels(new("vae"), 99, 2) is None


def test_the_likeliest_class_explains_the_image_best(shelf: dict[str, Run]) -> None:
    images = digits(60)
    result = latent.likeliest_class(shelf["cvae"], latent.network(shelf["cvae"]), images.pixels)
    assert result is not None and result.shape == (60,)
    assert float((result == images.labels).float().mean()) > 0.6, "a tenth is chance"
    vae = latent.network(shelf["vae"])
    assert latent.likeliest_class(shelf["vae"], vae, images.pixels) is None


def test_the_classes_have_their_names(
    shelf: dict[str, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert latent.class_names(shelf["cvae"]) == tuple("0123456789")
    assert latent.class_names(shelf["vae"]) == ()
    monkeypatch.setattr(data, "known", {}.get)
    assert latent.class_names(shelf["cvae"]) == tuple("0123456789"), "counted, where it is gone"


def test_what_is_no_autoencoder_is_a_sentence(lab: Path) -> None:
    question = training.make_request("denoising", "median", "digits")
    run = store.create(question.run_id, question.config)
    run.write_weights({})
    with pytest.raises(LabError, match="is no autoencoder: it has no codes"):
        latent.network(run)
    with pytest.raises(RunBroken):
        latent.network(measured(lab, {}))


def test_only_finished_autoencoders_are_listed(shelf: dict[str, Run], lab: Path) -> None:
    unfinished = measured(lab, {"psnr": 99.0})
    assert unfinished.id not in [run.id for run in finished(AUTOENCODING, "digits")]
    unfinished.update(state="done")
    assert unfinished.id in [run.id for run in finished(AUTOENCODING, "digits")]
    assert unfinished.id not in [run.id for run in finished(AUTOENCODING, "mnist")]


@pytest.mark.parametrize("variant", AUTOENCODING.variants)
def test_a_posterior_is_what_the_encoder_says_and_costs_what_the_bound_counts(variant):
    model, image, label = new(variant), digits(1), 3
    cloud = latent.posterior(model, image.pixels, label)
    if not model.variational:
        assert cloud is None
        return
    code = model.encode(unit(image.pixels), torch.tensor([label]))
    assert torch.equal(cloud.mu, code.mu[0])
    normal = torch.distributions.Normal(cloud.mu, cloud.sigma)
    prior = torch.distributions.Normal(0.0, 1.0)
    wanted = torch.distributions.kl_divergence(normal, prior)
    assert torch.allclose(cloud.kl, wanted, atol=1e-5)
    draws = cloud.samples(4000, seed=1)
    assert torch.equal(draws, cloud.samples(4000, seed=1))
    assert torch.allclose(draws.mean(0), cloud.mu, atol=0.1)
    assert torch.allclose(draws.std(0), cloud.sigma, atol=0.1)


# ---- codes that people type


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1, -2.5, 3e-1", [1, -2.5, 0.3]),
        ("  1 -2.5\t0.3\n", [1, -2.5, 0.3]),
        ("1;-2.5;+.3,", [1, -2.5, 0.3]),
        ("100 -100 0", [100, -100, 0]),
    ],
)
def test_a_typed_code_is_read(text: str, code: list[float]) -> None:
    result = latent.parse_code(text, 3)
    assert result.shape == (1, 3) and result[0].tolist() == pytest.approx(code)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "have 3 numbers; this one has 0"),
        (" ,; ", "have 3 numbers; this one has 0"),
        ("1, 2", "have 3 numbers; this one has 2"),
        ("1 2 3 4", "have 3 numbers; this one has 4"),
        ("1 2 3 4 five", "have 3 numbers; this one has 5"),
        ("0 " * 100_000, "have 3 numbers; this one has 100000"),
        ("1, two, 3", "A code is a row of numbers"),
        ("__import__('os')", "A code is a row of numbers"),
        ("nan 0 0", "lies between -100 and 100"),
        ("0 inf 0", "lies between -100 and 100"),
        ("0 0 -1e400", "lies between -100 and 100"),
        ("0 0 100.1", "lies between -100 and 100"),
    ],
)
def test_a_typed_code_that_is_none_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        latent.parse_code(text, 3)


@pytest.mark.parametrize(
    "values", [[0.0], [0.0] * 3, [math.nan, 0], [0, math.inf], [1e300, 0], [-101, 0], []]
)
def test_a_code_from_elsewhere_is_checked_as_well(values: list[float]) -> None:
    with pytest.raises(LabError, match="number"):
        latent.checked_code(values, 2)
    assert latent.checked_code([1, -2.5], 2).tolist() == [[1, -2.5]]


# ---- the numbers of a code


def test_the_dimensions_that_tell_most_come_first_and_dead_ones_last(lab: Path) -> None:
    run = measured(
        lab,
        {
            "code_mean": [0.5, 0.0, 0.1, 0.0],
            "code_std": [0.9, 0.01, 0.7, 0.05],
            "kl_per_dimension": [1.0, 3.0, 2.0, 0.1],
        },
    )
    result = latent.dimensions(run)
    assert [(d.index, d.dead) for d in result] == [(2, False), (0, False), (1, True), (3, True)]
    assert [d.kl for d in result] == [2.0, 1.0, 3.0, 0.1]
    assert {(d.centre, d.low, d.high) for d in result} == {(0.0, -3.0, 3.0)}, "the prior's"


def test_the_dimensions_of_a_plain_autoencoder_are_where_its_codes_lie(lab: Path) -> None:
    run = measured(lab, {"code_mean": [5, -1, 2], "code_std": [0.5, 2, 0.0]}, "ae_conv")
    result = latent.dimensions(run)
    assert [(d.index, d.dead, d.kl) for d in result] == [
        (1, False, None), (0, False, None), (2, True, None)
    ]  # fmt: skip
    assert [(d.low, d.high) for d in result[:2]] == [(-7, 5), (3.5, 6.5)]
    assert result[2].low < result[2].high, "a slider needs two ends"


def test_a_trained_run_has_as_many_live_dimensions_as_it_says(shelf: dict[str, Run]) -> None:
    live = [d for d in latent.dimensions(shelf["vae"]) if not d.dead]
    assert len(live) == shelf["vae"].metrics()["active_units"] > 0


# ---- how ordinary it is


@pytest.mark.parametrize("temperature", [-0.1, 10.1, float("nan"), float("inf")])
def test_the_prior_is_neither_boiling_nor_below_nothing(temperature: float) -> None:
    with pytest.raises(LabError, match="between 0 and 10"):
        latent.prior_samples(20, 1, 0, temperature)


def test_the_share_of_draws_nearer_in_is_even_for_the_prior(lab: Path) -> None:
    run = measured(lab, living(20))
    result = [outliers.distance(run, code[None]) for code in latent.prior_samples(20, 2000, 0)]
    even(torch.tensor([d.share for d in result]))
    squares = torch.tensor([d.radius**2 for d in result])
    assert float(squares.mean()) == pytest.approx(1, abs=0.03)
    middle, far = (outliers.distance(run, torch.full((1, 20), x)) for x in (0.0, 2.0))
    assert (middle.radius, middle.share, middle.outside) == (0, 0, False)
    assert far.radius == pytest.approx(2) and far.share > 0.999 and far.outside


def living(count: int, dead: int = 0) -> dict[str, list[float]]:
    """Figures of a VAE with so many dimensions in use, the unused ones first."""
    return {
        "kl_per_dimension": [0.0] * dead + [1.0] * count,
        "code_mean": [0.0] * (dead + count),
        "code_std": [0.01] * dead + [0.9] * count,
    }


def said_of(run: Run, code: Tensor, mean: bool = False) -> str:
    return outliers.state(outliers.spread(run), outliers.distance(run, code[None]), mean)


def test_both_the_middle_and_the_far_ends_of_many_dimensions_are_unusual(lab: Path) -> None:
    run = measured(lab, living(20))
    draws = latent.prior_samples(20, 2000, 0)
    states = [said_of(run, code) for code in draws]
    assert states.count("inside") > 1985  # one in a thousand at either end
    assert said_of(run, torch.zeros(20)) == said_of(run, 0.5 * draws[0]) == "near"
    assert said_of(run, 2 * draws[0]) == "outside"
    half_way = (draws[:1000] + draws[1000:]) / 2
    shares = torch.tensor([outliers.distance(run, code[None]).share for code in half_way])
    radii = half_way.norm(dim=1) / 20**0.5
    assert float(radii.mean()) == pytest.approx(0.5**0.5, abs=0.01)
    assert float(shares.median()) < 0.04  # 71 % of the radius: nearer in than nearly all draws


def test_the_mean_of_a_posterior_is_not_held_against_draws(lab: Path) -> None:
    run = measured(lab, living(20))
    shrunk = 0.4 * latent.prior_samples(20, 1, 0)[0]
    assert said_of(run, shrunk) == "near" and said_of(run, shrunk, mean=True) == "mean"
    assert said_of(run, 6 * shrunk, mean=True) == "outside"


def test_the_middle_of_a_plane_is_no_hole(lab: Path) -> None:
    assert said_of(measured(lab, living(2)), torch.zeros(2)) == "inside"


def test_dimensions_that_are_not_in_use_say_nothing(lab: Path) -> None:
    run = measured(lab, living(10, dead=10))
    draws = latent.prior_samples(10, 2000, 0)
    codes = torch.cat([torch.full((2000, 10), 50.0), draws], 1)  # which changes no picture
    even(torch.tensor([outliers.distance(run, code[None]).share for code in codes]))


def test_a_plain_autoencoder_has_a_middle_too(lab: Path) -> None:
    flat = {"code_mean": [3.0] * 12, "code_covariance": torch.eye(12).tolist()}
    run = measured(lab, flat, "ae_conv")
    assert said_of(run, torch.full((12,), 3.0), mean=True) == "near"


def test_a_plain_autoencoder_is_measured_against_its_own_codes(lab: Path) -> None:
    mean, covariance = torch.tensor([5.0, -3.0]), torch.tensor([[4.0, 1.5], [1.5, 1.0]])
    run = measured(
        lab, {"code_mean": mean.tolist(), "code_covariance": covariance.tolist()}, "ae_conv"
    )
    codes = mean + latent.prior_samples(2, 2000, 0) @ torch.linalg.cholesky(covariance).T
    even(torch.tensor([outliers.distance(run, code[None]).share for code in codes]))
    assert outliers.distance(run, mean[None]).radius == 0
    assert outliers.distance(run, torch.zeros(1, 2)).outside


def test_codes_that_never_move_in_a_direction_are_no_fault(lab: Path) -> None:
    flat = {"code_mean": [0.0, 0.0], "code_covariance": [[1.0, 0.0], [0.0, 0.0]]}
    run = measured(lab, flat, "ae_conv")
    assert not outliers.distance(run, torch.tensor([[0.5, 0.0]])).outside
    assert outliers.distance(run, torch.tensor([[0.5, 0.5]])).outside


def test_a_covariance_that_was_rounded_makes_no_hole_in_space(lab: Path) -> None:
    """Codes on four of 32 directions: rounding makes some of the other variances negative."""
    basis = latent.prior_samples(32, 4, seed=0)
    covariance = (basis.T @ basis).double().numpy().round(4)
    directions = np.linalg.eigh(covariance)
    assert directions.eigenvalues[0] < -1e-5
    metrics = {"code_mean": [0.0] * 32, "code_covariance": covariance.tolist()}
    run = measured(lab, metrics, "ae_conv_tiny")
    codes = latent.prior_samples(4, 2000, seed=1) @ basis
    even(torch.tensor([outliers.distance(run, code[None]).share for code in codes]))
    for direction in torch.from_numpy(directions.eigenvectors.T[:28]).float():
        assert outliers.distance(run, 3 * direction[None]).outside


def even(shares: Tensor) -> None:
    """As many in each tenth, as nearly as the number of draws allows."""
    counts = torch.histc(shares, 10, 0, 1)
    assert float((counts - 200).abs().max()) < 5 * math.sqrt(200)


@pytest.mark.parametrize("variant", TRAINED)
def test_noise_is_stranger_than_digits(shelf: dict[str, Run], variant: str) -> None:
    run, images = shelf[variant], digits(200)
    model = latent.network(run)
    noise = torch.randint(0, 256, (20, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    usual = outliers.strangeness(run, model, images.pixels, images.labels)
    strange = outliers.strangeness(run, model, noise.byte(), torch.arange(20) % 10)
    assert min(s.score for s in strange) > max(s.score for s in usual)
    assert {s.share for s in strange} == {1.0}
    assert all(0 <= s.share <= 1 for s in usual)
    assert np.mean([s.share for s in usual]) == pytest.approx(0.5, abs=0.1)


# ---- tables


def test_a_table_of_codes_has_the_columns_of_the_text() -> None:
    codes = torch.tensor([[0.123456, -1.0], [2.0, 3.5]])
    table = latent.code_table(codes, torch.tensor([7, 1]))
    assert list(table) == ["Enc. Variable 0", "Enc. Variable 1", "label"]
    assert table["label"].tolist() == [7, 1]
    assert table["Enc. Variable 0"].tolist() == pytest.approx([0.1235, 2.0])
    assert table.to_csv(index=False).splitlines()[1] == "0.1235,-1.0,7"
    assert list(latent.code_table(codes)) == ["Enc. Variable 0", "Enc. Variable 1"]


def test_test_images_are_in_the_shape_of_the_models() -> None:
    whole = digits()
    for first, count, start in ((0, 5, 0), (100, 5, 100), (359, 5, 355), (-3, 5, 0), (0, 999, 0)):
        result = latent.test_images("digits", first, count)
        assert torch.equal(result.pixels, whole.pixels[start : start + count])
        assert torch.equal(result.labels, whole.labels[start : start + count])
    assert len(latent.test_images("digits").labels) == 360
    assert latent.test_images("fashion-mnist", 0, 3).pixels.shape == (3, 1, 28, 28)
