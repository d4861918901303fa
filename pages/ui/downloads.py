"""Files to take away: pictures, tables, models."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from core import files
from core.errors import LabError
from core.jobs import queue
from core.runs.store import Run
from pages.server.visitor import who

MEDIA_TYPES = {
    "csv": "text/csv",
    "gif": "image/gif",
    "mp4": "video/mp4",
    "png": "image/png",
    "zip": "application/zip",
}
"""By the ending of a file's name; other files are bytes of any kind."""


def download(
    label: str, content: bytes | Callable[[], bytes], file: str, key: str | None = None
) -> None:
    """Offer a file; what a function makes is made when somebody takes it."""
    media_type = MEDIA_TYPES.get(file.rpartition(".")[2], "application/octet-stream")
    st.download_button(
        label, content, file, media_type, icon=":material/download:", on_click="ignore", key=key
    )


def while_visible(run: Run, make: Callable[[], bytes]) -> Callable[[], bytes]:
    """What `make` gives, as long as this visitor may see the run: a link to it can be withdrawn
    while its page is open."""
    visitor = who()

    def checked() -> bytes:
        if not queue.visible(run, visitor):
            raise LabError("There is no such run.")
        return make()

    return checked


def png_button(content: bytes | Callable[[], bytes], name: str, key: str | None = None) -> None:
    """Offer a picture."""
    download("PNG", content, f"{name}.png", key)


def csv_button(table: Callable[[], pd.DataFrame], name: str) -> None:
    """Offer a table."""
    download("CSV", lambda: files.to_csv(table()), f"{name}.csv", f"csv-{name}")
