"""How classifiers learn: settings, variations of the images, and their descent."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Optimizer

from core.cancellation import Check, silent
from core.data import Images, augmentations
from core.models import convnets
from core.models.convnets import Recogniser
from core.models.fused import SmallMaps
from core.tasks.base import Descent, Experiment, Schedule, TaskConfig, unit
from core.tasks.family import Variant, number

WHITENED_IMAGES = 5000
"""Images by whose patches a whitening layer is set."""
LOOKAHEAD_STEPS = 5
FAST_BIASES = 64
"""Factor of the learning rate of batch norms' biases."""


def triangle(progress: float, warm: float = 0.23, first: float = 0.2, last: float = 0.07) -> float:
    """Rise along a line from `first` of the rate for the share `warm`, then fall to `last`."""
    if progress < warm:
        return first + (1 - first) * progress / warm
    return 1 + (last - 1) * (progress - warm) / (1 - warm)


def airbench_sgd(
    parameters: Iterable[nn.Parameter], lr: float, weight_decay: float, fused: bool
) -> Optimizer:
    """SGD with Nesterov's momentum, for which biases of batch norms learn 64 times as fast and
    decay as slowly as all (Jordan 2024)."""
    every = list(parameters)
    groups: list[dict[str, Any]] = [
        {"params": [p for p in every if p.dim() > 1]},
        {
            "params": [p for p in every if p.dim() == 1],
            "rate": FAST_BIASES,
            "weight_decay": weight_decay / FAST_BIASES,
        },
    ]
    return SGD(groups, lr, momentum=0.85, nesterov=True, weight_decay=weight_decay, fused=fused)


class RecognitionConfig(TaskConfig):
    """Settings of a classifier's training."""

    shift: int = number(0, (0, 8), "Shift", "pixels by which each image is moved at random")
    mirror: bool = Field(False, title="Mirror", description="turn half of the images left to right")
    enlarge: int = number(
        0,
        (0, 512),
        "Enlarge to",
        "pixels of the shorter side, before a random crop of the old size",
    )
    border: int = number(
        0, (0, 16), "Border", "black pixels around each image, before a random crop of the old size"
    )
    cutout: int = number(0, (0, 64), "Cutout", "side in pixels of a square that is blackened")
    smoothing: float = number(
        0.0,
        (0, 0.5),
        "Label smoothing",
        "probability that the target spreads over all classes",
        step=0.05,
    )
    weight_decay: float = number(
        0.0, (0, 0.1), "Weight decay", "pull of the weights towards zero", step=0.00005
    )
    initialisation: Literal["default", "text", "normal", "xavier", "kaiming"] = Field(
        "default",
        title="Initial weights",
        description="how they are drawn: the network's own way, the text's by hand, or all of "
        "them normal, Xavier normal or Kaiming normal, with biases of zero",
    )


@dataclass(frozen=True, kw_only=True)
class RecognitionVariant(Variant):
    """A classifier with what it is trained by."""

    optimiser: Callable[..., Optimizer]
    schedule: Schedule
    learner: "Callable[[RecognitionExperiment, Images | None], RecognitionLearner] | None" = None
    """Where it learns otherwise than by `RecognitionLearner`."""


RecognitionExperiment = Experiment[RecognitionConfig, RecognitionVariant, Recogniser]


class RecognitionLearner(Descent):
    """Cross-entropy of varied images."""

    def __init__(self, experiment: RecognitionExperiment):
        variant, self.config = experiment.variant, experiment.config
        rate, decay = self.config.learning_rate, self.config.weight_decay
        super().__init__(experiment.model, variant.optimiser, rate, variant.schedule, decay)
        self.weights = {
            path: module.weight
            for path, module in experiment.model.named_modules()
            if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.requires_grad
        }

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        x = unit(varied(self.config, images.pixels, generator))
        with SmallMaps():
            logits = self.model(x)
        smooth = self.config.smoothing
        loss = F.cross_entropy(logits, images.labels, label_smoothing=smooth)
        self.descend(loss, progress)
        right = (logits.argmax(1) == images.labels).float().mean()
        return {"loss": loss.item(), "accuracy": right.item(), **self._gradients()}

    def _gradients(self) -> dict[str, float]:
        """The norm of the gradient of each layer's weights."""
        gradients = [w.grad for w in self.weights.values() if w.grad is not None]
        norms = torch.stack(torch._foreach_norm(gradients)).tolist()
        return {f"gradient:{path}": norm for path, norm in zip(self.weights, norms, strict=True)}


class FastLearner(RecognitionLearner):
    """The training of airbench (Jordan 2024): a first layer that whitens patches of the training
    images, and an average of the weights, towards which they are drawn every few steps (lookahead,
    Zhang et al. 2019), the more the later."""

    def __init__(self, experiment: RecognitionExperiment, data: Images | None):
        super().__init__(experiment)
        if data is not None:
            first = next(m for m in experiment.model.modules() if isinstance(m, nn.Conv2d))
            convnets.whiten(first, unit(data.choice(WHITENED_IMAGES).pixels))
        self.average = [t.clone() for t in self._averaged()]
        self.steps = 0

    def _averaged(self) -> list[Tensor]:
        state = self.model.state_dict().values()
        return [t for t in state if t.is_floating_point()]

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        row = super().step(images, progress, generator)
        self.steps += 1
        if self.steps % LOOKAHEAD_STEPS == 0:
            self._look_ahead(0.95**LOOKAHEAD_STEPS * progress**3)
        return row

    def _look_ahead(self, kept: float) -> None:
        """Move the average to the weights but for `kept` of what it was, and the weights to it."""
        now = self._averaged()
        torch._foreach_lerp_(self.average, now, 1 - kept)
        for tensor, average in zip(now, self.average, strict=True):
            tensor.copy_(average)

    def finish(self, check: Check = silent) -> nn.Module:
        self._look_ahead(1.0)
        return self.model

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "average": self.average, "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.average, self.steps = [t.clone() for t in state["average"]], state["steps"]


def varied(config: RecognitionConfig, pixels: Tensor, generator: torch.Generator) -> Tensor:
    """The images of a batch as they are varied in training: mirrored, shifted, cropped, cut out.

    Args:
        pixels: uint8 (B, C, H, W).
    """
    side = min(pixels.shape[2:])
    if config.mirror:
        pixels = augmentations.flip(pixels, generator)
    if config.shift:
        pixels = augmentations.shift(pixels, config.shift, generator)
    if config.enlarge > side:
        pixels = augmentations.scale(pixels, config.enlarge)
        pixels = augmentations.random_crop(pixels, side, generator)
    if config.border:
        pixels = augmentations.pad(pixels, config.border)
        pixels = augmentations.random_crop(pixels, side, generator)
    if config.cutout:
        pixels = augmentations.cutout(pixels, config.cutout, generator)
    return pixels
