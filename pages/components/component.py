"""Components of ours: plain HTML, CSS and ES modules beside the Python that speaks with them."""

import base64
import binascii
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.server.scripts import COMPONENTS, script_url

IMPORT = """const module = await import(new URL("{url}", location.origin));
export default module.default;
"""
"""All that Streamlit is given as a component's script, for it sends that with each of its answers;
the modules themselves are files that browsers keep. It runs from a `blob:` address, from which only
whole addresses lead anywhere, and Streamlit takes a single line for a file's name."""


def component(name: str, isolate_styles: bool = True) -> Callable[..., Any]:
    """The component of the folder `name`: its HTML, ES module and CSS, if any, called as it is.

    Args:
        isolate_styles: in a shadow root, where the page's styles do not reach.
    """
    stem = COMPONENTS / name / name
    css = stem.with_suffix(".css")
    made: Callable[..., Any] = st.components.v2.component(
        name,
        html=stem.with_suffix(".html").read_text(encoding="utf-8"),
        css=css.read_text(encoding="utf-8") if css.exists() else None,
        js=IMPORT.format(url=script_url(f"{name}/{name}.js")),
        isolate_styles=isolate_styles,
    )
    return made


def nothing() -> None:
    """A component keeps only what has a callback."""


def picture_said(said: Mapping[str, Any], shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """The picture, uint8 of a shape, that a browser sent as `pixels` in Base64; None where it is
    none, for a browser may say anything."""
    try:
        content = base64.b64decode(said["pixels"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None
    if len(content) != prod(shape):
        return None
    return np.frombuffer(content, np.uint8).reshape(shape)


def news(key: str, name: str) -> dict[str, Any]:
    """What a component has said since the last run, under a name; empty without.

    It is read before the component is drawn, so that a page can go there at once. A browser numbers
    what it says by `move`, for Streamlit gives the same again at each run.

    Args:
        key: of the component; what was heard last is kept beside it in the session.
    """
    result, seen = st.session_state.get(key), f"{key}-seen"
    said = result.get(name) if result else None
    if not isinstance(said, dict) or said.get("move") == st.session_state.get(seen):
        return {}
    st.session_state[seen] = said.get("move")
    return said
