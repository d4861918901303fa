"""Which picture stands on the stage."""

import random

import streamlit as st

from core import data
from core.dreaming.sample_pictures import SAMPLES
from core.images import fit
from core.tasks.family import Shape
from pages.parts.network_explorer.networks import Network
from pages.parts.network_explorer.stage import CLICKED, DRAW, TEST, Picture, address
from pages.server.streamlit_private import DeltaGenerator
from pages.ui import cached, inputs, links, sending
from pages.ui.names import dataset_title
from pages.ui.pictures import Choice
from pages.ui.widgets import segmented

SAMPLE = "Sample"
DREW = "network_drew"
"""In the session: whether one drew when the page was seen last."""
THUMBNAIL = 64
"""Pixels of a sample's side, as it is chosen."""


def choose(network: Network, row: DeltaGenerator) -> Picture | None:
    """A test image or a sample, an upload, the camera's or one that was sent here; None while there
    is nothing yet, or where one draws. What is short stands in `row`."""
    st.session_state.update(st.session_state.pop(CLICKED, {}))
    linked = any(key in st.query_params for key in ("source", "first"))
    if st.session_state.get(DREW) and "source" not in st.session_state and not linked:
        st.session_state["source"] = DRAW  # they left the page and are back, and so is the drawing
    own = [TEST, DRAW] if network.run is not None else [SAMPLE]
    sources = sending.sources([*own, "Upload", "Camera"])
    with row:
        source = segmented("Picture", sources, "source", width="content")
        st.session_state[DREW] = source == DRAW
        if source == TEST:
            return _test_image(network)
    if source == DRAW:
        return None
    if source == SAMPLE:
        return _sample(network)
    pixels = inputs.own_pixels(source, 1, network.shape)
    if pixels is None:
        return None
    note = f"Fitted to {size_text(network.shape)}."
    return Picture(pixels, None, inputs.own_title(source), note)


def _test_image(network: Network) -> Picture:
    assert network.run is not None
    dataset = inputs.choose_dataset(network.run)
    count = inputs.last_first(dataset, 1) + 1
    index = inputs.choose_index("Test image", count, key="first", width=110)
    st.button("Another", icon=":material/casino:", on_click=_another, args=(dataset,))
    images, info = data.load(dataset, "test"), data.info(dataset)
    pixels = images.pixels[index : index + 1]
    own = info.classes == network.classes
    shape: Shape = (pixels.shape[1], pixels.shape[2], pixels.shape[3])
    note = ""
    if shape != network.shape:
        note = f"It has {size_text(shape)}; fitted to {size_text(network.shape)}."
    return Picture(
        fit(pixels, network.shape),
        int(images.labels[index]) if own else None,
        f"Test image {index:,} of {dataset_title(dataset)}",
        note,
    )


def _another(dataset: str) -> None:
    st.session_state["first"] = random.randint(0, inputs.last_first(dataset, 1))


def _sample(network: Network) -> Picture:
    shown = cached.samples(network.shape)
    small = {name: fit(picture[None], (3, THUMBNAIL, THUMBNAIL)) for name, picture in shown.items()}
    name = links.pictures_box(
        "Sample pictures",
        links.Choices(list(shown), next(iter(shown))),
        {n: Choice(address(p), SAMPLES[n].title) for n, p in small.items()},
        key="sample",
        columns=f"repeat(auto-fill, {THUMBNAIL}px)",
        aspect="1",
    )
    return Picture(shown[name][None], None, SAMPLES[name].title)


def size_text(shape: Shape) -> str:
    """A shape in words: "28 × 28 pixels, grey"."""
    return f"{shape[1]} × {shape[2]} pixels, {'grey' if shape[0] == 1 else 'colour'}"
