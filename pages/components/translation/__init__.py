"""Pictures of two sets, each with its translation into the other and the way back.

The browser translates while the pen moves; where it cannot, it asks the server for one picture
after the other. Noise and its seed stand in the address; only a picture that was pressed is sent.
"""

import base64
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.images import Shape
from core.runs.store import Run
from pages.components.component import component, nothing, picture_said
from pages.server import base_path

WHICH = ("there", "back", "lost")
"""Pictures of a row that can be pressed."""


class Side(NamedTuple):
    """A set of pictures, and what its row begins with."""

    title: str
    """Of the set."""
    picture: NDArray[np.uint8] | None
    """(H, W) or (H, W, 3); None to draw on an empty sheet."""
    what: str = ""
    """What it is."""
    light: bool = False
    """Whether the sheet is white, and the pen black."""
    digits: bool = False
    """Whether drawings are centred as MNIST's digits are."""


class Engine(NamedTuple):
    """Who translates."""

    weights: str | None
    """Where the bytes of `core.inference.browser_classifier.pack_translator` are; None where no
    browser can run the network."""
    answers: str | None
    """Where the server answers then."""
    shape: Shape


class Taken(NamedTuple):
    """A picture that was pressed."""

    pixels: NDArray[np.uint8]
    direction: int
    """0 in the row that begins with the first set."""
    which: str
    """One of `WHICH`."""


def translator_url(run: Run) -> str:
    """Where the browser finds a finished run's generators."""
    return base_path.address(f"/api/translators/{run.id}/{run.version()}")


def translation(
    *, key: str, engine: Engine, sides: tuple[Side, Side], hides: bool = False
) -> Taken | None:
    """Draw a row for each set; give the picture that was pressed, None without.

    Args:
        hides: noise is put on the translation, and a second way back shown.

    Raises:
        ValueError: a picture of another shape.
    """
    channels, height, width = engine.shape
    wanted = (height, width) if channels == 1 else (height, width, channels)
    shown = [_side(side, wanted, engine) for side in sides]
    _component(
        key=key,
        data={
            "weights": engine.weights,
            "answers": engine.answers,
            "shape": list(engine.shape),
            "sides": shown,
            "hides": hides,
        },
        on_taken_change=nothing,
    )
    tokens = [str(side["token"]) for side in shown]
    return _checked(st.session_state[key].get("taken"), tokens, wanted)


def _side(side: Side, wanted: tuple[int, ...], engine: Engine) -> dict[str, Any]:
    picture = side.picture
    if picture is not None and (picture.shape != wanted or picture.dtype != np.uint8):
        raise ValueError(f"The network takes uint8 pictures {wanted}.")
    content = None if picture is None else picture.tobytes()
    of = f"{engine.shape} {side.title} {side.light} {side.digits} ".encode() + (content or b"")
    return {
        **side._asdict(),
        "picture": None if content is None else base64.b64encode(content).decode(),
        "token": sha256(of).hexdigest()[:16],
    }


def _checked(said: Any, tokens: list[str], shape: tuple[int, ...]) -> Taken | None:
    """What a browser says may be anything; what was made of another picture is gone."""
    if not isinstance(said, dict) or said.get("which") not in WHICH:
        return None
    direction = said.get("direction")
    if direction not in (0, 1) or said.get("token") != tokens[direction]:
        return None
    pixels = picture_said(said, shape)
    return None if pixels is None else Taken(pixels, int(direction), str(said["which"]))


_component = component("translation")
