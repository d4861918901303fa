"""The shipped runs that benchmarks read."""

from core import runs
from core.runs import Run
from core.tasks.denoising import DENOISING


def shipped_denoisers() -> list[Run]:
    """Every shipped run of the denoising task."""
    return [run for run in runs.all_runs() if run.shipped and run.config().task == DENOISING.name]


def shipped(variant: str, dataset: str = "mnist") -> Run | None:
    """The shipped run of a denoiser, or None. With several, the one trained longest."""
    found = [
        run
        for run in shipped_denoisers()
        if (run.config().variant, run.config().dataset) == (variant, dataset)
    ]
    return max(found, key=lambda run: len(run.history()), default=None)
