"""The visitor's own image on the map: where it lies, what is near, and whether it belongs."""

import hashlib

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from core.data import Images
from core.inference import codes as encoding
from core.inference import outliers
from core.inference.codes import Codes
from core.metrics import neighbours
from core.metrics.image import percent
from core.projection import maps
from core.runs import store
from core.tasks.autoencoding import AUTOENCODING
from pages.components import picks
from pages.parts.latent_explorer.scene import Scene
from pages.parts.latent_explorer.view_state import select
from pages.ui import cached, inputs, pictures, sending
from pages.ui.proportions import farther
from pages.ui.widgets import segmented

STATE = "yours"
MAX_IMAGES = 10
NEIGHBOURS = 6
UNLIKE_SHARE = 0.99
MIN_WIDTH = 72
"""Minimum width in pixels of a picture."""


def places(scene: Scene) -> np.ndarray | None:
    """Positions of the visitor's images in this scene, (M, 2 or 3); None without any."""
    pixels: Tensor | None = st.session_state.get(STATE)
    shape = encoding.shape_of(scene.latent_map.config.source, scene.dataset)
    if (
        pixels is None or tuple(pixels.shape[1:]) != shape
    ):  # chosen for a map of images of another shape
        return None
    return scene.place(_codes(scene, pixels).values).numpy()


def panel(scene: Scene) -> None:
    """Ask for a drawing or pictures; put them on the map and show a verdict on each."""
    left, right = st.columns([5, 9], gap="large")
    with left:
        source = segmented("Your image", sending.sources(["Draw", "Upload"]), "own_source")
        shape = encoding.shape_of(scene.latent_map.config.source, scene.dataset)
        pixels = inputs.own_pixels(source, MAX_IMAGES, shape)
    if _digest(pixels) != _digest(st.session_state.get(STATE)):
        st.session_state[STATE] = pixels
        st.rerun()  # the map stands above
    with right:
        if pixels is None:
            st.info("Draw or upload something: it is put on the map beside the images like it.")
        else:
            _verdicts(scene, pixels)


def _verdicts(scene: Scene, pixels: Tensor) -> None:
    codes, known = _codes(scene, pixels), scene.codes.values
    shares = maps.strangeness(scene.latent_map, known, codes.values).shares.tolist()
    anomalies = _anomalies(scene, codes)
    k = min(NEIGHBOURS, len(known))
    nearest = neighbours.nearest(known, codes.values, k, scene.latent_map.config.metric)
    for i in range(len(pixels)):
        _verdict(
            shares[i], min(maps.STRANGENESS_K, len(known) - 1), anomalies[i] if anomalies else None
        )
        rows, distances = nearest.ids[i].tolist(), nearest.distances[i].tolist()
        key = f"own-picks-{i}"
        if index := picks.picked(key, 1 + len(rows)):  # the first is one's own
            select(scene, rows[index - 1])
            st.rerun()  # the map stands above
        titles = [scene.image_title(row) for row in rows]
        cards = [
            ("Yours", pixels[i], ""),
            *(
                (title, scene.codes.images.pixels[row], f"at {distance:.3g}")
                for title, row, distance in zip(titles, rows, distances, strict=True)
            ),
        ]
        names = ["", *(f"Select {title}" for title in titles)]
        picks.show(pictures.cards_html(cards, MIN_WIDTH, names=names), key=key, stage="map")
    st.caption("Click an image of the map to select it there.")


def _verdict(far: float, k: int, bad: float | None) -> None:
    """Whether an image belongs: by where its code lies among the others (as far as the k-th nearest
    of them), and by what its reconstruction loses."""
    parts = [farther(far, k, "images on the map")]
    if bad is not None:
        parts.append(f"The network draws it worse than {percent(bad, 0)} of the test images.")
    with st.container(horizontal=True, vertical_alignment="center"):
        if max(far, bad or 0.0) >= UNLIKE_SHARE:
            st.badge("unlike anything here", color="orange", icon=":material/question_mark:")
        else:
            st.badge("similar to images here", color="green", icon=":material/check:")
        st.caption(" ".join(parts))


def _anomalies(scene: Scene, codes: Codes) -> list[float] | None:
    """The share of test images that an autoencoder draws better than each; None without one.

    A code of few numbers hides what is strange: anything falls among the known ones.
    """
    run = store.find(scene.latent_map.config.source)
    if run is None or run.spec().task != AUTOENCODING.name:
        return None
    model = cached.autoencoder(run)
    labels = codes.images.labels if model.classes else None
    return [s.share for s in outliers.strangeness(run, model, codes.images.pixels, labels)]


def _codes(scene: Scene, pixels: Tensor) -> Codes:
    """The codes of the images, kept in the session until images or network change."""
    source, kept = scene.latent_map.config.source, st.session_state.get("yours_codes")
    name = f"{source} {_digest(pixels)}"
    if kept is None or kept[0] != name:
        unknown = torch.full((len(pixels),), -1)
        kept = (name, encoding.encode(source, Images(pixels, unknown)))
        st.session_state["yours_codes"] = kept
    codes: Codes = kept[1]
    return codes


def _digest(pixels: Tensor | None) -> str:
    return "" if pixels is None else hashlib.sha256(pixels.numpy().tobytes()).hexdigest()
