"""The tasks: what can be trained."""

import torch
from torch import nn

from core.errors import RunBroken, UnknownName
from core.randomness import Seeded
from core.runs.store import Run
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.base import AnyTask, Experiment, Learner, Task, TaskConfig
from core.tasks.classification import RECOGNITION
from core.tasks.denoising import DENOISING
from core.tasks.diffusion import DIFFUSION
from core.tasks.family import AnyFamily, Family, FamilyConfig, Variant
from core.tasks.forecasting import FORECASTING
from core.tasks.language import LANGUAGE
from core.tasks.tagging import TAGGING
from core.tasks.transfer import TRANSFER
from core.tasks.translation import TRANSLATION

TASKS: dict[str, AnyTask] = {
    task.name: task
    for task in (
        DENOISING,
        AUTOENCODING,
        ADVERSARIAL,
        DIFFUSION,
        TRANSLATION,
        RECOGNITION,
        TRANSFER,
        FORECASTING,
        LANGUAGE,
        TAGGING,
    )
}
"""What can be trained."""


def task(name: str) -> AnyTask:
    """The task called `name`; raises UnknownName with the known ones."""
    if name not in TASKS:
        raise UnknownName("task", name, TASKS)
    return TASKS[name]


def load_model(run: Run) -> nn.Module:
    """The run's network with its trained weights, for inference, on the processor.

    Raises:
        RunBroken: files are damaged, or the weights are of another network.
        UnknownName: the run is no training.
    """
    spec = run.spec()
    chosen, used = task(spec.task), spec.data
    if used.shape != chosen.variant(spec.variant).shape_for(used.shape):
        raise RunBroken(f"The run {run.id} cannot be used: its images have an impossible shape.")
    config = chosen.config_of(run)
    with Seeded(0):  # what is drawn is not kept
        model: nn.Module = chosen.build_for(spec, config)
    try:
        model.load_state_dict(run.weights())
    except RuntimeError as error:
        raise RunBroken(
            f"The weights of {run.id} do not fit the network {spec.variant}: they are another's."
        ) from error
    # A third less time for the U-Net on a processor than with the weights as they are stored.
    model = model.to(memory_format=torch.channels_last)
    return model.eval().requires_grad_(False)


__all__ = [
    "TASKS",
    "AnyFamily",
    "AnyTask",
    "Experiment",
    "Family",
    "FamilyConfig",
    "Learner",
    "Task",
    "TaskConfig",
    "Variant",
    "load_model",
    "task",
]
