"""The command line's `train`: once, cancelled, failed."""

import json
import signal
from pathlib import Path

import pytest

from core.__main__ import main
from core.runs import store
from core.runs.store import Run
from core.tasks.base import Learner
from core.tasks.denoising import DenoisingLearner
from tests.core.support import SHORT, TRAIN, said

pytestmark = pytest.mark.usefixtures("one_strength")


def test_train_twice_is_trained_once(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = (trained.path / "model.safetensors").stat()
    assert main([*SHORT, "--json"]) == 0
    result = said(capsys)
    assert result == {
        "run": trained.id, "state": "done", "cached": True, "metrics": trained.metrics()
    }  # fmt: skip
    assert (trained.path / "model.safetensors").stat().st_mtime_ns == before.st_mtime_ns
    assert main(SHORT) == 0
    assert "was trained before" in capsys.readouterr().out


def test_a_value_at_its_default_is_the_same_run(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SHORT, "--batch-size", "64", "--no-blind", "--corruption", "gaussian"]) == 0
    assert f"{trained.id} was trained before" in capsys.readouterr().out


def test_a_run_is_never_the_visitors_alone(trained: Run) -> None:
    trained.set_owners(["a visitor"])
    assert main(SHORT) == 0
    assert trained.owners() == ["a visitor", "command line"]


def test_a_run_at_work_elsewhere_is_refused(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    trained.update(state="running")
    with trained.lock():
        assert main(SHORT) == 1
    assert "is being trained already" in capsys.readouterr().err
    assert trained.status().state == "running"


def test_ctrl_c_cancels_and_the_same_command_goes_on(
    lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        honest = Run.write_sample

        def interrupted(self: Run, epoch: int, png: bytes) -> None:
            honest(self, epoch, png)
            if epoch == 1:
                signal.raise_signal(signal.SIGINT)

        patch.setattr(Run, "write_sample", interrupted)
        assert main([*TRAIN, "--epochs", "2", "--json"]) == 130
    out = capsys.readouterr()
    run = store.open_run(json.loads(out.out)["run"])
    assert json.loads(out.out)["state"] == run.status().state == "cancelled"
    assert "goes on with it" in out.err and "Traceback" not in out.err
    assert signal.getsignal(signal.SIGINT) is handler and not run.cancel_requested()

    run.request_cancel()  # left by somebody: asking again is the newer wish
    assert main([*TRAIN, "--epochs", "2", "--json"]) == 0
    assert said(capsys)["cached"] is False
    assert run.history()["epoch"].tolist() == [1, 2]


def test_a_second_ctrl_c_stops_at_once(
    lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def impatient(self: Learner, *_: object) -> dict[str, float]:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("went on")

    monkeypatch.setattr(DenoisingLearner, "step", impatient)
    assert main(SHORT) == 130
    assert "Cancelled." in capsys.readouterr().err
    (run,) = (run for run in store.all_runs() if not run.shipped)
    assert run.status().state == "cancelled" and not run.alive() and not run.cancel_requested()


def test_a_training_that_fails(
    lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(DenoisingLearner, "step", lambda *_: {"loss": float("nan")})
    assert main([*SHORT, "--json"]) == 3
    out = capsys.readouterr()
    assert json.loads(out.out)["state"] == "failed" and "lower learning rate" in out.err


def test_progress_is_plain_lines_where_there_is_no_terminal(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", trained.id]) == 0
    told = capsys.readouterr().err
    assert told.splitlines()[0] == "measuring 1 of 2" and "\r" not in told
