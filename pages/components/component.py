"""Components of ours: plain HTML, CSS and JavaScript beside the Python that speaks with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from pages.server.routes import script_url

HERE = Path(__file__).parent
SHARED = "elements.js"
FETCHED = """const found = await import(new URL("{url}", location.origin));
export default found.default;
"""
"""Streamlit sends a component's script with each of its answers: if all of it were there, fifty
kilobytes a click. What browsers have fetched they keep."""


def component(
    folder: str, html: str, css: str, scripts: list[str], isolate_styles: bool = True
) -> Callable[..., Any]:
    """A component from files in `folder` of this one; it is called by the folder's name.

    Args:
        scripts: one module for the browser, in this order, after `elements.js`.
        isolate_styles: in a shadow root, where the page's styles do not reach.
    """

    def read(*names: str) -> str:
        return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)

    script = read(SHARED, *(f"{folder}/{name}" for name in scripts))
    made: Callable[..., Any] = st.components.v2.component(
        folder,
        html=read(f"{folder}/{html}"),
        css=read(f"{folder}/{css}"),
        js=FETCHED.format(url=script_url(folder, script)),
        isolate_styles=isolate_styles,
    )
    return made


def nothing() -> None:
    """A component keeps only what has a callback."""
