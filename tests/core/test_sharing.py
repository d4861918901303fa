"""Links to private runs: who may make, open and withdraw them, and what they do not allow."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from core.errors import Refused
from core.jobs import queue, sharing
from core.runs import store
from core.runs.store import Run
from core.training import make_request
from tests.core.test_rights import ANN, BOB, allow, private, question, sent, told

__all__ = ["sent", "told"]
EVE = "eve"


@pytest.fixture(autouse=True)
def nobody_has_opened(sent: list[str]) -> None:
    sharing.OPENED.clear()


def test_a_link_shows_its_run_to_who_opens_it_and_to_nobody_else() -> None:
    run = private(ANN)
    token = queue.share(run, ANN)
    assert len(token) >= 22 and not queue.visible(run, BOB)
    assert queue.open_link(run.id, token, BOB) and queue.visible(run, BOB)
    assert not queue.entitled(run, BOB) and not queue.mine(run, BOB)
    assert not queue.may_change(run, BOB)
    for somebody in (EVE, ""):
        assert not queue.visible(run, somebody)
    assert not queue.open_link(run.id, token, ""), "nobody is no visitor"


def test_a_wrong_token_a_foreign_one_and_a_run_that_is_not_there_are_alike() -> None:
    run = private(ANN)
    for token in ("", "x", "é\ud800", "a" * 10_000):
        assert not queue.open_link(run.id, token, BOB), "there is no link yet"
    token = queue.share(run, ANN)
    other = Run(run.path.rename(run.path.with_name("denoise-linear-pets-00000000-00000001")))
    run = private(ANN)
    foreign = queue.share(run, ANN)
    for run_id, tried in (
        (other.id, foreign), (run.id, token), (run.id, token[:-1]), (run.id, ""),
        (run.id, json.loads((run.path / "shared.json").read_text())),
        ("denoise-linear-pets-00000000-0000000f", token), ("../../etc", token),
    ):  # fmt: skip
        assert not queue.open_link(run_id, tried, BOB)
    assert not queue.visible(run, BOB) and not queue.visible(other, BOB)


def test_a_withdrawn_link_is_dead_at_once_and_a_new_one_is_another() -> None:
    run = private(ANN)
    token = queue.share(run, ANN)
    assert queue.open_link(run.id, token, BOB)
    queue.unshare(run, ANN)
    assert not queue.visible(run, BOB) and not queue.open_link(run.id, token, BOB)
    assert not sharing.shared(run)
    again = queue.share(run, ANN)
    assert again != token and not queue.visible(run, BOB), "who opened the first has not this one"
    assert not queue.open_link(run.id, token, BOB) and queue.open_link(run.id, again, BOB)
    third = queue.share(run, ANN)
    assert not queue.visible(run, BOB) and queue.open_link(run.id, third, EVE)
    (run.path / "shared.json").write_bytes(b"{")
    assert not queue.visible(run, EVE)


def test_only_owners_of_private_runs_share_and_withdraw(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, administrators="ann@example.org")
    run = private(BOB)
    token = queue.share(run, BOB)
    assert queue.open_link(run.id, token, EVE)
    for somebody in (ANN, EVE, ""):
        with pytest.raises(Refused, match="Only the owners"):
            queue.share(run, somebody)
        with pytest.raises(Refused, match="Only the owners"):
            queue.unshare(run, somebody)
    assert queue.visible(run, EVE) and not queue.visible(run, ANN)
    public = store.create("denoise-linear-digits-00000000", question(1).config)
    public.set_owners([BOB])
    with pytest.raises(Refused, match="private"):
        queue.share(public, BOB)


def test_an_owner_who_leaves_takes_the_link_along() -> None:
    run = private(ANN)
    run.set_owners([ANN, BOB])
    token = queue.share(run, ANN)
    assert queue.open_link(run.id, token, EVE)
    queue.delete(run, ANN)
    assert run.owners() == [BOB] and not queue.visible(run, EVE)


def test_who_sees_a_run_by_its_link_changes_nothing_and_makes_nothing_of_it(
    sent: list[str],
) -> None:
    run = private(ANN, "failed")
    assert queue.open_link(run.id, queue.share(run, ANN), BOB)
    for act in (
        queue.resume, queue.cancel, queue.share, queue.unshare,
        lambda run, who: queue.write_note(run, who, "mine"),
    ):  # fmt: skip
        with pytest.raises(Refused, match="Only the owners"):
            act(run, BOB)
    run.update(state="done")
    with pytest.raises(Refused, match="Only the owners"):
        queue.delete(run, BOB)
    asked = question(1)
    begun = asked.config.model_copy(
        update={"config": {**asked.config.config, "start_from": run.id}}
    )
    with pytest.raises(Refused, match="somebody else's"):
        queue.submit(asked.model_copy(update={"config": begun}), BOB)
    assert run.owners() == [ANN] and not sent
    mapped = asked.config.model_copy(update={"config": {"source": run.id}})
    with pytest.raises(Refused, match="somebody else's"):
        queue.submit(asked.model_copy(update={"config": mapped}), BOB)


def test_nobody_trains_on_pictures_that_they_may_not_see(
    monkeypatch: pytest.MonkeyPatch, sent: list[str]
) -> None:
    monkeypatch.setattr(queue.ownership, "visible", lambda name, who: who == ANN)
    with pytest.raises(Refused, match="pictures are somebody else's"):
        queue.submit(make_request("denoising", "linear", "digits", {"epochs": 1}), BOB)
    assert not sent and queue.submit(question(1), ANN).owners() == [ANN]


def test_an_administrator_who_resumes_a_private_run_does_not_see_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allow(monkeypatch, administrators="ann@example.org")
    run = private(BOB, "failed")
    queue.resume(run, ANN)
    assert run.owners() == [BOB] and not queue.visible(run, ANN)


def test_of_a_token_only_its_hash_is_kept_and_nothing_is_exported(alone: Path) -> None:
    run = private(ANN)
    token = queue.share(run, ANN)
    with zipfile.ZipFile(io.BytesIO(run.archive())) as archive:
        assert not any("shared" in name for name in archive.namelist())
    for path in alone.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()


def test_sharing_is_logged_without_its_token_and_without_names(told: list[str]) -> None:
    run = private(ANN)
    token = queue.share(run, ANN)
    for _ in range(3):
        queue.open_link(run.id, token, BOB)
    queue.open_link(run.id, "wrong", EVE)
    queue.unshare(run, ANN)
    assert [json.loads(line)["action"] for line in told] == ["shared", "opened", "unshared"]
    assert all(json.loads(line)["run"] == run.id[-8:] for line in told)
    assert not any(word in "".join(told) for word in (token, ANN, BOB, "pets"))
