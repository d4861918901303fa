"""Paint holes into a picture, or take a scribble, where a network is too large for a browser."""

import streamlit as st
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from core.images import contact_sheet
from core.runs.store import Run
from core.tasks.diffusion import DIFFUSION
from pages.parts.diffusion.choice import sampling_controls
from pages.ui import cached, pictures, sending
from pages.ui.errors import errors_shown
from pages.ui.mask_canvas import WIDTH, mask_canvas

NOTHING_YET = "Draw or upload something, and it appears here."
FINISHED_SETTINGS = "finished_settings"
CARD = 108
"""Pixels that a picture is wide at least."""


def stage(run: Run, scribbles: bool, pixels: Tensor | None, title: str) -> None:
    """Draw the canvas, and what the network has made of it once the button was pressed.

    Args:
        scribbles: the picture is a scribble to be finished; else holes are painted into it.
        pixels: uint8 (C, H, W), or None while there is nothing yet.
        title: what the picture is.
    """
    if pixels is None:
        st.info(NOTHING_YET)
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        missing, strength = None, 1.0
        if scribbles:
            strength = _strength(pixels)
        else:
            missing = _holes(pixels)
        how = sampling_controls(run, measured=not scribbles)
        # The button is for this picture with these settings: others need it again.
        settings = (run.id, strength, how, _values(pixels), _values(missing))
        ready = scribbles or missing is not None
        if st.button("Finish it", icon=":material/brush:", disabled=not ready):
            st.session_state[FINISHED_SETTINGS] = settings
    with right, errors_shown():
        if ready and st.session_state.get(FINISHED_SETTINGS) == settings:
            if missing is None:
                drawn = cached.finished(run, pixels[None], strength, how)
            else:
                drawn = cached.filled(run, pixels[None], missing, how)
            _results(run, drawn, title)


def _values(pixels: Tensor | None) -> bytes:
    return b"" if pixels is None else pixels.numpy().tobytes()


def _strength(pixels: Tensor) -> float:
    """Show a scribble, and give how far it may be left behind, in (0, 1]."""
    pictures.cards([("The scribble", pixels, "as the network sees it")], CARD)
    strength = st.slider(
        "Strength",
        0.1,
        1.0,
        0.5,
        0.05,
        key="scribble_strength",
        bind="query-params",
        help="How much noise is added to the scribble before the network takes it away: little "
        "keeps the scribble, all of it leaves nothing.",
    )
    return float(strength)


def _holes(pixels: Tensor) -> Tensor | None:
    """Where a picture (C, H, W) has holes, bool (H, W): where half of a pixel is painted over."""
    height, width = pixels.shape[1:]
    scale = max(1, WIDTH // max(height, width))
    large = contact_sheet(pixels[None], 1, scale=scale)
    painted = mask_canvas(
        Image.fromarray(large), "Paint what is to be filled, with the mouse or a finger."
    )
    if painted is None:
        return None
    covered = F.interpolate(painted[None, None] / 255, (height, width), mode="area")[0, 0]
    return covered >= 0.5


def _results(run: Run, drawn: Tensor, title: str) -> None:
    """Show what the network has made of a picture, (N, C, H, W) in [0, 1]."""
    pictures.cards([(f"Result {i}", result, "") for i, result in enumerate(drawn, 1)], CARD)
    maker = DIFFUSION.variant(run.spec().variant).title
    what = f"{title}, finished by {maker}"
    with st.container(horizontal=True):
        sending.send_to({f"{what}, {i}": result for i, result in enumerate(drawn, 1)})
