"""Covers of the pages, drawn by shipped models. Each returns an image URL and its alt text.

Raises LabError where there is no shipped model to draw it.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from core import data
from core.dreaming import dream_runs
from core.dreaming.starting_pictures import fitted
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.images import contact_sheet, data_url, scatter, signed, to_png, to_webp
from core.inference import latent, restoration
from core.inference.activations import classifier_layers
from core.projection import maps
from core.projection.methods import PROJECTING
from core.runs.query import shipped
from core.runs.store import Run
from core.tasks import AnyFamily
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.base import unit
from core.tasks.classification import RECOGNITION
from core.tasks.denoising import DENOISING
from core.tasks.transfer import TRANSFER
from core.tasks.translation import TRANSLATION
from pages.parts.diffusion import noise_pictures
from pages.parts.foundations import pictures as foundations_pictures
from pages.parts.sequences import forecast_pictures
from pages.parts.translation import choice as translation_choice
from pages.ui import cached, pictures

UNFOLDING_SHARES = (0, 0.05, 0.15, 0.6, 1)
"""Shares of the optimisation at which the map is shown."""

LEARNING_STEPS = (5, 10, 15, 25, 1000)
"""Steps after which the line is shown."""
MAPS = (2, 2, 1, 2, 1, 1)
"""Maps of each layer of a classifier that are shown behind its picture."""
HALF_WIDTH = 240
"""Width in pixels of one of two pictures side by side."""


def foundations() -> tuple[str, str]:
    """The text's points, and the line after some steps of gradient descent."""
    panels = [foundations_pictures.panel(step) for step in LEARNING_STEPS]
    return data_url(to_png(np.hstack(panels))), "A line that learns to follow points"


def sequences() -> tuple[str, str]:
    """The airline passengers, and a year that the best shipped network forecasts."""
    return data_url(to_png(forecast_pictures.cover())), "A series of months, and a year forecast"


def diffusion() -> tuple[str, str]:
    """Two digits as they come out of noise, from left to right."""
    return data_url(to_png(noise_pictures.cover())), "Noise that becomes a digit, step by step"


def denoiser() -> tuple[str, str]:
    """Noisy digits above, what the first shipped model makes of them below."""
    run = some_shipped(DENOISING)[0]
    images = cached.test_pictures(run.spec().dataset, 30, 10)
    spoilt = restoration.corrupt_images(images.pixels, "gaussian", 0.5, 1)
    restored = restoration.restore(run.spec().variant, cached.model(run), spoilt)
    sheet = contact_sheet(torch.cat([spoilt.noisy, restored.images]), columns=10, fill=0)
    return data_url(to_png(sheet)), "Noisy digits, and the same digits restored"


def vae_sampler() -> tuple[str, str]:
    """A closed walk past four test images through a VAE's space."""
    run = next(r for r in some_shipped(AUTOENCODING) if not latent.class_names(r))
    model = cached.autoencoder(run)
    images = cached.test_pictures(run.spec().dataset, 0, 4)
    codes = latent.loop(latent.encode(model, images.pixels), 5, "slerp")
    sheet = contact_sheet(latent.decode(model, codes), columns=10, fill=0)
    return data_url(to_png(sheet)), "Digits that turn into one another"


def gan_gallery() -> tuple[str, str]:
    """The same ten samples after more and more epochs of the best shipped GAN, a row an epoch."""
    run = some_shipped(ADVERSARIAL)[0]
    sheets = [np.asarray(Image.open(path)) for path in run.samples().values()]
    if not sheets:
        raise LabError("This model kept no sample sheets.")
    row = run.spec().data.shape[1] + 1
    chosen = [sheets[round(s * (len(sheets) - 1))][:row] for s in (0.2, 1)]
    return data_url(to_png(np.vstack(chosen))), "Digits that a GAN draws better with every epoch"


def translation() -> tuple[str, str]:
    """Ten pictures of one set above, as pictures of the other below."""
    run = translation_choice.opening_run(some_shipped(TRANSLATION))
    own = cached.translation_sides(run)[0].pixels[:10] / 255
    sheet = contact_sheet(torch.cat([own, cached.translated(run, 0, 0, 10).there]), columns=10)
    return data_url(
        to_webp(sheet, quality=85)
    ), "Pictures of one set, and the same as if of another"


def latent_explorer() -> tuple[str, str]:
    """How the first shipped map with a history came about, from left to right."""
    every = [cached.latent_map(run) for run in some_shipped(PROJECTING)]
    latent_map = next((candidate for candidate in every if maps.has_frames(candidate)), every[0])
    frames = latent_map.tensors["frames"].float()
    chosen = [frames[round(s * (len(frames) - 1))] for s in UNFOLDING_SHARES] if len(frames) else []
    labels = cached.map_labels(latent_map)
    strip = np.hstack([scatter(points, labels, 150) for points in chosen or [latent_map.points]])
    return data_url(to_png(strip)), "A map of digits unfolds into clusters"


def transfer_classifier() -> tuple[str, str]:
    """Two photographs, each with what a shipped classifier looks at: kept, for loading the network
    and drawing it takes seconds that the first visitor would wait. A test draws it again.
    """
    some_shipped(TRANSFER)
    picture = Path(__file__).with_name("classifier.webp").read_bytes()
    return data_url(picture), "Photographs, and where a network looks in them"


def network_explorer() -> tuple[str, str]:
    """Two test images, a row each, and the strongest maps that a classifier's layers make of
    them."""
    run = some_shipped(RECOGNITION)[0]
    images, sheet = data.load(run.spec().dataset, "test").pixels, []
    for index in (0, 2):
        picture = images[index : index + 1]
        layers = classifier_layers(cached.recogniser(run), unit(picture))
        maps = [layer.values for layer in layers[1:] if layer.values.ndim == 3]
        sheet.append(picture.expand(1, 3, -1, -1))
        sheet += [
            _strongest(values, count, picture.shape[2:])
            for values, count in zip(maps, MAPS, strict=False)
        ]
    drawn = contact_sheet(torch.cat(sheet), columns=1 + sum(MAPS))
    return data_url(to_png(drawn)), "Two digits, and what the layers of a network make of them"


def _strongest(maps: Tensor, count: int, size: torch.Size) -> Tensor:
    """The strongest of the maps (C, h, w) of a layer in colours, uint8 (count, 3, *size)."""
    order = maps.abs().mean((1, 2)).argsort(descending=True)[:count]
    shares = maps[order, None] / maps.abs().max().clamp_min(1e-9)
    coloured = signed(shares.sign() * shares.abs().sqrt())
    return F.interpolate(coloured, tuple(size), mode="nearest")


def deepdream() -> tuple[str, str]:
    """The picture of a shipped dream, and what a network made of it: two thirds of their height."""
    for run in some_shipped(DREAMING):
        if (run.path / "picture.png").exists():
            images = [dream_runs.pixels_of(run, name) for name in ("picture.png", "dream.png")]
            sixth = images[0].shape[1] // 6
            halves = [fitted(p[:, sixth:-sixth], HALF_WIDTH) for p in images]
            sheet = contact_sheet(torch.stack(halves), columns=2)
            return data_url(to_webp(sheet)), "A photograph, and what a network dreams on it"
    raise LabError("There is no shipped dream.")


def runs() -> tuple[str, str]:
    """Two test images as a network in training restored them, an epoch a column."""
    slow = [  # the last that learns: its progress is the easiest to see
        run
        for run in some_shipped(DENOISING)
        if len(run.samples()) > 10 and run.spec().config["corruption"] != "none"
    ]
    if not slow:
        raise LabError("There is no shipped model with a history of ten epochs.")
    alt = "Two digits, restored better with every epoch of a training"
    return data_url(to_png(pictures.progress(slow[-1], columns=10))), alt


def some_shipped(family: AnyFamily) -> list[Run]:
    """The shipped runs of a family, the best first. Raises LabError without any."""
    if not (runs := shipped(family)):
        raise LabError("There is no shipped model of this kind.")
    return runs
