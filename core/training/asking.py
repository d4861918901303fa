"""From a question (task, variant, data set, settings) to its run, before any work is done."""

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from core import data, runs
from core.data import Images
from core.errors import Refused, RunBroken
from core.runs import DataUsed, Run, RunConfig
from core.settings import settings
from core.tasks import TaskConfig, load_model, task
from core.tasks.base import Check


class Question(BaseModel):
    """A validated question; `run_id` names the run that answers it."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    config: RunConfig


def ask(
    task_name: str, variant: str, dataset: str, values: Mapping[str, Any] | None = None
) -> Question:
    """Validate a question and name its run. Nothing is written.

    Args:
        values: settings other than the variant's defaults.

    Raises:
        UnknownName, LabError: an unknown name or a value out of bounds.
        DataMissing: the data set is not here.
        Refused: more epochs than this server allows.
    """
    chosen = task(task_name)
    config = chosen.config(variant, values)
    if config.epochs > settings().max_epochs:
        raise Refused(
            f"{config.epochs} epochs are more than this server allows ({settings().max_epochs}, "
            "set by LATENT_LAB_MAX_EPOCHS)."
        )
    train = data.load(dataset, "train")
    n_train = len(train.labels)
    fingerprint = data.data_fingerprint(dataset)
    run_id = runs.run_id(
        chosen.kind, variant, dataset, chosen.changed(variant, config), [fingerprint]
    )
    used = DataUsed(
        fingerprint=fingerprint,
        n_train=min(n_train, config.train_images or n_train),
        n_test=len(data.load(dataset, "test").labels),
        shape=tuple(chosen.prepare(train.first(1)).pixels.shape[1:]),
    )
    return Question(
        run_id=run_id,
        config=RunConfig(
            task=task_name,
            variant=variant,
            dataset=dataset,
            config=config.model_dump(),
            data=used,
            private=data.info(dataset).private,
        ),
    )


def config_of(run: Run) -> TaskConfig:
    """The run's settings, validated again. Raises RunBroken."""
    asked = run.config()
    try:
        return task(asked.task).config(asked.variant, asked.config)
    except Exception as error:
        raise RunBroken(f"The settings of {run.id} are not valid: {error}") from error


def train_images(run: Run) -> Images:
    """The run's training images in the task's shape: all, or a seeded choice.

    Raises:
        DataMissing: the set is not here.
        RunBroken: the data set has other images now than when the run was asked for.
    """
    asked = run.config()
    if data.data_fingerprint(asked.dataset) != asked.data.fingerprint:
        raise RunBroken(
            f"The images of {asked.dataset} have changed since {run.id} was asked for: train anew."
        )
    images = data.load(asked.dataset, "train")
    if asked.data.n_train < len(images.labels):
        seed = torch.Generator().manual_seed(config_of(run).seed)
        chosen = torch.randperm(len(images.labels), generator=seed)[: asked.data.n_train]
        images = Images(images.pixels[chosen], images.labels[chosen])
    return task(asked.task).prepare(images)


def test_images(run: Run) -> Images:
    """The run's test split in the task's shape. Raises DataMissing."""
    asked = run.config()
    return task(asked.task).prepare(data.load(asked.dataset, "test"))


def evaluate(run: Run, check: Check = lambda stage: None) -> dict[str, Any]:
    """Measure a finished run again on the whole test split; nothing is written.

    Raises:
        RunBroken: no usable weights.
        DataMissing: the test split is not here.
    """
    asked = run.config()
    model = load_model(run)
    return task(asked.task).evaluate(asked.variant, config_of(run), model, test_images(run), check)
