"""The queue, on a real cluster: whatever is killed or withdrawn, each run ends as it should."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from core.errors import Refused, RunBroken
from core.execution import carry_out
from core.jobs import queue
from core.jobs import scheduler as clusters
from core.jobs.scheduler import Cluster
from core.projection import map_runs
from core.runs import store
from core.runs.schema import RunRequest
from core.runs.store import Run
from core.settings import ROOT, settings
from core.training import make_request

pytestmark = pytest.mark.cluster

DEADLINE = 180
"""Seconds after which a test gives up; nothing here should take more than a few."""
SHORT = {"epochs": 1, "train_images": 50}
MIDDLING = {"epochs": 12, "train_images": 0}
"""Takes long enough to be killed in the middle."""
LONG = {"epochs": 10_000, "train_images": 50}
"""Never ends by itself: somebody stops it."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lab of its own with a local cluster, which is ended afterwards; gives its folder."""
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "DATA": folder / "data",
            "CHECKPOINTS": folder / "checkpoints",
            "SCHEDULER": "",
            "MAX_EPOCHS": 10_000,
            "THREADS": 1,
            "IDLE_MINUTES": 2,
        }.items():
            patch.setenv(f"LATENT_LAB_{name}", str(value))
        patch.setattr(store, "SHIPPED", folder / "shipped")
        patch.setattr(clusters, "NICE", 0)  # or it would wait for the tests beside it
        settings.cache_clear()
        queue.jobs.cache_clear()
        yield folder
        queue.jobs().stop()
        until(lambda: not cluster_processes(folder), "the cluster has ended")
        queue.jobs.cache_clear()
    settings.cache_clear()


@pytest.fixture(autouse=True)
def no_run_left_behind(cluster: Path) -> Iterator[None]:
    """Whatever a test starts is stopped, so that the next finds a free worker."""
    yield
    settings.cache_clear()
    for run in queue.active():
        for owner in run.owners():
            queue.cancel(run, owner)
    until(lambda: not any(run.alive() for run in store.all_runs()), "all runs have stopped")


def until(true: Callable[[], Any], what: str) -> None:
    """Wait for something, for as long as it takes within reason."""
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


def until_state(run: Run, *states: str) -> None:
    until(lambda: run.status().state in states, f"{run.id} is {' or '.join(states)}")


def until_working(run: Run) -> None:
    """Until an epoch is behind, and the next under way."""
    history = run.path / "history.csv"
    until(lambda: history.exists() and run.alive(), f"{run.id} learns")


def question(values: dict[str, Any], seed: int = 0) -> RunRequest:
    return make_request("denoising", "linear", "digits", {**values, "seed": seed})


def cluster_processes(folder: Path) -> list[psutil.Process]:
    """Schedulers and workers of the lab in that folder."""
    result = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if "dask" in line and any(part.startswith(str(folder)) for part in line):
            result.append(process)
    return result


def test_workers_that_die_at_birth_or_at_work_are_started_again(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert queue.jobs().state() == "asleep", "the first test here: no cluster has begun"
    start, born = Cluster._start_worker, []

    def stillborn(self: Cluster, lane: str) -> None:
        start(self, lane)
        process = self._workers[lane].process
        assert process is not None
        born.append(lane)
        if born.count(lane) == 1:
            process.kill()

    monkeypatch.setattr(Cluster, "_start_worker", stillborn)
    run = queue.submit(question(MIDDLING, seed=30), "ann")
    quick = queue.submit(map_runs.make_request("pca", "digits", {"points": 60}), "ann")
    assert queue.jobs().settled(DEADLINE) and sorted(born) == ["long", "quick"]
    stages = set()

    def tended() -> bool:
        queue.tend()
        stages.add(run.status().stage)
        return len(born) == 4 and run.path.joinpath("history.csv").exists() and run.alive()

    until(tended, "it learns, with a second worker")
    assert clusters.STARTING in stages
    for nanny in cluster_processes(cluster):
        if "worker" in nanny.cmdline():
            nanny.kill()
    until(lambda: not run.alive(), "its worker has ended with its nanny")
    assert run.status().state == "running" and len(run.history()) < 12
    until(lambda: queue.tend() == 0 and not run.status().active, "both runs have ended")
    assert run.status().state == quick.status().state == "done", run.status().error
    assert run.history()["epoch"].tolist() == list(range(1, 13))
    assert run.status().stage == ""


def test_a_run_that_is_asked_for_is_trained(cluster: Path) -> None:
    asked = question(SHORT, seed=1)
    run = queue.submit(asked, "ann")
    assert run.id == asked.run_id and run.owners() == ["ann"]
    until_state(run, "done", "failed")
    assert run.status().state == "done" and run.status().attempt == 1
    assert run.metrics()["psnr"] > 0 and len(run.history()) == 1
    # The same question again is answered by the same run, which now has two owners.
    before = run.path.joinpath("model.safetensors").stat().st_mtime_ns
    assert queue.submit(asked, "bob") == run
    assert run.owners() == ["ann", "bob"] and run.status().attempt == 1
    assert run.path.joinpath("model.safetensors").stat().st_mtime_ns == before
    assert queue.jobs().state() == "running" and queue.active() == []
    until(lambda: not queue.jobs()._futures, "nothing is kept of a job that has ended")


def test_a_map_does_not_wait_behind_a_training(cluster: Path) -> None:
    long = queue.submit(question(LONG, seed=40), "ann")
    until_working(long)
    asked = map_runs.make_request("pca", "digits", {"points": 50})
    assert (queue.lane(long), queue.lane(queue.submit(asked, "ann"))) == ("long", "quick")
    result = store.open_run(asked.run_id)

    def drawn() -> bool:
        queue.tend()  # the lane's worker may have been killed when nothing waited for it
        return not result.status().active

    until(drawn, "the map is drawn")
    assert result.status().state == "done" and result.metrics()["n_test"] == 50
    assert long.status().state == "running"


def test_two_who_ask_at_the_same_moment_get_one_run(cluster: Path) -> None:
    asked, gate = question(LONG, seed=2), threading.Barrier(2)
    given: dict[str, Run] = {}

    def visitor(name: str) -> None:
        gate.wait()
        given[name] = queue.submit(asked, name)

    threads = [threading.Thread(target=visitor, args=(name,)) for name in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = given["ann"]
    assert given["bob"] == run and sorted(run.owners()) == ["ann", "bob"]
    until_working(run)
    assert run.status().attempt == 1
    assert [r.id for r in queue.active()] == [run.id]


def test_the_first_of_two_who_withdraws_stops_nothing(cluster: Path) -> None:
    asked = question(LONG, seed=3)
    run = queue.submit(asked, "ann")
    queue.submit(asked, "bob")
    until_working(run)
    with pytest.raises(Refused, match="Only the owners"):
        queue.cancel(run, "eve")
    queue.cancel(run, "ann")
    assert run.owners() == ["bob"] and not run.cancel_requested()
    assert queue.mine(run, "bob") and not queue.mine(run, "ann")
    with pytest.raises(Refused, match="Only the owners"):
        queue.cancel(run, "ann")
    behind = len(run.history())
    until(lambda: len(run.history()) > behind, "it goes on")
    queue.cancel(run, "bob")
    until_state(run, "cancelled")


def test_a_running_run_is_cancelled_and_goes_on_when_it_is_resumed(cluster: Path) -> None:
    run = queue.submit(question(LONG, seed=4), "ann")
    until_working(run)
    with pytest.raises(Refused, match="under way: cancel it first"):
        queue.delete(run, "ann")
    queue.cancel(run, "ann")
    until_state(run, "cancelled")
    until(lambda: not run.alive(), "its worker has let go")
    behind = len(run.history())
    assert behind >= 1 and queue.active() == []
    queue.resume(run, "ann")
    until(lambda: len(run.history()) > behind, "it goes on")
    assert run.history()["epoch"].tolist()[:behind] == list(range(1, behind + 1))
    assert run.status().attempt == 2


def test_a_cancelled_run_that_is_asked_for_again_goes_on(cluster: Path) -> None:
    asked = question(LONG, seed=5)
    run = queue.submit(asked, "ann")
    until_working(run)
    queue.cancel(run, "ann")
    until_state(run, "cancelled")
    assert queue.submit(asked, "bob") == run
    until_working(run)
    assert set(run.owners()) >= {"bob"}


def test_a_run_that_waits_is_cancelled_at_once_and_never_begins(cluster: Path) -> None:
    busy = queue.submit(question(LONG, seed=6), "ann")
    until_working(busy)
    waiting = queue.submit(question(SHORT, seed=7), "ann")
    last = queue.submit(question(SHORT, seed=8), "ann")
    assert waiting.status().state == "queued"
    assert [r.id for r in queue.active()] == [busy.id, waiting.id, last.id]
    assert [queue.ahead(r) for r in (busy, waiting, last)] == [0, 1, 2]
    queue.cancel(waiting, "ann")
    assert waiting.status().state == "cancelled"
    assert queue.ahead(last) == 1
    queue.cancel(busy, "ann")
    until_state(last, "done", "failed")  # behind the one that waited
    assert last.status().state == "done"
    assert waiting.status().state == "cancelled" and len(waiting.history()) == 0
    queue.delete(waiting, "ann")
    assert store.find(waiting.id) is None


def test_a_full_queue_refuses_and_writes_nothing(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_LAB_MAX_QUEUE", "1")
    settings.cache_clear()
    busy = queue.submit(question(LONG, seed=9), "ann")
    asked = question(SHORT, seed=10)
    with pytest.raises(Refused, match=r"The queue is full \(1 jobs\)"):
        queue.submit(asked, "bob")
    assert store.find(asked.run_id) is None
    until_working(busy)
    assert queue.submit(question(LONG, seed=9), "bob") == busy, "what is there is still given"


def test_a_killed_worker_s_run_ends_by_itself(cluster: Path) -> None:
    asked = question(MIDDLING, seed=11)
    run = queue.submit(asked, "ann")
    until_working(run)
    client = queue.jobs()._client
    assert client is not None
    (address,) = (
        address
        for address, worker in client.scheduler_info(n_workers=-1)["workers"].items()
        if worker["name"] == "long"
    )
    pid = client.run(os.getpid, workers=[address])[address]
    assert run.status().active, "it is killed while it works"
    psutil.Process(pid).kill()
    until_state(run, "done", "failed")
    assert run.status().state == "done", run.status().error
    assert run.history()["epoch"].tolist() == list(range(1, 13))
    assert run.read_resume() is None


def test_another_client_joins_the_cluster_and_sees_what_it_does(cluster: Path) -> None:
    run = queue.submit(question(LONG, seed=12), "ann")
    until_working(run)
    before = {p.pid for p in cluster_processes(cluster)}
    queue.jobs().close()
    assert run.alive() and before, "the cluster goes on without us"
    queue.jobs.cache_clear()  # as a server that was started again
    queue.tend()
    assert queue.tend() == 0, "the run is worked on: nothing was left behind"
    other = queue.submit(question(SHORT, seed=13), "bob")
    assert other.status().state == "queued"
    assert {p.pid for p in cluster_processes(cluster)} == before, "no second cluster"
    queue.cancel(run, "ann")
    until_state(run, "cancelled")
    until_state(other, "done", "failed")
    assert other.status().state == "done"


def test_a_worker_that_cannot_be_started_three_times_is_told_with_its_reason(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = question(SHORT, seed=31)
    run = store.create(asked.run_id, asked.config)
    started = []

    def failing(self: Cluster, name: str, *args: str) -> subprocess.Popen[bytes]:
        started.append(name)
        with open(self._log(name), "ab") as log:
            script = "import sys; sys.exit('OSError: no room for a worker')"
            process = subprocess.Popen([sys.executable, "-I", "-c", script], stderr=log)
        process.wait()
        return process

    (cluster / "poor").mkdir()
    poor = Cluster(cluster / "poor", "", print, print)
    monkeypatch.setattr(Cluster, "_run", failing)
    monkeypatch.setattr(Cluster, "_running", lambda self: object())
    monkeypatch.setattr(Cluster, "_lanes", lambda self, client: {"quick"})
    for _ in range(4):
        poor.look_after([(run, "long")])
        assert run.status().state == "queued" and run.status().stage == clusters.STARTING
    poor.look_after([(run, "long")])
    assert started == ["long"] * 3
    assert run.status().state == "failed" and run.status().stage == ""
    assert "3 times in a row (OSError: no room for a worker)" in run.status().error
    run.update(state="queued", error="")
    monkeypatch.setattr(Cluster, "_lanes", lambda self, client: {"long"})
    run.update(stage=clusters.STARTING)
    poor.look_after([(run, "long")])
    assert run.status().stage == "" and len(started) == 3
    run.update(state="cancelled")
    run.delete()


def test_nobody_waits_for_a_cluster_that_starts(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    def slow(self: Cluster) -> None:
        goes_on.wait(DEADLINE)
        raise OSError("it was too slow")

    monkeypatch.setattr(Cluster, "_join", lambda self: None)
    monkeypatch.setattr(Cluster, "_start", slow)
    monkeypatch.setattr(queue, "HANDOVER_TIMEOUT", 0)
    here = Cluster(cluster / "slow", "", print, print)
    monkeypatch.setattr(queue, "jobs", lambda: here)
    try:
        first = queue.submit(question(SHORT, seed=32), "ann")
        second = queue.submit(question(SHORT, seed=33), "bob")
        assert first.status().stage == clusters.STARTING
        assert queue.tend() == 2
        queue.cancel(first, "ann")
        assert first.status().state == "cancelled" and not goes_on.is_set()
    finally:
        goes_on.set()
    assert here.settled(DEADLINE)
    assert first.status().state == "cancelled" and second.status().state == "failed"
    assert "it was too slow" in second.status().error
    for run in (first, second):
        run.delete()


def test_a_cluster_is_made_ready_in_the_background_and_once(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, starts = threading.Event(), list[Any]()
    outcomes: list[Any] = [OSError("no port is free"), SimpleNamespace(status="running")]

    def start(self: Cluster) -> Any:
        assert goes_on.wait(DEADLINE)
        starts.append(outcomes[len(starts)])
        if isinstance(starts[-1], OSError):
            raise starts[-1]
        return starts[-1]

    monkeypatch.setattr(Cluster, "_join", lambda self: None)
    monkeypatch.setattr(Cluster, "_start", start)
    here = Cluster(cluster / "ready", "", print, print)
    here.prepare()
    here.prepare()
    goes_on.set()
    assert here.settled(DEADLINE) and len(starts) == 1, "it failed, and nobody is told"
    for _ in range(3):
        here.prepare()
        assert here.settled(DEADLINE)
    assert starts == outcomes, "it failed once, and is there now"
    far = Cluster(cluster / "far", "tcp://127.0.0.1:1", print, print)
    far.prepare()
    assert far.settled(0) and len(starts) == 2, "a given scheduler is not ours to start"


ASK = """
import sys
from core.jobs import queue
from core.training import make_request
values = {"epochs": 1, "train_images": 50, "seed": 14}
print(queue.submit(make_request("denoising", "linear", "digits", values), "cli").id, flush=True)
queue.jobs().close(wait=60)
"""


def test_what_another_process_asks_for_is_trained_though_it_ends(cluster: Path) -> None:
    before = {p.pid for p in cluster_processes(cluster)}
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, capture_output=True, text=True, check=True
    )
    run = store.open_run(done.stdout.strip())
    assert run.id == question(SHORT, seed=14).run_id and run.owners() == ["cli"]
    until_state(run, "done", "failed")
    assert run.status().state == "done"
    assert {p.pid for p in cluster_processes(cluster)} == before


def test_runs_left_behind_by_a_dead_cluster_are_taken_up(cluster: Path) -> None:
    working = queue.submit(question(MIDDLING, seed=15), "ann")
    waiting = queue.submit(question(SHORT, seed=16), "ann")
    until_working(working)
    old = cluster_processes(cluster)
    assert len(old) >= 2, "a scheduler and the worker of the lane"
    for process in [p for parent in old for p in (*parent.children(recursive=True), parent)]:
        process.kill()
    until(lambda: not working.alive(), "its worker is dead")
    assert working.status().state == "running" and waiting.status().state == "queued"
    queue.jobs().close()
    queue.jobs.cache_clear()  # as a server that was started again
    assert queue.tend() == 2
    for run in (working, waiting):
        until_state(run, "done", "failed")
        assert run.status().state == "done", run.status().error
    assert working.history()["epoch"].tolist() == list(range(1, 13))
    assert queue.tend() == 0


def test_a_worker_that_finds_the_run_locked_leaves_it_alone(cluster: Path) -> None:
    asked = question(SHORT, seed=17)
    run = store.create(asked.run_id, asked.config)
    with run.lock():
        queue.work(run.id)
        assert run.status().state == "queued"
    run.delete()


# ---- without a cluster's help


def test_with_training_off_nothing_starts(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = question(SHORT, seed=18)
    run = store.create(done.run_id, done.config)
    carry_out(run)
    left = question(SHORT, seed=19)
    store.create(left.run_id, left.config)
    monkeypatch.setenv("LATENT_LAB_TRAINING", "off")
    settings.cache_clear()
    monkeypatch.setattr(Cluster, "submit", lambda self, run, lane: pytest.fail("a job was started"))
    with pytest.raises(Refused, match="Training is switched off on this server"):
        queue.submit(question(SHORT, seed=20), "ann")
    assert store.find(question(SHORT, seed=20).run_id) is None
    assert queue.submit(done, "ann") == run, "what is there is still given"
    assert queue.tend() == 0
    queue.tend()
    store.open_run(left.run_id).delete()


def test_a_run_on_somebody_s_own_pictures_is_seen_by_who_asked(cluster: Path) -> None:
    asked = question(SHORT, seed=21)
    shared = store.create(asked.run_id, asked.config)
    shared.set_owners(["ann"])
    assert queue.visible(shared, "ann") and queue.visible(shared, "eve")
    own = asked.config.model_copy(update={"private": True, "dataset": "pets-00000000"})
    private = store.create("denoise-linear-pets-00000000-00000000", own)
    private.set_owners(["ann", "bob"])
    assert queue.visible(private, "ann") and queue.visible(private, "bob")
    assert not queue.visible(private, "eve") and not queue.visible(private, "")
    for run in (shared, private):
        run.delete()


def test_a_finished_run_is_deleted_when_the_last_owner_withdraws(cluster: Path) -> None:
    asked = question(SHORT, seed=22)
    run = store.create(asked.run_id, asked.config)
    run.set_owners(["ann", "bob"])
    run.update(state="done")
    with pytest.raises(Refused, match="Only the owners"):
        queue.delete(run, "eve")
    queue.delete(run, "ann")
    assert store.find(run.id) == run and run.owners() == ["bob"]
    queue.delete(run, "bob")
    assert store.find(run.id) is None


@pytest.mark.parametrize("name", ["status.json", "config.json", "history.csv"])
def test_a_damaged_run_can_be_deleted_and_trained_anew(cluster: Path, name: str) -> None:
    asked = question(SHORT, seed=23)
    run = store.create(asked.run_id, asked.config)
    run.set_owners(["ann"])
    run.update(state="done")
    (run.path / name).write_text("{damaged")
    if name == "status.json":
        with pytest.raises(RunBroken, match="Delete it and train anew"):
            queue.submit(asked, "ann")
        assert queue.active() == []
    queue.delete(run, "ann")
    assert store.find(run.id) is None


def test_a_shipped_run_is_nobody_s_and_stays(cluster: Path) -> None:
    asked = question(SHORT, seed=24)
    made = store.create(asked.run_id, asked.config)
    (cluster / "shipped").mkdir(exist_ok=True)
    shipped = Run(made.path.rename(cluster / "shipped" / made.id))
    assert queue.submit(asked, "ann") == shipped
    assert shipped.owners() == [] and not queue.mine(shipped, "ann")
    assert queue.visible(shipped, "anybody") and shipped not in queue.active()
    queue.resume(shipped, "ann")
    assert shipped.status().attempt == 0
    with pytest.raises(Refused, match="cannot be deleted"):
        queue.delete(shipped, "ann")


def test_a_scheduler_that_does_not_answer_is_a_sentence(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = question(SHORT, seed=25)
    run = store.create(asked.run_id, asked.config)

    def refusing(*args: object, **kwargs: object) -> None:
        raise OSError("Timed out trying to connect")

    monkeypatch.setattr(clusters, "Client", refusing)
    monkeypatch.setattr(Cluster, "_start", lambda self: refusing())
    here = Cluster(cluster / "here", "", print, print)
    here.submit(run, "long")
    assert here.settled(DEADLINE)
    assert run.status().state == "failed" and "No worker could be" in run.status().error
    run.delete()


def test_a_given_scheduler_may_come_up_later(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = question(SHORT, seed=26)
    run = store.create(asked.run_id, asked.config)
    tries = []

    def refusing(*args: object, **kwargs: object) -> None:
        tries.append(args)
        raise OSError("Timed out trying to connect to tcp://127.0.0.1:1")

    monkeypatch.setattr(clusters, "Client", refusing)
    far = Cluster(cluster / "far", "tcp://127.0.0.1:1", print, print)
    assert far.state() == "remote"
    for _ in range(2):
        far.submit(run, "long")
        assert far.settled(DEADLINE)
    assert len(tries) == 1, "who asks next does not wait for it again"
    assert run.status().state == "queued" and run.status().stage == clusters.NO_SCHEDULER
    run.delete()
