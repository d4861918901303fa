"""What can be trained: a task is a family of variants that share a config, a step and figures."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Optimizer

from core.data import Images
from core.errors import LabError
from core.images import fit
from core.tasks.family import SMALL, Family, FamilyConfig, Shape

Check = Callable[[str], None]
"""Called between pieces of work with what is being done; raises `Cancelled` to stop it."""


def silent(stage: str) -> None:
    """The check of those whom nobody stops."""


class TaskConfig(FamilyConfig):
    """What every training is asked."""

    epochs: int = Field(10, ge=0, le=10_000, title="Epochs", description="passes over the data")
    batch_size: int = Field(
        64,
        ge=1,
        le=4096,
        json_schema_extra={"step": 8},
        title="Batch size",
        description="images a step",
    )
    learning_rate: float = Field(
        1e-3,
        ge=1e-6,
        le=1.0,
        json_schema_extra={"step": 0.0001},
        title="Learning rate",
        description="step size of the optimiser",
    )
    train_images: int = Field(
        0,
        ge=0,
        le=10_000_000,
        json_schema_extra={"step": 1000},
        title="Training images",
        description="how many to use; 0 takes all",
    )
    seed: int = Field(
        0, ge=0, le=2**31 - 1, title="Seed", description="decides weights, order and noise"
    )
    start_from: str = Field(
        "",
        max_length=200,
        title="Start from",
        description="a finished run of the same network whose weights to begin with; empty draws "
        "new ones",
    )


class Judge(NamedTuple):
    """A finished run that measures others: its name, its network in eval mode, and what gives so
    many training images of the set, by which a distance has a floor; None where there are none."""

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

    enough = False
    """It has learnt all that it will: the training may end before its last epoch."""

    def heard(self, row: Mapping[str, float]) -> None:  # noqa: B027 - most have no use for it
        """The figures after an epoch."""

    def result(self, check: Check = silent) -> nn.Module:
        """The network to look at after an epoch."""
        return self.model

    def finish(self, check: Check = silent) -> nn.Module:
        """The network to keep, after the last epoch."""
        return self.result(check)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, but for the generator."""
        states = {name: o.state_dict() for name, o in self.optimisers.items()}
        return {"model": self.model.state_dict(), "optimisers": states}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.model.load_state_dict(state["model"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])


COLD = 1 / 25
"""Where a rising learning rate begins, as a share of the whole."""


def constant(progress: float) -> float:
    """The learning rate stays as it is."""
    return 1.0


def warm_cosine(progress: float, warm: float = 0.1) -> float:
    """Rises for the first tenth, then falls to nothing along a cosine.

    It begins at a share of 1 / 25, as one-cycle schedules do (Smith and Topin 2019): from 0 the
    first step of a training would move nothing. Runs made before that began with 0, so that the
    same seed gives other weights now.
    """
    if progress < warm:
        return COLD + (1 - COLD) * progress / warm
    return 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm)))


class Descent(Learner):
    """A learner with one optimiser over all weights, whose rate follows a schedule."""

    def __init__(
        self,
        model: nn.Module,
        optimiser: type[Optimizer],
        learning_rate: float,
        schedule: Callable[[float], float] = constant,
        weight_decay: float = 0.0,
    ) -> None:
        # One fused step over all weights: half as much again on a linear network.
        stepper = optimiser(  # type: ignore[call-arg]
            model.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True
        )
        super().__init__(model, {"model": stepper})
        self.learning_rate, self.schedule = learning_rate, schedule

    def descend(self, loss: Tensor, progress: float) -> None:
        """One step down the gradient of `loss`."""
        optimiser = self.optimisers["model"]
        for group in optimiser.param_groups:
            group["lr"] = self.learning_rate * self.schedule(progress)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


class Task(Family, ABC):
    """A family that learns: networks, their steps and their figures."""

    config_class: ClassVar[type[TaskConfig]]
    half: ClassVar[bool] = False
    """Final weights are kept, and measured, in half precision."""
    sheets: ClassVar[int] = 20
    """Sample sheets kept of a training, beside those of the first five epochs."""
    least_classes: ClassVar[int] = 0
    """Classes that a data set must have to be learnt from."""
    least_test: ClassVar[int] = 1
    """Test images that a data set must have for its networks to be measured."""
    most_test: ClassVar[int] = 0
    """Test images that are looked at, at most, drawn by a fixed seed; 0 for all."""
    judge: ClassVar[tuple[str, str] | None] = None
    """Task and variant of the run that it is measured with, trained on the same data set."""

    def config(self, variant: str, values: Mapping[str, Any] | None = None) -> TaskConfig:
        return cast(TaskConfig, super().config(variant, values))

    def fits(self, variant: str, shape: Shape) -> bool:
        return shape == self.variant(variant).shape_for(shape)

    def prepare(self, variant: str, images: Images) -> Images:
        """Bring the images of any data set to the shape and channels that the variant works on."""
        of = cast(Shape, tuple(images.pixels.shape[1:]))
        return fitted(images, self.variant(variant).shape_for(of))

    def split(self, config: TaskConfig, images: Images) -> tuple[Images, Images]:
        """Training images, and those that are held back from training: here none."""
        return images, Images(images.pixels[:0], images.labels[:0])

    def build(
        self, variant: str, shape: Shape, config: TaskConfig | None = None, classes: int = 0
    ) -> nn.Module:
        """A new network for images of `shape`, weights drawn from torch's global generator.

        Args:
            config: settings that shape the network; None takes the variant's own.
            classes: of the data set; 0 where there are none.
        """
        return cast(nn.Module, self.variant(variant).build(shape))

    def embed(
        self, variant: str, config: TaskConfig, model: nn.Module, images: Images, check: Check
    ) -> Images:
        """What the learner steps over and is validated on: the images themselves, or what never
        changes of them, computed once: its `pixels` are then features (N, d)."""
        return images

    @abstractmethod
    def learner(
        self, variant: str, config: TaskConfig, model: nn.Module, data: Images | None = None
    ) -> Learner:
        """The network with its optimisers, ready for the first step.

        Args:
            data: what it will be trained on, as `embed` gives it, for those who have to look at it
                first.
        """

    def calibrate(
        self,
        variant: str,
        config: TaskConfig,
        model: nn.Module,
        held: Images,
        check: Check = silent,
    ) -> None:
        """A last touch to the finished network, with what `split` held back; here none."""

    @abstractmethod
    def validate(
        self,
        variant: str,
        config: TaskConfig,
        model: nn.Module,
        images: Images,
        held: Images,
        judge: Judge | None = None,
        check: Check = silent,
    ) -> dict[str, float]:
        """A few quick figures after each epoch, on part of the test split.

        Args:
            held: what `split` held back; maybe no image at all.
            judge: what the task's `judge` names, where there is one.
        """

    def ended(self, config: TaskConfig, history: Sequence[Mapping[str, float]]) -> str:
        """Why to stop after the epoch of the last row, as a sentence; empty to go on."""
        return ""

    def remark(self, history: Sequence[Mapping[str, Any]]) -> str:
        """What is to be said of a training so far, as a sentence; empty where there is nothing."""
        return ""

    @abstractmethod
    def evaluate(
        self,
        variant: str,
        config: TaskConfig,
        model: nn.Module,
        images: Images,
        check: Check,
        judge: Judge | None = None,
    ) -> dict[str, Any]:
        """All figures on the test split, at the end; `check` is called often."""

    @abstractmethod
    def render(
        self,
        variant: str,
        config: TaskConfig,
        model: nn.Module,
        images: Images,
        check: Check = silent,
    ) -> np.ndarray:
        """The sample sheet, uint8 (H, W) or (H, W, 3): the same inputs whenever it is called."""

    encodes: ClassVar[bool] = False
    """Its networks put images into codes that can be mapped."""

    def codes(self, model: nn.Module, images: Images, check: Check = silent) -> Tensor:
        """The codes (N, d) of prepared images, on the model's device.

        Raises:
            LabError: networks of this task have none.
        """
        raise LabError(f"{self.title} has no codes to map.")


def fitted(images: Images, shape: Shape = SMALL) -> Images:
    """The images in another size and number of channels, as `core.images.fit` makes them."""
    return Images(fit(images.pixels, shape), images.labels)


def unit(pixels: Tensor) -> Tensor:
    """uint8 (N, C, H, W) to floats in [0, 1], in the layout that convolutions like best."""
    return (pixels.float() / 255).contiguous(memory_format=torch.channels_last)
