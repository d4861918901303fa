"""The training loop: independent of the model, resumable and cancellable."""

import math
import time
from typing import Any

import numpy as np
import torch
from torch import nn

from core.data import Images
from core.errors import LabError
from core.runs.schema import Status
from core.runs.store import Run, open_run
from core.runs.weights import packed, unpacked
from core.settings import settings
from core.tasks import Learner, Task, TaskConfig, task
from core.training.checkpointer import Checkpointer
from core.training.request import config_of, judge, test_images, train_images
from core.training.run_context import Listener, Work, carry_out, describe


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
    return carry_out(run, lambda work: _Training(run, work).train(), listener)


def device() -> torch.device:
    """The accelerator of this machine, or its processor."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator or torch.device("cpu")


class _Training:
    """One training under way."""

    def __init__(self, run: Run, work: Work) -> None:
        spec = run.spec()
        self.run, self.work, self.variant = run, work, spec.variant
        self.task: Task = task(spec.task)
        self.config: TaskConfig = config_of(run)
        self.device = device()
        self.checkpointer = Checkpointer(
            run, self.config.epochs, self.task.sheets, half=self.task.half
        )
        self.speed = 0.0

    def train(self) -> None:
        torch.set_num_threads(settings().torch_threads)
        self.work.report("reading the data", state="running", epochs=self.config.epochs, error="")
        data = Images(*(t.to(self.device) for t in train_images(self.run)))
        self.test = Images(*(t.to(self.device) for t in test_images(self.run)))
        self.judge = judge(self.run, self.device)
        data, self.held_out = self.task.split(self.config, data)
        used = self.run.spec().data
        with torch.random.fork_rng():
            torch.manual_seed(self.config.seed)
            model = self.task.build(self.variant, used.shape, self.config, used.classes)
            if self.config.start_from:
                _begin_with(model, self.config.start_from)
            model = model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            if self.task.variant(self.variant).learns:
                model = self.prepared(model, data)
        self.finish(model.eval(), len(data.labels))

    def prepared(self, model: nn.Module, data: Images) -> nn.Module:
        """Precompute the inputs and train on them; returns the network to keep."""
        parts = (data, self.held_out, self.test)
        data, self.held_out, self.test_inputs = (
            self.task.precompute(self.variant, self.config, model, part, self.work.check)
            for part in parts
        )
        model = self.learn(self.task.learner(self.variant, self.config, model, data), data)
        self.task.calibrate(self.variant, self.config, model.eval(), self.held_out, self.check)
        return model

    def learn(self, learner: Learner, data: Images) -> nn.Module:
        generator = torch.Generator(self.device).manual_seed(self.config.seed)
        start = self.checkpointer.resume(learner, generator)
        if start is None:
            self.sheet(learner.eval_model(self.check), 0)
            self.checkpointer.keep(0, learner, generator)
        for epoch in range((start or 0) + 1, self.config.epochs + 1):
            if learner.should_stop:
                break
            row = self.epoch(epoch, learner, data, generator)
            model = learner.eval_model(self.check).eval()
            row |= self.task.validate(
                self.variant,
                self.config,
                model,
                self.test_inputs,
                self.held_out,
                self.judge,
                self.check,
            )
            learner.on_epoch_end(row)
            self.checkpointer.log({"epoch": epoch, **row})
            self.sheet(model, epoch)
            self.checkpointer.keep(epoch, learner, generator)
            if reason := self.task.ended(self.config, self.checkpointer.history):
                self.checkpointer.weights(model)
                raise LabError(reason)
        return learner.finish(self.check)

    def epoch(
        self, epoch: int, learner: Learner, data: Images, generator: torch.Generator
    ) -> dict[str, float]:
        """Make one pass over the data; returns mean losses, seconds and images per second."""
        learner.model.train()
        n, total = len(data.labels), self.config.epochs
        sums: dict[str, float] = {}
        started, processed = time.monotonic(), 0
        order = torch.randperm(n, generator=generator, device=self.device)
        for rows in torch.split(order, self.config.batch_size):
            if len(rows) == 1 < min(n, self.config.batch_size):
                continue  # batch norm has nothing to norm in one image left over
            batch = Images(data.pixels[rows], data.labels[rows])
            progress = (epoch - 1 + processed / n) / total
            losses = learner.step(batch, progress, generator)
            if not all(math.isfinite(value) for value in losses.values()):
                self.checkpointer.keep_last_good(learner)
                raise Diverged(_divergence(epoch))
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value * len(rows)
            processed += len(rows)
            self.speed = processed / max(time.monotonic() - started, 1e-9)
            self.work.check(f"epoch {epoch} of {total}", **self.progress(epoch, processed, n))
        seconds = time.monotonic() - started
        means = {name: value / processed for name, value in sums.items()}
        return {**means, "seconds": round(seconds, 3), "images_per_second": round(n / seconds, 1)}

    def finish(self, model: nn.Module, n_train: int) -> None:
        if self.task.half:
            # What is measured is what is kept.
            model.load_state_dict(unpacked(packed(model.state_dict())))
        self.checkpointer.weights(model)
        self.work.report("measuring", epoch=self.config.epochs, done=1.0, eta=None)
        figures = self.task.evaluate(
            self.variant, self.config, model, self.test, self.work.check, self.judge
        )
        seconds = sum(row["seconds"] for row in self.checkpointer.history)
        processed = n_train * len(self.checkpointer.history)
        self.run.write_metrics(
            {
                **figures,
                "seconds": round(seconds, 1),
                "images_per_second": round(processed / seconds, 1) if seconds else 0.0,
                "device": describe(self.device),
            }
        )

    def sheet(self, model: nn.Module, epoch: int) -> None:
        """Draw the sample sheet of an epoch that has one."""

        def draw() -> np.ndarray:
            self.check("drawing")
            return self.task.render(self.variant, self.config, model.eval(), self.test, self.check)

        self.checkpointer.sheet(epoch, draw)

    def check(self, stage: str) -> None:
        """Check between the steps whether to stop; the reported stage stays the epoch."""
        self.work.stop_if_cancelled()

    def progress(self, epoch: int, processed: int, n: int) -> dict[str, Any]:
        """Return the progress for the status after `processed` images of `epoch`."""
        completed, total = (epoch - 1) * n + processed, n * self.config.epochs
        return {
            "epoch": epoch,
            "done": completed / total,
            "images_per_second": round(self.speed, 1),
            "eta": round((total - completed) / self.speed, 1),
        }


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
