"""Photographs that a visitor brings, and how they are shown."""

import streamlit as st
import torch
from torch import Tensor

from core import data
from core.dreaming.sample_pictures import SAMPLES
from core.images import Shape, data_url, decode, display_name, to_png, to_tensor
from core.runs.store import Run
from core.settings import settings
from pages.components import picks
from pages.server.streamlit_private import UploadedFile
from pages.ui import cached, links, sending
from pages.ui.errors import errors_shown
from pages.ui.pictures import Choice, cards_html
from pages.ui.run_choice import set_of
from pages.ui.sending import SentPicture
from pages.ui.widgets import segmented

MAX_PICTURES = 10
LIVE = "Live"
SOURCES = ("Samples", "Upload", "Camera", LIVE)
CATS_DOGS = "cats-dogs"
"""The data set of the shipped classifiers."""
THUMBNAIL = 64
"""Pixels of a sample's side, as it is chosen."""


def missing(run: Run) -> str:
    """How to have the photographs that a run was taught with, as a sentence; empty where they are
    on this machine."""
    name = run.spec().dataset
    known = set_of(run)
    if known and data.available(name) >= {"train", "test"}:
        return ""
    by_hand = known.by_hand if known else ""
    action = f"Put {by_hand} into {settings().data}, or bring" if by_hand else "Bring"
    return f"They are not on this machine. {action} your own under “Your pictures” and teach those."


def choose_source() -> str:
    """Where the photographs come from: one of `SOURCES`, or sent from another page."""
    choices = sending.sources(SOURCES)
    return segmented(
        "Photographs", choices, "photo_source", label_visibility="collapsed", bind=None
    )


def choose_photographs(source: str, run: Run) -> list[tuple[str, Tensor]]:
    """Names and pictures, uint8 (C, H, W): a sample, uploads, a camera shot, or a picture that
    was sent to the page."""
    shape = run.spec().data.shape
    if source == sending.HERE and (sent := sending.sent_here()) is not None:
        st.caption(sent.caption)
        return [(sent.what, to_tensor(sent.image, shape))]
    if source == "Samples":
        return [_sample(run)]
    files: list[UploadedFile]
    if source == "Camera":
        taken = st.camera_input(
            "Take a picture", key="photo_camera", label_visibility="collapsed", width=420
        )
        files = [taken] if taken is not None else []
    else:
        files = st.file_uploader(
            "Photographs",
            accept_multiple_files=True,
            key="photo_upload",
            label_visibility="collapsed",
        )
    if len(files) > MAX_PICTURES:
        st.caption(f"The first {MAX_PICTURES} pictures are shown.")
    return read(files[:MAX_PICTURES], shape)


def _sample(run: Run) -> tuple[str, Tensor]:
    """One of the pictures that are always there, chosen by its thumbnail."""
    pictures = cached.samples(run.spec().data.shape)
    name = links.pictures_box(
        "Sample pictures",
        links.Choices(list(pictures), next(iter(pictures))),
        {n: Choice(url(p, THUMBNAIL), SAMPLES[n].title) for n, p in pictures.items()},
        key="sample",
        columns=f"repeat(auto-fill, {THUMBNAIL}px)",
        aspect="1",
    )
    chosen = SAMPLES[name]
    none = ""
    if run.spec().dataset == CATS_DOGS:
        none = " · None of these shows a cat or a dog, yet the network has to choose one."
    st.caption(f"{chosen.title}: {chosen.source}{none}")
    return chosen.title, pictures[name]


def clickable(
    items: list[tuple[str, Tensor, str]], photographs: list[SentPicture], *, key: str, least: int
) -> None:
    """Draw photographs of which a click has the classifier answer one, under “Use it”.

    Args:
        items: the cards, as those of `pages.ui.pictures.cards`.
        photographs: what is answered, one for each card.
        least: pixels that a card is wide at least.
    """
    if (index := picks.picked(key, len(items))) is not None:
        with errors_shown():
            sending.send(photographs[index], "transfer_classifier")
    names = [f"Classify {photograph.what}" for photograph in photographs]
    picks.show(cards_html(items, least, photographs=True, names=names), key=key)


def read(files: list[UploadedFile], shape: Shape) -> list[tuple[str, Tensor]]:
    """Read the files that are pictures; show an error for each of the others."""
    pictures = []
    for file in files:
        with errors_shown():
            picture = to_tensor(decode(file.getvalue(), file.name), shape)
            pictures.append((display_name(file.name), picture))
    return pictures


def url(picture: Tensor, side: int | None = None) -> str:
    """A data URL of a picture, uint8 (3, H, W), scaled to `side` pixels if given."""
    if side is not None and side < picture.shape[1]:
        small = torch.nn.functional.interpolate(picture[None].float(), (side, side), mode="area")
        picture = small[0].round().byte()
    return data_url(to_png(picture.permute(1, 2, 0).numpy()))
