"""Trainings of GANs: who judges them, what is kept, going on, and stopping after a collapse."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from core.data import Images
from core.execution import carry_out
from core.runs import store
from core.runs.schema import State
from core.runs.store import Run
from core.runs.weights import MIN_INT8_NUMBERS
from core.settings import SHIPPED, settings
from core.tasks import adversarial, load_model
from core.tasks import adversarial as module
from core.tasks.adversarial import ADVERSARIAL, AdversarialLearner
from core.tasks.classification import RECOGNITION
from core.training import evaluate, make_request, run_context
from core.training.request import judge
from tests.core.support import Killed, built, kill_in_epoch_2

SMALL: dict[str, Any] = {"epochs": 3, "train_images": 40, "batch_size": 20}
HEALTH = {
    "fid", "precision", "recall", "density", "coverage", "duplicates", "spread", "n", "n_data",
    "classes", "variety", "far",
}  # fmt: skip
LOSSES = {
    "critic_loss", "critic_gradient", "real_score", "fake_score", "generator_loss",
    "generator_gradient",
}  # fmt: skip


@pytest.fixture(autouse=True)
def quick(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, a status after each step, few samples and test images, nothing shipped."""
    monkeypatch.setenv("LATENT_LAB_THREADS", "1")
    settings.cache_clear()
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")
    monkeypatch.setattr(run_context, "REPORT_EVERY", 0.0)
    monkeypatch.setattr(type(ADVERSARIAL), "most_test", 50)
    monkeypatch.setattr(module, "SAMPLES", 40)
    monkeypatch.setattr(adversarial, "BATCH_NORM_BATCHES", 2)


def new(variant: str, task: str = "adversarial", dataset: str = "digits", **values: Any) -> Run:
    """A new run, whatever there was of it."""
    question = make_request(task, variant, dataset, {**SMALL, **values})
    if (old := store.find(question.run_id)) is not None:
        old.delete()
    return store.create(question.run_id, question.config)


def classifier(
    seed: int, accuracy: float, state: State = "done", variant: str = "cnn_strong"
) -> Run:
    """A classifier of the digits as if it had been trained, with these figures."""
    run = new(variant, "recognition", seed=seed)
    run.write_weights(built(RECOGNITION, variant, seed).state_dict(), half=True)
    run.write_metrics({"accuracy": accuracy})
    run.update(state=state)
    return run


# ---- the judge


def test_the_best_finished_classifier_of_the_same_images_judges() -> None:
    run = new("gan")
    assert judge(run) is None, "there is none"
    classifier(1, 0.99, state="failed")
    assert judge(run) is None, "it is not finished"
    good = classifier(2, 0.9)
    best, _ = classifier(3, 0.95), classifier(4, 0.92)
    result = judge(run)
    assert result is not None and result.name == best.id
    assert not result.model.training
    wanted, other = load_model(best).state_dict(), load_model(good).state_dict()
    got = result.model.state_dict()
    assert all(torch.equal(wanted[k], got[k]) for k in wanted)
    assert not all(torch.equal(other[k], got[k]) for k in wanted)


def test_the_classifier_of_the_text_never_judges() -> None:
    classifier(1, 0.999, variant="cnn")
    assert judge(new("gan")) is None
    strong = classifier(2, 0.9)
    result = judge(new("gan"))
    assert result is not None and result.name == strong.id


def test_a_classifier_from_before_the_text_s_had_its_name_still_judges() -> None:
    old = classifier(1, 0.9)
    path = old.path / "config.json"
    asked = json.loads(path.read_text())
    assert (asked["variant"], asked["version"]) == ("cnn_strong", 2)
    path.write_text(json.dumps({**asked, "variant": "cnn", "version": 1}))
    assert old.spec().variant == "cnn_strong"
    result = judge(new("gan"))
    assert result is not None and result.name == old.id
    question = make_request("recognition", "cnn_strong", "digits", {**SMALL, "seed": 1})
    assert question.run_id == old.id, "the same question has the same answer as before"
    of_text = make_request(
        "recognition", "cnn", "digits", {**SMALL, "seed": 1, "learning_rate": 1e-3}
    )
    assert of_text.run_id.startswith("recognise-cnn-digits-") and of_text.run_id != old.id


def test_the_shipped_judges_are_found_under_todays_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHIPPED", SHIPPED)
    for name, shipped in (
        ("draw-cgan-mnist-dd3f87e3", "recognise-cnn-mnist-dd3f87e3"),
        ("draw-cgan-fashion-mnist-ddc1fb35", "recognise-cnn-fashion-mnist-42478ecc"),
    ):
        result = judge(store.open_run(name))
        assert result is not None and result.name == shipped
        assert store.open_run(shipped).spec().variant == "cnn_strong"


def test_a_classifier_of_other_images_or_another_size_does_not_judge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = classifier(1, 0.9)
    assert judge(new("gan")) is not None
    assert judge(new("face_dcgan")) is None, "its images are larger"
    assert judge(kept) is None, "a classifier needs none"
    config = kept.path / "config.json"
    fingerprint = kept.spec().data.fingerprint
    config.write_text(config.read_text().replace(fingerprint, "0" * 64))
    assert judge(new("gan")) is None


@pytest.mark.parametrize("name", ["config.json", "metrics.json", "model.safetensors"])
def test_a_damaged_classifier_is_passed_over(name: str) -> None:
    whole, damaged = classifier(1, 0.9), classifier(2, 0.95)
    (damaged.path / name).write_text("{")
    result = judge(new("gan"))
    assert result is not None and result.name == whole.id
    (whole.path / name).write_text("{")
    assert judge(new("gan")) is None


def test_a_training_is_measured_by_the_judge_and_says_by_which() -> None:
    carry_out(pixels := new("gan", epochs=1))
    best = classifier(1, 0.9)
    carry_out(run := new("gan", epochs=1, seed=1))
    plain, judged = pixels.metrics(), run.metrics()
    assert plain["extractor"] == "pixels at 14×14" and plain["classes"] == 0
    assert plain["histogram"] == [] and "entropy" not in plain
    assert judged["extractor"] == best.id and judged["classes"] == 10
    assert sum(judged["histogram"]) == judged["n"] == 40 and judged["entropy"] >= 0
    row = run.history().iloc[-1]
    assert sum(row[f"class_{i:02d}"] for i in range(10)) == 40
    assert judged["n_test"] == judged["n_data"] == 50
    again = evaluate(run)
    assert {name: judged[name] for name in again} == again


def test_a_class_conditional_network_is_asked_for_each_class() -> None:
    run = new("cgan", epochs=0)
    classifier(1, 0.9)
    carry_out(run)
    result = run.metrics()["asked_accuracy"]
    reader, model = judge(run), load_model(run)
    assert reader is not None
    drawn = module.samples(model, 40, module.EVALUATION_SEED)  # type: ignore[arg-type]
    with torch.no_grad():
        read = reader.model(drawn).argmax(1)
    asked = torch.arange(40) % 10
    assert result == pytest.approx(float((read == asked).float().mean()), abs=5e-5)


# ---- noted and kept


@pytest.mark.parametrize("variant", ["gan", "cgan"])
def test_what_is_kept_is_what_was_measured(variant: str) -> None:
    run = new(variant, epochs=2)
    assert carry_out(run).state == "done"
    history = run.history()
    assert set(history) == {"epoch", "seconds", "images_per_second", *LOSSES, *HEALTH}
    assert not history.isna().any(axis=None)
    assert sorted(run.samples()) == [0, 1, 2]
    again = evaluate(run)
    assert {name: run.metrics()[name] for name in again} == again
    kinds = {w.dtype for w in load_model(run).state_dict().values() if w.is_floating_point()}
    assert kinds == {torch.float32}
    limit = 15 if variant == "gan" else 20
    assert (run.path / "model.safetensors").stat().st_size < limit * 2**20


# ---- going on


def outcome(run: Run) -> tuple[Any, ...]:
    """Everything that must not depend on whether the training was disturbed."""
    assert run.status().state == "done"
    history = run.history().drop(columns=["seconds", "images_per_second"])
    figures = {k: v for k, v in run.metrics().items() if k not in ("seconds", "images_per_second")}
    sheets = {epoch: path.read_bytes() for epoch, path in run.samples().items()}
    return history.to_numpy().tolist(), figures, sheets


def test_a_training_that_dies_goes_on_bit_for_bit() -> None:
    # Two steps an epoch: the Wasserstein GAN dies between two turns of its generator.
    run = new("wgan_gp", critic_steps=3, epochs=2)
    carry_out(run)
    undisturbed, weights = outcome(run), run.weights()
    run = new("wgan_gp", critic_steps=3, epochs=2)
    with pytest.raises(Killed):
        carry_out(run, kill_in_epoch_2)
    assert len(run.history()) == 1 and run.metrics() == {}
    carry_out(run)
    assert outcome(run) == undisturbed
    again = run.weights()
    assert again.keys() == weights.keys()
    assert all(torch.equal(weights[k], again[k]) for k in weights)


# ---- a collapse


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A generator that draws grey whatever it is taught."""
    step = AdversarialLearner.step

    def grey(self: Any, images: Images, *rest: Any) -> dict[str, float]:
        told = step(self, images, *rest)
        with torch.no_grad():
            for weight in self.sides["generator"]:
                weight.zero_()
        return told

    monkeypatch.setattr(AdversarialLearner, "step", grey)


def test_a_collapse_stops_a_training_that_was_asked_to(
    held: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 2)
    run = new("gan", on_collapse="stop")
    status = carry_out(run)
    assert status.state == "failed"
    assert status.error.startswith("Collapsed: 100% of the samples have a twin among them")
    assert "Training stopped after epoch 2, as asked; its weights are kept. Try" in status.error
    assert len(run.history()) == 2 and run.metrics() == {}
    weights = run.weights()
    assert all(not w.any() for k, w in weights.items() if k.startswith("generator"))
    small = [w for w in weights.values() if w.numel() < MIN_INT8_NUMBERS]
    assert {w.dtype for w in small} == {torch.float16}


def test_a_collapse_stops_no_training_that_was_not_asked_to(held: None) -> None:
    run = new("gan")
    assert carry_out(run).state == "done"
    assert len(run.history()) == 3
    assert run.metrics()["duplicates"] == 1


def test_only_a_collapse_is_an_end() -> None:
    stop, on = (ADVERSARIAL.config("gan", {"on_collapse": w}) for w in ("stop", "continue"))
    healthy = dict.fromkeys(HEALTH, 0.9) | {"classes": 0.0, "epoch": 4.0, "duplicates": 0.01}
    collapsed = {**healthy, "duplicates": 0.9}
    assert ADVERSARIAL.ended(stop, [collapsed, healthy]) == ""
    assert ADVERSARIAL.ended(stop, [collapsed, collapsed]) == ""  # at first all samples are alike
    assert "after epoch 3, as asked" in ADVERSARIAL.ended(stop, [collapsed, healthy, collapsed])
    patient = [collapsed] * module.PATIENCE
    assert f"after epoch {len(patient)}, as asked" in ADVERSARIAL.ended(stop, patient)
    assert ADVERSARIAL.ended(on, patient) == ""
