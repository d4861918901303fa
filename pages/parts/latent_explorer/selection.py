"""What the lasso holds: its images, its classes, its table; and the two ends of an axis."""

import math

import pandas as pd
import streamlit as st
import torch
from torch import Tensor

from core.images import COLOURS, contact_sheet, to_png
from core.metrics.image import percent
from pages.components import picks
from pages.parts.latent_explorer.scene import ENDS, Scene, keep_selection, selected
from pages.parts.latent_explorer.view_state import current_view, select
from pages.ui import cached, charts, pictures
from pages.ui.downloads import csv_button, png_button

MAX_SHOWN = 480
COLUMNS = 24
MAX_IMAGE_WIDTH = 5
"""Of one in the sheet, in rem."""
PICKS = "selection-picks"


def panel(scene: Scene) -> None:
    """The gallery of the selection, its histogram and its downloads."""
    rows = _selected(scene)
    if not len(rows):
        st.info("Nothing is selected. Choose Lasso or Box above the map and draw around points.")
        return
    images, name = scene.codes.images.pixels[rows], f"{scene.latent_map.run.id}-selection"
    left, right = st.columns([9, 5], gap="large")
    with left:
        shown = images[:MAX_SHOWN]
        columns = min(COLUMNS, max(8, math.isqrt(len(shown) - 1) + 1))
        if (index := picks.picked(PICKS, len(shown))) is not None:
            select(scene, int(rows[index]))
            st.rerun()  # the map stands above
        _sheet(scene, rows, shown, min(columns, len(shown)))
        with st.container(horizontal=True):
            png_button(
                lambda: to_png(contact_sheet(images, COLUMNS, gap=1, fill=0)), name, "png-selection"
            )
            csv_button(lambda: cached.map_table(scene.latent_map).iloc[rows.tolist()], name)
            for end in ENDS:
                if st.button(f"Keep as {end}", help="An end of your own axis: see View, My axis."):
                    keep_selection(end, scene, rows)
                    st.toast(f"{len(rows):,} images are kept as {end}.")
    with right:
        _histogram(scene, rows)


def _sheet(scene: Scene, rows: Tensor, shown: Tensor, columns: int) -> None:
    """The images as one sheet to click on, of single images no larger than can be seen well."""
    png = to_png(contact_sheet(shown, columns, gap=1, fill=0))
    names = [f"Select {scene.image_title(int(row))}" for row in rows[: len(shown)]]
    title = _count(len(shown), len(rows))
    sheet = pictures.Sheet(title, png, "", columns, names, "The selected images")
    html = pictures.sheets_html([sheet])
    width = f"min(100%, {columns * MAX_IMAGE_WIDTH}rem)"
    picks.show(f'<div style="width: {width}">{html}</div>', key=PICKS, stage="map")
    st.caption("Click an image to select it on the map.")


def _selected(scene: Scene) -> Tensor:
    now = current_view(scene)
    return selected(scene, now.lasso, now.shown)


def _count(shown: int, selected: int) -> str:
    if shown < selected:
        return f"The first {shown:,} of {selected:,} images; the PNG has all."
    return f"{selected:,} image{'s' if selected > 1 else ''}"


def _histogram(scene: Scene, rows: Tensor) -> None:
    names = scene.class_names
    if not names:
        return
    labels = scene.labels[rows]
    counts = torch.bincount(labels[labels >= 0], minlength=len(names)).tolist()
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(names))]
    figure = charts.bars(names, counts, colours, "class", "images selected")
    charts.show(figure, key="selected-classes", height=300)
    most = max(range(len(names)), key=counts.__getitem__)
    share = percent(counts[most] / len(rows), 0)
    st.caption(f"{share} of them are of class {names[most]}.")


def codes(scene: Scene) -> None:
    """The raw table: of the selection if there is one, else of the whole map."""
    rows = _selected(scene)
    table: pd.DataFrame = cached.map_table(scene.latent_map)
    if len(rows):
        table = table.iloc[rows.tolist()]
    st.caption(f"{len(table):,} rows, {'of the selection' if len(rows) else 'the whole map'}.")
    pixels = [c for c in table.columns if c.startswith("Pixel ")]
    st.dataframe(table.drop(columns=pixels[20:]), hide_index=True, height=420)
    if len(pixels) > 20:
        st.caption(f"20 of {len(pixels)} pixels are shown; the file has all.")
    csv_button(lambda: table, f"{scene.latent_map.run.id}-table")
