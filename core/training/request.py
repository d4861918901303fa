"""From a request (task, variant, data set, settings) to its run, before any work is done."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import torch

from core import data
from core.cancellation import Check, silent
from core.data import Images
from core.errors import DataMissing, LabError, Refused, RunBroken
from core.runs import store
from core.runs.schema import RunRequest, RunSpec
from core.runs.store import Run
from core.settings import settings
from core.tasks import AnyFamily, AnyTask, TaskConfig, load_model, task
from core.tasks.base import Judge


def make_request(
    task_name: str, variant: str, dataset: str, values: Mapping[str, Any] | None = None
) -> RunRequest:
    """Validate a request and name its run. Nothing is written.

    Args:
        values: settings other than the variant's defaults.

    Raises:
        UnknownName, LabError: an unknown name or a value out of bounds.
        DataMissing: the data set is not here.
        Refused: more epochs than this server allows.
    """
    chosen = task(task_name)
    config = chosen.config(variant, values)
    if config.epochs > (most := most_epochs(chosen, variant)):
        raise Refused(
            f"{config.epochs} epochs are more than this server allows ({most}, "
            "set by LATENT_LAB_MAX_EPOCHS)."
        )
    info, fingerprint = data.info(dataset), _fingerprint(chosen, dataset)
    others = {name: _fingerprint(chosen, name) for name in chosen.others(config)}
    start = _start(config.start_from, task_name, variant)
    inputs = [fingerprint, *others.values()]
    if start is not None:
        inputs.append(start.weights_fingerprint())
    name, changed = chosen.identity(variant, config)
    run_id = store.run_id(chosen.kind, name, dataset, changed, inputs)
    away = [name for name in (dataset, *others) if "train" not in data.available(name)]
    if (existing := store.find(run_id)) is None and away:
        raise DataMissing(data.missing_sentence(away[0]))
    if existing is not None and away and (others or chosen.medium == "text"):
        used, files = existing.spec().data, dict[str, bytes]()  # it is counted in the data
    else:
        used, files = chosen.describe(variant, config, info, fingerprint)
        used = used.model_copy(update={"others": others})
    return RunRequest(
        run_id=run_id,
        config=RunSpec(
            task=task_name,
            variant=variant,
            dataset=dataset,
            config=config.model_dump(),
            data=used,
            private=any(data.info(name).private for name in (dataset, *others))
            or (start is not None and start.spec().private),
        ),
        given=files,
    )


def _fingerprint(chosen: AnyTask, dataset: str) -> str:
    """Return the fingerprint of a data set. Raises LabError if it is of another medium."""
    info = data.info(dataset)
    if info.medium != chosen.medium:
        raise LabError(f"{chosen.title} work on {chosen.medium}; {info.title} is none.")
    return info.fingerprint or data.data_fingerprint(dataset)


def most_epochs(family: AnyFamily, variant: str) -> int:
    """The number of epochs that this server allows; of a training of seconds at least its own."""
    config = family.config(variant)
    usual = config.epochs if family.variant(variant).quick and isinstance(config, TaskConfig) else 0
    return max(settings().max_epochs, usual)


def _start(run_id: str, task_name: str, variant: str) -> Run | None:
    """Return the run to start from. Raises LabError if it cannot be used."""
    if not run_id:
        return None
    run = store.open_run(run_id)
    spec = run.spec()
    fits = spec.task == task_name and spec.variant in {
        variant,
        *task(task_name).variant(variant).starts,
    }
    if not fits or run.status().state != "done":
        raise LabError(f"{run.id} is no finished {variant}: its weights cannot be the start.")
    return run


def train_images(run: Run) -> Images:
    """What the run learns from, see `Task.training`.

    Raises:
        DataMissing: the set is not here.
        RunBroken: the images of the data set have changed since the run was requested.
    """
    spec = run.spec()
    for name, fingerprint in {**spec.data.others, spec.dataset: spec.data.fingerprint}.items():
        if data.data_fingerprint(name) != fingerprint:
            raise RunBroken(
                f"The images of {name} have changed since {run.id} was requested: train anew."
            )
    return task(spec.task).training(run)


def test_images(run: Run) -> Images:
    """What the run is measured on, see `Task.testing`. Raises DataMissing."""
    return task(run.spec().task).testing(run)


def evaluate(run: Run, check: Check = silent) -> dict[str, Any]:
    """Measure a finished run again on the whole test split; nothing is written.

    Raises:
        RunBroken: no usable weights.
        DataMissing: the test split is not here.
    """
    spec, chosen = run.spec(), task(run.spec().task)
    config = chosen.config_of(run)
    reference = judge(run, check=check)
    experiment = chosen.experiment(spec.variant, config, load_model(run), reference, check)
    return chosen.evaluate(experiment, test_images(run))


def judge(run: Run, device: torch.device | None = None, check: Check = silent) -> Judge | None:
    """Return the judge of a run: the best finished run that its task names, of the same images, or
    one that is made for it."""
    spec = run.spec()
    judge_name = task(spec.task).judge
    if judge_name is None:
        return task(spec.task).own_judge(run, device or torch.device("cpu"), check)
    chosen = task(judge_name[0])
    fit = [r for r in store.all_runs() if _judges(r, judge_name, spec)]
    for best in sorted(fit, key=lambda r: float(r.metrics().get(chosen.headline, 0)), reverse=True):
        with suppress(RunBroken):  # somebody else's damaged run is no reason to fail
            model = load_model(best).to(device or torch.device("cpu"))
            return Judge(best.id, model, _training_images(spec))
    return None


def _training_images(spec: RunSpec) -> Callable[[int], Images] | None:
    """What gives a choice of the set's training images in the shape of a run's."""
    if "train" not in data.available(spec.dataset):
        return None
    chosen = task(spec.task)
    return lambda count: chosen.prepare(
        spec.variant, data.load(spec.dataset, "train").choice(count)
    )


def _judges(run: Run, wanted: tuple[str, str], spec: RunSpec) -> bool:
    try:
        own, state = run.spec(), run.status().state
        run.metrics()
    except RunBroken:
        return False
    same = own.data.fingerprint == spec.data.fingerprint and own.data.shape == spec.data.shape
    return state == "done" and (own.task, own.variant) == wanted and same
