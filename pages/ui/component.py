"""Components of ours: plain HTML, CSS and JavaScript beside the Python that speaks with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent
SHARED = "elements.js"


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

    made: Callable[..., Any] = st.components.v2.component(
        folder,
        html=read(f"{folder}/{html}"),
        css=read(f"{folder}/{css}"),
        js=read(SHARED, *(f"{folder}/{name}" for name in scripts)),
        isolate_styles=isolate_styles,
    )
    return made


def nothing() -> None:
    """A component keeps only what has a callback."""
