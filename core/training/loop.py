"""The training loop: independent of the model, resumable and cancellable."""

import math
import time
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch

from core.data import Images
from core.errors import LabError
from core.runs.store import Run, open_run
from core.runs.weights import packed, unpacked
from core.settings import settings
from core.tasks import Experiment, Learner, TaskConfig, task
from core.training.checkpointer import Checkpointer
from core.training.request import judge, test_images, train_images
from core.training.run_context import Work, describe

AnyExperiment: TypeAlias = Experiment[Any, Any, Any]


class Diverged(LabError):
    """A loss is no longer a number."""


def train(run: Run, work: Work) -> None:
    """Train the network of a run from where it stopped, keep it, and measure it."""
    torch.set_num_threads(settings().torch_threads)
    chosen, where = task(run.spec().task), device()
    config = chosen.config_of(run)
    work.report("reading the data", state="running", epochs=config.epochs, error="")
    images, test = (
        Images(*(t.to(where) for t in part)) for part in (train_images(run), test_images(run))
    )
    images, held = chosen.split(config, images)
    checkpointer = Checkpointer(run, config.epochs, chosen.sheets, half=chosen.half)

    def check(stage: str) -> None:
        work.stop_if_cancelled()  # the reported stage stays the epoch

    def draw(current: AnyExperiment) -> np.ndarray:
        work.stop_if_cancelled()
        return chosen.render(current, test)

    with torch.random.fork_rng():
        experiment = _experiment(run, work, where)
        if experiment.variant.learns:
            inputs, held_inputs, test_inputs = (
                chosen.precompute(experiment, part) for part in (images, held, test)
            )
            current = replace(experiment, check=check)
            learner = chosen.learner(current, inputs)
            generator = torch.Generator(inputs.labels.device).manual_seed(config.seed)
            completed = checkpointer.resume(learner, generator)
            if completed is None:
                current = replace(current, model=learner.eval_model(check).eval())
                checkpointer.sheet(0, partial(draw, current))
                checkpointer.keep(0, learner, generator)
            for epoch in range((completed or 0) + 1, config.epochs + 1):
                if learner.should_stop:
                    break
                try:
                    row = _train_epoch(epoch, learner, inputs, config, generator, work)
                except Diverged:
                    checkpointer.keep_last_good(learner)
                    raise
                current = replace(current, model=learner.eval_model(check).eval())
                row |= chosen.validate(current, test_inputs, held_inputs)
                learner.on_epoch_end(row)
                checkpointer.log({"epoch": epoch, **row})
                checkpointer.sheet(epoch, partial(draw, current))
                checkpointer.keep(epoch, learner, generator)
                if reason := chosen.ended(config, checkpointer.history):
                    checkpointer.weights(current.model)
                    raise LabError(reason)
            experiment = replace(experiment, model=learner.finish(check).eval())
            chosen.calibrate(replace(experiment, check=check), held_inputs)

    if chosen.half:  # what is measured is what is kept
        experiment.model.load_state_dict(unpacked(packed(experiment.model.state_dict())))
    checkpointer.weights(experiment.model.eval())
    work.report("measuring", epoch=config.epochs, done=1.0, eta=None)
    figures = chosen.evaluate(experiment, test)
    seconds = sum(row["seconds"] for row in checkpointer.history)
    processed = len(images.labels) * len(checkpointer.history)
    speed = round(processed / seconds, 1) if seconds else 0.0
    figures |= {"seconds": round(seconds, 1), "images_per_second": speed}
    run.write_metrics({**figures, "device": describe(where)})


def device() -> torch.device:
    """The accelerator of this machine, or its processor."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator or torch.device("cpu")


def _experiment(run: Run, work: Work, where: torch.device) -> AnyExperiment:
    """Build the run's network, with the judge that will measure it."""
    spec, chosen = run.spec(), task(run.spec().task)
    config, reference = chosen.config_of(run), judge(run, where, work.check)
    torch.manual_seed(config.seed)
    model = chosen.build_for(spec, config)
    if config.start_from:
        try:
            model.load_state_dict(open_run(config.start_from).weights())
        except RuntimeError as error:
            raise LabError(
                f"{config.start_from} is a network of another size: its weights cannot be the "
                "start."
            ) from error
    model = model.to(where, memory_format=torch.channels_last)
    return chosen.experiment(spec.variant, config, model, reference, work.check)


def _train_epoch(
    epoch: int,
    learner: Learner,
    images: Images,
    config: TaskConfig,
    generator: torch.Generator,
    work: Work,
) -> dict[str, float]:
    """Make one pass over the images; returns mean losses, seconds and images per second.

    Raises:
        Diverged: a loss is no longer a number.
        Cancelled: the run is to stop.
    """
    learner.model.train()
    n = len(images.labels)
    sums: dict[str, float] = {}
    started, processed = time.monotonic(), 0
    order = learner.order(n, generator)
    for rows in torch.split(order, config.batch_size):
        if len(rows) == 1 < min(n, config.batch_size):
            continue  # batch norm has nothing to norm in one image left over
        batch = Images(images.pixels[rows], images.labels[rows])
        losses = learner.step(batch, (epoch - 1 + processed / n) / config.epochs, generator)
        if not all(math.isfinite(value) for value in losses.values()):
            raise Diverged(_divergence(epoch))
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value * len(rows)
        processed += len(rows)
        speed = processed / max(time.monotonic() - started, 1e-9)
        completed, total = (epoch - 1) * n + processed, config.epochs * n
        work.check(
            f"epoch {epoch} of {config.epochs}",
            epoch=epoch,
            done=completed / total,
            images_per_second=round(speed, 1),
            eta=round((total - completed) / speed, 1),
        )
    seconds = time.monotonic() - started
    means = {name: value / processed for name, value in sums.items()}
    return {**means, "seconds": round(seconds, 3), "images_per_second": round(n / seconds, 1)}


def _divergence(epoch: int) -> str:
    kept_weights = f"the weights of epoch {epoch - 1}" if epoch > 1 else "the initial weights"
    return (
        f"The loss became infinite or undefined in epoch {epoch}; {kept_weights} are kept. "
        "Try a lower learning rate."
    )
