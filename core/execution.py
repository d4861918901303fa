"""Carrying out a run of any kind: its lock, the work itself, and its last status."""

import logging
from typing import Any

import torch

from core.errors import DISK_FULL, Cancelled, LabError, disk_is_full
from core.memory import keep_memory
from core.registry import kind
from core.runs import store
from core.runs.schema import Status
from core.runs.store import Run
from core.training.run_context import Listener, Work

log = logging.getLogger(__name__)


def carry_out(run: Run, listener: Listener = lambda status: None) -> Status:
    """Carry out a run to its end, from where it stopped; one that is done stays as it is.

    Args:
        listener: called with each new status, about once a second.

    Returns:
        The final status: done, failed (its `error` says why) or cancelled.

    Raises:
        Refused: another process is working on it.
    """
    with run.lock():
        if run.status().state == "done":
            run.forget_resume()  # a kill may have left it
            return run.status()
        keep_memory()
        try:
            kind(run.spec().task).compute(run, Work(run, listener))
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
