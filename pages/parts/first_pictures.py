"""The stages that pages open with, as HTML, drawn by shipped models only.

Each is laid out as Streamlit and our components will lay out the real one; a browser test holds the
two together. Lengths are in `px` and shares: the page's own font size is not set yet.
"""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from core import data
from core.dreaming import dream_runs
from core.dreaming.sample_pictures import SAMPLES
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.images import contact_sheet, data_url, scatter, to_png, to_webp
from core.inference import latent
from core.metrics.image import percent
from core.projection import maps
from core.projection.methods import PROJECTING
from core.runs import store
from core.runs.query import classes_of, shipped
from core.runs.store import Run
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.classification import RECOGNITION
from core.tasks.denoising import DENOISING
from core.tasks.diffusion import DIFFUSION
from core.tasks.forecasting import FORECASTING
from core.tasks.transfer import TRANSFER
from core.tasks.translation import TRANSLATION
from pages.components import diffusion_wall
from pages.parts.denoiser import stage as denoiser_stage
from pages.parts.diffusion import noise_pictures
from pages.parts.foundations.pictures import opening_picture
from pages.parts.gan_gallery import wall_runs
from pages.parts.home.covers import some_shipped
from pages.parts.home.way import WAY
from pages.parts.network_explorer import networks
from pages.parts.runs import table
from pages.parts.sequences import forecast_pictures
from pages.parts.transfer_classifier import prediction
from pages.parts.translation import choice as translation_choice
from pages.server.first_picture import heading
from pages.ui import cached
from pages.ui.names import dataset_title, pair_titles
from pages.ui.opening import OPENINGS

CARD_WIDTH = 300
"""Pixels of a card of the wall."""


class FirstPicture(NamedTuple):
    """What a page opens with."""

    draw: Callable[[], str]
    """The stage as HTML; raises LabError where nothing ships to draw it with."""
    ready: str
    """A CSS selector of the real picture, also in shadow roots."""


def _gap(wide: float, narrow: float) -> str:
    """Room for the controls that stand above the picture, in pixels."""
    return f'<div class="gap" style="--wide:{wide}px;--narrow:{narrow}px"></div>'


def _picture(address: str, alt: str, kind: str = "") -> str:
    return f'<img class="{kind}" src="{address}" alt="{escape(alt)}">'


def _home() -> str:
    parts, number = [], 0
    for group, cards in WAY.items():
        parts.append(heading(2, group))
        inner = []
        for card in cards:
            number += 1
            picture, alt = cached.cover(card.page, card.cover)
            title = f"{number} · {OPENINGS[card.page].title}"
            inner.append(
                f'<div class="card">{_picture(picture, alt, "pixels")}<b>{escape(title)}</b>'
                f"<p>{escape(card.line)}</p></div>"
            )
        parts.append(f'<div class="grid">{"".join(inner)}</div>')
    return "".join(parts)


def _denoiser() -> str:
    run = denoiser_stage.most_versatile(some_shipped(DENOISING))
    images = cached.test_pictures(run.spec().dataset, 0, denoiser_stage.COUNT)
    shown = cached.stage(cached.Restoration(run, images.pixels, "gaussian", 0.5, 0)).drawn
    slider = '<div class="track" title="Strength"><i></i><b></b></div>'
    return f'<div class="left">{slider}{shown}</div>'


def _vae_sampler() -> str:
    run = some_shipped(AUTOENCODING)[0]
    model = cached.autoencoder(run)
    image = cached.digits(run.spec().dataset)
    label = int(image.labels[0]) if model.classes else None
    drawn = latent.decode(model, latent.encode(model, image.pixels[:1], label), label)
    address = data_url(to_png(contact_sheet(drawn, 1)))
    return (
        f'{_gap(78.7, 236.2)}<div class="bench">{_picture(address, "Decoded picture", "pixels")}'
        '<div class="pad"></div></div>'
    )


def _gan_gallery() -> str:
    runs, parts, before = some_shipped(ADVERSARIAL), list[str](), 0
    for run in wall_runs.best_runs(runs):
        samples = run.samples()
        if samples:
            if run == runs[0]:  # the page opens with it, and a phone's row is pushed to it
                before = len(parts)
            title = ADVERSARIAL.variant(run.spec().variant).title
            picture = _picture(_small(samples[max(samples)]), f"Samples of {title}", "pixels")
            parts.append(f"<div>{picture}<b>{escape(title)}</b></div>")
    row = f'<div class="wall" style="--before: {before}">{"".join(parts)}</div>'
    return _gap(51, 51) + row


def _diffusion() -> str:
    drawn = noise_pictures.first_wall()
    sheets = {}
    for columns, rows in (diffusion_wall.WIDE, diffusion_wall.NARROW):
        sheet = contact_sheet(drawn[: columns * rows], columns, gap=1, fill=128)
        sheets[columns] = data_url(to_png(sheet))
    wide, narrow = (sheets[columns] for columns, _ in (diffusion_wall.WIDE, diffusion_wall.NARROW))
    return (
        f'{_gap(131.25, 131.25)}<picture class="noise">'
        f'<source media="(max-width: 1150px)" srcset="{narrow}">'
        f"{_picture(wide, 'Pictures out of noise', 'pixels')}</picture>"
    )


def _translation() -> str:
    run, rows = translation_choice.opening_run(some_shipped(TRANSLATION)), list[str]()
    for side, (own, there, back) in enumerate(translation_choice.opening_rows(run)):
        names = (pair_titles(run)[side], f"as {pair_titles(run)[1 - side]}", "and back")
        drawn = [
            f"<div><span>{escape(name)}</span>"
            f"{_picture(data_url(to_png(contact_sheet(image, 1))), name, 'pixels')}</div>"
            for name, image in zip(names, (own, there, back), strict=True)
        ]
        rows.append(f'<div class="ways">{"".join(drawn)}</div>')
    return f"{_gap(131.25, 131.25)}{''.join(rows)}"


def _latent_explorer() -> str:
    run = next(run for run in some_shipped(PROJECTING) if maps.has_history(run))
    latent_map = cached.latent_map(run)
    picture = scatter(latent_map.points, cached.map_labels(latent_map), 500)
    drawn = _picture(data_url(to_png(picture)), "A map of ten thousand images", "map")
    return f"{_gap(150, 301)}{drawn}"


def _foundations() -> str:
    picture = _picture(opening_picture(), "Fifteen points and a line")
    return f'{_gap(91.5, 91.5)}<div class="plot">{picture}</div>'


def _network_explorer() -> str:
    if not any(networks.opens(run) for run in shipped(RECOGNITION)):
        raise LabError("There is no shipped network to open with.")
    _, dataset = networks.FIRST
    pixels = data.load(dataset, "test").pixels[:1]
    address = data_url(to_png(contact_sheet(pixels, 1)))
    picture = _picture(address, f"Test image 0 of {dataset_title(dataset)}", "pixels")
    return f'{_gap(78.75, 228.75)}<div class="drawing">{picture}</div>'


def _transfer_classifier() -> str:
    run = some_shipped(TRANSFER)[0]
    name, picture = next(iter(cached.samples(run.spec().data.shape).items()))
    odds = cached.answer(run, picture).probabilities[0]
    label = int(odds.argmax())
    drawn = prediction.picture_html(SAMPLES[name].title, prediction.heat_map(run, picture, label))
    read = f"{classes_of(run)[label]} · {percent(float(odds[label]))}"
    return f'{_gap(299.25, 398.25)}<div class="left answer">{drawn}<b>{escape(read)}</b></div>'


def _deepdream() -> str:
    for run in some_shipped(DREAMING):
        if (run.path / "picture.png").exists():
            before, after = (_photograph(run, name) for name in ("picture.png", "dream.png"))
            return (
                f'<div class="left"><div class="compare">{_picture(before, "A photograph")}'
                f"{_picture(after, 'What a network dreams on it')}</div></div>"
            )
    raise LabError("There is no shipped dream.")


def _sequences() -> str:
    picture = _picture(forecast_pictures.opening_picture(), "A series and its forecast", "series")
    return f"{_gap(171.75, 344.5)}{picture}"


def _runs() -> str:
    runs = store.all_runs()
    if not runs or not all(run.shipped for run in runs):
        raise LabError("What the table opens with is not the same for everybody.")
    rows = table.opening_rows(runs).to_html(index=False, border=0)
    return f'{_gap(78.75, 157.5)}<div class="table">{rows}</div>'


def _photograph(run: Run, name: str) -> str:
    pixels = dream_runs.pixels_of(run, name).permute(1, 2, 0).numpy()
    return data_url(to_webp(np.ascontiguousarray(pixels)))


def _small(path: Path) -> str:
    """A sheet of samples; one of photographs as large as it is seen."""
    sheet = Image.open(path).convert("RGB")
    if sheet.width <= 2 * CARD_WIDTH:
        return data_url(path.read_bytes())
    sheet.thumbnail((CARD_WIDTH, CARD_WIDTH))
    return data_url(to_webp(np.asarray(sheet)))


FIRST_PICTURES = {
    "": FirstPicture(_home, ".lab-cover"),
    "denoiser": FirstPicture(_denoiser, ".lab-rows img"),
    "vae_sampler": FirstPicture(_vae_sampler, ".lab-latent[data-state='ready'] canvas"),
    "gan_gallery": FirstPicture(_gan_gallery, ".lab-wall .card img"),
    "diffusion": FirstPicture(_diffusion, ".lab-drawing[data-state='ready'] .wall"),
    "translation": FirstPicture(_translation, ".lab-translation[data-state='ready'] .frame"),
    "latent_explorer": FirstPicture(_latent_explorer, ".js-plotly-plot canvas"),
    "deepdream": FirstPicture(_deepdream, ".lab-compare img"),
    "network_explorer": FirstPicture(
        _network_explorer, ".lab-network[data-state='ready'] .frame canvas"
    ),
    "transfer_classifier": FirstPicture(_transfer_classifier, ".lab-heat img"),
    "foundations": FirstPicture(_foundations, ".lab-bench[data-state='ready'] .stage canvas"),
    "sequences": FirstPicture(_sequences, ".lab-forecast[data-state='ready'] .series"),
    "runs": FirstPicture(_runs, "[data-testid='stDataFrame'] canvas"),
}
"""By the path of the page's address."""


def shipped_now() -> str:
    """Changes when what pages open with does."""
    families = (
        DENOISING, AUTOENCODING, ADVERSARIAL, PROJECTING, DREAMING, RECOGNITION, TRANSFER,
        FORECASTING, DIFFUSION, TRANSLATION,
    )  # fmt: skip
    runs = [run for family in families for run in shipped(family)]
    others = any(not run.shipped for run in store.all_runs())
    return " ".join([*(f"{run.id} {run.version()}" for run in runs), f"others: {others}"])
