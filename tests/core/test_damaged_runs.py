"""A run whose files are damaged is shown as that, by name, and hides no other."""

from pathlib import Path

import pytest

from core.__main__ import main
from core.errors import LabError
from core.registry import checked, family
from core.runs import store
from core.runs.query import finished
from core.runs.store import Run
from core.tasks import load_model
from tests.core.damages import DAMAGES, damaged
from tests.core.support import said


def test_damaged_runs_are_listed_as_such_and_hide_no_other(
    trained: Run, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoilt = {run.id: name for name, run in damaged(trained)}
    assert main(["runs", "--json"]) == 0
    result = {record["run"]: record for record in said(capsys)}
    assert set(result) == {trained.id, *spoilt}
    assert result[trained.id]["metrics"] == trained.metrics()
    for run_id, name in spoilt.items():
        assert result[run_id]["state"] == "damaged" and run_id in result[run_id]["error"], name
    assert main(["runs"]) == 0
    listed = capsys.readouterr().out
    assert all(run_id in listed for run_id in result)


def test_damaged_runs_are_no_models(trained: Run, alone: Path) -> None:
    assert len(list(damaged(trained))) == len(DAMAGES)
    assert finished(family("denoising")) == [trained]
    assert finished(family("denoising"), "digits") == [trained]


@pytest.mark.parametrize("name", [name for name in DAMAGES if name.startswith("weights")])
def test_damaged_weights_are_a_sentence_when_they_are_opened(
    trained: Run, alone: Path, name: str
) -> None:
    DAMAGES[name](trained.path)
    with pytest.raises(LabError, match=r"model\.safetensors is missing or damaged"):
        load_model(trained)


@pytest.mark.parametrize("name", [name for name in DAMAGES if "image" in name])
def test_a_network_for_impossible_images_is_never_built(
    trained: Run, alone: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    DAMAGES[name](trained.path)
    monkeypatch.setattr("torch.nn.Linear", lambda *_: pytest.fail("it would fill the memory"))
    with pytest.raises(LabError, match=trained.id):
        load_model(trained)


def test_everything_that_ships_is_sound() -> None:
    shipped = [run for run in store.all_runs() if run.shipped]
    assert shipped and all(checked(run).task for run in shipped)
