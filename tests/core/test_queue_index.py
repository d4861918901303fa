"""What the queue costs: it grows with what waits, not with the finished runs that lie beside it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.jobs import queue
from core.jobs.scheduler import Cluster
from core.runs import store
from core.runs.schema import RunRequest
from core.runs.store import Run
from core.settings import settings
from core.training import make_request

opened: list[str] | None = None


def _note(event: str, args: tuple[Any, ...]) -> None:
    if opened is not None and event in ("open", "os.listdir", "os.scandir"):
        opened.append(str(args[0]))


sys.addaudithook(_note)  # stays for the life of the process, and does nothing in between


@contextmanager
def files_opened() -> Iterator[list[str]]:
    global opened
    opened = []
    try:
        yield opened
    finally:
        opened = None


@pytest.fixture
def sent(alone: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was handed to the cluster, in order."""
    result: list[str] = []
    monkeypatch.setattr(Cluster, "submit", lambda self, run, lane: result.append(run.id))
    monkeypatch.setattr(Cluster, "look_after", lambda self, left: None)
    return result


def question(seed: int) -> RunRequest:
    return make_request(
        "denoising", "linear", "digits", {"epochs": 1, "train_images": 50, "seed": seed}
    )


def made(seed: int, state: str, owner: str = "ann") -> Run:
    asked = question(seed)
    run = store.create(asked.run_id, asked.config)
    run.set_owners([owner])
    if state != "queued":
        run.update(state=state)
    return run


LOOKS: dict[str, Callable[[Run], object]] = {
    "tend": lambda run: queue.tend(),
    "ahead": queue.ahead,
    "active": lambda run: queue.active(),
}


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder's clock has moved on since the last run was made, and everybody has looked."""
    monkeypatch.setattr(store, "CLOCK_TICK", -1)
    for _ in range(2):
        queue.tend()


@pytest.mark.parametrize("look", LOOKS)
def test_looking_at_the_queue_opens_no_file_of_what_is_finished(
    sent: list[str], monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    waiting = [made(seed, "queued", f"visitor {seed}") for seed in range(3)]
    counts = []
    for shelf in (5, 25):
        for seed in range(100 * shelf, 101 * shelf):
            made(seed, ("done", "failed", "cancelled")[seed % 3])
        settle(monkeypatch)
        with files_opened() as result:
            LOOKS[look](waiting[0])
        counts.append(len(result))
        ours = {run.id for run in waiting}
        assert all(any(i in path for i in ours) for path in result if "denoise-" in path)
    assert counts[0] == counts[1] <= 10
    assert queue.active() == sorted(waiting, key=lambda run: (run.status().queued_at, run.id))


def test_what_has_ended_leaves_the_queue_for_all_processes(sent: list[str]) -> None:
    run = made(1, "queued")
    marker = settings().runs / store.QUEUE / run.id
    assert marker.exists() and queue.active() == [run]
    run.update(state="running")
    assert queue.active() == [run]
    run.update(state="done")
    assert queue.active() == []
    queue.tend()
    assert not marker.exists()
    run.update(state="failed")
    queue.resume(run, "ann")
    assert marker.exists() and queue.active() == [run]
    with store.store_lock():
        store.forget_ended([run])
    store.forget_ended([run])
    assert marker.exists(), "it is active: nobody takes its marker"


def test_what_another_version_has_put_there_is_found(
    sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(1, "queued")
    queue.tend()
    second = made(2, "queued")
    (settings().runs / store.QUEUE / second.id).unlink()
    assert queue.active() == [first, second], "it is new in the folder"
    for marker in (settings().runs / store.QUEUE).iterdir():
        marker.unlink()
    (settings().runs / store.QUEUE).rmdir()
    assert queue.active() == [first, second], "the index is gone"
    assert {p.name for p in (settings().runs / store.QUEUE).iterdir()} == {first.id, second.id}


def test_a_damaged_run_fails_with_a_sentence_and_keeps_nobody_waiting(sent: list[str]) -> None:
    empty, later, gone, good = (made(seed, "queued", f"visitor {seed}") for seed in range(4))
    (empty.path / "config.json").write_text("")
    later.path.joinpath("config.json").write_text(
        later.path.joinpath("config.json").read_text().replace('"linear"', '"of tomorrow"')
    )
    (gone.path / "status.json").write_text("[")
    assert queue.tend() == 1 and sent == [good.id]
    assert empty.status().state == later.status().state == "failed"
    assert "config.json is missing or damaged" in empty.status().error
    assert "no denoising variant called 'of tomorrow'" in later.status().error
    assert queue.submit(question(9), "visitor 0").status().state == "queued"
    assert queue.ahead(good) == 0


def test_what_goes_wrong_with_one_run_stops_no_other(
    sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = [made(seed, "queued", f"visitor {seed}") for seed in range(3)]

    def submit(self: Cluster, run: Run, lane: str) -> None:
        if run == queue.active()[0]:
            raise OSError("the disk is full")
        sent.append(run.id)

    monkeypatch.setattr(Cluster, "submit", submit)
    assert queue.tend() == 3 and len(sent) == 2 and set(sent) < {run.id for run in result}
