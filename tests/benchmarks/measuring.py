"""What every benchmark shares: a row of the table, and timing in turns."""

import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from core.settings import settings

MIB = 2**20
Samples = dict[str, list[float]]
"""Every single measurement, by what was measured."""


@dataclass(frozen=True)
class Row:
    """One line of the table. `held` is None where nothing is asked or nothing could be seen."""

    benchmark: str
    asked: str
    seen: str
    held: bool | None = None
    note: str = ""
    samples: Samples = field(default_factory=dict)


def at_most(
    name: str, value: float, limit: float, unit: str, note: str = "", samples: Samples | None = None
) -> Row:
    """A row whose value must not be above `limit`."""
    asked, seen = f"≤ {limit:g} {unit}".strip(), f"{value:.4g} {unit}".strip()
    return Row(name, asked, seen, value <= limit, note, samples or {name: [value]})


def at_least(
    name: str, value: float, limit: float, unit: str, note: str = "", samples: Samples | None = None
) -> Row:
    """A row whose value must not be below `limit`."""
    asked, seen = f"≥ {limit:g} {unit}".strip(), f"{value:.4g} {unit}".strip()
    return Row(name, asked, seen, value >= limit, note, samples or {name: [value]})


def in_turns(sides: Mapping[str, Callable[[], float]], rounds: int) -> Samples:
    """Measure each side once a round, A B A B …, so that a busy machine slows them alike."""
    samples: Samples = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            samples[name].append(measure())
    return samples


def median_ratio(above: list[float], below: list[float]) -> float:
    """The median over the rounds of `above` by `below`."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def percentile(values: list[float], share: float) -> float:
    """The `share` percentile (0 to 100), linear between the samples."""
    return float(np.percentile(values, share))


def wait_until(ready: Callable[[], bool], timeout: float, what: str, pause: float = 0.01) -> float:
    """Seconds until `ready`. Raises TimeoutError after `timeout` seconds."""
    began = time.perf_counter()
    while not ready():
        if time.perf_counter() - began > timeout:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(pause)
    return time.perf_counter() - began


def resident(processes: list[psutil.Process]) -> int:
    """Bytes resident in all of them; pages that they share count once for each."""
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def end(processes: list[psutil.Process], patience: float = 5) -> None:
    """Ask these processes to end, and end those that do not."""
    for process in processes:
        _signal(process.terminate)
    _, left = psutil.wait_procs(processes, timeout=patience)
    for process in left:
        _signal(process.kill)


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Torch's threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def machine() -> dict[str, Any]:
    """The machine that the figures were seen on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "threads": settings().torch_threads,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "load_before": [round(x, 2) for x in psutil.getloadavg()],
    }


def _cpu_model() -> str:
    try:
        result = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        result = None
    return result[1].strip() if result else platform.processor() or platform.machine()
