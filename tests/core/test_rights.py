"""Who may start, stop, see and keep what; without a cluster: what would be sent is noted."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import audit_log, files, identity
from core.errors import Refused
from core.jobs import queue
from core.jobs.scheduler import Cluster
from core.runs import store
from core.runs.schema import RunRequest
from core.runs.store import Run
from core.settings import settings
from core.training import make_request


def signed_in(number: int, name: str) -> str:
    claims = {"iss": "https://id.example.org", "sub": f"{number}", "email": f"{name}@example.org"}
    return identity.signed_in_as(claims)


ANN = signed_in(1, "ann")
BOB = signed_in(2, "bob")


@pytest.fixture
def sent(alone: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was handed to the cluster, in order."""
    result: list[str] = []
    monkeypatch.setattr(Cluster, "submit", lambda self, run, lane: result.append(run.id))
    return result


def allow(monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"LATENT_LAB_{name.upper()}", str(value))
    settings.cache_clear()


def question(seed: int) -> RunRequest:
    return make_request(
        "denoising", "linear", "digits", {"epochs": 1, "train_images": 50, "seed": seed}
    )


def private(owner: str, state: str = "done") -> Run:
    """A run on somebody's own pictures."""
    asked = question(1).config.model_copy(update={"private": True, "dataset": "pets-00000000"})
    run = store.create("denoise-linear-pets-00000000-00000000", asked)
    run.set_owners([owner])
    run.update(state=state)
    return run


# ---- people


def test_an_id_tells_nothing_and_is_the_same_at_each_sign_in() -> None:
    assert identity.signed_in_as({"email": " Ann@Example.org ", "email_verified": True}) == ANN
    assert ANN != BOB and identity.signed_in(ANN) and not identity.signed_in("0123456789abcdef")
    assert "ann" not in ANN and "example" not in ANN


def test_an_address_that_was_not_checked_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, administrators="ann@example.org")
    claims = {"iss": "https://evil.example.org", "sub": "9", "email": "ann@example.org"}
    for unchecked in (False, "false", None):
        result = identity.signed_in_as({**claims, "email_verified": unchecked})
        assert result != ANN and not identity.administrator(result)
    assert identity.administrator(ANN) and not identity.administrator(BOB)
    settings.cache_clear()


def test_two_without_an_address_are_told_apart_by_who_vouches_for_them() -> None:
    ids = {identity.signed_in_as({"iss": iss, "sub": sub}) for iss in "ab" for sub in "12"}
    assert len(ids) == 4


# ---- starting


def test_only_who_has_signed_in_may_start_where_it_is_asked(
    sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, training="signed-in")
    assert not queue.may_start("visitor") and "Sign in" in queue.refusal("visitor")
    with pytest.raises(Refused, match="Sign in"):
        queue.submit(question(1), "visitor")
    assert store.find(question(1).run_id) is None and not sent
    run = queue.submit(question(1), ANN)
    assert sent == [run.id] and queue.refusal(ANN) == ""
    run.update(state="failed")
    with pytest.raises(Refused, match="Sign in"):
        queue.resume(run, "visitor")


def test_one_person_has_so_many_jobs_and_keeps_nobody_else_from_theirs(
    sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, max_jobs_each=3, max_running_each=1)
    mine = [queue.submit(question(seed), "ann") for seed in range(3)]
    with pytest.raises(Refused, match="3 jobs of yours"):
        queue.submit(question(4), "ann")
    assert queue.submit(question(0), "ann") == mine[0], "what is there is still given"
    other = queue.submit(question(5), "bob")
    assert sent == [mine[0].id, other.id], "her second waits for her first, his does not"
    sent.clear()
    queue.tend()
    assert sent == [mine[0].id, other.id]
    sent.clear()
    mine[0].update(state="done")
    queue.tend()
    assert sent == [mine[1].id, other.id]
    queue.cancel(mine[1], "ann")
    assert mine[2].id in sent
    assert queue.ahead(mine[2]) == 0 and queue.ahead(other) == 1


def test_a_map_does_not_wait_for_a_training_of_the_same_person(
    sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, max_running_each=1)
    monkeypatch.setattr(queue, "lane", lambda run: "quick" if run.id == quick else "long")
    quick = question(2).run_id
    queue.submit(question(1), "ann")
    queue.submit(question(2), "ann")
    assert quick in sent


def test_what_one_person_keeps_on_disk_is_bounded(
    sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, max_disk_mb_each=1)
    run = queue.submit(question(1), "ann")
    run.update(state="done")
    (run.path / "model.safetensors").write_bytes(bytes(2**20))
    with pytest.raises(Refused, match="as much as one person may use"):
        queue.submit(question(2), "ann")
    queue.submit(question(2), "bob")
    queue.delete(run, "ann")
    queue.submit(question(3), "ann")


# ---- stopping, deleting, seeing


def test_an_administrator_stops_and_deletes_for_all_and_sees_no_pictures(
    sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, administrators="ann@example.org")
    run = private(BOB, "queued")
    run.set_owners([BOB, "carl"])
    for somebody in ("eve", "", identity.signed_in_as({"iss": "x", "sub": "y"})):
        assert not queue.may_change(run, somebody) and not queue.visible(run, somebody)
        with pytest.raises(Refused, match="Only the owners"):
            queue.cancel(run, somebody)
    assert queue.may_change(run, ANN) and not queue.mine(run, ANN)
    assert not queue.visible(run, ANN), "pictures are for those who brought them"
    queue.cancel(run, ANN)
    assert run.status().state == "cancelled"
    queue.delete(run, ANN)
    assert store.find(run.id) is None


def test_an_administrator_deletes_nothing_that_ships(
    sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, administrators="ann@example.org")
    made = store.create(question(1).run_id, question(1).config)
    store.SHIPPED.mkdir()
    shipped = Run(made.path.rename(store.SHIPPED / made.id))
    assert not queue.may_change(shipped, ANN)
    with pytest.raises(Refused, match="cannot be deleted"):
        queue.delete(shipped, ANN)


def test_who_signs_in_keeps_what_they_had_asked_for(sent: list[str]) -> None:
    first, second = private("visitor"), queue.submit(question(2), "visitor")
    second.set_owners(["visitor", ANN, "carl"])
    assert queue.take_over("visitor", ANN) == 2
    assert first.owners() == [ANN] and second.owners() == [ANN, "carl"]
    assert queue.visible(first, ANN) and not queue.visible(first, "visitor")
    assert queue.take_over("visitor", ANN) == 0


# ---- notes


def test_only_owners_write_a_note_and_administrators_do_not(
    sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, administrators="ann@example.org")
    run = private(BOB)
    queue.write_note(run, BOB, "the one with the hat")
    for somebody in (ANN, "eve", ""):
        with pytest.raises(Refused, match="Only the owners"):
            queue.write_note(run, somebody, "mine now")
    assert run.note() == "the one with the hat"
    queue.write_note(run, BOB, " \n")
    assert run.note() == "" and not (run.path / "note.json").exists()


def test_a_shipped_run_has_no_note(sent: list[str]) -> None:
    made = store.create(question(1).run_id, question(1).config)
    store.SHIPPED.mkdir()
    shipped = Run(made.path.rename(store.SHIPPED / made.id))
    shipped.set_owners([ANN])
    with pytest.raises(Refused, match="Only the owners"):
        queue.write_note(shipped, ANN, "no")


# ---- the log


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The lines of the log, which are written nowhere else."""
    result: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            result.append(record.getMessage())

    monkeypatch.setattr(audit_log.log, "handlers", [Kept()])
    monkeypatch.setattr(audit_log.log, "propagate", False)
    before = audit_log.log.level
    audit_log.log.setLevel(logging.INFO)
    yield result
    audit_log.log.setLevel(before)


def test_the_log_has_a_line_an_action_and_nobody_in_it(sent: list[str], told: list[str]) -> None:
    run = queue.submit(question(1), ANN)
    queue.cancel(run, ANN)
    queue.delete(run, ANN)
    assert [json.loads(line)["action"] for line in told] == ["asked", "cancelled", "deleted"]
    assert all(json.loads(line)["run"] == run.id and ANN not in line for line in told)


def test_the_log_does_not_tell_what_people_call_their_pictures(
    sent: list[str], told: list[str]
) -> None:
    run = private(ANN)
    queue.delete(run, ANN)
    (line,) = told
    assert json.loads(line)["run"] == run.id[-8:] and "pets" not in line


def test_who_asked_is_read_once_for_private_runs_and_never_for_others(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = private(ANN)
    public = store.create("denoise-linear-digits-00000000", question(1).config)
    public.set_owners([ANN])
    read = files.read_json
    seen: list[str] = []

    def counted(path: Path) -> object:
        seen.append(f"{path.parent.name}/{path.name}")
        return read(path)

    monkeypatch.setattr(files, "read_json", counted)
    for _ in range(5):
        for run in (mine, public):
            assert queue.visible(run, ANN)
        assert not queue.visible(mine, BOB) and queue.visible(public, BOB)
    assert [one for one in seen if one.endswith("owners.json")] == [f"{mine.id}/owners.json"]
    mine.set_owners([BOB])
    assert queue.visible(mine, BOB) and not queue.visible(mine, ANN)
