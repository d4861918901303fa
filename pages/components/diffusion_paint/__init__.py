"""A picture with holes, or a rough drawing, that a diffusion finishes while one paints.

The network runs in the browser. Mask, class, guidance, steps, seed and strength stand in the
address as far as they are short, and nothing is sent while one paints.
"""

import base64
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.tasks.family import Shape
from pages.components.component import component, nothing, picture_said

Mode = Literal["fill", "scribble"]


class Painter(NamedTuple):
    """The network that finishes pictures."""

    weights: str
    """Where the bytes of `core.inference.browser_denoiser.pack_denoiser` are."""
    shape: Shape
    set_title: str
    """What it has learnt."""
    classes: Sequence[str] = ()
    """The names of those it can be asked for."""
    digits: bool = False
    """Whether drawings are centred as MNIST's digits are."""


class Reader(NamedTuple):
    """A classifier that reads what was drawn."""

    weights: str
    """Where the bytes of `core.inference.browser_classifier.pack_classifier` are."""
    classes: Sequence[str]
    name: str
    right: str
    """Its accuracy, for a sentence."""


def paint(
    *,
    key: str,
    painter: Painter,
    mode: Mode,
    picture: NDArray[np.uint8] | None,
    reader: Reader | None = None,
) -> NDArray[np.uint8] | None:
    """Draw the canvas and what the network makes of it; give the result that was pressed, uint8 as
    the picture is, and None without.

    Args:
        key: of the component; one for both modes.
        mode: holes are painted into the picture, or it is a rough drawing.
        picture: (H, W) or (H, W, 3); None to draw on black, with "scribble" only.

    Raises:
        ValueError: a picture of another shape, or none to paint holes into.
    """
    channels, height, width = painter.shape
    wanted = (height, width) if channels == 1 else (height, width, channels)
    if picture is None and mode == "fill":
        raise ValueError("There is no picture to paint holes into.")
    if picture is not None and (picture.shape != wanted or picture.dtype != np.uint8):
        raise ValueError(f"The network takes uint8 pictures {wanted}.")
    content = None if picture is None else picture.tobytes()
    token = sha256(f"{painter.shape} ".encode() + (content or b"")).hexdigest()[:16]
    _component(
        key=key,
        data={
            "weights": painter.weights,
            "shape": list(painter.shape),
            "set": painter.set_title,
            "asked": list(painter.classes) or None,
            "digits": painter.digits,
            "mode": mode,
            "picture": None if content is None else base64.b64encode(content).decode(),
            "token": token,
            "reader": None if reader is None else reader._asdict(),
        },
        on_taken_change=nothing,
    )
    return _checked(st.session_state[key].get("taken"), (token, mode), wanted)


def _checked(said: Any, of: tuple[str, str], shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """What a browser says may be anything; what was made of another picture is gone."""
    if not isinstance(said, dict) or (said.get("token"), said.get("mode")) != of:
        return None
    return picture_said(said, shape)


_component = component("diffusion_paint")
