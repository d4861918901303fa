"""The frame of a page: its icon, its title, its tabs."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import numpy as np
import streamlit as st
from PIL import Image

T = TypeVar("T")


def _icon() -> Image.Image:
    """A slope of colours under a grid of points: a latent space. Drawn here, so that the browser
    asks nobody else for it."""
    y, x = np.mgrid[0:64, 0:64] / 63
    picture = np.stack([76 + 150 * x, 110 - 30 * x + 60 * y, 245 - 150 * y * x], axis=-1)
    for row in (16, 32, 48):
        for column in (16, 32, 48):
            near = (np.mgrid[0:64, 0:64] - np.array([row, column])[:, None, None]) ** 2
            picture[near.sum(0) < 22] = 255
    return Image.fromarray(picture.astype(np.uint8))


ICON = _icon()


WITHOUT_CSV = """<style>
[data-testid="stElementToolbarButton"]:has(button[aria-label="Download as CSV"]) { display: none; }
</style>"""
"""Without the CSV that Streamlit makes of a table in the browser: people's names could be formulas
there. `csv_button` of downloads.py stands beside each table."""


def title(name: str, line: str) -> None:
    """The head of a page: its name and one line."""
    st.html(WITHOUT_CSV)
    st.title(name, anchor=False)
    st.caption(line)


def tabs(bodies: Mapping[str, Callable[[], object]]) -> None:
    """The page's tabs, of which the open one is drawn; its name stands in the address."""
    places = st.tabs(list(bodies), key="tab", bind="query-params")
    for place, body in zip(places, bodies.values(), strict=True):
        if place.open:
            with place:
                body()


def needs(
    chosen: T | None, body: Callable[[T], object], otherwise: str = ""
) -> Callable[[], object]:
    """The body of a tab about what is chosen; where nothing is, a sentence or an empty tab."""
    if chosen is not None:
        return partial(body, chosen)
    return partial(st.info, otherwise) if otherwise else lambda: None
