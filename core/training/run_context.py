"""The context of a running job: progress reports, cancellation and the final status."""

import logging
import time
from collections.abc import Callable
from typing import Any

import torch

from core.errors import DISK_FULL, Cancelled, LabError, disk_is_full
from core.memory import keep_memory
from core.runs import store
from core.runs.schema import Status
from core.runs.store import Run

Listener = Callable[[Status], None]
REPORT_EVERY = 1.0
"""Seconds between two entries in status.json."""
log = logging.getLogger(__name__)


class Work:
    """The job's side of a run: reports progress and notices a cancellation."""

    def __init__(self, run: Run, listener: Listener) -> None:
        self.run, self.listener = run, listener
        self._reported = 0.0

    def check(self, stage: str, **changes: Any) -> None:
        """Call between small pieces of work: reports if it is time.

        Raises:
            Cancelled: the run is to stop.
        """
        self.stop_if_cancelled()
        now = time.monotonic()
        if now - self._reported >= REPORT_EVERY:
            self._reported = now
            self.report(stage, **changes)

    def stop_if_cancelled(self) -> None:
        """Raises Cancelled."""
        if self.run.cancel_requested():
            raise Cancelled

    def report(self, stage: str, **changes: Any) -> None:
        """Report the stage and any other field of the status."""
        self.listener(self.run.update(stage=stage, **changes))


def carry_out(
    run: Run, labour: Callable[[Work], None], listener: Listener = lambda status: None
) -> Status:
    """Carry out a run to its end; one that is done stays as it is.

    Args:
        labour: does the work, from where it stopped.
        listener: called with each new status, about once a second.

    Returns:
        The final status: done, failed (its `error` says why) or cancelled.

    Raises:
        Refused: another process is at it.
    """
    with run.lock():
        if run.status().state == "done":
            run.forget_resume()  # a kill may have left it
            return run.status()
        keep_memory()
        try:
            labour(Work(run, listener))
            run.forget_resume()  # first: nobody looks at a run again that says it is done
            status = run.update(state="done", stage="", done=1.0, eta=0.0, error="")
        except Cancelled:
            run.forget_cancel()
            status = _ended(run, state="cancelled", stage="", eta=None)
        except Exception as error:
            if not isinstance(error, LabError):
                log.exception("the work on %s failed", run.id)
            status = _ended(run, state="failed", stage="", eta=None, error=_sentence(error))
        listener(status)
        store.forget_ended([run])
        return status


def _ended(run: Run, **changes: Any) -> Status:
    """The last status of a run; where nothing at all can be written, who waits still hears it."""
    try:
        return run.update(**changes)
    except OSError as error:
        log.warning("the end of %s could not be written: %s", run.id, error)
        return run.status().model_copy(update=changes)


def describe(where: torch.device) -> str:
    """The device for people: the accelerator's name, or the processor with its threads."""
    if where.type == "cuda":
        return torch.cuda.get_device_name(where)
    threads = torch.get_num_threads()
    return f"{where.type}, {threads} thread{'s' if threads > 1 else ''}"


def _sentence(error: Exception) -> str:
    if isinstance(error, LabError):
        return str(error)
    if disk_is_full(error):
        return DISK_FULL
    if isinstance(error, OSError):
        return f"A file could not be read or written ({error.strerror}). Mend it and resume."
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return "There was not enough memory. Try a smaller batch, or fewer images."
    return f"The work met a fault of ours ({type(error).__name__}); the log has the details."
