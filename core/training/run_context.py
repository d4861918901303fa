"""The job's side of a run: progress reports and cancellation."""

import time
from collections.abc import Callable
from typing import Any

import torch

from core.errors import Cancelled
from core.runs.schema import Status
from core.runs.store import Run

Listener = Callable[[Status], None]
REPORT_EVERY = 1.0
"""Seconds between two entries in status.json."""


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


def describe(where: torch.device) -> str:
    """The device for people: the accelerator's name, or the processor with its threads."""
    if where.type == "cuda":
        return torch.cuda.get_device_name(where)
    threads = torch.get_num_threads()
    return f"{where.type}, {threads} thread{'s' if threads > 1 else ''}"
