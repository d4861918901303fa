"""The registry: every family of runs, with the functions that compute and measure its runs.

Pages, forms, command line, queue and tests all read it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from core.cancellation import Check
from core.dreaming import dream_runs
from core.dreaming.variants import DREAMING
from core.errors import RunBroken, UnknownName
from core.foundations import descent_runs
from core.foundations.regressions import DESCENDING
from core.projection import map_runs
from core.projection.methods import PROJECTING
from core.runs.schema import RunSpec
from core.runs.store import Run
from core.tasks import TASKS
from core.tasks.family import AnyFamily
from core.training import loop, request
from core.training.run_context import Work


class Kind(NamedTuple):
    """A family, what computes a run of it, and what measures a finished one again."""

    family: AnyFamily
    compute: Callable[[Run, Work], None]
    """Goes on from where the run stopped; `core.execution` calls it, within the run's lock."""
    evaluate: Callable[[Run, Check], dict[str, Any]]


KINDS: dict[str, Kind] = {
    kind.family.name: kind
    for kind in (
        *(Kind(task, loop.train, request.evaluate) for task in TASKS.values()),
        Kind(PROJECTING, map_runs.project, map_runs.evaluate),
        Kind(DREAMING, dream_runs.dream, dream_runs.evaluate),
        Kind(DESCENDING, descent_runs.run_descent, descent_runs.evaluate),
    )
}
FAMILIES: dict[str, AnyFamily] = {name: kind.family for name, kind in KINDS.items()}


def kind(name: str) -> Kind:
    """The kind of run whose family is called `name`; raises UnknownName with the known ones."""
    if name not in KINDS:
        raise UnknownName("kind of run", name, KINDS)
    return KINDS[name]


def family(name: str) -> AnyFamily:
    """The family called `name`, a task or another; raises UnknownName with the known ones."""
    return kind(name).family


def checked(run: Run) -> RunSpec:
    """Return the spec of a run that can be listed: each of its files is sound.

    Raises:
        LabError: it is damaged, or of a kind that this version does not know.
    """
    spec = run.spec()
    if spec.task not in KINDS:
        raise RunBroken(f"The run {run.id} cannot be used: {UnknownName('task', spec.task, KINDS)}")
    return family(spec.task).checked(run)
