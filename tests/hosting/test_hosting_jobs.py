"""Replicas, a scheduler and workers as the units start them: whatever is killed, no run is lost.

A part that is killed is started again as systemd does it; nothing is lost, and nothing done twice.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

from core.files import read_json
from tests.hosting.parts import House, until
from tests.hosting.visitor import Visitor, press, run

pytestmark = pytest.mark.cluster

EPOCHS = 30
"""Of a network that takes long enough to be killed in the middle, and is done soon after."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house")) as house:
        house.add_cluster()
        house.add_replica("a")
        house.add_replica("b")
        house.wait()
        yield house


def ask(house: House, replica: str, seed: int, epochs: int = EPOCHS) -> tuple[Visitor, Path]:
    """Press Train on a page of a replica; the visitor, and the folder of the run."""
    visitor = Visitor(house.door(replica))
    visitor.ask("/denoiser")
    folder = house.folder / "checkpoints" / "runs"
    before = set(folder.glob("denoise-linear-digits-*"))
    query = urlencode(
        {"tab": "Train your own", "network": "linear", "train_on": "digits",
         "linear-epochs": epochs, "linear-seed": seed}
    )  # fmt: skip
    with visitor.socket() as session:
        seen = run(session, "denoiser", query)
        press(session, seen, "Train", "denoiser", query)
    (made,) = set(folder.glob("denoise-linear-digits-*")) - before
    return visitor, made


def state(made: Path) -> str:
    return str(read_json(made / "status.json")["state"])


def rows(made: Path) -> list[str]:
    """The epochs in the history."""
    path = made / "history.csv"
    return [row.split(",")[0] for row in path.read_text().split()[1:]] if path.exists() else []


def until_it_learns(house: House, made: Path) -> None:
    until(lambda: rows(made), f"{made.name} learns", lambda: house.said("long"))
    assert state(made) == "running"


def until_done(house: House, made: Path, epochs: int = EPOCHS) -> None:
    """Until a run is done, each epoch once."""
    over = ("done", "failed", "cancelled")
    until(lambda: state(made) in over, f"{made.name} ends", lambda: house.said("scheduler"))
    assert state(made) == "done", read_json(made / "status.json")
    assert [float(row) for row in rows(made)] == [*range(1, epochs + 1)]
    assert (made / "model.safetensors").exists() and not (made / "resume.pt").exists()


def test_nobody_else_can_reach_the_cluster(house: House) -> None:
    """Whoever reaches one of Dask's sockets can run programs; each listens where it is told to."""
    for name in ("scheduler", "long", "quick"):
        until(lambda name=name: len(listening(house, name)) > 1, f"{name} listens")
        assert {address.ip for address in listening(house, name)} == {"127.0.0.1"}, name


def listening(house: House, name: str) -> list:
    result = []
    for process in house.parts[name].processes():
        try:
            sockets = process.net_connections("tcp")
        except psutil.Error:
            continue
        result += [socket.laddr for socket in sockets if socket.status == psutil.CONN_LISTEN]
    return result


def test_a_run_outlives_its_worker(house: House) -> None:
    _, made = ask(house, "a", seed=3)
    until_it_learns(house, made)
    starts = house.parts["long"].starts
    house.parts["long"].kill()
    learnt = len(rows(made))
    until_done(house, made)
    assert learnt < EPOCHS and house.parts["long"].starts > starts


def test_runs_outlive_the_scheduler_and_are_asked_for_without_one(house: House) -> None:
    _, made = ask(house, "a", seed=4)
    _, waits = ask(house, "b", seed=5, epochs=1)
    until_it_learns(house, made)
    assert state(waits) == "queued"
    house.stop("scheduler")
    try:
        learnt = len(rows(made))
        _, later = ask(house, "b", seed=6, epochs=1)
        assert state(later) == "queued"
    finally:
        house.back("scheduler")
    until_done(house, made)
    until_done(house, waits, epochs=1)
    until_done(house, later, epochs=1)
    assert learnt < EPOCHS
    for name in ("a", "b"):
        assert house.parts[name].starts == 1  # replicas need no restart


def test_a_run_is_seen_in_the_other_replica_and_outlives_the_one_that_asked(house: House) -> None:
    visitor, made = ask(house, "a", seed=1)
    until_it_learns(house, made)
    other = Visitor(house.door("b"), dict(visitor.cookies))
    with other.socket() as session:
        seen = run(session, "runs", urlencode({"compare": made.name}))
        assert made.name in seen.text() and seen.button("Cancel")  # theirs there too
    stranger = Visitor(house.door("b"))
    stranger.ask("/")
    with stranger.socket() as session:
        seen = run(session, "runs", urlencode({"compare": made.name}))
        assert made.name in seen.text()
        with pytest.raises(StopIteration):
            seen.button("Cancel")
    house.stop("a")
    until_done(house, made)
    assert read_json(made / "status.json")["attempt"] == 1
