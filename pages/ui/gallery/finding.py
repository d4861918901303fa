"""Find a picture: the latent from which the network draws what somebody brings."""

import hashlib

import streamlit as st
from torch import Tensor

from core import data
from core.errors import LabError
from core.inference import latent
from core.tasks.base import fitted
from pages.ui import cached, inputs, pictures
from pages.ui.frame import csv_button
from pages.ui.gallery.stage import Scene

SOURCES = ("Test image", "Draw", "Upload")


@st.fragment
def find(scene: Scene) -> None:
    """Search for a drawing, an upload or a test image, and show how near the search came."""
    source = st.segmented_control(
        "Look for", SOURCES, default=SOURCES[0], required=True, key="wanted", bind="query-params"
    )
    wanted = _wanted(scene, str(source))
    if wanted is None:
        st.caption("The picture is brought to the size that this network draws.")
        return
    asked = hashlib.sha256(f"{scene.run.id} {scene.label}".encode() + wanted.numpy().tobytes())
    if st.button("Search", icon=":material/search:", type="primary"):
        st.session_state["searched"] = asked.digest()
    if st.session_state.get("searched") != asked.digest():
        pictures.cards([("Yours", wanted[0], "as this network could see it")], least=150)
        return
    try:
        found = cached.inversion(scene.run, wanted, scene.label)
    except LabError as error:
        st.error(str(error))
        return
    pictures.cards(
        [
            ("Yours", wanted[0], "as this network could see it"),
            ("Found", found.drawing[0], f"RMS error {found.best:.3f}"),
            (
                "Nearest of 1,000 samples",
                found.nearest_drawing[0],
                f"RMS error {found.nearest:.3f}",
            ),
            ("What is left", (found.drawing - wanted).abs()[0], "difference, absolute"),
        ],
        least=150,
    )
    spread = ", ".join(f"{e:.3f}" for e in sorted(found.errors.tolist()))
    gained = 1 - found.best / max(found.nearest, 1e-9)
    st.markdown(
        f"The search took {gained:.0%} off the error of the nearest sample. "
        + (
            "What is left is much: this network cannot draw such a picture."
            if found.best > 0.2
            else "The network can draw it, or nearly."
        )
    )
    st.caption(f"RMS errors of the eight starts, in a range of 0 to 1: {spread}.")
    csv_button(lambda: latent.code_table(found.latent), f"{scene.run.id}-found")


def _wanted(scene: Scene, source: str) -> Tensor | None:
    """(1, C, H, W) in [0, 1]."""
    asked = scene.run.config()
    if source != SOURCES[0]:
        pixels = inputs.own_pixels(source, 1, asked.data.shape)
        return None if pixels is None else pixels.float() / 255
    if data.known(asked.dataset) is None or "test" not in data.available(asked.dataset):
        st.info("The test images of this data set are not on this machine. Draw or upload one.")
        return None
    last = asked.data.n_test - 1
    first = st.number_input(
        "Test image", 0, last, 0, key="wanted_image", bind="query-params", width=160
    )
    images = data.load(asked.dataset, "test")
    one = fitted(type(images)(*(t[int(first) : int(first) + 1] for t in images)), asked.data.shape)
    return one.pixels.float() / 255
