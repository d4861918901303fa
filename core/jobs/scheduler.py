"""The client of a Dask cluster: a given one, or a local one that starts when there is work.

`LocalCluster` cannot start inside Streamlit, where the page is `__main__`: Dask's own commands can.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, Future, fire_and_forget
from filelock import FileLock

from core.errors import LabError
from core.runs import store
from core.runs.store import Run
from core.settings import ROOT, settings

LANES = ("long", "quick")
"""A worker each: trainings; dreams, maps and new heads, which never wait behind a training."""
START_TIMEOUT = 90
"""Seconds that a new local cluster, or a worker of it, may take; a busy laptop needs several."""
MAX_ATTEMPTS = 3
"""Workers of a lane that may end before they are there; then its runs fail, and say why."""
NICE = 10
"""Of the local cluster, from its first import on."""
RETRY_AFTER = 10.0
"""Seconds before a scheduler that did not answer is tried again, so that no request waits."""
NO_SCHEDULER = "no scheduler answers"
STARTING = "starting a worker"
REPLY_TIMEOUT = 10
"""Seconds for which a scheduler may be too busy to say which workers it has."""

log = logging.getLogger(__name__)


@dataclass
class _Worker:
    """A worker of this machine that we have started, and how that went with those before it."""

    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    log_size: int = 0
    """Of its log when it began."""
    failed: int = 0
    """In a row, without one that came up."""
    missed: int = 0
    """Looks in a row at which the scheduler knew of none."""


class Cluster:
    """Joins or starts a cluster when there is something to do.

    `submit` never waits for processes or the network: a thread connects, and runs that are
    submitted meanwhile are handed over by it.

    Args:
        folder: where a local cluster keeps its address.
        address: of a given scheduler; empty for a local one.
        job: what a worker does with the id of a run.
        ended: called when a job has ended, well or not.
    """

    def __init__(
        self, folder: Path, address: str, job: Callable[[str], None], ended: Callable[[], object]
    ) -> None:
        self._folder, self._address, self._job, self._after = folder, address, job, ended
        self._file = folder / "scheduler.json"
        self._guard = threading.RLock()
        """Of the fields; held for moments only."""
        self._client: Client | None = None
        self._connecting: threading.Thread | None = None
        self._waiting: dict[str, tuple[Run, str]] = {}
        """Runs, with their lanes, that were handed on while there was no connection."""
        self._futures: dict[str, Future[None]] = {}
        self._over: dict[str, str] = {}
        """The last key of a run whose job has ended: it gives its old result for a while."""
        self._workers = {lane: _Worker() for lane in LANES}
        self._silent_until = 0.0

    def submit(self, run: Run, lane: str) -> None:
        """Hand a queued run to the cluster, at most once; its status tells how it went.

        A given scheduler that does not answer may come up later: the run stays in the queue. Where
        no local cluster can be started the run fails with the reason.
        """
        known = self._futures.get(run.id)
        if known is not None and known.status == "pending":
            return
        if (client := self._running()) is not None:
            self._hand_over(client, run, lane)
            return
        if not self._address:
            _set_stage(run, STARTING)
        with self._guard:
            self._waiting[run.id] = (run, lane)
            self._begin_to_connect()

    def prepare(self) -> None:
        """Start a local cluster, if there is none, so that the next run need not wait for it.

        Returns at once. One that cannot be started is tried again by the next `submit`, which says
        so.
        """
        if not self._address and self._running() is None:
            with self._guard:
                self._begin_to_connect()

    def _begin_to_connect(self) -> None:
        if self._connecting is None:
            self._connecting = threading.Thread(target=self._connect, daemon=True)
            self._connecting.start()

    def settled(self, seconds: float) -> bool:
        """Wait until no submitted run waits for the connection; returns whether that is so."""
        if (connecting := self._connecting) is not None:
            connecting.join(seconds)
            return not connecting.is_alive()
        return True

    def _running(self) -> Client | None:
        return self._client if self._client and self._client.status == "running" else None

    def _connect(self) -> None:
        """Connect to the scheduler in a thread of its own, and hand over the waiting runs."""
        client, failure = None, None
        try:
            client = self._connected()
        except (OSError, TimeoutError, ValueError) as error:
            failure = error
        while True:
            with self._guard:
                if not self._waiting:
                    self._connecting = None
                    return
                run, lane = self._waiting.pop(next(iter(self._waiting)))
            with errors_logged(run):
                if client is not None:
                    self._hand_over(client, run, lane)
                elif failure is not None:
                    self._refused(run, failure)

    def _hand_over(self, client: Client, run: Run, lane: str) -> None:
        with self._guard:
            known = self._futures.get(run.id)
            if known is not None and known.status == "pending":
                return
            status = run.status()
            if not status.active:  # withdrawn meanwhile
                return
            attempt = status.attempt
            if f"{run.id}/{attempt}" in (self._over.get(run.id), known and known.key):
                # A key that is done gives its old result while anybody holds it.
                attempt = run.update(attempt=attempt + 1).attempt
            key = f"{run.id}/{attempt}"
            future = client.submit(self._job, run.id, key=key, resources={lane: 1}, pure=False)
            fire_and_forget(future)  # or the scheduler forgets the job when this server dies
            self._futures[run.id] = future
            future.add_done_callback(self._ended)
        if status.stage == NO_SCHEDULER:
            _set_stage(run, "")
        self._arrived(client, key)

    def _refused(self, run: Run, error: Exception) -> None:
        if self._address:
            if time.monotonic() >= self._silent_until:
                log.warning("no scheduler answers at %s: %s", self._address, error)
                self._silent_until = time.monotonic() + RETRY_AFTER
            _set_stage(run, NO_SCHEDULER)
            return
        sentence = f"No worker could be reached ({error}). Try again, or see the log."
        run.update(state="failed", stage="", error=sentence)

    def forget(self, run: Run) -> None:
        """Take a run that is still waiting out of the cluster's queue."""
        with self._guard:
            self._waiting.pop(run.id, None)
            future = self._futures.pop(run.id, None)
        if future is not None and not run.alive():
            future.cancel(force=True)  # or it stays, since it was fired and forgotten

    def keep_only(self, active: Collection[str]) -> None:
        """Drop the futures of jobs whose runs are not active."""
        with self._guard:
            for known in (self._futures, self._over):
                for run_id in [i for i in known if i not in active]:
                    del known[run_id]

    # ---- the workers of a local cluster

    def look_after(self, orphaned: Sequence[tuple[Run, str]]) -> None:
        """Start the missing workers of lanes for which runs wait.

        A running worker clears the stage of its waiting runs. If one could not be started three
        times in a row, the runs that wait for it fail, with the last line of its log.

        Args:
            left: runs that nobody works on, with their lanes.
        """
        if self._address or not orphaned:
            return
        with self._guard:
            client = self._running()
        if client is None:  # it is being started, and its workers with it
            return
        manned = self._lanes(client)
        for lane in LANES:
            waiting = [run for run, needed in orphaned if needed == lane]
            if lane in manned:
                self._workers[lane] = _Worker(self._workers[lane].process, time.monotonic())
                stage = ""
            elif not waiting:
                continue
            elif sentence := self._replace(lane):
                for run in waiting:
                    with errors_logged(run):
                        self.forget(run)
                        run.update(state="failed", stage="", eta=None, error=sentence)
                continue
            else:
                stage = STARTING
            for run in waiting:
                with errors_logged(run):
                    if stage or run.status().stage == STARTING:
                        _set_stage(run, stage)

    @staticmethod
    def _lanes(client: Client) -> set[str]:
        """Return the lanes that have a worker, according to the scheduler."""
        assert client.scheduler is not None  # it is connected
        identity: dict[str, Any] = client.sync(
            client.scheduler.identity, n_workers=-1, callback_timeout=REPLY_TIMEOUT
        )
        return {lane for w in identity["workers"].values() for lane in w.get("resources", {})}

    def _replace(self, lane: str) -> str:
        """Start the worker of a lane that has none, unless one is starting; returns an error
        message when too many have failed."""
        worker = self._workers[lane]
        worker.missed += 1
        if worker.process is None:
            # Somebody else's, who may be starting it again just now.
            if worker.missed > 1:
                self._start_worker(lane)
            return ""
        ended = worker.process.poll()
        if ended is None and time.monotonic() - worker.began < START_TIMEOUT:
            return ""
        if ended is None:
            _end(worker.process)
        worker.failed += 1
        log.warning("the worker for %s jobs ended: %s", lane, self._failure(lane, ended))
        if worker.failed >= MAX_ATTEMPTS:
            sentence = (
                f"The worker for this could not be started, {MAX_ATTEMPTS} times in a row "
                f"({self._failure(lane, ended)}). Resume to try again; {lane}.log has the details."
            )
            self._workers[lane] = _Worker()
            return sentence
        self._start_worker(lane)
        return ""

    def _failure(self, lane: str, ended: int | None) -> str:
        """Return why a worker is missing: the last error in its log, or how it ended."""
        with contextlib.suppress(OSError), open(self._log(lane), "rb") as file:
            file.seek(self._workers[lane].log_size)
            lines = file.read(2**20).decode(errors="replace").split("\n")
            faults = [line.strip() for line in lines if _is_fault(line)]
            if faults:
                return faults[-1][:200].rstrip(".")
        if ended is None:
            return f"it was not there after {START_TIMEOUT} seconds"
        return f"it was killed by signal {-ended}" if ended < 0 else f"it ended with code {ended}"

    def _start_worker(self, lane: str) -> None:
        worker = self._workers[lane]
        with contextlib.suppress(OSError):
            worker.log_size = self._log(lane).stat().st_size
        worker.began = time.monotonic()
        options = f"--nthreads 1 --resources {lane}=1 --name {lane} --death-timeout {START_TIMEOUT}"
        worker.process = self._run(lane, "worker", *options.split())

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    # ---- the connection

    def state(self) -> str:
        """Return the state for the home page: `remote`, `running` or `asleep`."""
        if self._address:
            return "remote"
        return "running" if self._file.exists() else "asleep"

    def close(self, wait: float = 1.0) -> None:
        """Disconnect from the cluster, which keeps running.

        Args:
            wait: seconds for what was submitted to reach it.
        """
        self.settled(wait)
        with self._guard:
            self._waiting.clear()
            self._futures.clear()
            if self._client is not None:
                self._client.close(timeout=2)
                self._client = None

    def stop(self) -> None:
        """Stop the cluster and its jobs."""
        self.settled(START_TIMEOUT)
        with self._guard:
            client = self._client or self._join()
            if client is not None:
                client.shutdown()
            self._client = None
            self._futures.clear()
            self._workers = {lane: _Worker() for lane in LANES}

    def _ended(self, future: Future[None]) -> None:
        key = str(future.key)
        run_id = key.split("/")[0]
        with self._guard:
            if self._futures.get(run_id) is future:
                del self._futures[run_id]
                self._over[run_id] = key
        if future.status == "error":
            self._failed(future)
        if future.status in ("finished", "error"):
            self._after()

    @staticmethod
    def _failed(future: Future[None]) -> None:
        run = store.find(str(future.key).split("/")[0])
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
        with contextlib.suppress(OSError):  # it is gone: `jobs.tend` is for that
            for _ in range(100):
                task_status = client.sync(
                    client.scheduler.get_task_status, keys=[key], callback_timeout=1
                )
                if task_status[key]:
                    return
                time.sleep(0.01)

    def _connected(self) -> Client:
        """Raises OSError or ValueError, TimeoutError among them."""
        if (client := self._running()) is not None:
            return client
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._address:
            if time.monotonic() < self._silent_until:
                raise TimeoutError(NO_SCHEDULER)
            connected = Client(self._address, timeout="5s", set_as_default=False)
        else:
            with FileLock(self._folder / "scheduler.lock", timeout=START_TIMEOUT):
                connected = self._join() or self._start()
        with self._guard:
            self._client = connected
        return connected

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
        idle = f"{settings().idle_minutes} minutes"
        scheduler = self._run("scheduler", "scheduler", "--port", "0", "--idle-timeout", idle)
        deadline = time.monotonic() + START_TIMEOUT
        while not self._file.exists():
            if time.monotonic() > deadline or scheduler.poll() is not None:
                raise TimeoutError("the local scheduler did not start")
            time.sleep(0.05)
        self._workers = {lane: _Worker() for lane in LANES}
        for lane in LANES:
            self._start_worker(lane)
        return Client(scheduler_file=str(self._file), timeout="30s", set_as_default=False)

    def _run(self, name: str, command: str, *args: str) -> subprocess.Popen[bytes]:
        """Start a part of the cluster, whose log has this name."""
        # Whoever reaches one of their sockets can run programs here. Left to themselves, workers
        # listen to everybody, and so do Dask's web pages, which --no-dashboard does not end.
        common = ["--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
        common += ["--scheduler-file", str(self._file)]
        with open(self._log(name), "ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", command, *args, *common],
                cwd=ROOT,  # so that workers can import what they run
                # Threads that wait by spinning stand still when anything else wants a core: beside
                # two busy processes on two cores, under 8 images/s became 72 with this.
                env=os.environ | {"OMP_WAIT_POLICY": "passive"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # a server that is stopped takes no training with it
            )
        _behind(process.pid)
        return process


@contextlib.contextmanager
def errors_logged(run: Run) -> Iterator[None]:
    """Log an error with one of several runs, so that the others are still processed."""
    try:
        yield
    except Exception as error:
        log.warning("%s could not be handed on: %s", run.id[-8:], error)


def _set_stage(run: Run, stage: str) -> None:
    """Write the stage of a waiting run; a run that is worked on reports its own."""
    with contextlib.suppress(LabError, OSError), run.lock(timeout=0):
        if run.status().active and run.status().stage != stage:
            run.update(stage=stage)


def _is_fault(line: str) -> bool:
    return any(word in line for word in ("Error", "ERROR", "error", "Exception", "Killed"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and what it has started."""
    with contextlib.suppress(AttributeError, OSError):  # other systems have no groups
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _behind(pid: int) -> None:
    """Let all that people wait for come before a process and its children."""
    with contextlib.suppress(AttributeError, OSError):  # other systems have other ways
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
    with contextlib.suppress(OSError):
        # Linux weighs sessions against each other before it looks at processes: niceness alone
        # counts for nothing between the server's session and this one.
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE))
