"""Codes of any source: raw pixels, or a network that puts images into numbers."""

from typing import NamedTuple

import torch
from torch import Tensor

from core import data, images
from core.cancellation import Check, silent
from core.data import Images
from core.errors import LabError
from core.inference import latent
from core.models.autoencoders import Autoencoder
from core.runs import store
from core.runs.query import finished
from core.runs.store import Run
from core.tasks import TASKS, load_model, task
from core.tasks.base import unit

PIXELS = "pixels"
"""The source that needs no network: an image's own pixels."""


class Codes(NamedTuple):
    """What a source says of images: `values` (N, d) float32; `images` as it sees them, uint8."""

    values: Tensor
    images: Images


def sources() -> list[Run]:
    """Finished runs whose networks put images into codes, the best of each task first."""
    return [run for task in TASKS.values() if task.encodes for run in finished(task)]


def shape_of(source: str, dataset: str) -> images.Shape:
    """The (C, H, W) in which a source takes the images of a data set."""
    if source == PIXELS:
        return data.info(dataset).shape
    return store.open_run(source).spec().data.shape


def encode(source: str, found: Images, check: Check = silent) -> Codes:
    """The codes of images by `pixels`, or by a finished run.

    Args:
        found: images of any data set, as it has them.

    Raises:
        LabError: the run is none, has no codes, or takes classes that these images do not have.
    """
    if source == PIXELS:
        return Codes(unit(found.pixels).flatten(1), found)
    run = source_run(source)
    chosen, model = task(run.spec().task), load_model(run)
    prepared = chosen.prepare(run.spec().variant, found)
    if isinstance(model, Autoencoder) and model.classes:
        prepared = Images(prepared.pixels, _classes(run, model, prepared))
    return Codes(chosen.encode(model, prepared, check).float(), prepared)


def _classes(run: Run, model: Autoencoder, found: Images) -> Tensor:
    """What a conditional network is told of each image: its class, or else the likeliest."""
    labels = found.labels
    unknown = (labels < 0) | (labels >= model.classes)
    if bool(unknown.any()):
        guessed = latent.likeliest_class(run, model, found.pixels[unknown])
        assert guessed is not None
        labels = labels.clone()
        labels[unknown] = guessed
    return labels


def source_run(run_id: str) -> Run:
    """The finished run whose codes can be mapped. Raises LabError."""
    run = store.open_run(run_id)
    spec = run.spec()
    if spec.task not in TASKS or not task(spec.task).encodes:
        raise LabError(f"{run.id} has no codes to map.")
    if run.status().state != "done":
        raise LabError(f"{run.id} is not finished: its codes cannot be mapped yet.")
    return run


def reconstruction_error(source: str, codes: Codes) -> Tensor | None:
    """Mean squared error of each image's reconstruction (N,); None where there is no decoder."""
    if source == PIXELS:
        return None
    model = load_model(store.open_run(source))
    if not isinstance(model, Autoencoder):
        return None
    labels = codes.images.labels if model.classes else None
    parts = []
    for start in range(0, len(codes.values), 1000):
        rows = slice(start, start + 1000)
        drawn = latent.decode(model, codes.values[rows], None if labels is None else labels[rows])
        parts.append((drawn - unit(codes.images.pixels[rows])).square().flatten(1).mean(1))
    return torch.cat(parts)


def chosen_images(dataset: str, split: data.Split, ids: Tensor) -> Images:
    """The images of those numbers. Raises DataMissing."""
    found = data.load(dataset, split)
    return Images(found.pixels[ids], found.labels[ids])
