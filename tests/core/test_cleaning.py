"""What people brought is theirs, and goes: when they say so, or after a stated time."""

import json
import os
import time
from pathlib import Path

import pytest

from core import data, identity
from core.__main__ import main
from core.data import imported, ownership
from core.errors import DataMissing, UnknownName
from core.jobs.retention import clean
from core.runs import store
from core.settings import settings
from core.training import make_request
from tests.core.imports import CLASSES, packed

DAY = 24 * 3600


@pytest.fixture
def pets(alone: Path, tmp_path: Path) -> data.DatasetInfo:
    """A set of somebody's, imported just now."""
    archive = packed(tmp_path / "pets.zip", CLASSES)
    return data.import_set(archive, "Pets", size=16, grey=False, owner="ann")


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


@pytest.mark.parametrize("way", ["zip", "by hand", "edited"])
def test_whenever_an_import_is_killed_strangers_see_nothing(
    alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    archive = packed(tmp_path / "pets.zip", CLASSES)
    by_hand = {k: [(n, c) for n, c in CLASSES.items() if n.startswith(k)] for k in ("cat", "dog")}
    if way == "edited":
        first = data.import_set(archive, "Pets", size=16, grey=False, owner="ann").name

    def bring() -> data.DatasetInfo:
        if way == "edited":
            return data.edit(first, {"train": {0: -1}}, owner="ann")
        if way == "zip":
            return data.import_set(archive, "Pets", size=16, grey=False, owner="ann")
        return data.import_classes(by_hand, "Pets", size=16, grey=False, owner="ann")

    class Killed(BaseException):
        """Nothing catches it."""

    replace, left = os.replace, 0

    def until_killed(source: Path, target: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        replace(source, target)

    monkeypatch.setattr(os, "replace", until_killed)
    steps = 0
    while True:
        left = steps
        try:
            name = bring().name
            break
        except Killed:
            steps += 1
        for result in imported.names():
            assert not data.visible(result, "eve"), f"killed after {steps} files"
    assert steps >= 2 and name in data.owned("ann")
    assert data.visible(name, "ann") and not data.visible(name, "eve")


def test_a_damaged_list_of_owners_shows_the_pictures_to_nobody(pets: data.DatasetInfo) -> None:
    path = settings().data / "imported" / pets.name / "owners.json"
    for damaged in ("", "{", '{"ann": 1}', "\ufffd"):
        path.write_text(damaged)
        assert not data.visible(pets.name, "eve") and not data.visible(pets.name, "")
        data.disown(pets.name, "eve")
        assert data.load(pets.name, "train"), "nor are they removed"


def test_what_the_command_line_added_stays_everybody_s(alone: Path, tmp_path: Path) -> None:
    archive = packed(tmp_path / "pets.zip", CLASSES)
    name = data.import_set(archive, "Pets", size=16, grey=False).name
    assert data.import_set(archive, "Pets", size=16, grey=False, owner="ann").name == name
    assert data.visible(name, "eve") and data.visible(name, "")


def test_an_import_that_was_never_finished_goes_after_a_day(pets: data.DatasetInfo) -> None:
    place = settings().data / "imported" / pets.name
    (place / "set.json").unlink()
    assert clean(0).leftovers == 0
    age(place, 2)
    assert clean(0).leftovers == 1 and not place.exists()


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
    (name,) = imported.names()
    age(settings().data / "imported" / name / "set.json", 400)
    data.disown(name, "eve")
    assert clean(30).sets == [] and data.load(name, "train")


def test_old_pictures_go_and_runs_made_of_them_and_nothing_else(pets: data.DatasetInfo) -> None:
    mine = make_request("denoising", "linear", "digits", {"epochs": 1})
    own = mine.config.model_copy(update={"private": True, "dataset": pets.name})
    old, busy, young, public = (
        store.create(f"denoise-linear-pets-0000000{i}-00000000", config)
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
    assert data.info(pets.name) and store.find(old.id), "it was only said"
    assert clean(30) == told
    with pytest.raises((UnknownName, DataMissing)):
        data.info(pets.name)
    assert {run.id for run in store.all_runs()} == {busy.id, young.id, public.id}
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


def test_of_runs_of_anonymous_visitors_those_go_that_nobody_asked_for_longest(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = identity.signed_in_as({"iss": "https://id.example.org", "sub": "1"})
    owners = [["v0"], ["v1"], ["v2"], ["v3"], ["v4", ann], [identity.COMMAND_LINE], [], ["v7"]]
    result = []
    for seed, who in enumerate(owners):
        asked = make_request("denoising", "linear", "digits", {"seed": seed})
        run = store.create(asked.run_id, asked.config)
        (run.path / "model.safetensors").write_bytes(bytes(600_000))
        if who:
            run.set_owners(who)
            age(run.path / "owners.json", 20 - seed)
        run.update(state="failed" if seed == 1 else "done")
        written = json.loads((run.path / "status.json").read_text())
        old = {"heartbeat": time.time() - (20 - seed) * DAY, "queued_at": 0}
        (run.path / "status.json").write_text(json.dumps({**written, **old}))
        result.append(run)
    result[7].update(state="running")
    result[0].set_owners(["v0", "v8"])  # another visitor has asked for it just now
    assert clean(0) == ([], [], 0, 0)
    monkeypatch.setenv("LATENT_LAB_MAX_DISK_MB_ANONYMOUS", "1")
    settings.cache_clear()
    gone = [result[1].id, result[2].id, result[3].id]
    assert clean(0, pretend=True).runs == gone and store.find(gone[0])
    assert clean(0).runs == gone
    assert {run.id for run in store.all_runs()} == {run.id for run in result} - {*gone}
    assert clean(0) == ([], [], 0, 0)


def test_what_a_worker_left_at_its_very_end_goes_after_a_day(alone: Path) -> None:
    asked = make_request("denoising", "linear", "digits", {"seed": 1})
    run = store.create(asked.run_id, asked.config)
    left = run.path / "resume.pt"
    left.write_bytes(bytes(10))
    age(left, 2)
    assert clean(0).leftovers == 0, "it is needed"
    run.update(state="done")
    assert clean(0).leftovers == 1 and not left.exists()
