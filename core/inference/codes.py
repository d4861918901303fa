"""Codes of images by any source: raw pixels, a pretrained backbone, or a finished run's encoder."""

from typing import NamedTuple

import torch
from torch import Tensor

from core import data, images
from core.cancellation import Check, silent
from core.data import Images
from core.errors import LabError
from core.features import features
from core.inference import latent
from core.models import backbones
from core.models.autoencoders import Autoencoder
from core.models.backbones import BACKBONES
from core.runs import store
from core.runs.store import Run
from core.tasks import TASKS, load_model, task
from core.tasks.base import unit

PIXELS = "pixels"
"""The source without a network: the pixels of an image."""
UNTRAINED = (PIXELS, *BACKBONES)
"""Sources that no run has made: they take the images of any data set as they are."""


class Codes(NamedTuple):
    """Codes `values` (N, d), float32, and the `images` as the source takes them, uint8."""

    values: Tensor
    images: Images


def shape_of(source: str, dataset: str) -> images.Shape:
    """Return the shape (C, H, W) in which a source takes the images of a data set."""
    if source in UNTRAINED:
        return data.info(dataset).shape
    return store.open_run(source).spec().data.shape


def encode(source: str, images: Images, check: Check = silent) -> Codes:
    """Encode images by `pixels`, by the features of a backbone, or by a finished run.

    Args:
        images: of any data set, in its own shape.

    Raises:
        LabError: there is no such run, it has no encoder, or it takes classes that these images do
            not have.
        DataMissing: the backbone's weights are not here.
    """
    if source == PIXELS:
        return Codes(unit(images.pixels).flatten(1), images)
    if source in BACKBONES:
        coloured = images.pixels.expand(-1, 3, -1, -1)
        return Codes(features(source, coloured, backbones.load(source), check), images)
    run = source_run(source)
    chosen, model = task(run.spec().task), load_model(run)
    prepared = chosen.prepare(run.spec().variant, images)
    if isinstance(model, Autoencoder) and model.classes:
        prepared = Images(prepared.pixels, _classes(run, model, prepared))
    return Codes(chosen.encode(model, prepared, check).float(), prepared)


def _classes(run: Run, model: Autoencoder, images: Images) -> Tensor:
    """Return the class of each image for a conditional network; the likeliest if unknown."""
    labels = images.labels
    unknown = (labels < 0) | (labels >= model.classes)
    if bool(unknown.any()):
        guessed = latent.likeliest_class(run, model, images.pixels[unknown])
        assert guessed is not None
        labels = labels.clone()
        labels[unknown] = guessed
    return labels


def source_run(run_id: str) -> Run:
    """Return the finished run with this id if it can encode images. Raises LabError."""
    run = store.open_run(run_id)
    spec = run.spec()
    if spec.task not in TASKS or not task(spec.task).encodes:
        raise LabError(f"{run.id} has no codes to map.")
    if run.status().state != "done":
        raise LabError(f"{run.id} is not finished: its codes cannot be mapped yet.")
    return run


def reconstruction_error(source: str, codes: Codes) -> Tensor | None:
    """Return the mean squared error of each reconstruction (N,); None without a decoder."""
    if source in UNTRAINED:
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
    """Return the images with these indices. Raises DataMissing."""
    images = data.load(dataset, split)
    return Images(images.pixels[ids], images.labels[ids])
