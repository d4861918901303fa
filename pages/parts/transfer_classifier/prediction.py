"""Classify photographs, with heat maps and the most similar training images."""

from functools import partial
from html import escape
from typing import Any

import pandas as pd
import streamlit as st
from torch import Tensor

from core.errors import LabError
from core.images import data_url, decode, to_tensor, to_webp
from core.inference import explain
from core.inference.explain import HEAT_COLOURS, MAX_HEAT_OPACITY, MIN_UNLIKE_SHARE, Prediction
from core.metrics.image import percent
from core.runs.query import classes_of
from core.runs.store import Run
from pages.components.camera import live_answers
from pages.parts.transfer_classifier.photographs import (
    LIVE,
    choose_photographs,
    choose_source,
    clickable,
)
from pages.server import base_path, camera_answers
from pages.server.streamlit_private import DeltaGenerator
from pages.ui import cached, pictures, sending
from pages.ui.downloads import csv_button
from pages.ui.proportions import farther
from pages.ui.sending import SentPicture

AS_READ = "The class read"
SHOWN = 6
"""Classes whose probabilities are shown, the likeliest first."""
MIN_SURE = 0.9
STYLE = """<style>
.lab-heat { margin: 0; }
.lab-heat img { width: 100%; aspect-ratio: 1; display: block; border-radius: .4rem; }
.lab-heat figcaption { font-size: .82rem; opacity: .75; padding-top: .3rem;
  overflow-wrap: anywhere; }
.lab-legend { display: flex; gap: .6rem; align-items: center; font-size: .82rem; }
.lab-legend i { flex: 1; height: .7rem; border-radius: .35rem;
  border: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
</style>"""
Answered = tuple[str, Tensor, Prediction]
"""The name of a picture, the picture, and what the classifier says of it."""


@st.fragment
def panel(run: Run) -> None:
    """From a photograph to its class."""
    classes = classes_of(run)
    source = choose_source()
    if source == LIVE:
        live(run, classes)
        return
    uploads = choose_photographs(source, run)
    answers = [(name, picture, cached.answer(run, picture)) for name, picture in uploads]
    left, right = st.columns([9, 5], gap="large")
    with right:
        heat_for, opacity = _heat_settings(classes)
        st.caption(f"Tells apart: {', '.join(classes)}. Pictures stay {base_path.here()}.")
        if answers:
            with st.container(horizontal=True):
                csv_button(lambda: table(answers, classes), f"{run.id}-answers")
                sending.send_to({name: picture for name, picture, _ in answers})
    with left:
        if not uploads:
            st.info("Upload a photograph or take one: the answer comes at once.")
            return
        st.html(STYLE)
        beside = []
        for name, picture, predicted in answers:
            label = int(predicted.probabilities[0].argmax())
            target = label if heat_for == AS_READ else classes.index(heat_for)
            _answer(name, heat_map(run, picture, target, opacity), predicted, classes)
            beside.append(st.container())
        _similar(run, answers, classes, beside)  # last: at first it reads the training pictures


def live(run: Run, classes: tuple[str, ...]) -> None:
    """The camera, and answers that follow it."""
    of = f"{run.id} {run.version()}".encode()
    address = camera_answers.address(partial(frame_answer, run), of)
    live_answers(key="live_camera", side=run.spec().data.shape[-1], address=address)
    st.caption(
        f"Tells apart: {', '.join(classes)}. Each frame goes to the machine of the lab, is "
        "answered and forgotten."
    )


def frame_answer(run: Run, frame: bytes) -> dict[str, Any]:
    """What a classifier says of a frame of the camera. Raises BadUpload where it is no picture."""
    classes = classes_of(run)
    picture = to_tensor(decode(frame, "frame"), run.spec().data.shape)
    predicted = explain.predict(cached.classifier(run), picture[None])
    odds = predicted.probabilities[0]
    likeliest = odds.argsort(descending=True)[:SHOWN].tolist()
    return {
        "classes": [(classes[k], float(odds[k])) for k in likeliest],
        "unlike": float(predicted.shares[0]) >= MIN_UNLIKE_SHARE,
    }


def _heat_settings(classes: tuple[str, ...]) -> tuple[str, float]:
    """The class that the heat map is for, and how strong it is, 0 where there is none."""
    if not st.toggle("Heat map", True, key="heat", bind="query-params", help=HEAT_HELP):
        return AS_READ, 0.0
    heat_for = st.selectbox(
        "Heat map for", [AS_READ, *classes], key="heat_for", bind="query-params"
    )
    opacity = st.slider(
        "Strength", 0.1, 1.0, MAX_HEAT_OPACITY, 0.05, key="heat_strength", bind="query-params"
    )
    low, high = HEAT_COLOURS
    middle = [(a + b) // 2 for a, b in zip(low, high, strict=True)]
    steps = [(low, 0.0), (middle, opacity / 2), (high, opacity)]
    colours = ", ".join(f"rgba({r}, {g}, {b}, {alpha:g})" for (r, g, b), alpha in steps)
    st.html(
        f'{STYLE}<div class="lab-legend">little'
        f'<i style="background: linear-gradient(90deg, {colours})"></i>much</div>'
    )
    return heat_for, opacity


HEAT_HELP = "Where the network sees signs of a class (Grad-CAM)."


def heat_map(run: Run, picture: Tensor, label: int, opacity: float = MAX_HEAT_OPACITY) -> Tensor:
    """A picture, uint8 (3, H, W), under its heat for a class."""
    if not opacity:
        return picture
    warm = cached.heat(run, picture, label)
    return explain.overlaid(picture[None], warm[None], opacity)[0]


def table(answers: list[Answered], classes: tuple[str, ...]) -> pd.DataFrame:
    """A row for each picture: its class, all probabilities, and whether it is unlike what the
    classifier learnt."""
    rows = []
    for name, _, predicted in answers:
        odds = predicted.probabilities[0].tolist()
        rows.append(
            {
                "picture": name,
                "class": classes[odds.index(max(odds))],
                **{f"probability of {c}": p for c, p in zip(classes, odds, strict=True)},
                "unlike the training images": float(predicted.shares[0]) >= MIN_UNLIKE_SHARE,
            }
        )
    return pd.DataFrame(rows)


def _similar(
    run: Run, answers: list[Answered], classes: tuple[str, ...], places: list[DeltaGenerator]
) -> None:
    """Show the most similar training images, where they are on this machine."""
    try:
        images = cached.training_pictures(run)
    except LabError:
        st.caption("Its training images are not on this machine, so none can be shown beside.")
        return
    page = sending.title("transfer_classifier")
    for number, (place, (_, _, predicted)) in enumerate(zip(places, answers, strict=True)):
        near = explain.alike(cached.classifier(run), predicted)[0].tolist()
        titles = [classes[int(images.labels[i])] for i in near]
        cards = [
            (title, images.pixels[i], "a training image like it")
            for title, i in zip(titles, near, strict=True)
        ]
        photographs = [
            SentPicture(images.pixels[i], f"Training image {i:,}, {title}", page)
            for title, i in zip(titles, near, strict=True)
        ]
        with place:
            clickable(cards, photographs, key=f"similar-picks-{number}", least=96)


def picture_html(name: str, picture: Tensor) -> str:
    """A picture, uint8 (3, H, W), with its name below."""
    address = data_url(to_webp(picture.permute(1, 2, 0).contiguous().numpy(), 85))
    return (
        f'<figure class="lab-heat"><img src="{address}" alt="{escape(name)} with what the network '
        f'looked at"><figcaption>{escape(name)}</figcaption></figure>'
    )


def _answer(name: str, picture: Tensor, prediction: Prediction, classes: tuple[str, ...]) -> None:
    """Show one picture under its heat map, with the answer and the likeliest classes."""
    with st.container(border=True):
        image, words = st.columns(2)
        with image:
            pictures.show(picture_html(name, picture))
        with words:
            _odds(prediction, classes)


def brief(name: str, picture: Tensor, prediction: Prediction, classes: tuple[str, ...]) -> None:
    """Show one picture with the answer below it."""
    pictures.show(STYLE + picture_html(name, picture))
    _odds(prediction, classes)


def _odds(prediction: Prediction, classes: tuple[str, ...]) -> None:
    """The answer, whether to trust it, and the likeliest classes."""
    odds = prediction.probabilities[0]
    order = odds.argsort(descending=True)[:SHOWN].tolist()
    st.header(classes[order[0]], anchor=False)
    _badge(float(odds[order[0]]), float(prediction.shares[0]), prediction.neighbours)
    for k in order:
        st.progress(float(odds[k]), f"{classes[k]} · {percent(float(odds[k]))}")


def _badge(share: float, strange: float, k: int) -> None:
    """Say whether to trust the answer; strangeness is measured at the k-th nearest image."""
    if strange >= MIN_UNLIKE_SHARE:
        st.badge("unlike the training images", color="orange", icon=":material/question_mark:")
        st.caption(farther(strange, k, "training images"))
    elif share < MIN_SURE:
        st.badge("not sure", color="yellow", icon=":material/balance:")
    else:
        st.badge("sure, and similar to the training images", color="green", icon=":material/check:")
