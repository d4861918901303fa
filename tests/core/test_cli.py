"""The command line: exit codes, sentences and JSON of every command."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core.__main__ import COMMANDS, main
from core.cli.output import difference, intervals, rounded, table
from core.inference import export as exporting
from core.registry import KINDS
from core.runs import store
from core.runs.store import Run
from core.settings import ROOT
from core.tasks.autoencoding import AUTOENCODING
from tests.core.support import SHORT, TRAIN, said

pytestmark = pytest.mark.usefixtures("one_strength")


# ---- usage


def test_help_in_a_process_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "core", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and not done.stderr
    assert all(name in done.stdout for name in COMMANDS)


def test_flags_come_from_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "denoising", "unet", "--help"])
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--batch-size N examples a step; 1 to 4096 (default: 64)" in text
    assert "--blind, --no-blind" in text and "(default: on)" in text
    assert "--corruption {gaussian,salt_and_pepper" in text
    assert "(default: 0.002)" in text, "the variant's own default"


@pytest.mark.parametrize("variant", AUTOENCODING.variants)
def test_a_setting_that_a_network_does_not_have_is_no_flag(
    variant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["train", "autoencoding", variant, "--help"])
    offered = set(capsys.readouterr().out.split())
    for field in AUTOENCODING.config_class.model_fields:
        flag = f"--{field.replace('_', '-')}"
        assert (flag in offered) != (field in AUTOENCODING.variant(variant).fixed)


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
        (["train", "autoencoding", "ae_mlp3", "--dataset", "digits", "--latent", "5"], "--latent"),
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
    assert not store.all_runs(), "nothing is left behind"


# ---- data


def test_data_list(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list", "--json"]) == 0
    result = {record["name"]: record for record in said(capsys)}
    assert result["digits"]["here"] == ["train", "test"] and result["digits"]["shape"] == [
        1,
        28,
        28,
    ]
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


# ---- evaluate, runs, export


def test_evaluate_gives_the_stored_figures(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", trained.id, "--json"]) == 0
    result = said(capsys)
    assert result["stored"] == trained.metrics() and result["metrics"]["n_test"] > 0
    for name, value in result["metrics"].items():
        assert difference(value, result["stored"][name]) < 1e-3, name


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
    measured = KINDS["denoising"]._replace(evaluate=lambda *_: {"psnr": float("nan")})
    monkeypatch.setitem(KINDS, "denoising", measured)
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
    result = {record["run"]: record for record in said(capsys)}
    assert result[trained.id]["metrics"] == trained.metrics() and not result[trained.id]["shipped"]
    assert result[broken.name]["state"] == "damaged" and result[broken.name]["error"]
    assert main(["runs"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == {"run", *result}


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
    report = exporting.ExportReport(lab / "model.onnx", 2**20, (1, 28, 28), 3e-7, "test images")
    answers = {(trained, report.path): report}
    monkeypatch.setattr(exporting, "export", lambda *asked: answers[asked])
    assert main(["export", trained.id, "--output", str(report.path)]) == 0
    assert "model.onnx: 1.00 MiB" in capsys.readouterr().out


# ---- how it is shown


def test_figures_are_rounded_for_people() -> None:
    values = [10_000, 12_720.4, -103.46, 17.1135, 0.68312, None, "cpu", [1, 2]]
    assert [rounded(v) for v in values] == [
        "10,000", "12,720", "-103.5", "17.11", "0.683", "-", "cpu", "2 rows"
    ]  # fmt: skip


def test_differences_are_found_in_tables_too() -> None:
    assert difference([{"a": 1.0}, {"a": 9.0}], [{"a": 1.5}, {"a": -1.0}]) == 10
    assert difference("gaussian", "gaussian") == 0 == difference([], [])
    assert difference("gaussian", "blur") == difference([1], [1, 2]) == float("inf")
    assert difference(1.0, None) == float("inf")


def test_numbers_stand_to_the_right() -> None:
    assert table(["name", "n"], [["a", "10"], ["bcdef", "7"]]) == "name    n\na      10\nbcdef   7"


def test_shares_of_counted_pictures_have_their_interval(capsys: pytest.CaptureFixture[str]) -> None:
    assert intervals({"accuracy": 1.0, "n_test": 6, "psnr": 9.0})["accuracy"] == pytest.approx(
        (0.6097, 1), abs=1e-4
    )
    assert not intervals({"psnr": 9.0, "n_test": 6}) and not intervals({"accuracy": 0.5})
    assert main(["runs"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "its 95 % interval" in lines["run"]
    share = lines["transfer-new_head-cats-dogs-5c4dd9f0"]
    assert "0.984" in share and "0.964 to 0.993" in share  # 316 of 321


def test_a_classifier_reads_a_photographed_digit(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = [r for r in store.all_runs() if r.shipped and r.spec().task == "recognition"]
    run = next(r.id for r in shipped if r.spec().dataset == "mnist")
    seven = str(Path(__file__).parent / "pictures" / "seven-shade.png")
    assert main(["predict", run, seven, "--digit", "--json"]) == 0
    (result,) = said(capsys)["predictions"]
    assert result["class"] == "7" and result["unlike_training"] is None
    assert sum(result["probabilities"]) == pytest.approx(1, abs=1e-3)
    denoiser = next(r.id for r in store.all_runs() if r.spec().task == "denoising")
    assert main(["predict", denoiser, seven]) == 1
    assert "is no classifier" in capsys.readouterr().err
