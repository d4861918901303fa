"""The frame of a page: its icon, its title, its quiet line, its explanation."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from core import files


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


PLAIN = """<style>
[data-testid="stElementToolbarButton"]:has(button[aria-label="Download as CSV"]) { display: none; }
</style>"""
"""Without the CSV that Streamlit makes of a table in the browser: people's names could be formulas
there. `csv_button` stands beside each table."""


def title(name: str, line: str) -> None:
    """The head of a page: its name and one line."""
    st.html(PLAIN)
    st.title(name, anchor=False)
    st.caption(line)


def csv_button(table: Callable[[], pd.DataFrame], name: str) -> None:
    """Offer a table as a file; it is made when somebody takes it."""
    st.download_button(
        "CSV",
        lambda: files.to_csv(table()),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"csv-{name}",
    )
