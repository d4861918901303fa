"""The visitor's camera: what a classifier says of it as it moves, or pictures of it.

The browser scales each frame to a square. It sends one at a time, and the next when the answer has
come; what is recorded while a button is held comes to Python when it is released.
"""

import base64
from typing import Any

from pages.components.component import component, nothing

MAX_FRAMES = 30
"""Frames of one recording."""
MAX_FRAME_CHARACTERS = 200_000
"""Of a frame in Base64: a JPEG of 256 pixels has about 20,000."""


def live_answers(*, key: str, side: int, address: str) -> None:
    """Draw the camera, with the answers to what it sees.

    Args:
        side: pixels of the square that is sent.
        address: takes a JPEG, and gives an answer as `pages/server/camera_answers.py` does.
    """
    _component(
        key=key, data={"side": side, "answers": address, "most": 0}, on_recorded_change=nothing
    )


def recorder(*, key: str, side: int) -> list[bytes]:
    """Draw the camera, with a button to hold; give the frames, as JPEG, that were recorded since
    the last run.

    Args:
        side: pixels of a frame's side.
    """
    data = {"side": side, "answers": None, "most": MAX_FRAMES}
    return frames(_component(key=key, data=data, on_recorded_change=nothing).get("recorded"))


def frames(said: Any) -> list[bytes]:
    """The frames in what a browser says, which may be anything."""
    decoded = []
    for text in said[:MAX_FRAMES] if isinstance(said, list) else []:
        if isinstance(text, str) and len(text) <= MAX_FRAME_CHARACTERS:
            try:
                decoded.append(base64.b64decode(text, validate=True))
            except ValueError:
                continue
    return decoded


_component = component("camera")
