"""The training loop: independent of the model, resumable and cancellable."""

import math
import time
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from core.data import Images
from core.errors import LabError
from core.runs.schema import Status
from core.runs.store import Run, open_run
from core.runs.weights import packed, unpacked
from core.settings import settings
from core.tasks import AnyTask, Experiment, Learner, task
from core.training.checkpointer import Checkpointer
from core.training.request import judge, test_images, train_images
from core.training.run_context import Listener, Work, carry_out, describe

AnyExperiment: TypeAlias = Experiment[Any, Any, Any]


class Diverged(LabError):
    """A loss is no longer a number."""


def train(run: Run, listener: Listener = lambda status: None) -> Status:
    """Train a run to its end, from where it stopped; a run that is done stays as it is.

    Args:
        listener: called with each new status, about once a second.

    Returns:
        The final status: done, failed (its `error` says why) or cancelled.

    Raises:
        Refused: another process is training it.
    """
    return carry_out(run, lambda work: _train(run, work), listener)


def device() -> torch.device:
    """The accelerator of this machine, or its processor."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator or torch.device("cpu")


def _train(run: Run, work: Work) -> None:
    """Build the run's network, train it, keep it and measure it."""
    torch.set_num_threads(settings().torch_threads)
    spec, where = run.spec(), device()
    chosen = task(spec.task)
    config = chosen.config_of(run)
    work.report("reading the data", state="running", epochs=config.epochs, error="")
    data, test = (
        Images(*(t.to(where) for t in images)) for images in (train_images(run), test_images(run))
    )
    reference = judge(run, where)
    data, held = chosen.split(config, data)
    checkpointer = Checkpointer(run, config.epochs, chosen.sheets, half=chosen.half)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = chosen.build(spec.variant, spec.data.shape, config, spec.data.classes)
        if config.start_from:
            _begin_with(model, config.start_from)
        model = model.to(where, memory_format=torch.channels_last)
        experiment = chosen.experiment(spec.variant, config, model, reference, work.check)
        if experiment.variant.learns:
            training = _Training(chosen, experiment, data, held, test, work, checkpointer)
            experiment = replace(experiment, model=training.fit())
    if chosen.half:  # what is measured is what is kept
        experiment.model.load_state_dict(unpacked(packed(experiment.model.state_dict())))
    checkpointer.weights(experiment.model.eval())
    work.report("measuring", epoch=config.epochs, done=1.0, eta=None)
    figures = chosen.evaluate(experiment, test)
    seconds = sum(row["seconds"] for row in checkpointer.history)
    processed = len(data.labels) * len(checkpointer.history)
    speed = round(processed / seconds, 1) if seconds else 0.0
    figures |= {"seconds": round(seconds, 1), "images_per_second": speed}
    run.write_metrics({**figures, "device": describe(where)})


@dataclass
class _Training:
    """One training under way."""

    task: AnyTask
    experiment: AnyExperiment
    data: Images
    held: Images
    test: Images
    work: Work
    checkpointer: Checkpointer

    def fit(self) -> nn.Module:
        """Train from where the run stopped; returns the network to keep."""
        data, held, test = (
            self.task.precompute(self.experiment, part)
            for part in (self.data, self.held, self.test)
        )
        experiment = replace(self.experiment, check=self.check)
        learner = self.task.learner(experiment, data)
        generator = torch.Generator(data.labels.device).manual_seed(experiment.config.seed)
        start = self.checkpointer.resume(learner, generator)
        if start is None:
            self.sheet(replace(experiment, model=learner.eval_model(self.check).eval()), 0)
            self.checkpointer.keep(0, learner, generator)
        for epoch in range((start or 0) + 1, experiment.config.epochs + 1):
            if learner.should_stop:
                break
            row = self.epoch(epoch, learner, data, generator)
            current = replace(experiment, model=learner.eval_model(self.check).eval())
            row |= self.task.validate(current, test, held)
            learner.on_epoch_end(row)
            self.checkpointer.log({"epoch": epoch, **row})
            self.sheet(current, epoch)
            self.checkpointer.keep(epoch, learner, generator)
            if reason := self.task.ended(experiment.config, self.checkpointer.history):
                self.checkpointer.weights(current.model)
                raise LabError(reason)
        model = learner.finish(self.check).eval()
        self.task.calibrate(replace(experiment, model=model), held)
        return model

    def epoch(
        self, epoch: int, learner: Learner, data: Images, generator: torch.Generator
    ) -> dict[str, float]:
        """Make one pass over the data; returns mean losses, seconds and images per second."""
        learner.model.train()
        config, n = self.experiment.config, len(data.labels)
        sums: dict[str, float] = {}
        started, processed = time.monotonic(), 0
        order = torch.randperm(n, generator=generator, device=data.labels.device)
        for rows in torch.split(order, config.batch_size):
            if len(rows) == 1 < min(n, config.batch_size):
                continue  # batch norm has nothing to norm in one image left over
            batch = Images(data.pixels[rows], data.labels[rows])
            losses = learner.step(batch, (epoch - 1 + processed / n) / config.epochs, generator)
            if not all(math.isfinite(value) for value in losses.values()):
                self.checkpointer.keep_last_good(learner)
                raise Diverged(_divergence(epoch))
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value * len(rows)
            processed += len(rows)
            speed = processed / max(time.monotonic() - started, 1e-9)
            self.report(epoch, (epoch - 1) * n + processed, config.epochs * n, speed)
        seconds = time.monotonic() - started
        means = {name: value / processed for name, value in sums.items()}
        return {**means, "seconds": round(seconds, 3), "images_per_second": round(n / seconds, 1)}

    def report(self, epoch: int, completed: int, total: int, speed: float) -> None:
        """Report the progress after `completed` of `total` images. Raises Cancelled."""
        self.work.check(
            f"epoch {epoch} of {self.experiment.config.epochs}",
            epoch=epoch,
            done=completed / total,
            images_per_second=round(speed, 1),
            eta=round((total - completed) / speed, 1),
        )

    def sheet(self, experiment: AnyExperiment, epoch: int) -> None:
        """Draw the sample sheet of an epoch that has one."""

        def draw() -> np.ndarray:
            self.check("drawing")
            return self.task.render(experiment, self.test)

        self.checkpointer.sheet(epoch, draw)

    def check(self, stage: str) -> None:
        """Check between the steps whether to stop; the reported stage stays the epoch."""
        self.work.stop_if_cancelled()


def _begin_with(model: nn.Module, run_id: str) -> None:
    """Load the weights of a finished run. Raises LabError if they do not fit."""
    try:
        model.load_state_dict(open_run(run_id).weights())
    except RuntimeError as error:
        raise LabError(
            f"{run_id} is a network of another size: its weights cannot be the start."
        ) from error


def _divergence(epoch: int) -> str:
    kept_weights = f"the weights of epoch {epoch - 1}" if epoch > 1 else "the initial weights"
    return (
        f"The loss became infinite or undefined in epoch {epoch}; {kept_weights} are kept. "
        "Try a lower learning rate."
    )
