"""The queue: trainings run in processes of their own, on a local Dask cluster or a given one.

Progress travels only through the run directory, so any session and any replica can watch.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from distributed import Client, Future, fire_and_forget
from filelock import FileLock

from core import runs
from core.errors import LabError, Refused
from core.inference.dreaming import dream
from core.inference.projecting import project
from core.records import Question, Status
from core.runs import Run
from core.settings import ROOT, settings
from core.tasks import family
from core.tasks.dreaming import DREAMING
from core.tasks.projecting import PROJECTING
from core.training import train

LANES = ("long", "quick")
"""A worker each: trainings; dreams, maps and new heads, which never wait behind a training."""
WORKERS: dict[str, Callable[[Run], Status]] = {PROJECTING.name: project, DREAMING.name: dream}
"""What works on runs that are no trainings."""
MEMORY = "DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON"
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": 2**30, "MALLOC_MMAP_THRESHOLD_": 2**25}
"""Dask's workers give memory back after each free, and torch asks for the same again at once: a
dream took 21 to 25 s in a worker and 8 s outside."""
START_TIMEOUT = 90
"""Seconds that a new local cluster may take; a busy laptop needs several."""

log = logging.getLogger(__name__)


def request(question: Question, who: str) -> Run:
    """Ask for a run: the one there is, or a new one in the queue. Whoever asks becomes an owner.

    Raises:
        Refused: jobs are switched off, or the queue is full.
        LabError: the folder of runs cannot be written, or no cluster can be reached.
    """
    with runs.store_lock():
        run = runs.find(question.run_id)
        if run is not None and (run.shipped or run.status().state in ("done", "queued", "running")):
            _add_owner(run, who)
            return run
        _check_room()
        run = run or runs.create(question.run_id, question.config, question.given)
        _queue(run, who)
    jobs().submit(run)
    return run


def resume(run: Run, who: str) -> None:
    """Put a failed or cancelled run back into the queue; it goes on from its last epoch.

    Raises: as `request`.
    """
    with runs.store_lock():
        if run.shipped or run.status().state not in ("failed", "cancelled"):
            return
        _check_room()
        _queue(run, who)
    jobs().submit(run)


def cancel(run: Run, who: str) -> None:
    """Withdraw from a run; when nobody is left who wants it, it is stopped.

    Raises:
        Refused: `who` never asked for it.
    """
    with runs.store_lock():
        if _withdraw(run, who) or not run.status().active:
            return
        run.request_cancel()
        if not run.alive():  # still waiting: nobody else will write its status
            run.update(state="cancelled", stage="", eta=None)
    jobs().forget(run)


def delete(run: Run, who: str) -> None:
    """Withdraw from a finished run; when nobody is left who asked for it, it is removed.

    Raises:
        Refused: shipped, still active, or `who` never asked for it.
    """
    with runs.store_lock():
        if run.shipped:
            raise Refused("Shipped runs are part of the lab and cannot be deleted.")
        status = _status(run)  # None: damaged, and may go
        if status and status.active:
            raise Refused("This run is under way: cancel it first.")
        if not _withdraw(run, who):
            run.delete()


def mine(run: Run, who: str) -> bool:
    """Whether `who` asked for the run."""
    return not run.shipped and who in run.owners()


def visible(run: Run, who: str) -> bool:
    """Runs on people's own pictures are shown to those who asked; all others to everybody."""
    return run.shipped or who in run.owners() or not run.config().private


def active() -> list[Run]:
    """Runs that wait or work, first come first."""
    found = []
    for run in runs.all_runs():
        if not run.shipped and (status := _status(run)) and status.active:
            found.append((status.queued_at, run))
    return [run for _, run in sorted(found, key=lambda pair: pair[0])]


def ahead(run: Run) -> int:
    """How many runs come before this one."""
    before = [r.id for r in active()]
    return before.index(run.id) if run.id in before else 0


def keep_going(run: Run) -> None:
    """Submit an active run again if no cluster knows of it any more; cheap, and safe to repeat."""
    if settings().training == "on" and run.status().active and not run.alive():
        jobs().submit(run)


def recover() -> int:
    """Submit runs that an earlier server left behind; gives how many there were."""
    left = [run for run in active() if not run.alive()] if settings().training == "on" else []
    for run in left:
        jobs().submit(run)
    return len(left)


def work(run_id: str) -> None:
    """The job itself, in a worker: behind everything that a person waits for."""
    if hasattr(os, "nice") and os.nice(0) < 10:
        os.nice(10)
    run = runs.open_run(run_id)
    if not run.status().active:  # withdrawn while it waited
        return
    try:
        _labour(run)(run)
    except Refused:
        log.info("%s is worked on elsewhere", run_id)


def _labour(run: Run) -> Callable[[Run], Status]:
    return WORKERS.get(run.config().task, train)


def lane(run: Run) -> str:
    """The worker that a run waits for."""
    asked = run.config()
    return "quick" if family(asked.task).variant(asked.variant).quick else "long"


def _status(run: Run) -> Status | None:
    try:
        return run.status()
    except LabError:
        return None


def _check_room() -> None:
    if settings().training == "off":
        raise Refused("Training is switched off on this server; the shipped models are all here.")
    if len(active()) >= settings().max_queue:
        raise Refused(
            f"The queue is full ({settings().max_queue} jobs). Try again when one has ended."
        )


def _queue(run: Run, who: str) -> None:
    run.forget_cancel()
    attempt = run.status().attempt + 1
    run.update(state="queued", stage="", error="", eta=None, queued_at=time.time(), attempt=attempt)
    _add_owner(run, who)


def _add_owner(run: Run, who: str) -> None:
    if not run.shipped and who not in run.owners():
        run.set_owners([*run.owners(), who])


def _withdraw(run: Run, who: str) -> list[str]:
    """Take `who` off the owners; gives those who are left."""
    owners = run.owners()
    if who not in owners:
        raise Refused("Only those who asked for a run can stop or delete it.")
    left = [o for o in owners if o != who]
    if left:
        run.set_owners(left)
    return left


class Jobs:
    """The client of a cluster, which it joins or starts when there is something to do."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder, self._address = folder, address
        self._file = folder / "scheduler.json"
        self._guard = threading.RLock()
        self._client: Client | None = None
        self._futures: dict[str, Future[None]] = {}

    def submit(self, run: Run) -> None:
        """Hand a queued run to the cluster, once, whoever asks and however often.

        Raises:
            LabError: no cluster can be reached or started; the run is failed with the reason.
        """
        with self._guard:
            known = self._futures.get(run.id)
            if known is not None and known.status == "pending":
                return
            try:
                client = self._connected()
            except (OSError, TimeoutError, ValueError) as error:
                sentence = f"No worker could be reached ({error}). Try again, or see the log."
                run.update(state="failed", error=sentence)
                raise LabError(sentence) from error
            attempt = run.status().attempt
            if known is not None and known.key == f"{run.id}/{attempt}" and known.done():
                # A key that is done gives its old result while anybody holds it.
                attempt = run.update(attempt=attempt + 1).attempt

            def job(run_id: str) -> None:
                # Sent as it stands, not by name: the scheduler opens it, and would import torch.
                from core.jobs import work

                work(run_id)

            future = client.submit(
                job, run.id, key=f"{run.id}/{attempt}", resources={lane(run): 1}, pure=False
            )
            fire_and_forget(future)  # or the scheduler forgets the job when this server dies
            self._futures[run.id] = future
            future.add_done_callback(self._ended)
            self._arrived(client, f"{run.id}/{attempt}")

    def forget(self, run: Run) -> None:
        """Take a run that is still waiting out of the cluster's queue."""
        with self._guard:
            future = self._futures.pop(run.id, None)
        if future is not None and not run.alive():
            future.cancel(force=True)  # or it stays, since it was fired and forgotten

    def state(self) -> str:
        """A word for the home page: `remote`, `running` or `asleep`."""
        if self._address:
            return "remote"
        return "running" if self._file.exists() else "asleep"

    def close(self) -> None:
        """Let go of the cluster, which goes on."""
        with self._guard:
            self._futures.clear()
            if self._client is not None:
                self._client.close(timeout=2)
                self._client = None

    def stop(self) -> None:
        """End the cluster and what it works on."""
        with self._guard:
            client = self._client or self._join()
            if client is not None:
                client.shutdown()
            self._client = None
            self._futures.clear()

    def _ended(self, future: Future[None]) -> None:
        if future.status != "error":
            return
        run = runs.find(str(future.key).split("/")[0])
        if run is not None and run.status().active and not run.alive():
            log.error("%s: %s", future.key, future.exception())
            run.update(
                state="failed",
                stage="",
                error="Its worker died several times, perhaps for want of memory. "
                "Resume it, or try a smaller batch.",
            )

    @staticmethod
    def _arrived(client: Client, key: str) -> None:
        """Wait, milliseconds, for the scheduler to have a job: Dask sends in the background, and
        what it has not sent is lost with this process.
        """
        assert client.scheduler is not None  # it is connected
        with contextlib.suppress(OSError):  # it is gone: `keep_going` and `recover` are for that
            for _ in range(500):
                if client.sync(client.scheduler.get_task_status, keys=[key])[key]:
                    return
                time.sleep(0.01)

    def _connected(self) -> Client:
        if self._client is None or self._client.status != "running":
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._address:
                self._client = Client(self._address, timeout="10s", set_as_default=False)
            else:
                with FileLock(self._folder / "scheduler.lock", timeout=START_TIMEOUT):
                    self._client = self._join() or self._start()
        return self._client

    def _join(self) -> Client | None:
        if not self._file.exists():  # Client(scheduler_file=…) would wait for ever
            return None
        try:
            address = json.loads(self._file.read_text())["address"]
            return Client(address, timeout="3s", set_as_default=False)
        except (OSError, ValueError, KeyError):
            self._file.unlink(missing_ok=True)
            return None

    def _start(self) -> Client:
        """Dask's own commands: `LocalCluster` cannot start where the page is `__main__`."""
        common = ("--scheduler-file", str(self._file))
        idle = f"{settings().idle_minutes} minutes"
        self._run("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                  "--idle-timeout", idle, *common)  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT
        while not self._file.exists():
            if time.monotonic() > deadline:
                raise TimeoutError("the local scheduler did not start")
            time.sleep(0.05)
        for lane in LANES:
            self._run("worker", "--nthreads", "1", "--resources", f"{lane}=1", "--name", lane,
                      "--death-timeout", "60", "--no-dashboard", *common)  # fmt: skip
        return Client(scheduler_file=str(self._file), timeout="30s", set_as_default=False)

    def _run(self, command: str, *args: str) -> None:
        with open(self._folder / f"{command}.log", "ab") as out:
            subprocess.Popen(
                [sys.executable, "-m", "dask", command, *args],
                cwd=ROOT,  # so that workers can import what they run
                # Threads that wait by spinning stand still when anything else wants a core: beside
                # two busy processes on two cores, under 8 images/s became 72 with this.
                env=os.environ | {"OMP_WAIT_POLICY": "passive", MEMORY: str(KEEP_MEMORY)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # a server that is stopped takes no training with it
            )


@lru_cache(maxsize=1)
def jobs() -> Jobs:
    """The cluster of this process."""
    return Jobs(settings().runs / ".cluster", settings().scheduler)
