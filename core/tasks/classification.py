"""Recognition: a network learns to classify images."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer

from core.cancellation import Check, silent, watched
from core.data import Images
from core.errors import LabError
from core.images import contact_sheet
from core.metrics.image import calibration_error
from core.models import convnets
from core.models.convnets import Recogniser
from core.tasks.base import (
    Descent,
    Experiment,
    Learner,
    Schedule,
    Task,
    TaskConfig,
    check_batch_size,
    constant,
    unit,
    warm_cosine,
)
from core.tasks.family import Shape, Variant, by_name, number

CHUNK = 500
"""Images at a time in a measurement."""
VALIDATION_IMAGES = 2000
SHEET = 12
"""Pictures in a row of the sample sheet."""


class RecognitionConfig(TaskConfig):
    """Settings of a classifier's training."""

    shift: int = number(0, (0, 8), "Shift", "pixels by which each image is moved at random")
    mirror: bool = Field(False, title="Mirror", description="turn half of the images left to right")
    weight_decay: float = number(
        0.0, (0, 0.1), "Weight decay", "pull of the weights towards zero", step=0.0001
    )


@dataclass(frozen=True, kw_only=True)
class RecognitionVariant(Variant):
    """A classifier with what it is trained by."""

    optimiser: type[Optimizer]
    schedule: Schedule


RecognitionExperiment = Experiment[RecognitionConfig, RecognitionVariant, Recogniser]


class RecognitionLearner(Descent):
    """Cross-entropy of moved and mirrored images."""

    def __init__(self, experiment: RecognitionExperiment):
        variant, self.config = experiment.variant, experiment.config
        rate, decay = self.config.learning_rate, self.config.weight_decay
        super().__init__(experiment.model, variant.optimiser, rate, variant.schedule, decay)

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        x = unit(varied(self.config, images.pixels, generator))
        logits = self.model(x)
        loss = F.cross_entropy(logits, images.labels)
        self.descend(loss, progress)
        right = (logits.argmax(1) == images.labels).float().mean()
        return {"loss": loss.item(), "accuracy": right.item()}


def varied(config: RecognitionConfig, pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Each image moved by up to `shift` pixels, its border repeated, and mirrored by chance.

    Args:
        pixels: uint8 (B, C, H, W).
    """
    n, _, height, width = pixels.shape
    if config.mirror:
        turned = torch.rand(n, generator=generator, device=pixels.device) < 0.5
        pixels = torch.where(turned.view(-1, 1, 1, 1), pixels.flip(3), pixels)
    if config.shift:
        reach = 2 * config.shift + 1
        by = torch.randint(reach, (2, n, 1), generator=generator, device=pixels.device)
        steps = [torch.arange(side, device=pixels.device) for side in (height, width)]
        rows, columns = ((s + b - config.shift) for s, b in zip(steps, by, strict=True))
        rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
        every = torch.arange(n, device=pixels.device).view(-1, 1, 1)
        moved = pixels.permute(0, 2, 3, 1)[every, rows[:, :, None], columns[:, None, :]]
        pixels = moved.permute(0, 3, 1, 2)
    return pixels


class Recognition(Task[RecognitionConfig, RecognitionVariant, Recogniser]):
    """Classification of images of any data set with classes."""

    least_classes = 2

    name = "recognition"
    kind = "recognise"
    title = "Recognition"
    headline = "accuracy"
    half = True
    encodes = True
    config_class = RecognitionConfig
    variants = by_name(
        RecognitionVariant(
            "cnn",
            "Convolutional classifier",
            "Four convolutions and three linear layers, trained as in the text.",
            convnets.cnn,
            {"epochs": 5, "learning_rate": 1e-2},
            optimiser=SGD,
            schedule=constant,
            source="Conv 3 16-32-64-128, BN; Lin 2048-1024-128-k; cross-entropy; SGD",
            edition=2,
            text="Conv 16-32-64-128 with batch norm, Lin 2048-1024-128-10; SGD 1e-2, "
            "batches of 64, images in [-1, 1], 5 epochs.",
            differs="Nothing.",
        ),
        RecognitionVariant(
            "cnn_strong",
            "Convolutional classifier, trained better",
            "The same network with Adam and a falling rate; its 128 features judge the GANs.",
            convnets.cnn,
            {"epochs": 5},
            optimiser=Adam,
            schedule=warm_cosine,
            source="The network of `cnn`; Adam, warm-up and cosine, ours",
            named="cnn",
            text="See `cnn`.",
            differs="The same network with Adam 1e-3 and a rate that rises and falls; for "
            "Fashion-MNIST 10 epochs and mirrored images: what judges generators "
            "should seldom err.",
        ),
    )

    def build(
        self, variant: str, shape: Shape, config: RecognitionConfig | None = None, classes: int = 0
    ) -> Recogniser:
        chosen = self.variant(variant)
        if classes < 2:
            raise LabError(f"{chosen.title} needs a data set with two classes at least.")
        model: Recogniser = chosen.build(shape, classes)
        return model

    def learner(self, experiment: RecognitionExperiment, data: Images | None = None) -> Learner:
        """Raises LabError for single images, of which batch norm has little to norm."""
        check_batch_size(experiment.model, experiment.config.batch_size)
        return RecognitionLearner(experiment)

    def validate(
        self, experiment: RecognitionExperiment, images: Images, held: Images
    ) -> dict[str, float]:
        subset = images.choice(VALIDATION_IMAGES)
        logits = _logits(experiment.model, subset, experiment.check)
        loss = F.cross_entropy(logits, subset.labels)
        accuracy = (logits.argmax(1) == subset.labels).float().mean()
        return {"test_loss": float(loss), "test_accuracy": float(accuracy)}

    def evaluate(self, experiment: RecognitionExperiment, images: Images) -> dict[str, Any]:
        """Compute accuracy, also per class, log loss, calibration error and confusion matrix."""
        logits = _logits(experiment.model, images, experiment.check)
        predicted, classes = logits.argmax(1), logits.shape[1]
        counts = torch.bincount(images.labels * classes + predicted, minlength=classes**2)
        confusion = counts.view(classes, classes)
        recalls = confusion.diagonal() / confusion.sum(1).clamp_min(1)
        return {
            "accuracy": round(float((predicted == images.labels).float().mean()), 4),
            "log_loss": round(float(F.cross_entropy(logits, images.labels)), 4),
            "calibration_error": round(calibration_error(logits, images.labels), 4),
            "class_accuracy": [round(float(r), 4) for r in recalls],
            "confusion": confusion.tolist(),
            "n_test": len(images.labels),
        }

    @torch.inference_mode()
    def render(self, experiment: RecognitionExperiment, images: Images) -> np.ndarray:
        """Draw a row a class: the first test images that are predicted as that class."""
        subset = images.first(VALIDATION_IMAGES)
        logits = _logits(experiment.model, subset, experiment.check)
        predicted, rows = logits.argmax(1), []
        for k in range(logits.shape[1]):
            row = subset.pixels[predicted == k][:SHEET]
            empty = row.new_full((SHEET - len(row), *subset.pixels.shape[1:]), 128)
            rows.append(torch.cat([row, empty]))
        return contact_sheet(torch.cat(rows), columns=SHEET)

    @torch.inference_mode()
    def encode(self, model: Recogniser, images: Images, check: Check = silent) -> Tensor:
        """Return the inputs of the last layer."""
        parts = [model.features(x) for x in _batches(images, check, "encoding")]
        return torch.cat(parts) if parts else torch.zeros(0, model.width)


@torch.inference_mode()
def _logits(model: nn.Module, images: Images, check: Check) -> Tensor:
    return torch.cat([model(x) for x in _batches(images, check, "measuring")])


def _batches(images: Images, check: Check, stage: str) -> Iterator[Tensor]:
    for pixels in watched(torch.split(images.pixels, CHUNK), check, stage):
        yield unit(pixels)


RECOGNITION = Recognition()
