"""The registry of families: pages, forms, command line and tests all read it."""

import json
from functools import lru_cache

import torch
from torch import nn

from core.errors import LabError, RunBroken, UnknownName
from core.randomness import Seeded
from core.records import RunConfig
from core.runs import Run
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.base import Learner, Task, TaskConfig
from core.tasks.denoising import DENOISING
from core.tasks.dreaming import DREAMING
from core.tasks.families import Family, FamilyConfig, Shape, Variant
from core.tasks.projecting import PROJECTING
from core.tasks.recognition import RECOGNITION
from core.tasks.transfer import TRANSFER

TASKS: dict[str, Task] = {
    task.name: task for task in (DENOISING, AUTOENCODING, ADVERSARIAL, RECOGNITION, TRANSFER)
}
"""What can be trained."""
FAMILIES: dict[str, Family] = {**TASKS, PROJECTING.name: PROJECTING, DREAMING.name: DREAMING}
"""Everything that a run can be of."""


def task(name: str) -> Task:
    """The task called `name`; raises UnknownName with the known ones."""
    if name not in TASKS:
        raise UnknownName("task", name, TASKS)
    return TASKS[name]


def family(name: str) -> Family:
    """The family called `name`, a task or another; raises UnknownName with the known ones."""
    if name not in FAMILIES:
        raise UnknownName("kind of run", name, FAMILIES)
    return FAMILIES[name]


def checked(run: Run) -> RunConfig:
    """What was asked for, of a run that can be shown in a list: each of its files is sound.

    Raises:
        LabError: it is damaged, or of a kind that this version does not know.
    """
    run.check()
    asked = run.config()
    try:
        _valid(asked.task, asked.variant, json.dumps(asked.config), asked.data.shape)
    except LabError as error:
        raise RunBroken(f"The run {run.id} cannot be used: {error}") from error
    return asked


@lru_cache(maxsize=4096)
def _valid(task: str, variant: str, values: str, shape: Shape) -> None:
    chosen = family(task)
    chosen.config(variant, json.loads(values))
    if chosen.name in TASKS and shape != chosen.variant(variant).shape_for(shape):
        raise LabError(f"{variant} does not work on images of {shape}.")


def load_model(run: Run) -> nn.Module:
    """The run's network with its trained weights, for inference, on the processor.

    Raises:
        RunBroken: files are damaged, or the weights are of another network.
        UnknownName: the run is no training.
    """
    asked = run.config()
    chosen, used = task(asked.task), asked.data
    if used.shape != chosen.variant(asked.variant).shape_for(used.shape):
        raise RunBroken(f"The run {run.id} cannot be used: its images have an impossible shape.")
    config = chosen.config(asked.variant, asked.config)
    with Seeded(0):  # what is drawn is not kept
        model = chosen.build(asked.variant, used.shape, config, used.classes)
    try:
        model.load_state_dict(run.weights())
    except RuntimeError as error:
        raise RunBroken(
            f"The weights of {run.id} do not fit the network {asked.variant}: they are another's."
        ) from error
    # A third less time for the U-Net on a processor than with the weights as they are stored.
    model = model.to(memory_format=torch.channels_last)
    return model.eval().requires_grad_(False)


__all__ = [
    "FAMILIES",
    "TASKS",
    "Family",
    "FamilyConfig",
    "Learner",
    "Task",
    "TaskConfig",
    "Variant",
    "checked",
    "family",
    "load_model",
    "task",
]
