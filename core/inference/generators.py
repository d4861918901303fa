"""Generators by hand: draw, judge, walk, look into batch norm."""

import copy
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.errors import LabError
from core.inference.latent import PATHS, Path, checked_labels, slerp
from core.models.gans import GAN, seeded_noise
from core.runs.query import finished
from core.runs.store import Run
from core.tasks import load_model
from core.tasks.adversarial import ADVERSARIAL, CHUNK, cyclic_labels

MOST_SAMPLES = 10_000
MOST_STEPS = 1000
"""Latents of a way, and frames of a walk from one stop to the next."""
MOST_STOPS = 100
MOST_SEED = 2**31 - 1
WITHIN = 1 - 1e-6
"""The farthest from zero that a uniform latent counts as lying: 4.9 standard deviations of u."""
BATCH, BATCHES = 64, 4
"""Of the views of batch norm: images in a batch, and batches."""
MOST_VIEWED = 16


class Drawn(NamedTuple):
    """Latents (N, latent), labels (N,) or None, and images (N, C, H, W) in [0, 1]."""

    latents: Tensor
    labels: Tensor | None
    images: Tensor


class BatchNormViews(NamedTuple):
    """The same N latents drawn in other company, (…, C, H, W) in [0, 1].

    `kept` (N, …): with the statistics that training left, alone or not. `batches` (BATCHES, N, …):
    with those of a batch of strangers. `copies` (N, …): with those of a batch of nothing but
    copies, in which nothing differs but places.
    """

    kept: Tensor
    batches: Tensor
    copies: Tensor


# ---- models


def generators(dataset: str | None = None) -> list[Run]:
    """Finished adversarial runs, shipped ones first, of the least distance first."""
    return finished(ADVERSARIAL, dataset)


def network(run: Run) -> GAN:
    """The run's generator and critic. Raises RunBroken, and LabError when it has none."""
    model = load_model(run)
    if not isinstance(model, GAN):
        raise LabError(f"{run.id} is no GAN: it has no generator and no critic.")
    return model


def tells_probability(run: Run) -> bool:
    """Whether the scores of the run's critic are logits: its opinions lie between 0 and 1."""
    game = ADVERSARIAL.variant(run.spec().variant).game
    return game.probability


# ---- drawing and judging


def drawn(
    model: GAN,
    count: int,
    seed: int,
    label: int | Tensor | None = None,
    truncation: float = 1.0,
) -> Drawn:
    """Draws from the prior; one seed is the same start for every network.

    Args:
        count: 1 to 10,000.
        seed: 0 to 2³¹ - 1.
        label: the class of all, or of each (count,); None takes each class in turn. A network that
            is told no class ignores it.
        truncation: ψ in (0, 1]: latents are contracted to zero, the middle of the prior, as ψz.
            Less than 1 trades variety for what the network draws best (Brock et al. 2019 cut the
            prior's ends off instead).

    Raises:
        LabError: a number is out of bounds, or the network does not have the class.
    """
    latents = prior(model, count, seed, truncation)
    told = checked_labels(model, cyclic_labels(model, count) if label is None else label, count)
    return Drawn(latents, told, draw(model, latents, told))


def prior(model: GAN, count: int, seed: int, truncation: float = 1.0) -> Tensor:
    """The latents (count, latent) that `drawn` draws. Raises LabError."""
    _bounded("Pictures", count, 1, MOST_SAMPLES)
    if not 0 < truncation <= 1:  # so written, nan is caught too
        raise LabError("Truncation is more than 0 and at most 1, which cuts nothing.")
    return truncation * model.latents(_noise(count, seed))


@torch.inference_mode()
def draw(model: GAN, latents: Tensor, labels: int | Tensor | None = None) -> Tensor:
    """Images (N, C, H, W) in [0, 1] of latents (N, latent).

    Raises:
        LabError: latents of another length or that are none, or a class that is missing or that the
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
    """How real the critic takes images (N, C, H, W) in [0, 1] for: (N,), higher is more real.

    Args:
        probability: 0 to 1, from scores that are logits (see `tells_probability`): the critic's
            opinion on images of which half are real, and no calibrated probability.

    Raises:
        LabError: a class is missing, or the network does not have it.
    """
    told = checked_labels(model, labels, len(images))
    found = _in_chunks(model.score, 2 * images - 1, told)
    return found.sigmoid() if probability else found


def _in_chunks(function: Callable[..., Tensor], inputs: Tensor, labels: Tensor | None) -> Tensor:
    parts = torch.split(inputs, CHUNK)
    told = [None] * len(parts) if labels is None else torch.split(labels, CHUNK)
    return torch.cat([function(x, y) for x, y in zip(parts, told, strict=True)])


def _noise(count: int, seed: int) -> Tensor:
    _bounded("The seed", seed, 0, MOST_SEED)
    return seeded_noise(count, seed)


def _bounded(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise LabError(f"{what}: a number from {low:,} to {high:,}, not {value:,}.")


# ---- ways through the space


def seeds_of(model: GAN, latents: Tensor) -> Tensor:
    """The u (N, latent) that `GAN.latents` makes latents (N, latent) of.

    What lies at the edge of a uniform prior, or beyond it, is brought just inside.
    """
    if model.prior == "normal":
        return latents
    return math.sqrt(2) * torch.erfinv(latents.clamp(-WITHIN, WITHIN))


def between(model: GAN, a: Tensor, b: Tensor, steps: int, way: Path = "slerp") -> Tensor:
    """`steps` latents (steps, latent) from `a` to `b`, (latent,) each, both ends among them.

    A straight way ("lerp") passes nearer to the middle than nearly all that the prior draws. An arc
    ("slerp") keeps its distance (White 2016); for a uniform prior it is one of the normal u that
    latents are made of, so that it is the same way for every network.

    Raises:
        LabError: fewer than 2 steps or more than 1,000.
    """
    _bounded("Steps", steps, 2, MOST_STEPS)
    shares = torch.linspace(0, 1, steps)
    if way == "lerp":
        return PATHS[way](a, b, shares)
    ends = seeds_of(model, torch.stack([a, b]))
    return model.latents(slerp(ends[0], ends[1], shares))


def walk(model: GAN, seed: int, stops: int, frames_between: int) -> Tensor:
    """A closed walk at one speed past the latents that `drawn` draws of the seed.

    Args:
        stops: 2 to 100.
        frames_between: frames a stop, 1 to 1,000. Legs differ in length and so in frames; a frame
            lies at the first stop, and at most half a step from each of the others.

    Returns:
        (stops · frames_between, latent); the last frame is one step before the first.

    Raises:
        LabError: a number is out of bounds.
    """
    _bounded("Stops", stops, 2, MOST_STOPS)
    _bounded("Frames between stops", frames_between, 1, MOST_STEPS)
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


def norms_keep_places(model: GAN) -> bool:
    """Whether a picture outlives a batch of copies of itself: a norm over maps still sees how they
    vary from place to place, one over single numbers sees no variance at all."""
    return not any(isinstance(module, nn.BatchNorm1d) for module in model.generator.modules())


def has_batch_norm(model: GAN) -> bool:
    """Whether the generator's pictures depended on each other while it learnt."""
    norms = nn.modules.batchnorm._BatchNorm
    return any(isinstance(module, norms) for module in model.generator.modules())


@torch.inference_mode()
def batch_norm_views(
    model: GAN, latents: Tensor, seed: int, labels: int | Tensor | None = None
) -> BatchNormViews:
    """Latents (N, latent) drawn with the statistics of several batches, as in training.

    The network stays as it is: a copy that shares its weights, but has statistics of its own, is
    set to training.

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
    _bounded("Latents", len(latents), 1, MOST_VIEWED)
    kept = draw(model, latents, labels)
    told = checked_labels(model, labels, len(latents))
    classes = cyclic_labels(model, len(latents)) if told is None else told
    each = list(zip(torch.split(latents, 1), torch.split(classes, 1), strict=True))
    apart = copy.deepcopy(model, {id(p): p for p in model.parameters()}).train()

    def among(z: Tensor, y: Tensor, others: Tensor, theirs: Tensor) -> Tensor:
        drawing: Tensor = apart(torch.cat([z, others]), torch.cat([y, theirs]))[0]
        return drawing

    noise = _noise(BATCHES * (BATCH - 1), seed)
    strangers = torch.split(model.latents(noise), BATCH - 1)
    batches = [[among(z, y, s, cyclic_labels(model, len(s))) for z, y in each] for s in strangers]
    copies = [among(z, y, z.expand(BATCH - 1, -1), y.expand(BATCH - 1)) for z, y in each]
    return BatchNormViews(
        kept, torch.stack([torch.stack(batch) for batch in batches]), torch.stack(copies)
    )
