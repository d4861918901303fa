"""What can be said of every run that draws, be it a GAN, an autoencoder or a diffusion."""

from statistics import median
from time import perf_counter

from torch import Tensor, nn

from core.cancellation import Check, silent
from core.errors import LabError
from core.runs.store import Run
from core.tasks import TASKS
from core.tasks.generating import SampleFigures

TIMED = 20
"""Pictures of a batch that is timed."""
REPEATS = 5


def drawn(run: Run, model: nn.Module, count: int, seed: int, check: Check = silent) -> Tensor:
    """Draw `count` pictures (N, C, H, W) in [0, 1], as they are drawn when they are measured.

    Raises:
        LabError: the run's family does not draw.
    """
    spec = run.spec()
    task = TASKS[spec.task]
    if not isinstance(task, SampleFigures):
        raise LabError(f"{run.id} does not draw.")
    experiment = task.experiment(spec.variant, task.config_of(run), model, check=check)
    return task.draw(experiment, count, seed)


def milliseconds_a_picture(run: Run, model: nn.Module, check: Check = silent) -> float:
    """The median over `REPEATS` batches of `TIMED` pictures, on the machine and under the load of
    this moment. Raises LabError as `drawn`."""
    times = []
    for repeat in range(REPEATS):
        start = perf_counter()
        drawn(run, model, TIMED, repeat, check)
        times.append(perf_counter() - start)
    return 1000 * median(times) / TIMED
