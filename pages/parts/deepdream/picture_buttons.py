"""Buttons that look like pictures, side by side, their words below in the picture."""

from collections.abc import Mapping

import streamlit as st

from pages.server.streamlit_private import DeltaGenerator

STYLE = """.st-key-{key} {{ display: grid; gap: .5rem; grid-template-columns: {columns}; }}
.st-key-{key} > div {{ width: auto; min-width: 0; }}
.st-key-{key} button {{ width: 100%; aspect-ratio: 3 / 2; padding: 0; min-height: 0; border: 0;
  align-items: end; overflow: hidden; background: center / cover; }}
.st-key-{key} button > div {{ width: 100%; padding: 1rem .5rem .2rem; justify-content: start;
  color: #fff; background: linear-gradient(transparent, #000c); }}
.st-key-{key} button p {{ font-size: .82rem; font-weight: 600; }}
.st-key-{key} button[kind="primary"] {{ outline: 3px solid var(--st-primary-color, #4c6ef5);
  outline-offset: 1px; }}
"""


def grid(key: str, columns: str, pictures: Mapping[str, str]) -> DeltaGenerator:
    """A container for buttons that get pictures; one of type `primary` has an edge.

    Args:
        columns: of the grid, as in CSS.
        pictures: their addresses, by the keys of the buttons.
    """
    backgrounds = "".join(
        f'.st-key-{button} button {{ background-image: url("{address}"); }}'
        for button, address in pictures.items()
    )
    st.html(f"<style>{STYLE.format(key=key, columns=columns)}{backgrounds}</style>")
    return st.container(key=key)
