"""A picture goes through a classifier while it is drawn: the browser computes every layer.

Nothing is sent while something is drawn; what is drawn comes back once the pen has rested.
"""

import base64
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.models.convnets import Shape
from core.runs.store import Run
from pages.components.component import component, nothing, picture_said
from pages.server import base_path


class Drawn(NamedTuple):
    """What the visitor has drawn."""

    pixels: NDArray[np.uint8]
    """(H, W), or (H, W, 3): as the network takes it."""


def network_url(run: Run) -> str:
    """Where the browser finds a finished run's classifier."""
    return base_path.address(f"/api/networks/{run.id}/{run.version()}")


def network(
    *,
    key: str,
    weights: str | None,
    shape: Shape,
    classes: Sequence[str],
    picture: NDArray[np.uint8] | None = None,
    draws: bool = True,
    name: str = "Network",
    opened: str | None = None,
) -> Drawn | None:
    """Draw the canvas, the layers and the answer; give what is drawn on this picture, None without.

    Args:
        key: of the component; one for all networks of a page.
        weights: where the bytes of `core.inference.browser_classifier.pack_classifier` are; None
            for a network that no browser can run: then there is the canvas alone.
        shape: (C, H, W) of the network's pictures.
        picture: what stands there at first, (H, W) or (H, W, 3); None to draw on black. A grey
            drawing on black is centred as MNIST's digits are. Another picture takes away what
            was drawn.
        draws: one may draw, also on a picture.
        name: of the network, for those who do not see it.
        opened: the path of a layer's module: when it changes, this layer is opened.

    Raises:
        ValueError: a picture of another shape.
    """
    channels, height, width = shape
    wanted = (height, width) if channels == 1 else (height, width, channels)
    if picture is not None and (picture.shape != wanted or picture.dtype != np.uint8):
        raise ValueError(f"The network takes uint8 pictures {wanted}.")
    content = None if picture is None else picture.tobytes()
    token = sha256(f"{shape} {draws} ".encode() + (content or b"")).hexdigest()[:16]
    _component(
        key=key,
        data={
            "weights": weights,
            "shape": list(shape),
            "classes": list(classes),
            "picture": None if content is None else base64.b64encode(content).decode(),
            "token": token,
            "draws": draws,
            "name": name,
            "opened": opened,
        },
        on_drawn_change=nothing,
    )
    return _checked(st.session_state[key].get("drawn"), token, wanted)


def _checked(said: Any, token: str, shape: tuple[int, ...]) -> Drawn | None:
    """What a browser says may be anything; what was drawn on another picture is gone."""
    if not isinstance(said, dict) or said.get("token") != token:
        return None
    pixels = picture_said(said, shape)
    return None if pixels is None else Drawn(pixels)


_component = component("network")
