"""A training can be stopped in any way, and goes on as if it never had been."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from core import data, files
from core.data import Images
from core.errors import DataMissing, LabError, Refused, RunBroken, UnknownName
from core.execution import carry_out
from core.registry import KINDS
from core.runs import store
from core.runs.schema import Status
from core.runs.store import Run
from core.runs.weights import packed
from core.settings import ROOT, settings
from core.tasks import load_model
from core.tasks.denoising import Denoising, DenoisingLearner
from core.training import evaluate, loop, make_request, run_context
from core.training.request import test_images as images_for_testing
from core.training.request import train_images
from tests.core.support import Killed

SMALL = {"epochs": 3, "train_images": 100, "batch_size": 25}
FILES = {"config.json", "status.json", "model.safetensors", "history.csv", "metrics.json"}


@pytest.fixture(autouse=True)
def quick(
    lab: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread, a status after each step, few test images, one data folder, nothing shipped."""
    monkeypatch.setenv("LATENT_LAB_THREADS", "1")
    monkeypatch.setenv("LATENT_LAB_DATA", str(tmp_path_factory.getbasetemp() / "no-data"))
    settings.cache_clear()
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")
    monkeypatch.setattr(run_context, "REPORT_EVERY", 0.0)
    monkeypatch.setattr(loop, "test_images", lambda run: images_for_testing(run).first(20))


def new(values: dict[str, Any] | None = None, variant: str = "linear") -> Run:
    """A new run, whatever there was of it."""
    question = make_request("denoising", variant, "digits", {**SMALL, **(values or {})})
    if (old := store.find(question.run_id)) is not None:
        old.delete()
    return store.create(question.run_id, question.config)


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def losses(run: Run) -> list[list[float]]:
    """The history without what depends on the clock."""
    return run.history().drop(columns=["seconds", "images_per_second"]).to_numpy().tolist()


def at(epoch: int, act: Callable[[Status], None]) -> Callable[[Status], None]:
    """A listener that acts once, when that epoch is under way."""
    waiting = [True]

    def listen(status: Status) -> None:
        if waiting and status.epoch == epoch and status.stage.startswith("epoch"):
            waiting.clear()
            act(status)

    return listen


def kill(status: Status) -> None:
    raise Killed


# ---- a training that nobody disturbs


def test_a_training_leaves_a_whole_run() -> None:
    run = new()
    told: list[Status] = []
    status = carry_out(run, told.append)
    assert status == run.status() == told[-1]
    assert (status.state, status.done, status.eta, status.error) == ("done", 1.0, 0.0, "")
    assert (status.epoch, status.epochs) == (3, 3)
    assert {p.name for p in run.path.iterdir() if p.is_file()} - {".lock"} == FILES
    assert list(run.samples()) == [0, 1, 2, 3]
    history = run.history()
    assert history["epoch"].tolist() == [1, 2, 3]
    assert {"loss", "test_loss", "test_psnr", "seconds", "images_per_second"} < set(history)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    metrics = run.metrics()
    assert metrics["n_test"] == 20 and metrics["device"]
    json.dumps(metrics, allow_nan=False)
    assert not run.alive()


def test_the_status_tells_how_far_it_is() -> None:
    told: list[Status] = []
    carry_out(new(), told.append)
    shares = [s.done for s in told]
    assert shares == sorted(shares) and shares[-1] == 1.0
    steps = [s for s in told if s.stage.startswith("epoch")]
    assert [(s.epoch, s.done) for s in steps] == [
        (1 + i // 4, pytest.approx((i + 1) / 12)) for i in range(12)
    ]
    assert all(s.state == "running" and s.epochs == 3 and (s.eta or 0) >= 0 for s in steps)
    assert told[0].stage == "reading the data"
    assert any(s.stage.startswith("measuring") for s in told)


def test_the_same_question_gives_the_same_weights() -> None:
    values = {"train_images": 25, "epochs": 2}
    run = new(values)
    carry_out(run)
    weights, history = run.weights(), losses(run)
    samples = {epoch: p.read_bytes() for epoch, p in run.samples().items()}
    torch.manual_seed(99)  # the world's generator is not the run's
    again = new(values)
    carry_out(again)
    assert again.id == run.id and same(again.weights(), weights)
    assert losses(again) == history
    assert {epoch: p.read_bytes() for epoch, p in again.samples().items()} == samples


def test_another_seed_gives_other_weights() -> None:
    first, second = new({"epochs": 1}), new({"epochs": 1, "seed": 1})
    carry_out(first)
    carry_out(second)
    assert first.id != second.id and not same(first.weights(), second.weights())


def test_the_world_s_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    carry_out(new({"epochs": 1}))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_done_run_is_not_trained_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run = new({"epochs": 1})
    done = carry_out(run)
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    refusing = KINDS["denoising"]._replace(compute=lambda run, work: pytest.fail("trained again"))
    monkeypatch.setitem(KINDS, "denoising", refusing)
    assert carry_out(run) == done
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before


def test_no_epochs_at_all_keep_the_initial_weights() -> None:
    run = new({"epochs": 0})
    assert carry_out(run).state == "done"
    assert list(run.samples()) == [0] and len(run.history()) == 0
    assert run.metrics()["images_per_second"] == 0.0
    load_model(run)


def test_a_classical_method_has_figures_and_nothing_to_learn() -> None:
    question = make_request("denoising", "median", "digits")
    run = store.create(question.run_id, question.config)
    assert carry_out(run).state == "done"
    assert run.metrics()["psnr"] > run.metrics()["psnr_noisy"]
    assert run.weights() == {} and len(run.history()) == 0
    load_model(run)


def test_a_finished_run_measures_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run = new({"epochs": 1})
    carry_out(run)
    monkeypatch.setattr("core.training.request.test_images", loop.test_images)
    again = evaluate(run)
    assert {k: run.metrics()[k] for k in again} == again


def test_a_choice_of_images_is_seeded_and_spread() -> None:
    chosen = [train_images(new({"seed": seed})) for seed in (0, 0, 1)]
    assert all(len(c.labels) == 100 for c in chosen)
    assert torch.equal(chosen[0].pixels, chosen[1].pixels)
    assert not torch.equal(chosen[0].pixels, chosen[2].pixels)
    assert len(chosen[0].labels.unique()) == 10
    everything = train_images(new({"train_images": 0}))
    assert torch.equal(everything.labels, data.load("digits", "train").labels)


def test_many_epochs_keep_few_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Denoising, "sheets", 3)
    run = new({"epochs": 10, "train_images": 10})
    carry_out(run)
    assert list(run.samples()) == [0, 1, 2, 3, 4, 5, 8, 10]


# ---- killed


_undisturbed: dict[str, Any] = {}


@pytest.fixture
def undisturbed() -> dict[str, Any]:
    """What the small training gives when nobody disturbs it, found once."""
    if not _undisturbed:
        run = new()
        carry_out(run)
        _undisturbed.update(weights=run.weights(), history=losses(run), psnr=run.metrics()["psnr"])
        run.delete()
    return _undisturbed


def as_undisturbed(run: Run, undisturbed: dict[str, Any]) -> None:
    assert run.status().state == "done"
    assert same(run.weights(), undisturbed["weights"])
    assert losses(run) == undisturbed["history"]
    assert run.metrics()["psnr"] == undisturbed["psnr"]
    assert run.read_resume() is None


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_training_that_dies_goes_on_bit_for_bit(undisturbed: dict[str, Any], epoch: int) -> None:
    run = new()
    with pytest.raises(Killed):
        carry_out(run, at(epoch, kill))
    assert run.status().state == "running" and not run.alive()
    assert len(run.history()) == epoch - 1
    seen: list[int] = []
    carry_out(run, lambda status: seen.append(status.epoch))
    assert min(e for e in seen if e) >= epoch, "whole epochs are not done twice"
    as_undisturbed(run, undisturbed)


def test_a_fault_in_the_middle_is_told_and_can_be_resumed(undisturbed: dict[str, Any]) -> None:
    def fault(status: Status) -> None:
        raise KeyError("oops")

    run = new()
    status = carry_out(run, at(2, fault))
    assert status.state == "failed" and "a fault of ours (KeyError)" in status.error
    carry_out(run)
    as_undisturbed(run, undisturbed)
    assert run.status().error == ""


def test_dying_again_and_again_changes_nothing(undisturbed: dict[str, Any]) -> None:
    run = new()
    for epoch in (1, 2, 2, 3):
        with pytest.raises(Killed):
            carry_out(run, at(epoch, kill))
    carry_out(run)
    as_undisturbed(run, undisturbed)


@pytest.mark.parametrize("written", ["history", "sample", "weights", "metrics"])
def test_dying_right_after_a_file_was_written_changes_nothing(
    undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    run = new()
    write = getattr(Run, f"write_{written}")
    calls: list[int] = []

    def dying(self: Run, *args: Any, **named: Any) -> None:
        write(self, *args, **named)
        calls.append(1)
        if len(calls) == (1 if written in ("weights", "metrics") else 2):
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Run, f"write_{written}", dying)
        with pytest.raises(Killed):
            carry_out(run)
    carry_out(run)
    as_undisturbed(run, undisturbed)


def test_without_its_place_a_training_begins_anew(undisturbed: dict[str, Any]) -> None:
    for content in (b"damaged", b""):
        run = new()
        with pytest.raises(Killed):
            carry_out(run, at(3, kill))
        (run.path / "resume.pt").write_bytes(content)
        carry_out(run)
        as_undisturbed(run, undisturbed)


CHILD = """
import sys
from core.execution import carry_out
from core.runs import store
from core.training import run_context
from core.training import loop
run_context.REPORT_EVERY = 0.0
whole = loop.test_images
loop.test_images = lambda run: whole(run).first(20)

def listen(status):
    if status.epoch == 2:
        print("in epoch 2", flush=True)
        sys.stdin.read()

carry_out(store.open_run(sys.argv[1]), listen)
"""


def test_a_process_that_is_killed_leaves_a_run_that_another_finishes(
    undisturbed: dict[str, Any],
) -> None:
    run = new()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, run.id],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == "in epoch 2\n"
        assert run.alive() and run.status().state == "running"
        with pytest.raises(Refused, match="is being trained already"):
            carry_out(run)
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    assert not run.alive() and run.status().state == "running"
    carry_out(run)
    as_undisturbed(run, undisturbed)


# ---- cancelled


def test_a_cancelled_training_stops_and_can_be_resumed(undisturbed: dict[str, Any]) -> None:
    run = new()
    told: list[Status] = []

    def cancel(status: Status) -> None:
        run.request_cancel()

    stop = at(2, cancel)

    def listen(status: Status) -> None:
        told.append(status)
        stop(status)

    status = carry_out(run, listen)
    assert (status.state, status.stage, status.eta, status.error) == ("cancelled", "", None, "")
    assert (status.epoch, told[-2].epoch, told[-2].state) == (2, 2, "running")
    assert len([s for s in told if s.epoch == 2]) == 2, "it stops at the next step"
    assert not run.cancel_requested() and not (run.path / "metrics.json").exists()
    assert carry_out(run).state == "done"
    as_undisturbed(run, undisturbed)


def test_a_measurement_is_cancelled_too_and_can_be_resumed(undisturbed: dict[str, Any]) -> None:
    run = new()

    def listen(status: Status) -> None:
        if status.stage.startswith("measuring"):
            run.request_cancel()

    assert carry_out(run, listen).state == "cancelled"
    assert len(run.history()) == 3 and run.metrics() == {}
    seen: list[str] = []
    carry_out(run, lambda status: seen.append(status.stage))
    assert not any(stage.startswith("epoch") for stage in seen), "nothing is learnt twice"
    as_undisturbed(run, undisturbed)


def test_a_run_cancelled_before_it_began_does_not_begin() -> None:
    run = new()
    run.request_cancel()
    assert carry_out(run).state == "cancelled"
    assert len(run.history()) == 0


# ---- failed


def test_a_loss_that_explodes_names_the_epoch_and_keeps_the_last_good_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[dict[str, Tensor]] = []
    step, steps = DenoisingLearner.step, [0]

    def exploding(
        self: DenoisingLearner, images: Images, progress: float, generator: torch.Generator
    ) -> dict[str, float]:
        steps[0] += 1
        if steps[0] == 9:  # four steps make an epoch: the first of epoch 3
            kept.append({k: v.clone() for k, v in self.model.state_dict().items()})
        if steps[0] == 10:
            with torch.no_grad():
                next(iter(self.model.parameters())).fill_(float("inf"))
        return step(self, images, progress, generator)

    monkeypatch.setattr(DenoisingLearner, "step", exploding)
    run = new()
    status = carry_out(run)
    assert status.state == "failed" and status.eta is None
    assert "infinite or undefined in epoch 3; the weights of epoch 2 are kept" in status.error
    assert "lower learning rate" in status.error
    assert same(run.weights(), packed(kept[0]))
    assert len(run.history()) == 2 and run.metrics() == {}


def test_a_rate_that_is_far_too_high_fails_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    summed = replace(
        Denoising.variants["linear"],
        optimiser=torch.optim.SGD,
        loss=lambda output, clean: (output - clean).square().flatten(1).sum(1),
    )
    monkeypatch.setitem(Denoising.variants, "linear", summed)  # type: ignore[misc]
    run = new({"learning_rate": 1.0})
    status = carry_out(run)
    assert status.state == "failed"
    assert "infinite or undefined in epoch 1; the initial weights are kept" in status.error
    assert all(bool(v.isfinite().all()) for v in run.weights().values())


@pytest.mark.parametrize("file", ["resume", "history", "sample", "weights", "metrics"])
def test_a_full_disk_is_a_sentence_and_the_old_files_stay(
    undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    name = {
        "resume": "resume.pt",
        "history": "history.csv",
        "sample": "epoch-002.png",
        "weights": "model.safetensors",
        "metrics": "metrics.json",
    }[file]
    run, replacing = new(), files.replacing
    before: dict[Path, bytes] = {}

    @contextmanager
    def full(path: Path, *, durable: bool = True) -> Iterator[Path]:
        with replacing(path, durable=durable) as temporary:
            yield temporary
            late = file in ("sample", "weights", "metrics") or run.status().epoch == 2
            if path.name == name and late:
                before.update({p: p.read_bytes() for p in run.path.rglob(name)})
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(files, "replacing", full)
        status = carry_out(run)
    assert status.state == "failed"
    assert status.error == "The disk is full. Make room and resume; the last whole epoch is kept."
    assert {p: p.read_bytes() for p in run.path.rglob(name)} == before
    assert [p.name for p in run.path.rglob("*.tmp")] == []
    assert len(before) == (file in ("resume", "history"))
    carry_out(run)
    as_undisturbed(run, undisturbed)


def test_a_folder_that_cannot_be_written_any_more_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_only(self: Run, rows: list[dict[str, float]]) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Run, "write_history", read_only)
    status = carry_out(new())
    assert status.state == "failed"
    assert "could not be read or written (Permission denied)" in status.error


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA")])
def test_too_little_memory_is_a_sentence(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def hungry(*args: object) -> dict[str, float]:
        raise error

    monkeypatch.setattr(DenoisingLearner, "step", hungry)
    status = carry_out(new())
    assert (status.state, "smaller batch" in status.error) == ("failed", True)


def test_other_images_than_asked_for_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    run = new()
    monkeypatch.setattr(data, "data_fingerprint", lambda name: "0" * 64)
    with pytest.raises(RunBroken, match="The images of digits have changed since"):
        train_images(run)
    status = carry_out(run)
    assert status.state == "failed" and "have changed since" in status.error
    assert "train anew" in status.error


def test_settings_that_are_not_valid_any_more_are_a_sentence() -> None:
    run = new()
    path = run.path / "config.json"
    path.write_text(path.read_text().replace('"epochs": 3', '"epochs": -3'))
    status = carry_out(run)
    assert status.state == "failed" and "are not valid: epochs: " in status.error


# ---- asking


def test_more_epochs_than_allowed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_LAB_MAX_EPOCHS", "5")
    settings.cache_clear()
    assert make_request("denoising", "linear", "digits", {"epochs": 5}).run_id
    with pytest.raises(Refused, match=r"6 epochs are more than .* \(5, set by LATENT_LAB_MAX_EPO"):
        make_request("denoising", "linear", "digits", {"epochs": 6})


def test_what_cannot_be_asked_is_told_and_nothing_is_written(lab: Path) -> None:
    for arguments, error in (
        (("painting", "linear", "digits"), UnknownName),
        (("denoising", "huge", "digits"), UnknownName),
        (("denoising", "linear", "cats"), UnknownName),
        (("denoising", "linear", "cifar10"), DataMissing),
        (("denoising", "linear", "digits", {"epochs": "ten"}), LabError),
        (("denoising", "linear", "digits", {"speed": 3}), LabError),
    ):
        with pytest.raises(error):
            make_request(*arguments)
    make_request("denoising", "linear", "digits")
    assert list(lab.iterdir()) == []


def test_a_question_knows_its_data() -> None:
    question = make_request("denoising", "linear", "digits", {"train_images": 100})
    n_test = data.info("digits").splits["test"]
    assert (question.config.data.n_train, question.config.data.n_test) == (100, n_test)
    assert question.config.data.shape == (1, 28, 28)
    assert question.config.data.fingerprint == data.data_fingerprint("digits")
    assert not question.config.private
    plenty = make_request("denoising", "linear", "digits", {"train_images": 10**6})
    assert plenty.config.data.n_train == data.info("digits").splits["train"]


def test_a_published_set_that_is_not_here_answers_only_for_runs_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(data, "available", lambda name: {"test"})
    with pytest.raises(DataMissing, match="The training images of MNIST are not on this machine"):
        make_request("denoising", "linear", "mnist")
    monkeypatch.setattr(data, "available", lambda name: {"train", "test"})
    question = make_request("denoising", "linear", "mnist")
    store.create(question.run_id, question.config)
    monkeypatch.setattr(data, "available", lambda name: {"test"})
    assert make_request("denoising", "linear", "mnist") == question


# ---- beginning with another run's weights


def test_a_training_begins_with_the_weights_of_another() -> None:
    first = new({"epochs": 1})
    carry_out(first)
    second = new({"epochs": 0, "seed": 5, "start_from": first.id})
    assert carry_out(second).state == "done"
    assert second.id != first.id and same(second.weights(), first.weights())
    third = new({"epochs": 1, "seed": 5, "start_from": first.id})
    carry_out(third)
    plain = new({"epochs": 1, "seed": 5})
    carry_out(plain)
    assert third.history()["loss"].iloc[0] < plain.history()["loss"].iloc[0]


def test_other_weights_to_begin_with_make_another_run() -> None:
    first = new({"epochs": 1})
    carry_out(first)
    values = {**SMALL, "start_from": first.id}
    before = make_request("denoising", "linear", "digits", values).run_id
    first.write_weights({k: v + 1 for k, v in first.weights().items()})
    assert make_request("denoising", "linear", "digits", values).run_id != before


def test_only_a_finished_run_of_the_same_network_can_be_begun_with() -> None:
    unfinished = new()
    for variant, start, sentence in (
        ("linear", unfinished.id, "is no finished linear"),
        ("linear", "denoise-linear-digits-00000000", "There is no run called"),
        ("linear", "../../etc/passwd", "There is no run called"),
    ):
        with pytest.raises(LabError, match=sentence):
            make_request("denoising", variant, "digits", {"start_from": start})
    unfinished.update(state="done")
    with pytest.raises(LabError, match="is no finished conv"):
        make_request("denoising", "conv", "digits", {"start_from": unfinished.id})


def test_weights_to_begin_with_that_are_gone_by_then_are_a_sentence() -> None:
    first = new({"epochs": 1})
    carry_out(first)
    second = new({"epochs": 1, "start_from": first.id})
    first.delete()
    status = carry_out(second)
    assert status.state == "failed" and f"There is no run called '{first.id}'" in status.error
