"""Finished runs of a family, the best first, and the names of their classes."""

from typing import Protocol

from core import data
from core.errors import LabError
from core.runs import store
from core.runs.schema import RunSpec
from core.runs.store import Run


class Ranked(Protocol):
    """The part of `core.tasks.family.Family` that a query needs."""

    name: str
    headline: str
    lower_is_better: bool

    def checked(self, run: Run) -> RunSpec:
        """Return the spec of a run whose files are sound. Raises RunBroken."""

    def learns(self, variant: str) -> bool:
        """Whether the variant is a network, and not a method that learns nothing."""


def finished(family: Ranked, dataset: str | None = None) -> list[Run]:
    """Finished runs with usable files, of one data set if named.

    Shipped ones first, by data set; networks before methods that learn nothing; then by the
    family's headline figure, and those without it last, the best PSNR first.
    """
    ranked = []
    for run in store.all_runs():
        try:
            spec = run.spec()
            if spec.task == family.name and dataset in (None, spec.dataset):
                family.checked(run)
                if run.status().state == "done":
                    ranked.append((_place(run, family), run))
        except LabError:
            continue  # a damaged directory is no model; the page of runs shows it
    return [run for _, run in sorted(ranked, key=lambda pair: pair[0])]


def shipped(family: Ranked, dataset: str | None = None) -> list[Run]:
    """Those of `finished` that are part of the lab, and so the same for everybody."""
    return [run for run in finished(family, dataset) if run.shipped]


def classes_of(run: Run) -> tuple[str, ...]:
    """Return the names of the classes that the run was trained on; numbers if unknown."""
    spec = run.spec()
    if spec.data.class_names:
        return spec.data.class_names
    if dataset := data.known(spec.dataset):
        return tuple(dataset.classes)
    return tuple(str(i) for i in range(spec.data.classes))


def _place(run: Run, family: Ranked) -> tuple[bool, int, bool, float, float, str]:
    spec = run.spec()
    sets = list(data.BUILT_IN)
    place = sets.index(spec.dataset) if spec.dataset in sets else len(sets)
    sign = 1 if family.lower_is_better else -1
    metrics = run.metrics()
    value = metrics.get(family.headline)
    rank = float("inf") if value is None else sign * float(value)
    learns = family.learns(spec.variant)
    return not run.shipped, place, not learns, rank, -float(metrics.get("psnr", 0.0)), run.id
