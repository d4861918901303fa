"""Explanations of a classifier: predictions, heat maps, top losses, similar training pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from core.cancellation import Check, silent
from core.data import Images
from core.errors import LabError
from core.inference.activations import Layer
from core.models.feature_classifiers import Transfer, joined
from core.runs.store import Run
from core.tasks import load_model
from core.tasks.base import unit
from core.tasks.transfer import seen_by

NEIGHBOURS = 5
MIN_UNLIKE_SHARE = 0.99
"""Minimum share of training pictures that are nearer to their tenth nearest other, from which on
a picture counts as unlike them."""
HEAT_COLOURS = ((250, 80, 20), (255, 235, 90))
MAX_HEAT_OPACITY = 0.65


class Prediction(NamedTuple):
    """Of N pictures: `features` (N, width), `probabilities` (N, classes), calibrated, and the
    `shares` (N,) of training pictures that are nearer to their tenth nearest other than the
    picture is to its tenth nearest: from `MIN_UNLIKE_SHARE` on it is unlike them. `neighbours`
    is that ten, or less where few are known."""

    features: Tensor
    probabilities: Tensor
    shares: Tensor
    neighbours: int


def classifier(run: Run) -> Transfer:
    """Load the run's network. Raises RunBroken, and LabError if it is of another kind."""
    model = load_model(run)
    if not isinstance(model, Transfer):
        raise LabError(f"{run.id} is no classifier of photographs.")
    return model


@torch.inference_mode()
def predict(model: Transfer, pixels: Tensor) -> Prediction:
    """Classify pictures, uint8 (N, 3, H, W)."""
    features = model.features(unit(pixels))
    shares = model.strangeness(features)
    return Prediction(features, model.read(features).softmax(1), shares, model.neighbours)


@torch.inference_mode()
def alike(model: Transfer, predicted: Prediction) -> Tensor:
    """Return the indices (N, k) of the training pictures most similar to the predicted ones, by the
    features that the classifier keeps."""
    count = min(NEIGHBOURS, len(model.known))
    unit_features = F.normalize(predicted.features, dim=1)
    return (unit_features @ model.known.T).topk(count).indices


# ---- heat maps


@torch.enable_grad()
def heat(model: Transfer, pixels: Tensor, label: int) -> Tensor:
    """Compute Grad-CAM (Selvaraju et al. 2017) for a class: the sum over the backbones' last maps.

    Args:
        pixels: uint8 (N, 3, H, W).
        label: the class.

    Returns:
        (N, H, W) in [0, 1]; all zeros if nothing in the picture is evidence for the class.

    Raises:
        LabError: there is no such class.
    """
    images = unit(pixels)
    total = images.new_zeros(len(images), *images.shape[2:])
    nets = list(model.backbones)
    with torch.no_grad():
        activations = [net.maps(images) for net in nets]
    maps = [one.requires_grad_(True) for one in activations]  # from here on: a frozen body has none
    logits = model.read(joined([one.mean((2, 3)) for one in maps]))
    if not 0 <= label < logits.shape[1]:
        raise LabError(f"The classes go from 0 to {logits.shape[1] - 1}.")
    slopes = torch.autograd.grad(logits[:, label].sum(), maps)
    for net, seen, slope in zip(nets, activations, slopes, strict=True):
        warm = _warm(seen, slope).detach()
        total += _uncropped(warm, net.preprocess.crop(images.shape[2:]), images.shape[2:])
    highest = total.amax((1, 2), keepdim=True)
    return torch.where(highest > 0, total / highest.clamp_min(1e-12), torch.zeros_like(total))


def layer_heat(layer: Layer, size: Sequence[int]) -> Tensor:
    """Compute Grad-CAM at a layer of any classifier, for the class whose gradient it has.

    Args:
        layer: of `classifier_layers` with a class, its values (C, h, w).
        size: height and width of the picture.

    Returns:
        (H, W) in [0, 1]; all zeros if nothing in the picture is evidence for the class there.

    Raises:
        LabError: a layer without places or without a gradient.
    """
    if layer.values.dim() != 3 or layer.gradient is None:
        raise LabError("Only a layer with places says where it sees a class.")
    warm = _warm(layer.values[None], layer.gradient[None])
    grown = F.interpolate(warm, tuple(size), mode="bilinear", align_corners=False)[0, 0]
    return grown / grown.max() if float(grown.max()) > 0 else torch.zeros_like(grown)


def _warm(maps: Tensor, slopes: Tensor) -> Tensor:
    """The maps (N, C, h, w), each times the mean of its gradient, added; what speaks against the
    class is left out: (N, 1, h, w)."""
    return (slopes.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()


def _uncropped(warm: Tensor, crop: tuple[int, int, int, int], size: torch.Size) -> Tensor:
    """Place a heat map (N, 1, h, w) of the crop (top, left, height, width) in the whole picture."""
    top, left, height, width = crop
    grown = F.interpolate(warm, (height, width), mode="bilinear", align_corners=False)[:, 0]
    out = warm.new_zeros(len(warm), *size)
    out[:, top : top + height, left : left + width] = grown
    return out


def overlaid(pixels: Tensor, warm: Tensor, opacity: float = MAX_HEAT_OPACITY) -> Tensor:
    """Pictures, uint8 (N, 3, H, W), under their heat (N, H, W) in [0, 1]: uint8, orange to yellow
    where it is warm, as they were where it is not; `opacity` is that of the warmest place."""
    low, high = (pixels.new_tensor(c).float().view(1, 3, 1, 1) for c in HEAT_COLOURS)
    heat = warm[:, None]
    painted = torch.lerp(low.expand_as(pixels), high.expand_as(pixels), heat)
    return torch.lerp(pixels.float(), painted, opacity * heat).round().byte()


# ---- top losses


class Losses(NamedTuple):
    """Pictures sorted by their loss, the highest first: indices (N,), losses in nats (N,), and the
    predicted class (N,)."""

    ids: Tensor
    losses: Tensor
    read: Tensor


@torch.inference_mode()
def top_losses(model: Transfer, images: Images, check: Check = silent) -> Losses:
    """Sort pictures by the loss of the classifier."""
    logits = model.read(seen_by(model, images.pixels, check))
    losses = F.cross_entropy(logits, images.labels, reduction="none")
    order = losses.argsort(descending=True)
    return Losses(order, losses[order], logits.argmax(1)[order])
