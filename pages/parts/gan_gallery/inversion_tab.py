"""GAN inversion: the latent from which the network draws a given picture."""

import hashlib

import streamlit as st
from torch import Tensor

from core import data
from core.errors import LabError
from core.inference import latent
from core.tasks.base import fitted
from pages.components import picks
from pages.parts.gan_gallery.stage import KEY, Scene, go
from pages.ui import cached, inputs, pictures, sending
from pages.ui.downloads import csv_button
from pages.ui.names import class_title
from pages.ui.widgets import segmented

SOURCES = ("Test image", "Draw", "Upload")
PICKS = "inversion-picks"


@st.fragment
def panel(scene: Scene) -> None:
    """Search for a drawing, an upload or a test image, and show how near the search came."""
    source = segmented("Look for", sending.sources(SOURCES), "wanted")
    target, name = _choose_target(scene, source)
    if target is None:
        st.caption("The picture is brought to the size that this network draws.")
        return
    search = hashlib.sha256(f"{scene.run.id} {scene.label}".encode() + target.numpy().tobytes())
    if st.button("Search", icon=":material/search:", type="primary"):
        st.session_state["searched"] = search.digest()
    if st.session_state.get("searched") != search.digest():
        pictures.cards([(name, target[0], "as this network could see it")], least=150)
        return
    try:
        inversion = cached.inversion(scene.run, target, scene.label)
    except LabError as error:
        st.error(str(error))
        return
    latents = {1: inversion.latent[0], 2: inversion.nearest_latent[0]}
    if (index := picks.picked(PICKS, 3)) in latents:
        go(scene, latents[index], scene.label)
    shown = [
        (name, target[0], "as this network could see it"),
        ("Found", inversion.drawing[0], f"RMS error {inversion.best:.3f}"),
        (
            "Nearest of 1,000 samples",
            inversion.nearest_drawing[0],
            f"RMS error {inversion.nearest:.3f}",
        ),
        ("What is left", (inversion.drawing - target).abs()[0], "difference, absolute"),
    ]
    names = [title if i in latents else "" for i, (title, _, _) in enumerate(shown)]
    picks.show(pictures.cards_html(shown, least=150, names=names), key=PICKS, stage=KEY)
    spread = ", ".join(f"{e:.3f}" for e in sorted(inversion.errors.tolist()))
    gained = 1 - inversion.best / max(inversion.nearest, 1e-9)
    st.markdown(
        f"The search took {gained:.0%} off the error of the nearest sample. "
        + (
            "Much is left: the search reached no latent from which this network draws it, and "
            "perhaps there is none."
            if inversion.best > 0.2
            else "The network can draw it, or nearly."
        )
    )
    st.caption(f"RMS errors of the eight starts, in a range of 0 to 1: {spread}.")
    with st.container(horizontal=True):
        if st.button("Put it on the stage", icon=":material/arrow_upward:"):
            go(scene, inversion.latent[0], scene.label)
        csv_button(lambda: latent.code_table(inversion.latent), f"{scene.run.id}-inverted")


def _choose_target(scene: Scene, source: str) -> tuple[Tensor | None, str]:
    """The picture to search for, (1, C, H, W) in [0, 1], and its title."""
    spec = scene.run.spec()
    if source != SOURCES[0]:
        pixels = inputs.own_pixels(source, 1, spec.data.shape)
        return None if pixels is None else pixels.float() / 255, inputs.own_title(source)
    if data.known(spec.dataset) is None or "test" not in data.available(spec.dataset):
        st.info("The test images of this data set are not on this machine. Draw or upload one.")
        return None, ""
    images = data.load(spec.dataset, "test")
    _start_at_class(scene, images.labels)
    first = inputs.choose_index("Test image", len(images.labels), key="wanted_image", width=160)
    image = fitted(type(images)(*(t[first : first + 1] for t in images)), spec.data.shape)
    label = int(images.labels[first])
    of = f", class {class_title(spec.dataset, label)}" if label >= 0 else ""
    return image.pixels.float() / 255, f"Test image {first:,}{of}"


def _start_at_class(scene: Scene, labels: Tensor) -> None:
    """For a conditional network, begin with the first test image of its class; the image of a link
    stays until another class is chosen."""
    state, key = st.session_state, "wanted_of"
    of = f"{scene.run.spec().dataset} {scene.label}"
    opened = key not in state and "wanted_image" in st.query_params
    if state.get(key) == of or scene.label is None or opened:
        state[key] = of
        return
    state[key] = of
    own = (labels == scene.label).nonzero()
    if len(own):
        state["wanted_image"] = int(own[0, 0])
