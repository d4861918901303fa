"""Finished runs of a task, the best first, and what they can be asked for."""

from core import data, runs
from core.errors import LabError
from core.runs import Run
from core.tasks import checked, family


def finished(task_name: str, dataset: str | None = None) -> list[Run]:
    """Finished runs with usable files, of one data set if named.

    Shipped ones first, by data set; networks before methods that learn nothing; then by the task's
    headline figure, and those without it last, the best PSNR first.
    """
    found = []
    for run in runs.all_runs():
        try:
            asked = run.config()
            if asked.task == task_name and dataset in (None, asked.dataset):
                checked(run)
                if run.status().state == "done":
                    found.append((_place(run), run))
        except LabError:
            continue  # a damaged directory is no model; the page of runs shows it
    return [run for _, run in sorted(found, key=lambda pair: pair[0])]


def class_names(run: Run) -> tuple[str, ...]:
    """The classes that the run can be asked for; empty where it knows of none."""
    asked = run.config()
    if not family(asked.task).variant(asked.variant).options.get("conditional"):
        return ()
    return classes_of(run)


def classes_of(run: Run) -> tuple[str, ...]:
    """The names of the classes that the run was trained on; numbers where nobody kept them."""
    asked = run.config()
    if asked.data.class_names:
        return asked.data.class_names
    if found := data.known(asked.dataset):
        return tuple(found.classes)
    return tuple(str(i) for i in range(asked.data.classes))


def _place(run: Run) -> tuple[bool, int, bool, float, float, str]:
    asked, chosen = run.config(), family(run.config().task)
    sets = list(data.BUILT_IN)
    place = sets.index(asked.dataset) if asked.dataset in sets else len(sets)
    sign = 1 if chosen.lower_is_better else -1
    metrics = run.metrics()
    value = metrics.get(chosen.headline)
    rank = float("inf") if value is None else sign * float(value)
    learns = chosen.variant(asked.variant).learns
    return not run.shipped, place, not learns, rank, -float(metrics.get("psnr", 0.0)), run.id
