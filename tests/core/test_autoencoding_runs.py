"""Trainings of autoencoders: what is held back, measured, noted and kept, and going on."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from core import data
from core.cli.output import difference
from core.data import Images
from core.errors import LabError
from core.execution import carry_out
from core.runs import store
from core.runs.store import Run
from core.runs.weights import MIN_INT8_NUMBERS
from core.settings import settings
from core.tasks import autoencoding as module
from core.tasks import load_model
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.autoencoding_training import bound_name, left_out
from core.tasks.base import fitted, unit
from core.training import evaluate, make_request, run_context
from tests.core.support import Killed, built, kill_in_epoch_2, tiny

SMALL = {"epochs": 3, "train_images": 100, "batch_size": 25}
PLAIN = ["loss", "seconds", "images_per_second", "test_psnr", "test_loss", "test_mse"]
VARIATIONAL = [
    "loss", "reconstruction", "kl", "seconds", "images_per_second", "test_psnr",
    "test_reconstruction", "test_kl", "test_loss", "test_active_units",
]  # fmt: skip
DIFFERENT = ["ae_conv", "vae", "cvae_squared"]
"""Variants that are measured each in another way: without a bound, and with those of two
likelihoods, one of them told the class."""
BOUND = [*VARIATIONAL, "test_negative_elbo"]
SQUARED = [*VARIATIONAL, "test_gaussian_negative_elbo"]


@pytest.fixture(autouse=True)
def quick(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, a status after each step, few test images, the likelihood of fewer, nothing
    shipped."""
    monkeypatch.setenv("LATENT_LAB_THREADS", "1")
    settings.cache_clear()
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")
    monkeypatch.setattr(run_context, "REPORT_EVERY", 0.0)
    monkeypatch.setattr(type(AUTOENCODING), "most_test", 50)
    monkeypatch.setattr(module, "IWAE_IMAGES", 3)
    monkeypatch.setattr(module, "IWAE_SAMPLES", 20)
    monkeypatch.setattr(module, "SAMPLES", 20)


def new(variant: str, **values: Any) -> Run:
    """A new run, whatever there was of it."""
    question = make_request("autoencoding", variant, "digits", {**SMALL, **values})
    if (old := store.find(question.run_id)) is not None:
        old.delete()
    return store.create(question.run_id, question.config)


# ---- held back


def split(share: float, seed: int, n: int = 1000) -> tuple[list[int], list[int]]:
    """Which of `n` images are learnt from, and which are held back."""
    config = AUTOENCODING.config("vae", {"validation_share": share, "seed": seed})
    whole = Images(torch.zeros(n, 1, 1, 1, dtype=torch.uint8), torch.arange(n))
    parts = AUTOENCODING.split(config, whole)
    return parts[0].labels.tolist(), parts[1].labels.tolist()


def test_a_fifth_is_held_back_by_the_seed() -> None:
    learnt, held = split(0.2, seed=0)
    assert (len(learnt), len(held)) == (800, 200)
    assert sorted(learnt + held) == list(range(1000))
    assert split(0.2, seed=0) == (learnt, held) and set(split(0.2, seed=1)[1]) != set(held)
    assert max(held) - min(held) > 800, "from everywhere"
    assert split(0.0, seed=0)[1] == [] and len(split(0.5, seed=0)[1]) == 500
    assert len(split(0.2, seed=0, n=3)[0]) == 3


def test_what_is_held_back_is_never_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []
    step = module.PlainLearner.step

    def noting(self: Any, images: Images, *rest: Any) -> dict[str, float]:
        seen.append(images.pixels)
        return step(self, images, *rest)

    monkeypatch.setattr(module.PlainLearner, "step", noting)
    run = new("ae_conv", train_images=0, epochs=1, batch_size=256)
    assert carry_out(run).state == "done"
    config = AUTOENCODING.config("ae_conv", run.spec().config)
    whole = fitted(data.load("digits", "train"))
    learnt, held = AUTOENCODING.split(config, whole)
    assert len(held.labels) == 287 and len(torch.cat(seen)) == len(learnt.labels) == 1150
    assert sorted(p.numpy().tobytes() for p in torch.cat(seen)) == sorted(
        p.numpy().tobytes() for p in learnt.pixels
    )


# ---- what is measured


@pytest.mark.parametrize("variant", DIFFERENT)
def test_what_is_measured_does_not_depend_on_the_chunks(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, images = built(AUTOENCODING, variant).eval(), tiny(AUTOENCODING, "test", 7)
    config, stages = AUTOENCODING.config(variant), list[str]()
    whole = AUTOENCODING.evaluate(AUTOENCODING.experiment(variant, config, model), images)
    monkeypatch.setattr(module, "CHUNK", 3)
    parts = AUTOENCODING.evaluate(
        AUTOENCODING.experiment(variant, config, model, check=stages.append), images
    )
    assert len(stages) >= 6
    assert list(parts) == list(whole)
    for name in whole:  # torch fills a short tensor with other draws than a long one
        drawn = name in ("reconstruction", "loss") or name.endswith(("elbo", "iwae"))
        assert difference(parts[name], whole[name]) <= (20 if drawn else 0.01), name


@pytest.mark.parametrize("variant", DIFFERENT)
def test_the_figures_are_those_of_the_pictures(variant: str) -> None:
    model, images = built(AUTOENCODING, variant).eval(), tiny(AUTOENCODING, "test", 3)
    config = AUTOENCODING.config(variant)
    x, labels = unit(images.pixels), images.labels
    with torch.no_grad():
        code, out = model.encode(x, labels), model(x, labels)
    figures = AUTOENCODING.evaluate(AUTOENCODING.experiment(variant, config, model), images)
    error = (out - x).square().flatten(1).mean(1)
    assert figures["psnr"] == pytest.approx(float((-10 * error.log10()).mean()), abs=1e-3)
    assert figures["code_mean"] == pytest.approx(code.mu.mean(0).tolist(), abs=1e-4)
    assert figures["code_std"] == pytest.approx(code.mu.std(0, correction=0).tolist(), abs=1e-4)
    if code.logvar is None:
        assert figures["mse"] == pytest.approx(float(error.mean()), abs=1e-4)
        covariance = torch.tensor(figures["code_covariance"])
        torch.testing.assert_close(covariance, code.mu.T.cov(correction=0), rtol=0, atol=1e-4)
        return
    kl = kl_divergence(Normal(code.mu, (code.logvar / 2).exp()), Normal(0.0, 1.0)).mean(0)
    assert figures["kl_per_dimension"] == pytest.approx(kl.tolist(), abs=1e-4)
    name = bound_name(config)
    assert name == ("gaussian_negative_elbo" if "squared" in variant else "negative_elbo")
    missing = left_out(config, 784)
    assert figures[name] == pytest.approx(
        figures["reconstruction"] + figures["kl"] + missing, abs=1e-3
    )
    assert figures[name.replace("elbo", "iwae")] < figures[name]
    others = {"negative_elbo", "gaussian_negative_elbo"} - {name}
    assert not others & set(figures), "nats of one likelihood are none of the other"
    assert figures["active_units"] == int((code.mu.var(0, correction=0) > 0.01).sum())
    assert (figures["iwae_samples"], figures["iwae_images"]) == (20, 3)


# ---- noted and kept


@pytest.mark.parametrize(
    ("variant", "columns"),
    [
        ("ae_conv", [*PLAIN, "validation_loss"]),
        ("ae_mlp3", PLAIN),
        ("vae", [*BOUND, *(f"test_kl_{i:02d}" for i in range(20))]),
        ("vae_squared", [*SQUARED, *(f"test_kl_{i:02d}" for i in range(20))]),
    ],
)
def test_the_history_has_every_loss_and_figure(variant: str, columns: list[str]) -> None:
    run = new(variant, epochs=2)
    assert carry_out(run).state == "done"
    history = run.history()
    assert set(history) == {"epoch", *columns}
    assert history["epoch"].tolist() == [1, 2] and not history.isna().any(axis=None)
    if "kl" in columns:
        each = history[[c for c in history if str(c).startswith("test_kl_")]]
        assert each.sum(axis=1).tolist() == pytest.approx(history["test_kl"].tolist(), rel=1e-4)
        (column,) = [c for c in columns if c.endswith("negative_elbo")]
        missing = -94.6933 if "squared" in variant else 0.0  # 784 · ½ log(π/4)
        bound = history["test_reconstruction"] + history["test_kl"] + missing
        assert history[column].tolist() == pytest.approx(bound.tolist(), rel=1e-5)


def test_beta_is_in_the_loss_and_not_in_the_bound() -> None:
    run = new("vae", epochs=1, beta=3)
    carry_out(run)
    figures = run.metrics()
    loss = figures["reconstruction"] + 3 * figures["kl"]
    assert figures["loss"] == pytest.approx(loss, abs=1e-3)
    bound = figures["reconstruction"] + figures["kl"]
    assert figures["negative_elbo"] == pytest.approx(bound, abs=1e-3)


@pytest.mark.parametrize("variant", ["ae_mlp3", "vae_conv"])
def test_what_is_kept_is_what_was_measured(variant: str) -> None:
    run = new(variant, epochs=1)
    assert carry_out(run).state == "done"
    weights = run.weights()
    small = [w for w in weights.values() if w.numel() < MIN_INT8_NUMBERS]
    assert {w.dtype for w in small if w.is_floating_point()} == {torch.float16}
    model = load_model(run)
    assert {p.dtype for p in model.parameters()} == {torch.float32} and not model.training
    again = evaluate(run)
    assert {name: run.metrics()[name] for name in again} == again
    assert again["n_test"] == 50


def test_a_data_set_without_classes_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    question = make_request("autoencoding", "cvae", "digits", SMALL)
    nameless = question.config.data.model_copy(update={"classes": 0, "class_names": ()})
    config = question.config.model_copy(update={"data": nameless})
    status = carry_out(store.create(question.run_id, config))
    assert status.state == "failed" and "needs a data set with classes" in status.error


def test_a_setting_that_the_network_does_not_have_makes_no_run(lab: Any) -> None:
    for variant, field in (("ae_mlp3", "latent"), ("ae_conv_tiny", "latent"), ("ae_conv", "beta")):
        with pytest.raises(LabError, match=f"has no setting '{field}' to change"):
            make_request("autoencoding", variant, "digits", {field: 5})
    assert make_request("autoencoding", "ae_mlp3", "digits", {"latent": 3}).run_id


# ---- going on


def outcome(run: Run) -> tuple[Any, ...]:
    """Everything that must not depend on whether the training was disturbed."""
    assert run.status().state == "done"
    history = run.history().drop(columns=["seconds", "images_per_second"])
    figures = run.metrics()
    for name in ("seconds", "images_per_second"):
        del figures[name]
    sheets = {epoch: path.read_bytes() for epoch, path in run.samples().items()}
    weights = {name: w.tolist() for name, w in run.weights().items()}
    return weights, history.to_numpy().tolist(), figures, sheets


def test_a_training_that_dies_goes_on_bit_for_bit() -> None:
    run = new("vae_conv", epochs=2)
    carry_out(run)
    undisturbed = outcome(run)
    run = new("vae_conv", epochs=2)
    with pytest.raises(Killed):
        carry_out(run, kill_in_epoch_2)
    assert len(run.history()) == 1 and run.metrics() == {}
    carry_out(run)
    assert outcome(run) == undisturbed


def test_an_image_left_over_is_left_out() -> None:
    run = new("vae_conv", train_images=26, epochs=1)
    assert carry_out(run).state == "done", "batch norm has nothing to norm in one image"


@pytest.mark.parametrize("variant", ["vae", "ae_conv"])
def test_a_batch_may_be_one_image(variant: str) -> None:
    run = new(variant, train_images=4, epochs=1, batch_size=1, validation_share=0)
    assert carry_out(run).state == "done"
    assert run.history()["loss"].iloc[0] > 0, "it has learnt"


def test_a_network_with_batch_norm_says_that_one_image_is_too_few() -> None:
    run = new("vae_conv", train_images=4, epochs=1, batch_size=1)
    status = carry_out(run)
    assert status.state == "failed"
    assert "two images at least" in status.error
