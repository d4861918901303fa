"""Using finished GANs: drawing, scoring, interpolation, and views of batch norm."""

import copy
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.errors import LabError
from core.inference.latent import INTERPOLATIONS, Interpolation, checked_labels, slerp
from core.models.gans import GAN, seeded_noise
from core.runs.store import Run
from core.tasks import load_model
from core.tasks.adversarial import ADVERSARIAL, CHUNK, cyclic_labels

MAX_SAMPLES = 10_000
MAX_STEPS = 1000
"""Maximum number of latents of an interpolation, and of frames of a walk between two stops."""
MAX_STOPS = 100
MAX_SEED = 2**31 - 1
MAX_UNIFORM = 1 - 1e-6
"""Maximum magnitude of a uniform latent before it is inverted: 4.9 standard deviations of u."""
BATCH_SIZE, BATCHES = 64, 4
"""Images in a batch, and number of batches, of the views of batch norm."""
MAX_VIEWED = 16


class Drawn(NamedTuple):
    """Latents (N, latent), labels (N,) or None, and images (N, C, H, W) in [0, 1]."""

    latents: Tensor
    labels: Tensor | None
    images: Tensor

    def label(self, index: int) -> int | None:
        """The class of one of them; None of a network without classes."""
        return None if self.labels is None else int(self.labels[index])


class BatchNormViews(NamedTuple):
    """The same N latents drawn with several batch statistics, (…, C, H, W) in [0, 1].

    `kept` (N, …): with the running statistics of the training. `batches` (BATCHES, N, …): with
    those of batches of other latents. `copies` (N, …): with those of a batch of copies of the
    same latent, in which only positions differ.
    """

    kept: Tensor
    batches: Tensor
    copies: Tensor


# ---- models


def network(run: Run) -> GAN:
    """Load the run's generator and critic. Raises RunBroken, and LabError if it has none."""
    model = load_model(run)
    if not isinstance(model, GAN):
        raise LabError(f"{run.id} is no GAN: it has no generator and no critic.")
    return model


def tells_probability(run: Run) -> bool:
    """Whether the scores of the run's critic are logits, and their sigmoid a probability."""
    return ADVERSARIAL.variant(run.spec().variant).game.probability


# ---- drawing and scoring


def drawn(
    model: GAN,
    count: int,
    seed: int,
    label: int | Tensor | None = None,
    truncation: float = 1.0,
) -> Drawn:
    """Draw from the prior; the same seed gives the same noise for every network.

    Args:
        count: 1 to 10,000.
        seed: 0 to 2³¹ - 1.
        label: the class of all, or of each (count,); None takes each class in turn. An
            unconditional network ignores it.
        truncation: ψ in (0, 1]: latents are contracted to zero, the middle of the prior, as ψz.
            Less than 1 trades variety for what the network draws best (Brock et al. 2019 cut the
            prior's ends off instead).

    Raises:
        LabError: a number is out of bounds, or the network does not have the class.
    """
    latents = prior(model, count, seed, truncation)
    labels = checked_labels(model, cyclic_labels(model, count) if label is None else label, count)
    return Drawn(latents, labels, draw(model, latents, labels))


def prior(model: GAN, count: int, seed: int, truncation: float = 1.0) -> Tensor:
    """Return the latents (count, latent) that `drawn` draws. Raises LabError."""
    _check_range("Pictures", count, 1, MAX_SAMPLES)
    if not 0 < truncation <= 1:  # so written, nan is caught too
        raise LabError("Truncation is more than 0 and at most 1, which cuts nothing.")
    return truncation * model.latents(_noise(count, seed))


@torch.inference_mode()
def draw(model: GAN, latents: Tensor, labels: int | Tensor | None = None) -> Tensor:
    """Draw images (N, C, H, W) in [0, 1] of latents (N, latent).

    Raises:
        LabError: latents of another length or not finite, or a class that is missing or that the
            network does not have.
    """
    if latents.ndim != 2 or latents.shape[1] != model.latent:
        raise LabError(f"This network's latents have {model.latent} numbers.")
    if not bool(torch.isfinite(latents).all()):
        raise LabError("Every number of a latent must be finite.")
    return _in_chunks(model, latents, checked_labels(model, labels, len(latents)))


@torch.inference_mode()
def scores(
    model: GAN, images: Tensor, labels: int | Tensor | None = None, probability: bool = False
) -> Tensor:
    """Score images (N, C, H, W) in [0, 1] by the critic: (N,), higher is more real.

    Args:
        probability: apply a sigmoid to scores that are logits (see `tells_probability`): the
            critic's probability if half of the images are real, which is not calibrated.

    Raises:
        LabError: a class is missing, or the network does not have it.
    """
    classes = checked_labels(model, labels, len(images))
    logits = _in_chunks(model.score, 2 * images - 1, classes)
    return logits.sigmoid() if probability else logits


def _in_chunks(function: Callable[..., Tensor], inputs: Tensor, labels: Tensor | None) -> Tensor:
    parts = torch.split(inputs, CHUNK)
    label_parts = [None] * len(parts) if labels is None else torch.split(labels, CHUNK)
    return torch.cat([function(x, y) for x, y in zip(parts, label_parts, strict=True)])


def _noise(count: int, seed: int) -> Tensor:
    _check_range("The seed", seed, 0, MAX_SEED)
    return seeded_noise(count, seed)


def _check_range(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise LabError(f"{what}: a number from {low:,} to {high:,}, not {value:,}.")


# ---- interpolation


def to_normal(model: GAN, latents: Tensor) -> Tensor:
    """Invert `GAN.latents`: return the normal u (N, latent) of latents (N, latent).

    Latents at the edge of a uniform prior, or beyond it, are clamped just inside.
    """
    if model.prior == "normal":
        return latents
    return math.sqrt(2) * torch.erfinv(latents.clamp(-MAX_UNIFORM, MAX_UNIFORM))


def between(model: GAN, a: Tensor, b: Tensor, steps: int, path: Interpolation = "slerp") -> Tensor:
    """Interpolate `steps` latents (steps, latent) from `a` to `b`, (latent,) each, inclusive.

    A straight line ("lerp") passes nearer to the origin than nearly all samples of the prior. An
    arc ("slerp") keeps its distance (White 2016); for a uniform prior it is an arc of the normal
    u that latents are made of, so that it is the same for every network.

    Raises:
        LabError: fewer than 2 steps or more than 1,000.
    """
    _check_range("Steps", steps, 2, MAX_STEPS)
    shares = torch.linspace(0, 1, steps)
    if path == "lerp":
        return INTERPOLATIONS[path](a, b, shares)
    ends = to_normal(model, torch.stack([a, b]))
    return model.latents(slerp(ends[0], ends[1], shares))


def walk(model: GAN, seed: int, stops: int, frames_between: int) -> Tensor:
    """Return a closed walk at constant speed past the latents that `drawn` draws with the seed.

    Args:
        stops: 2 to 100.
        frames_between: frames a stop, 1 to 1,000. Legs differ in length and so in frames; a frame
            lies at the first stop, and at most half a step from each of the others.

    Returns:
        (stops · frames_between, latent); the last frame is one step before the first.

    Raises:
        LabError: a number is out of bounds.
    """
    _check_range("Stops", stops, 2, MAX_STOPS)
    _check_range("Frames between stops", frames_between, 1, MAX_STEPS)
    corners = _noise(stops, seed)[:, : model.latent]
    nexts = corners.roll(-1, 0)
    arcs = torch.cosine_similarity(corners, nexts).clamp(-1, 1).acos()
    ends = arcs.cumsum(0)
    places = torch.linspace(0, float(ends[-1]), stops * frames_between + 1)[:-1]
    legs = torch.searchsorted(ends, places, right=True)
    shares = 1 - (ends[legs] - places) / arcs[legs]
    frames = [slerp(corners[i], nexts[i], shares[legs == i]) for i in range(stops)]
    return model.latents(torch.cat(frames))


# ---- batch norm


def varies_by_position(model: GAN) -> bool:
    """Whether every batch norm is over maps, which vary from position to position even in a batch
    of copies; over single numbers a batch of copies has no variance at all."""
    return not any(isinstance(module, nn.BatchNorm1d) for module in model.generator.modules())


def has_batch_norm(model: GAN) -> bool:
    """Whether the generator has batch norm: in training its pictures depend on each other."""
    norms = nn.modules.batchnorm._BatchNorm
    return any(isinstance(module, norms) for module in model.generator.modules())


@torch.inference_mode()
def batch_norm_views(
    model: GAN, latents: Tensor, seed: int, labels: int | Tensor | None = None
) -> BatchNormViews:
    """Draw latents (N, latent) with the statistics of several batches, as in training.

    The network itself does not change: a copy that shares its weights, but has its own statistics,
    is set to training mode.

    Args:
        latents: 1 to 16.
        seed: of the other latents in the batches, of each class in turn.

    Raises:
        LabError: the generator has no batch norm, or as `draw` does.
    """
    if not has_batch_norm(model):
        raise LabError(
            "This generator has no batch norm: each picture is drawn alone, whatever the batch."
        )
    _check_range("Latents", len(latents), 1, MAX_VIEWED)
    kept = draw(model, latents, labels)
    given_classes = checked_labels(model, labels, len(latents))
    classes = cyclic_labels(model, len(latents)) if given_classes is None else given_classes
    each = list(zip(torch.split(latents, 1), torch.split(classes, 1), strict=True))
    copied = copy.deepcopy(model, {id(p): p for p in model.parameters()}).train()

    def among(z: Tensor, y: Tensor, others: Tensor, theirs: Tensor) -> Tensor:
        drawing: Tensor = copied(torch.cat([z, others]), torch.cat([y, theirs]))[0]
        return drawing

    noise = _noise(BATCHES * (BATCH_SIZE - 1), seed)
    strangers = torch.split(model.latents(noise), BATCH_SIZE - 1)
    batches = [[among(z, y, s, cyclic_labels(model, len(s))) for z, y in each] for s in strangers]
    copies = [among(z, y, z.expand(BATCH_SIZE - 1, -1), y.expand(BATCH_SIZE - 1)) for z, y in each]
    return BatchNormViews(
        kept, torch.stack([torch.stack(batch) for batch in batches]), torch.stack(copies)
    )
