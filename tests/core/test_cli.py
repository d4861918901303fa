"""The command line: exit codes, sentences and JSON of every command."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core import runs
from core.__main__ import main
from core.cli.show import difference, shown, table
from core.inference import export as exporting
from core.runs import Run
from core.settings import ROOT, settings
from core.tasks import denoising
from core.tasks.base import Learner
from core.tasks.denoising import DenoisingLearner

TRAIN = ["train", "denoising", "linear", "--dataset", "digits", "--train-images", "64"]
SHORT = [*TRAIN, "--epochs", "1"]


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Figures at two strengths, of eleven, on one thread."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(denoising, "STRENGTHS", (0.5,))
        patch.setenv("LATENT_LAB_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def shelf(quick: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a run that was trained once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_LAB_CHECKPOINTS", str(tmp_path_factory.mktemp("shelf")))
        settings.cache_clear()
        assert main([*SHORT, "--json"]) == 0
        yield runs.all_runs()[-1].path
    settings.cache_clear()


@pytest.fixture
def trained(shelf: Path, lab: Path) -> Run:
    """A finished run in a lab of its own, to be used and spoilt."""
    return Run(Path(shutil.copytree(shelf, settings().runs / shelf.name)))


@pytest.fixture
def alone(lab: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab without shipped runs."""
    monkeypatch.setattr(runs, "SHIPPED", lab / "shipped")
    return lab


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """What was printed, which must be JSON and nothing else."""
    return json.loads(capsys.readouterr().out)


# ---- usage


def test_help_in_a_process_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "core", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and not done.stderr
    assert all(name in done.stdout for name in ("data", "train", "evaluate", "runs", "export"))


def test_flags_come_from_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "denoising", "unet", "--help"])
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--batch-size N images a step; 1 to 4096 (default: 64)" in text
    assert "--blind, --no-blind" in text and "(default: on)" in text
    assert "--corruption {gaussian,salt_and_pepper" in text
    assert "(default: 0.002)" in text, "the variant's own default"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "required"),
        (["dance"], "invalid choice"),
        (["train", "cooking"], "invalid choice: 'cooking'"),
        (["train", "denoising", "magic"], "linear"),
        (["train", "denoising", "linear"], "--dataset"),
        ([*SHORT, "--corruption", "fog"], "gaussian"),
        ([*SHORT, "--bogus", "1"], "unrecognized arguments: --bogus"),
        ([*SHORT, "--learn", "1"], "unrecognized arguments: --learn"),
        (["runs", "--json", "--markdown"], "not allowed with"),
    ],
)
def test_wrong_usage(argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 2 and sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["train", "denoising", "linear", "--dataset", "moon"], "no data set called 'moon'"),
        (["data", "get", "moon"], "no data set called 'moon'"),
        (["evaluate", "moon"], "no run called 'moon'"),
        (["evaluate", "../../etc/passwd"], "no run called"),
        (["export", "denoise-a-b-00000000", "--output", "x.onnx"], "no run called"),
        ([*TRAIN, "--epochs", "abc"], "epochs: input should be a valid integer"),
        ([*TRAIN, "--epochs", "-1"], "epochs: input should be greater than or equal to 0"),
        ([*TRAIN, "--epochs", "201"], "more than this server allows"),
        ([*TRAIN, "--batch-size", "0"], "batch_size: input should be greater"),
        ([*TRAIN, "--learning-rate", "nan"], "learning_rate: input should be"),
        ([*TRAIN, "--strength", "1.01"], "strength: input should be less"),
        (["data", "add", "no/such/folder", "--title", "Mine"], "No such file or directory"),
    ],
)
def test_a_fault_is_a_sentence(
    alone: Path, argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 1
    said = capsys.readouterr()
    assert sentence in said.err and "Traceback" not in said.err and not said.out
    assert not runs.all_runs(), "nothing is left behind"


# ---- data


def test_data_list(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list", "--json"]) == 0
    found = {record["name"]: record for record in said(capsys)}
    assert found["digits"]["here"] == ["train", "test"] and found["digits"]["shape"] == [1, 28, 28]
    assert main(["data", "list"]) == 0
    assert "digits" in capsys.readouterr().out


def test_data_get_of_what_is_here(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "get", "digits"]) == 0
    assert capsys.readouterr().out == "digits is here.\n"


def test_data_add(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(12):
        path = alone / "pictures" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 16), (20 * i, 0, 255)).save(path)
    argv = ["data", "add", str(alone / "pictures"), "--title", "My pictures", "--grey"]
    assert main([*argv, "--size", "7"]) == 1
    assert main(argv) == 0
    name, _, rest = capsys.readouterr().out.partition(":")
    assert name.startswith("my_pictures-") and "images to train with" in rest
    assert main(["data", "list", "--json"]) == 0
    added = next(record for record in said(capsys) if record["name"] == name)
    assert added["shape"] == [1, 28, 28] and added["classes"] == ["a", "b"]


# ---- train


def test_train_twice_is_trained_once(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = (trained.path / "model.safetensors").stat()
    assert main([*SHORT, "--json"]) == 0
    found = said(capsys)
    assert found == {
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
    run = runs.open_run(json.loads(out.out)["run"])
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
    (run,) = (run for run in runs.all_runs() if not run.shipped)
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


# ---- evaluate, runs, export


def test_evaluate_gives_the_stored_figures(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", trained.id, "--json"]) == 0
    found = said(capsys)
    assert found["stored"] == trained.metrics() and found["metrics"]["n_test"] > 0
    for name, value in found["metrics"].items():
        assert difference(value, found["stored"][name]) < 1e-3, name


@pytest.mark.parametrize("fault", ["cut", "text", "absent", "another network"])
def test_a_damaged_checkpoint(trained: Run, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    weights = trained.path / "model.safetensors"
    if fault == "another network":
        save_file({"layers.weight": torch.zeros(3)}, weights)
    elif fault == "absent":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:1000] if fault == "cut" else b"not weights")
    for argv in (["evaluate", trained.id], ["export", trained.id, "--output", "never.onnx"]):
        assert main(argv) == 1
        told = capsys.readouterr()
        assert trained.id in told.err and "Traceback" not in told.err and not told.out
    assert not Path("never.onnx").exists()


def test_only_a_finished_run_is_measured(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    trained.update(state="failed")
    assert main(["evaluate", trained.id]) == 1
    assert "is failed; only one that is done" in capsys.readouterr().err


def test_figures_that_json_cannot_hold(
    trained: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("core.training.evaluate", lambda *_: {"psnr": float("nan")})
    assert main(["evaluate", trained.id, "--json"]) == 1
    told = capsys.readouterr()
    assert "infinite or undefined" in told.err and not told.out


def test_runs_lists_the_damaged_too(
    trained: Run, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = trained.path.with_name("denoise-linear-digits-00000000")
    broken.mkdir()
    (broken / "config.json").write_text("{")
    assert main(["runs", "--json"]) == 0
    found = {record["run"]: record for record in said(capsys)}
    assert found[trained.id]["metrics"] == trained.metrics() and not found[trained.id]["shipped"]
    assert found[broken.name]["state"] == "damaged" and found[broken.name]["error"]
    assert main(["runs"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == {"run", *found}


def test_markdown_is_a_table_of_the_shipped_runs(
    trained: Run, alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained.path, alone / "shipped" / trained.id)
    assert main(["runs", "--markdown"]) == 0
    header, rule, *rows = capsys.readouterr().out.splitlines()
    assert header.startswith("| run | title | data set | state | epochs | PSNR (dB) |")
    assert rule.count("|") == header.count("|") and "---:" in rule
    assert len(rows) == 1 and f"| {trained.id} | Linear | digits | done | 1 |" in rows[0]


def test_no_runs_is_a_sentence(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    assert "no runs yet" in capsys.readouterr().out
    assert main(["runs", "--json"]) == 0
    assert said(capsys) == []


def test_export(
    trained: Run, lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = exporting.ExportReport(lab / "model.onnx", 2**20, (1, 28, 28), 3e-7)
    answers = {(trained, report.path): report}
    monkeypatch.setattr(exporting, "export", lambda *asked: answers[asked])
    assert main(["export", trained.id, "--output", str(report.path)]) == 0
    assert "model.onnx: 1.00 MiB" in capsys.readouterr().out


# ---- how it is shown


def test_figures_are_rounded_for_people() -> None:
    values = [10_000, 12_720.4, 17.1135, 0.68312, None, "cpu", [1, 2]]
    assert [shown(v) for v in values] == [
        "10,000", "12,720", "17.11", "0.683", "-", "cpu", "2 rows"
    ]  # fmt: skip


def test_differences_are_found_in_tables_too() -> None:
    assert difference([{"a": 1.0}, {"a": 9.0}], [{"a": 1.5}, {"a": -1.0}]) == 10
    assert difference("gaussian", "gaussian") == 0 == difference([], [])
    assert difference("gaussian", "blur") == difference([1], [1, 2]) == float("inf")
    assert difference(1.0, None) == float("inf")


def test_numbers_stand_to_the_right() -> None:
    assert table(["name", "n"], [["a", "10"], ["bcdef", "7"]]) == "name    n\na      10\nbcdef   7"
