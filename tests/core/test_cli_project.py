"""The command line's `project`: once, as a table, refused."""

from pathlib import Path

import pandas as pd
import pytest

from core.__main__ import main
from core.runs import store
from tests.core.support import said

TSNE = ["project", "tsne", "--dataset", "digits", "--points", "120", "--perplexity", "10",
        "--iterations", "60"]  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_LAB_THREADS", "1")


def test_a_map_is_made_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TSNE, "--json"]) == 0
    first = said(capsys)
    assert first["state"] == "done" and not first["cached"]
    assert first["metrics"]["n_test"] == 120
    assert main([*TSNE, "--json"]) == 0
    again = said(capsys)
    assert again == {**first, "cached": True}
    assert main(TSNE) == 0
    assert "was laid out before" in capsys.readouterr().out


def test_the_table_has_codes_classes_and_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "map.csv"
    source = "autoencode-vae-mnist-dd3f87e3"
    command = ["project", "pca", "--dataset", "mnist", "--points", "50", "--source", source]
    assert main([*command, "--output", str(file)]) == 0
    table = pd.read_csv(file)
    assert len(table) == 50 and table["index"].is_monotonic_increasing
    assert {f"Enc. Variable {i}" for i in range(20)} <= set(table)
    assert {"label", "reconstruction error", "x", "y", "preserved"} <= set(table)


def test_a_map_is_measured_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TSNE, "--json"]) == 0
    run = said(capsys)["run"]
    assert main(["evaluate", run, "--json"]) == 0
    result = said(capsys)
    assert result["metrics"] == {k: result["stored"][k] for k in result["metrics"]}
    assert {"trustworthiness", "knn_accuracy_map"} <= set(result["metrics"])


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--source", "nothing"], "no run called"),
        (["--perplexity", "1"], "perplexity: "),
        (["--points", "2"], "points: "),
        (["--output", "/nowhere/at/all.csv"], "no folder"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    flags: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["project", "tsne", "--dataset", "digits", *flags]) == 1
    assert sentence in capsys.readouterr().err
    assert not [r for r in store.all_runs() if not r.shipped]


def test_a_perplexity_too_large_fails_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["project", "tsne", "--dataset", "digits", "--points", "20"]
    assert main(command) == 3
    assert "there are 20. Choose one from 2 to 6." in capsys.readouterr().err
