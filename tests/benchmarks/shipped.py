"""The shipped runs that benchmarks read: those trained as a variant is, and those that measure."""

from core.runs import store
from core.runs.store import Run
from core.tasks.base import AnyTask
from core.tasks.denoising import DENOISING

LENGTH = {"epochs", "seed", "start_from"}
"""Settings that say how long a training was and where it began, not what it was."""


def shipped_runs(task: AnyTask) -> list[Run]:
    """Every shipped run of a task."""
    return [run for run in store.all_runs() if run.shipped and run.spec().task == task.name]


def shipped(
    variant: str, dataset: str = "mnist", *, task: AnyTask = DENOISING, default: bool = False
) -> Run | None:
    """The shipped run of a variant, or None. With several, the one trained longest.

    Args:
        default: only one that was trained as the variant is by default, but for `LENGTH`.
    """
    result = [
        run
        for run in shipped_runs(task)
        if (run.spec().variant, run.spec().dataset) == (variant, dataset)
        and not (default and _changed(task, run) - LENGTH)
    ]
    return max(result, key=lambda run: len(run.history()), default=None)


def _changed(task: AnyTask, run: Run) -> set[str]:
    return set(task.changed(run.spec().variant, task.config_of(run)))
