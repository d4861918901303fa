"""Recognition: a network learns to classify images."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam

from core.cancellation import Check, silent, watched
from core.data import Images
from core.errors import LabError
from core.images import contact_sheet
from core.metrics.dead_units import DeadUnits
from core.metrics.image import calibration_error
from core.models import convnets
from core.models.convnets import Recogniser
from core.tasks.base import (
    Learner,
    Task,
    check_batch_size,
    constant,
    unit,
    warm_cosine,
)
from core.tasks.family import Shape, by_name
from core.tasks.recognition_training import (
    FastLearner,
    RecognitionConfig,
    RecognitionExperiment,
    RecognitionLearner,
    RecognitionVariant,
    airbench_sgd,
    triangle,
)

CHUNK = 500
"""Images at a time in a measurement."""
VALIDATION_IMAGES = 2000
COLOUR: Shape = (3, 32, 32)
"""What the networks for colour work on: the size of CIFAR-10's pictures."""
MAX_CLASS_COLUMNS = 20
"""Classes whose accuracies stand in the history."""
MOMENTUM = partial(SGD, momentum=0.9, nesterov=True)
HE_DEFAULTS = {
    "epochs": 12,
    "batch_size": 128,
    "learning_rate": 0.1,
    "weight_decay": 1e-4,
    "mirror": True,
    "border": 4,
}
"""Of the two networks of 20 layers, which differ in their shortcuts only."""
SHEET = 12
"""Pictures in a row of the sample sheet."""


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
        RecognitionVariant(
            "mlp",
            "Perceptron",
            "Three linear layers, trained as in the text: it sees no neighbourhoods.",
            convnets.mlp,
            {"epochs": 20, "learning_rate": 1e-2},
            optimiser=SGD,
            schedule=constant,
            source="Lin 784-300-100-k, BN; cross-entropy; SGD",
            text="Lin 784-300-100-10, batch norm and ReLU after the first two; SGD 1e-2, batches "
            "of 64, images in [-1, 1], 20 epochs.",
            differs="Nothing.",
        ),
        RecognitionVariant(
            "lenet",
            "LeNet without activations",
            "Two convolutions and three linear layers with nothing between them but pooling.",
            convnets.lenet,
            {"epochs": 5},
            optimiser=Adam,
            schedule=warm_cosine,
            source="Conv 3 6, Conv 5 16, Lin 400-120-84-k, as printed; Adam, ours",
            text="Conv 3 6, pool, Conv 5 16, pool, Lin 400-120-84-10, printed without activations "
            "and not trained.",
            differs="Trained: Adam 1e-3, a rate that rises and falls, 5 epochs.",
        ),
        RecognitionVariant(
            "lenet_relu",
            "LeNet",
            "The same with a ReLU after each layer.",
            convnets.lenet_relu,
            {"epochs": 5},
            optimiser=Adam,
            schedule=warm_cosine,
            source="LeCun et al. 1998, with ReLU; Adam, ours",
            text="See `lenet`.",
            differs="A ReLU after each layer but the last; else as `lenet`: the difference is what "
            "the activations are worth.",
        ),
        RecognitionVariant(
            "quick_cnn",
            "Quick convolutional network",
            "Three convolutions and one linear layer: digits in seconds.",
            convnets.quick_cnn,
            {"epochs": 1, "batch_size": 128, "learning_rate": 0.1, "weight_decay": 5e-4},
            optimiser=MOMENTUM,
            schedule=partial(warm_cosine, warm=0.2),
            quick=True,
            source="Conv 16-32-64 with strides, BN; SGD with momentum; ours",
            differs="Ours, for the first minute: one pass, and one rise and fall of a high "
            "rate (Smith and Topin 2019).",
        ),
        RecognitionVariant(
            "simple_cnn",
            "Simple convolutional network",
            "Three convolutions and three linear layers, for colour pictures of 32×32.",
            convnets.simple_cnn,
            {"epochs": 10, "mirror": True},
            shape=COLOUR,
            optimiser=Adam,
            schedule=warm_cosine,
            source="Conv 3 32-64-128; Lin 2048-512-64-k; Adam, ours",
            text="Conv 3 32, 64, 128, padded, ReLU and pool after each; Lin 2048-512-64-10; to "
            "inspect, not trained.",
            differs="Trained: Adam 1e-3, a rate that rises and falls, 10 epochs, mirrored images.",
        ),
        RecognitionVariant(
            "alexnet_small",
            "AlexNet for small pictures",
            "Five convolutions and three linear layers with dropout, for 32×32.",
            convnets.alexnet_small,
            {"epochs": 10, "mirror": True},
            shape=COLOUR,
            optimiser=Adam,
            schedule=warm_cosine,
            source="After Krizhevsky et al. 2012, for 32×32; Adam, ours",
            text="AlexNet for 3×224×224, to inspect, not trained.",
            differs="For 3×32×32: smaller first kernels and strides, 512 instead of 4,096 units; "
            "the published size cannot be trained here.",
        ),
        RecognitionVariant(
            "vgg_small",
            "VGG for small pictures",
            "Seven convolutions of 3×3 in three groups, for 32×32.",
            convnets.vgg_small,
            {"epochs": 10, "mirror": True, "border": 4},
            shape=COLOUR,
            optimiser=Adam,
            schedule=warm_cosine,
            source="After Simonyan and Zisserman 2015, for 32×32; Adam, ours",
            text="VGG for 3×224×224, to inspect, not trained.",
            differs="For 3×32×32: the first three groups, half as wide, with batch norm; the "
            "published size cannot be trained here.",
        ),
        RecognitionVariant(
            "inception",
            "Inception network",
            "Three modules of four ways each, joined by depth, for 32×32.",
            convnets.inception,
            {"epochs": 10, "mirror": True, "border": 4},
            shape=COLOUR,
            optimiser=Adam,
            schedule=warm_cosine,
            source="The module of Szegedy et al. 2016, for 32×32; Adam, ours",
            text="The module: 1×1 64; 1×1 48 → 5×5 64; 1×1 64 → 3×3 96 → 3×3 96; mean 3 → 1×1 p; "
            "batch norm (eps 1e-3) and ReLU after each; to inspect, not trained.",
            differs="Three of these modules behind one convolution, for 3×32×32.",
        ),
        RecognitionVariant(
            "resnet",
            "Residual network",
            "Eight residual blocks up to 512 channels, trained as in the text.",
            convnets.resnet,
            {"epochs": 10, "batch_size": 32, "learning_rate": 1e-2, "enlarge": 40, "mirror": True},
            shape=COLOUR,
            optimiser=Adam,
            schedule=constant,
            source="Conv 7 64; four stages of two residual blocks; Lin 512-k; Adam",
            text="Conv 7 64, stride 2, without batch norm and ReLU; pool 3, stride 1; stages 64, "
            "128, 256, 512 of two residual blocks; mean pool 2; Lin 512-10; Adam 1e-2, batches of "
            "32, images in [-1, 1], resized to 40, mirrored, cropped to 32; 10 epochs.",
            differs="The crop is drawn for each image of a batch at once.",
        ),
        RecognitionVariant(
            "resnet20",
            "Residual network of 20 layers",
            "Nineteen small convolutions with shortcuts, beside the same without.",
            convnets.resnet20,
            HE_DEFAULTS,
            shape=COLOUR,
            optimiser=MOMENTUM,
            schedule=warm_cosine,
            source="He et al. 2016, section 4.2; SGD with momentum",
            differs="The residual network of He et al. 2016 for CIFAR-10, with a schedule of 12 "
            "epochs instead of 164.",
        ),
        RecognitionVariant(
            "plain20",
            "Plain network of 20 layers",
            "The same nineteen convolutions without shortcuts.",
            convnets.plain20,
            HE_DEFAULTS,
            shape=COLOUR,
            optimiser=MOMENTUM,
            schedule=warm_cosine,
            source="He et al. 2016, section 4.2; SGD with momentum",
            differs="As `resnet20`, without its shortcuts.",
        ),
        RecognitionVariant(
            "fast_resnet",
            "Fast residual network",
            "Seven convolutions behind a whitening one, made to learn in few passes.",
            convnets.fast_resnet,
            {
                "epochs": 10,
                "batch_size": 512,
                "learning_rate": 0.75,
                "weight_decay": 1e-3,
                "mirror": True,
                "border": 2,
                "smoothing": 0.2,
            },
            shape=COLOUR,
            optimiser=airbench_sgd,
            schedule=triangle,
            learner=FastLearner,
            source="After Jordan 2024 (airbench) and He et al. 2016; SGD with momentum",
            differs="Ours: patches are whitened, batch norm has no scales and fast biases, "
            "convolutions begin as identities, half of them with a shortcut; label smoothing, one "
            "rise and fall of the rate, and weights drawn towards their average.",
        ),
    )

    def build(
        self, variant: str, shape: Shape, config: RecognitionConfig | None = None, classes: int = 0
    ) -> Recogniser:
        chosen = self.variant(variant)
        if classes < 2:
            raise LabError(f"{chosen.title} needs a data set with two classes at least.")
        model: Recogniser = chosen.build(shape, classes)
        if config is not None:
            convnets.initialise(model, config.initialisation)
        return model

    def learner(self, experiment: RecognitionExperiment, data: Images | None = None) -> Learner:
        """Raises LabError for single images, of which batch norm has little to norm."""
        check_batch_size(experiment.model, experiment.config.batch_size)
        if experiment.variant.learner is not None:
            return experiment.variant.learner(experiment, data)
        return RecognitionLearner(experiment)

    def validate(
        self, experiment: RecognitionExperiment, images: Images, held: Images
    ) -> dict[str, float]:
        subset = images.choice(VALIDATION_IMAGES)
        with DeadUnits(experiment.model) as units:
            logits = _logits(experiment.model, subset, experiment.check)
        right = (logits.argmax(1) == subset.labels).float()
        figures = {
            "test_loss": float(F.cross_entropy(logits, subset.labels)),
            "test_accuracy": float(right.mean()),
        }
        if logits.shape[1] <= MAX_CLASS_COLUMNS:
            for k in sorted(set(subset.labels.tolist())):
                figures[f"class_accuracy:{k}"] = float(right[subset.labels == k].mean())
        return figures | {f"dead:{path}": share for path, share in units.shares().items()}

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
