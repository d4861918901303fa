"""Small changes of a picture that mislead a classifier, beside random ones of the same size.

The fast gradient sign method moves every number of a picture by ε in the direction in which the
loss grows (Goodfellow, Shlens and Szegedy 2015, https://arxiv.org/abs/1412.6572). Random noise of
the same size moves each by ε too, in a direction that is drawn: what it costs is the baseline.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.cancellation import Check, silent, watched
from core.data import Images
from core.errors import LabError
from core.inference.activations import checked_class
from core.inference.surgery import CHUNK, check_finite
from core.metrics.image import wilson_interval
from core.tasks.base import unit

MAX_SIZE = 64
"""Grey values of 255: beyond a quarter of the range a change is no longer small."""


class Step(NamedTuple):
    """A picture after a step, uint8 (1, C, H, W), and the probabilities (classes,) then."""

    pixels: Tensor
    probabilities: Tensor


class Steps(NamedTuple):
    """What a network answers before a step, after an adversarial, and after a random one."""

    before: Step
    adversarial: Step
    random: Step
    directions: Tensor
    """Of the adversarial step, (1, C, H, W): -1, 0 or 1 each."""


class Accuracies(NamedTuple):
    """How many of `n` images are answered rightly after steps of a size."""

    size: int
    adversarial: int
    random: int
    n: int

    def interval(self, right: int) -> tuple[float, float]:
        """The 95 % interval of a share of the images (Wilson 1927)."""
        return wilson_interval(right, self.n)


def directions(model: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
    """Return the signs of the loss's gradient, (N, C, H, W); 0 where it is flat.

    Args:
        model: from images (N, C, H, W) in [0, 1] to logits.
        pixels: uint8 (N, C, H, W).
        labels: (N,), the class away from which each image is moved.
    """
    with torch.inference_mode(False), torch.enable_grad():
        images = unit(pixels).clone().requires_grad_(True)
        loss = F.cross_entropy(model(images), labels.clone(), reduction="sum")
        (gradient,) = torch.autograd.grad(loss, images)
    return gradient.sign()


def random_directions(shape: Sequence[int], seed: int) -> Tensor:
    """Return -1 or 1 for each number, drawn by the seed."""
    generator = torch.Generator().manual_seed(seed)
    return 2.0 * torch.randint(0, 2, tuple(shape), generator=generator) - 1


def moved(pixels: Tensor, directions: Tensor, size: int) -> Tensor:
    """Return pictures moved by `size` grey values of 255, uint8; they stay within black and white.

    Raises:
        LabError: a size out of bounds.
    """
    if not 0 <= size <= MAX_SIZE:
        raise LabError(f"The size of a step is 0 to {MAX_SIZE} grey values.")
    return (pixels + size * directions).clamp(0, 255).byte()


def steps(
    model: nn.Module, pixels: Tensor, size: int, label: int | None = None, seed: int = 0
) -> Steps:
    """Take an adversarial and a random step from one picture.

    Args:
        pixels: uint8 (1, C, H, W).
        size: ε in grey values of 255.
        label: the class away from which it goes; None is the network's answer.
        seed: of the random step.

    Raises:
        LabError: no such class, a size out of bounds, or weights that are no numbers.
    """
    check_finite(model)
    before = _answer(model, pixels)
    classes = len(before.probabilities)
    away = int(before.probabilities.argmax()) if label is None else checked_class(label, classes)
    signs = directions(model, pixels, torch.tensor([away]))
    noise = random_directions(pixels.shape, seed)
    adversarial = _answer(model, moved(pixels, signs, size))
    return Steps(before, adversarial, _answer(model, moved(pixels, noise, size)), signs)


@torch.inference_mode()
def _answer(model: nn.Module, pixels: Tensor) -> Step:
    return Step(pixels, model(unit(pixels)).softmax(1)[0])


def accuracies(
    model: nn.Module,
    images: Images,
    sizes: Sequence[int],
    seed: int = 0,
    check: Check = silent,
) -> list[Accuracies]:
    """Measure a classifier after adversarial and random steps of several sizes.

    Raises:
        LabError: no images, a size out of bounds, or weights that are no numbers.
    """
    check_finite(model)
    n = len(images.labels)
    if not n:
        raise LabError("There are no test images to judge on.")
    right = {size: [0, 0] for size in sizes}
    parts = [torch.split(tensor, CHUNK) for tensor in images]
    chunks = zip(*parts, strict=True)
    for i, (pixels, labels) in enumerate(watched(chunks, check, "taking adversarial steps")):
        both = (directions(model, pixels, labels), random_directions(pixels.shape, seed + i))
        for size in sizes:
            for kind, signs in enumerate(both):
                with torch.inference_mode():
                    read = model(unit(moved(pixels, signs, size))).argmax(1)
                right[size][kind] += int((read == labels).sum())
    return [Accuracies(size, right[size][0], right[size][1], n) for size in sizes]
