"""What people brought is theirs, and goes: when they say so, or after a stated time."""

import json
import os
import time
from pathlib import Path

import pytest

from core import data, runs
from core.__main__ import main
from core.cleaning import clean
from core.data import ownership
from core.errors import DataMissing, UnknownName
from core.settings import settings
from core.training import ask
from tests.core.test_imported import CLASSES, packed

DAY = 24 * 3600


@pytest.fixture
def pets(alone: Path, tmp_path: Path) -> data.DatasetInfo:
    """A set of somebody's, imported just now."""
    archive = packed(tmp_path / "pets.zip", CLASSES)
    found = data.import_set(archive, "Pets", size=16, grey=False)
    data.own(found.name, "ann")
    return found


def age(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def test_a_set_is_of_those_who_brought_it(pets: data.DatasetInfo) -> None:
    assert data.owned("ann") == [pets.name] and data.owned("bob") == []
    data.own(pets.name, "bob")
    data.own(pets.name, "bob")
    assert ownership.owners(pets.name) == ["ann", "bob"]
    data.disown(pets.name, "ann")
    assert data.owned("ann") == [] and data.owned("bob") == [pets.name]
    data.disown(pets.name, "eve")
    assert data.info(pets.name).title == "Pets"
    data.disown(pets.name, "bob")
    with pytest.raises(UnknownName):
        data.load(pets.name, "train")
    assert not list((settings().data / "imported").glob("*pets*")), "nor is anything left on disk"


def test_pictures_that_an_edited_set_shows_stay_as_long_as_it(pets: data.DatasetInfo) -> None:
    edited = data.edit(pets.name, {"train": {0: -1}})
    data.own(edited.name, "ann", instead_of=pets.name)
    assert data.owned("ann") == [edited.name]
    assert (
        len(data.load(edited.name, "train").labels) == len(data.load(pets.name, "train").labels) - 1
    )
    data.disown(edited.name, "ann")
    for name in (edited.name, pets.name):
        with pytest.raises(UnknownName):
            data.info(name)


def test_a_set_of_the_command_line_is_nobody_s_and_stays(alone: Path, tmp_path: Path) -> None:
    archive = packed(tmp_path / "pets.zip", CLASSES)
    assert main(["data", "add", str(archive), "--title", "Pets", "--size", "16"]) == 0
    (name,) = (n for n in data.names() if n not in data.BUILT_IN)
    age(settings().data / "imported" / name / "set.json", 400)
    data.disown(name, "eve")
    assert clean(30).sets == [] and data.load(name, "train")


def test_old_pictures_go_and_runs_made_of_them_and_nothing_else(pets: data.DatasetInfo) -> None:
    mine = ask("denoising", "linear", "digits", {"epochs": 1})
    own = mine.config.model_copy(update={"private": True, "dataset": pets.name})
    old, busy, young, public = (
        runs.create(f"denoise-linear-pets-0000000{i}-00000000", config)
        for i, config in enumerate([own, own, own, mine.config])
    )
    for run in (old, busy, public):
        run.update(state="running" if run is busy else "done", queued_at=0.0)
        path = run.path / "status.json"
        status = json.loads(path.read_text())
        path.write_text(json.dumps({**status, "heartbeat": time.time() - 31 * DAY}))
    young.update(state="done")
    age(settings().data / "imported" / pets.name / "set.json", 31)

    assert clean(0) == ([], [], 0, 0), "0 keeps everything"
    told = clean(30, pretend=True)
    assert told.sets == [pets.name] and told.runs == [old.id] and told.bytes > 0
    assert data.info(pets.name) and runs.find(old.id), "it was only said"
    assert clean(30) == told
    with pytest.raises((UnknownName, DataMissing)):
        data.info(pets.name)
    assert {run.id for run in runs.all_runs()} == {busy.id, young.id, public.id}
    assert clean(30) == ([], [], 0, 0)


def test_leftovers_of_killed_processes_go_after_a_day(
    alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = settings().runs / "denoise-linear-digits-00000000"
    folder.mkdir(parents=True)
    half, fresh = folder / ".model.safetensors.abc.tmp", folder / ".status.json.def.tmp"
    doomed = settings().runs / ".deleted-denoise-linear-digits-00000000-1"
    doomed.mkdir()
    (doomed / "model.safetensors").write_bytes(bytes(1000))
    for path in (half, fresh):
        path.write_bytes(bytes(10))
    age(half, 2)
    age(doomed, 2)
    assert main(["clean", "--dry-run"]) == 0
    assert "2 leftovers would go" in capsys.readouterr().out and half.exists()
    assert main(["clean", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["leftovers"] == 2
    assert not half.exists() and not doomed.exists() and fresh.exists()
