"""The client of a Dask cluster: a given one, or a local one that starts when there is work.

`LocalCluster` cannot start inside Streamlit, where the page is `__main__`: Dask's own commands can.
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
from pathlib import Path

from distributed import Client, Future, fire_and_forget
from filelock import FileLock

from core import runs
from core.errors import LabError
from core.runs import Run
from core.settings import ROOT, settings

LANES = ("long", "quick")
"""A worker each: trainings; dreams, maps and new heads, which never wait behind a training."""
START_TIMEOUT = 90
"""Seconds that a new local cluster may take; a busy laptop needs several."""
NICE = 10
"""Of the local cluster, from its first import on."""
AGAIN = 10.0
"""Seconds for which a scheduler that did not answer is not asked again: who asks need not wait."""
NOBODY = "no scheduler answers"

log = logging.getLogger(__name__)


class Cluster:
    """Joins or starts a cluster when there is something to do.

    Args:
        folder: where a local cluster says where it is.
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
        self._client: Client | None = None
        self._futures: dict[str, Future[None]] = {}
        self._silent_until = 0.0

    def submit(self, run: Run, lane: str) -> None:
        """Hand a queued run to the cluster, once, whoever asks and however often.

        A given scheduler that does not answer may come up later: the run stays in the queue.

        Raises:
            LabError: no local cluster can be started; the run is failed with the reason.
        """
        with self._guard:
            known = self._futures.get(run.id)
            if known is not None and known.status == "pending":
                return
            try:
                client = self._connected()
            except (OSError, TimeoutError, ValueError) as error:
                self._refused(run, error)
                return
            if run.status().stage == NOBODY:
                run.update(stage="")
            attempt = run.status().attempt
            if known is not None and known.key == f"{run.id}/{attempt}" and known.done():
                # A key that is done gives its old result while anybody holds it.
                attempt = run.update(attempt=attempt + 1).attempt

            future = client.submit(
                self._job, run.id, key=f"{run.id}/{attempt}", resources={lane: 1}, pure=False
            )
            fire_and_forget(future)  # or the scheduler forgets the job when this server dies
            self._futures[run.id] = future
            future.add_done_callback(self._ended)
            self._arrived(client, f"{run.id}/{attempt}")

    def _refused(self, run: Run, error: Exception) -> None:
        if self._address:
            if time.monotonic() >= self._silent_until:
                log.warning("no scheduler answers at %s: %s", self._address, error)
                self._silent_until = time.monotonic() + AGAIN
            run.update(stage=NOBODY)
            return
        sentence = f"No worker could be reached ({error}). Try again, or see the log."
        run.update(state="failed", error=sentence)
        raise LabError(sentence) from error

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
        if future.status == "error":
            self._failed(future)
        if future.status in ("finished", "error"):
            self._after()

    @staticmethod
    def _failed(future: Future[None]) -> None:
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
                if time.monotonic() < self._silent_until:
                    raise TimeoutError(NOBODY)
                self._client = Client(self._address, timeout="5s", set_as_default=False)
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
        # Whoever reaches one of their sockets can run programs here. Left to themselves, workers
        # listen to everybody, and so do Dask's web pages, which --no-dashboard does not end.
        common = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0",
                  "--scheduler-file", str(self._file))  # fmt: skip
        idle = f"{settings().idle_minutes} minutes"
        self._run("scheduler", "--port", "0", "--idle-timeout", idle, *common)
        deadline = time.monotonic() + START_TIMEOUT
        while not self._file.exists():
            if time.monotonic() > deadline:
                raise TimeoutError("the local scheduler did not start")
            time.sleep(0.05)
        for lane in LANES:
            self._run("worker", "--nthreads", "1", "--resources", f"{lane}=1", "--name", lane,
                      "--death-timeout", "60", *common)  # fmt: skip
        return Client(scheduler_file=str(self._file), timeout="30s", set_as_default=False)

    def _run(self, command: str, *args: str) -> None:
        with open(self._folder / f"{command}.log", "ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", command, *args],
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


def _behind(pid: int) -> None:
    """Let all that people wait for come before a process and its children."""
    with contextlib.suppress(AttributeError, OSError):  # other systems have other ways
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
    with contextlib.suppress(OSError):
        # Linux weighs sessions against each other before it looks at processes: niceness alone
        # counts for nothing between the server's session and this one.
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE))
