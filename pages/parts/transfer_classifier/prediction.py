"""Classify photographs, with heat maps and the most similar training images."""

from html import escape

import streamlit as st
import torch
from torch import Tensor

from core.errors import LabError
from core.inference import explain
from core.inference.explain import MIN_UNLIKE_SHARE, Prediction
from core.metrics.image import percent
from core.runs.query import classes_of
from core.runs.store import Run
from pages.parts.transfer_classifier.photographs import choose_photographs, url
from pages.server.streamlit_private import DeltaGenerator
from pages.ui import cached, pictures
from pages.ui.proportions import farther
from pages.ui.run_choice import set_of

AS_READ = "The class read"
SHOWN = 6
"""Classes whose probabilities are shown, the likeliest first."""
MIN_SURE = 0.9


def panel(run: Run) -> None:
    """From a photograph to its class."""
    classes = classes_of(run)
    left, right = st.columns([5, 9], gap="large")
    with left:
        uploads = choose_photographs(run.spec().data.shape)
        heat_for = st.selectbox(
            "Heat map for",
            [AS_READ, *classes],
            key="heat_for",
            bind="query-params",
            help="Where the network sees signs of this class (Grad-CAM).",
        )
        st.caption(f"Tells apart: {', '.join(classes)}. Pictures stay on this machine.")
    with right:
        if not uploads:
            st.info("Upload a photograph or take one: the answer comes at once.")
            return
        pixels = torch.stack([picture for _, picture in uploads])
        model = cached.classifier(run)
        predicted = explain.predict(model, pixels)
        beside = []
        for i, (name, picture) in enumerate(uploads):
            label = int(predicted.probabilities[i].argmax())
            target = label if heat_for == AS_READ else classes.index(heat_for)
            _answer(name, _heat_map(run, picture, target), predicted, i, classes)
            beside.append(st.container())
        _similar(run, predicted, classes, beside)  # last: at first it reads the training pictures


def _heat_map(run: Run, picture: Tensor, label: int) -> Tensor:
    warm = explain.heat(cached.classifier(run), picture[None], label)
    return explain.overlaid(picture[None], warm)[0]


def _similar(
    run: Run, predicted: Prediction, classes: tuple[str, ...], places: list[DeltaGenerator]
) -> None:
    """Show the most similar training images, where they are on this machine and this visitor may
    see them."""
    if set_of(run) is None:
        st.caption("Its training images are not here for you, so none can be shown beside.")
        return
    try:
        images = cached.training_pictures(run)
    except LabError:
        st.caption("Its training images are not on this machine, so none can be shown beside.")
        return
    rows = explain.alike(cached.classifier(run), predicted)
    for place, near in zip(places, rows.tolist(), strict=True):
        with place:
            similar = [
                (classes[int(images.labels[i])], images.pixels[i], "a training image like it")
                for i in near
            ]
            pictures.cards(similar, least=96, photographs=True)


def _answer(
    name: str, picture: Tensor, prediction: Prediction, i: int, classes: tuple[str, ...]
) -> None:
    """Show one picture under its heat map, with the answer and the likeliest classes."""
    odds = prediction.probabilities[i]
    order = odds.argsort(descending=True)[:SHOWN].tolist()
    with st.container(border=True):
        image, words = st.columns([2, 3])
        image.html(
            f'<img src="{url(picture)}" alt="{escape(name)} with what the network looked at" '
            'style="width:100%;border-radius:.4rem;display:block">'
        )
        with words:
            best, share = classes[order[0]], float(odds[order[0]])
            st.markdown(f"### {best}")
            _badge(share, float(prediction.shares[i]), prediction.neighbours)
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
