"""The queue: how soon a run starts, how soon it stops, and what the workers take."""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from core import data
from core.jobs import queue
from core.runs.store import Run
from core.settings import settings
from core.training import make_request
from tests.benchmarks.measuring import MIB, Row, Samples, at_most, end, resident, wait_until

WHO = "benchmarks"
VARIANT = "conv"
EPOCHS = 100
"""More than it gets done before it is cancelled."""
ASKED_CANCEL = 2.0
ASKED_MEMORY = 3 * 1024
ROUNDS, QUICK_ROUNDS = 5, 1
WATCH, QUICK_WATCH = 10.0, 3.0
"""Seconds of training over which memory is watched."""
PATIENCE = 120.0


def cluster(quick: bool) -> Iterator[Row]:
    """Asks for trainings and cancels them, on a cluster that is new and ended afterwards."""
    dataset = "mnist" if "train" in data.available("mnist") else "digits"
    with _scratch():
        cold = _until_running(_request(dataset, seed=0))
        yield Row(
            "cluster: first request to running",
            "–",
            f"{cold:.4g} s",
            note="starts the scheduler and both workers, and reads the data",
            samples={"seconds": [cold]},
        )
        memory = _memory(QUICK_WATCH if quick else WATCH)
        yield from _in_turns(dataset, QUICK_ROUNDS if quick else ROUNDS)
    yield at_most(
        "cluster: memory with a training active",
        max(memory["MiB"]),
        ASKED_MEMORY,
        "MiB",
        f"the highest sum over scheduler, both workers and their nannies, {VARIANT} on {dataset}; "
        "the quick lane is idle; shared pages count once for each process",
        memory,
    )


def _in_turns(dataset: str, rounds: int) -> Iterator[Row]:
    """Cancel the run that is on, ask for the next one, and so on."""
    started, answered = [], []
    for seed in range(1, rounds + 1):
        answered.append(_cancel())
        started.append(_until_running(_request(dataset, seed)))
        time.sleep(1)  # into the training, so that the cancellation meets a step
    answered.append(_cancel())
    yield Row(
        "cluster: request to running, warm",
        "–",
        f"{statistics.median(started):.4g} s",
        note=f"median of {len(started)}; reads the data each time",
        samples={"seconds": started},
    )
    yield at_most(
        "cluster: cancel to answered",
        max(answered),
        ASKED_CANCEL,
        "s",
        f"the slowest of {len(answered)}, median {statistics.median(answered):.3g} s",
        {"seconds": answered},
    )


def _request(dataset: str, seed: int) -> tuple[Run, float]:
    """The run, and when it was asked for: naming it, which reads the data here, is not counted."""
    question = make_request("denoising", VARIANT, dataset, {"epochs": EPOCHS, "seed": seed})
    began = time.perf_counter()
    return queue.submit(question, WHO), began


def _until_running(asked: tuple[Run, float]) -> float:
    """Seconds from the request until the training's first steps are reported."""
    run, began = asked

    def running() -> bool:
        status = run.status()
        if status.state in ("failed", "cancelled"):
            raise RuntimeError(f"{run.id} is {status.state}: {status.error}")
        return status.state == "running" and status.epoch > 0

    wait_until(running, PATIENCE, "a run that trains")
    return time.perf_counter() - began


def _cancel() -> float:
    """Seconds until the run that is on has stopped and says so."""
    (run,) = queue.active()
    began = time.perf_counter()
    queue.cancel(run, WHO)
    wait_until(lambda: run.status().state == "cancelled" and not run.alive(), PATIENCE, "a cancel")
    return time.perf_counter() - began


def _memory(seconds: float) -> Samples:
    """MiB resident in the cluster's processes, which this program has started."""
    result, deadline = [], time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        result.append(resident(psutil.Process().children(recursive=True)) / MIB)
        time.sleep(0.2)
    return {"MiB": result}


@contextmanager
def _scratch() -> Iterator[None]:
    """Runs and cluster in a folder of their own, ended and removed afterwards."""
    before = {name: os.environ.get(name) for name in _OURS}
    with tempfile.TemporaryDirectory(prefix="latent-lab-") as folder:
        _set({"LATENT_LAB_CHECKPOINTS": str(Path(folder)), "LATENT_LAB_SCHEDULER": None})
        try:
            yield
        finally:
            processes = psutil.Process().children(recursive=True)
            queue.jobs().stop()
            psutil.wait_procs(processes, timeout=10)
            end(processes)
            _set(before)


_OURS = ("LATENT_LAB_CHECKPOINTS", "LATENT_LAB_SCHEDULER")


def _set(values: dict[str, str | None]) -> None:
    """Change the environment and let `settings` and the queue read it anew."""
    for name, value in values.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    settings.cache_clear()
    queue.jobs.cache_clear()
