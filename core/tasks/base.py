"""What can be trained: a task is a family of variants that share a config, a step and figures."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Optimizer

from core import data
from core.cancellation import Check, silent
from core.data import DatasetInfo, Images
from core.data.dataset import Medium
from core.errors import LabError
from core.images import fit
from core.runs.schema import DataSpec, RunSpec
from core.runs.store import Run
from core.tasks.family import SMALL, Family, FamilyConfig, Shape, Variant, number

TEST_SEED = 40_002
"""Seed of the choice of test images if there are more than a task uses."""


class TaskConfig(FamilyConfig):
    """Settings that every training has."""

    epochs: int = number(10, (0, 10_000), "Epochs", "passes over the data")
    batch_size: int = number(64, (1, 4096), "Batch size", "examples a step", step=8)
    learning_rate: float = number(
        1e-3, (1e-6, 1.0), "Learning rate", "step size of the optimiser", step=0.0001
    )
    train_images: int = number(
        0, (0, 10_000_000), "Training images", "how many to use; 0 takes all", step=1000
    )
    seed: int = number(0, (0, 2**31 - 1), "Seed", "decides weights, order and noise")
    start_from: str = Field(
        "",
        max_length=200,
        title="Start from",
        description="a finished run of the same network whose weights to begin with; empty draws "
        "new ones",
    )


class Judge(NamedTuple):
    """A finished run that measures others: its name and its network in eval mode; `training(n)`
    returns n training images, which give the floor of a distance, or is None if there are none."""

    name: str
    model: nn.Module
    training: Callable[[int], Images] | None = None


class Learner(ABC):
    """A network in training: owns its optimisers and takes one step at a time."""

    def __init__(self, model: nn.Module, optimisers: Mapping[str, Optimizer]) -> None:
        self.model = model
        self.optimisers = dict(optimisers)

    @abstractmethod
    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        """Learn from one batch.

        Args:
            images: uint8 pixels (B, C, H, W) and labels on the model's device.
            progress: share of the whole training that lies behind, 0 to 1.
            generator: all randomness comes from it.

        Returns:
            The losses of this batch by name, as finite or non-finite floats.
        """

    def order(self, n: int, generator: torch.Generator) -> Tensor:
        """Return the order of an epoch's `n` examples, int64 (n,): a new one each time."""
        return torch.randperm(n, generator=generator, device=generator.device)

    should_stop = False
    """Whether the training may end before its last epoch."""

    def on_epoch_end(self, row: Mapping[str, float]) -> None:  # noqa: B027 - most have no use for it
        """Receive the figures of the epoch that has just ended."""

    def eval_model(self, check: Check = silent) -> nn.Module:
        """Return the network to evaluate after an epoch."""
        return self.model

    def finish(self, check: Check = silent) -> nn.Module:
        """Return the network to keep after the last epoch."""
        return self.eval_model(check)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on, except the random generator."""
        states = {name: o.state_dict() for name, o in self.optimisers.items()}
        return {"model": self.model.state_dict(), "optimisers": states}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state that `state_dict` returned."""
        self.model.load_state_dict(state["model"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])


Schedule = Callable[[float], float]
"""From the share of the training that lies behind to a factor of the learning rate."""
INITIAL_RATE = 1 / 25
"""Initial learning rate of a warm-up, as a share of the full rate."""


def update_ema(
    average: Iterable[nn.Parameter], current: Iterable[nn.Parameter], ema: float, updates: int
) -> None:
    """Move averaged weights towards the current ones, in place (exponential moving average).

    Args:
        ema: the share of the past, which is reached slowly, so that the initial weights are
            forgotten.
        updates: of the current weights so far.
    """
    past = min(ema, (1 + updates) / (10 + updates))
    torch._foreach_lerp_([p.data for p in average], [p.data for p in current], 1 - past)


def constant(progress: float) -> float:
    """Keep the learning rate constant."""
    return 1.0


def warm_cosine(progress: float, warm: float = 0.1) -> float:
    """Rise for the first tenth, then fall to 0 along a cosine.

    The factor begins at 1 / 25, as in one-cycle schedules (Smith and Topin 2019): from 0 the
    first step of a training would move nothing. Earlier runs began with 0, so that the same seed
    gives other weights now.
    """
    if progress < warm:
        return INITIAL_RATE + (1 - INITIAL_RATE) * progress / warm
    return 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm)))


class Descent(Learner):
    """A learner with one optimiser over all weights, whose rate follows a schedule."""

    max_gradient = 0.0
    """Length to which longer gradients are cut (Pascanu et al. 2013); 0 for any."""

    def __init__(
        self,
        model: nn.Module,
        optimiser: Callable[..., Optimizer],
        learning_rate: float,
        schedule: Schedule = constant,
        weight_decay: float = 0.0,
    ) -> None:
        # One fused step over all weights: half as much again on a linear network.
        stepper = optimiser(
            model.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True
        )
        super().__init__(model, {"model": stepper})
        self.learning_rate, self.schedule = learning_rate, schedule

    def descend(self, loss: Tensor, progress: float) -> None:
        """Take one optimiser step on `loss`."""
        optimiser = self.optimisers["model"]
        for group in optimiser.param_groups:
            group["lr"] = self.learning_rate * self.schedule(progress) * group.get("rate", 1)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.max_gradient:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.max_gradient)
        optimiser.step()


C = TypeVar("C", bound=TaskConfig)
V = TypeVar("V", bound=Variant)
M = TypeVar("M", bound=nn.Module)


class Averaging(Learner, Generic[M]):
    """A learner that counts its steps and keeps, on request, a running average of its network."""

    average: M | None
    steps: int

    def begin_average(self, network: M, ema: float) -> None:
        """Begin with a copy of the network; with an `ema` of 0 there is no average."""
        self.average = copy.deepcopy(network) if ema else None
        self.steps = 0

    def state_dict(self) -> dict[str, Any]:
        average = self.average.state_dict() if self.average else {}
        return {**super().state_dict(), "steps": self.steps, "average": average}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.steps = state["steps"]
        if self.average:
            self.average.load_state_dict(state["average"])


@dataclass(frozen=True)
class Experiment(Generic[C, V, M]):
    """A network with the variant and the settings that it is trained and measured by."""

    variant: V
    config: C
    model: M
    judge: Judge | None = None
    """The run that the task's `judge` names, if there is one."""
    check: Check = silent
    """Called between small pieces of work."""


class Task(Family[C, V], ABC, Generic[C, V, M]):
    """A family whose variants are trained: networks, their steps and their figures."""

    medium: Medium = "pictures"
    """What its data sets are made of."""
    half: bool = False
    """Whether final weights are kept, and measured, in half precision."""
    sheets: int = 20
    """Sample sheets kept of a training, besides those of the first five epochs."""
    least_classes: int = 0
    """Minimum number of classes in the data set."""
    least_test: int = 1
    """Minimum number of test images in the data set."""
    most_test: int = 0
    """Maximum number of test images used, drawn by a fixed seed; 0 for all."""
    judge: tuple[str, str] | None = None
    """Task and variant of the run that measures it, trained on the same data set."""
    encodes: bool = False
    """Whether its networks encode images, so that the codes can be mapped."""

    def experiment(
        self,
        variant: str,
        config: C,
        model: M,
        judge: Judge | None = None,
        check: Check = silent,
    ) -> Experiment[C, V, M]:
        """Return what the methods below work on. Raises UnknownName for the variant."""
        return Experiment(self.variant(variant), config, model, judge, check)

    def fits(self, variant: str, shape: Shape) -> bool:
        return shape == self.variant(variant).shape_for(shape)

    def others(self, config: C) -> tuple[str, ...]:
        """Return the names of the data sets that a run uses besides its own; none by default."""
        return ()

    def describe(
        self, variant: str, config: C, info: DatasetInfo, fingerprint: str
    ) -> tuple[DataSpec, dict[str, bytes]]:
        """Return what a run on a data set uses of it, and files that the run begins with, by name.

        Raises:
            LabError: the set has too few classes or test images for this task.
        """
        if len(info.classes) < self.least_classes:
            raise LabError(
                f"{self.title} needs {self.least_classes} classes at least; {info.title} has "
                f"{len(info.classes)}. Bring pictures of another kind too."
            )
        if info.splits["test"] < self.least_test:
            raise LabError(
                f"{info.title} has too few test images ({info.splits['test']}): {self.title} are "
                f"measured on {self.least_test} at least. Bring more pictures."
            )
        n_train = info.splits["train"]
        used = DataSpec(
            fingerprint=fingerprint,
            n_train=min(n_train, config.train_images or n_train),
            n_test=min(info.splits["test"], self.most_test or info.splits["test"]),
            shape=self.variant(variant).shape_for(info.shape),
            classes=len(info.classes),
            class_names=info.classes,
        )
        return used, {}

    def training(self, run: Run) -> Images:
        """Return what a run learns from: all training images, or a seeded choice. Raises
        DataMissing."""
        spec, config = run.spec(), self.config_of(run)
        images = some(data.load(spec.dataset, "train"), spec.data.n_train, config.seed)
        return self.prepare(spec.variant, images)

    def testing(self, run: Run) -> Images:
        """Return what a run is measured on: the test images, or a seeded choice. Raises
        DataMissing."""
        spec = run.spec()
        images = data.load(spec.dataset, "test")
        images = images.choice(self.most_test or len(images.labels), TEST_SEED)
        return self.prepare(spec.variant, images)

    def prepare(self, variant: str, images: Images) -> Images:
        """Resize images of any data set to the shape and channels of the variant."""
        channels, height, width = images.pixels.shape[1:]
        return fitted(images, self.variant(variant).shape_for((channels, height, width)))

    def split(self, config: C, images: Images) -> tuple[Images, Images]:
        """Return the training images and the held-out ones; none by default."""
        return images, Images(images.pixels[:0], images.labels[:0])

    def build(self, variant: str, shape: Shape, config: C | None = None, classes: int = 0) -> M:
        """Build a network for images of `shape`; weights come from torch's global generator.

        Args:
            config: settings that shape the network; None takes the variant's defaults.
            classes: of the data set; 0 where there are none.
        """
        model: M = self.variant(variant).build(shape)
        return model

    def precompute(self, experiment: Experiment[C, V, M], images: Images) -> Images:
        """Return what the learner steps over and is validated on: the images themselves, or
        features of a frozen network, computed once; `pixels` is then (N, d)."""
        return images

    def build_for(self, spec: RunSpec, config: C) -> M:
        """Build the network of a run, see `build`."""
        return self.build(spec.variant, spec.data.shape, config, spec.data.classes)

    @abstractmethod
    def learner(self, experiment: Experiment[C, V, M], data: Images | None = None) -> Learner:
        """Return the learner: the network with its optimisers, ready for the first step.

        Args:
            data: the training data as `precompute` returns it, for learners that need its
                statistics.
        """

    def calibrate(self, experiment: Experiment[C, V, M], held: Images) -> None:
        """Calibrate the finished network on the held-out images; does nothing by default."""

    @abstractmethod
    def validate(
        self, experiment: Experiment[C, V, M], images: Images, held: Images
    ) -> dict[str, float]:
        """Compute a few quick figures after each epoch, on part of the test split.

        Args:
            held: the held-out images of `split`; may be empty.
        """

    def ended(self, config: C, history: Sequence[Mapping[str, float]]) -> str:
        """Return why to stop after the epoch of the last row, as a sentence; empty to go on."""
        return ""

    @abstractmethod
    def evaluate(self, experiment: Experiment[C, V, M], images: Images) -> dict[str, Any]:
        """Compute all figures on the test split, at the end."""

    @abstractmethod
    def render(self, experiment: Experiment[C, V, M], images: Images) -> np.ndarray:
        """Draw the sample sheet, uint8 (H, W) or (H, W, 3), from the same inputs at every call."""

    def own_judge(self, run: Run, device: torch.device, check: Check = silent) -> Judge | None:
        """Make what measures a run for this run alone; None by default, where the run that `judge`
        names does."""
        return None

    def encode(self, model: M, images: Images, check: Check = silent) -> Tensor:
        """Return the codes (N, d) of prepared images, on the model's device.

        Raises:
            LabError: networks of this task have none.
        """
        raise LabError(f"{self.title} has no codes to map.")


AnyTask: TypeAlias = Task[Any, Any, Any]


def some(images: Images, count: int, seed: int) -> Images:
    """Return all images, or a seeded choice of them."""
    if count >= len(images.labels):
        return images
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(images.labels), generator=generator)[:count]
    return Images(images.pixels[chosen], images.labels[chosen])


def check_batch_size(
    model: nn.Module,
    batch_size: int,
    norms: tuple[type[nn.Module], ...] = (nn.BatchNorm1d, nn.BatchNorm2d),
) -> None:
    """Raises LabError for single images where batch norm, one of `norms`, has little to norm."""
    if batch_size == 1 and any(isinstance(module, norms) for module in model.modules()):
        raise LabError("This network needs batches of two images at least.")


def fitted(images: Images, shape: Shape = SMALL) -> Images:
    """Resize images and change their number of channels, see `core.images.fit`."""
    return Images(fit(images.pixels, shape), images.labels)


def unit(pixels: Tensor) -> Tensor:
    """Convert uint8 (N, C, H, W) to floats in [0, 1], channels last."""
    return (pixels.float() / 255).contiguous(memory_format=torch.channels_last)
