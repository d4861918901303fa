"""What the lasso holds: its images, its classes, its table; and the two ends of an axis."""

import math

import pandas as pd
import streamlit as st
import torch
from torch import Tensor

from core.images import COLOURS, contact_sheet, to_png
from core.metrics.image import percent
from pages.parts.latent_explorer.scene import ENDS, Scene, keep_selection, selected
from pages.parts.latent_explorer.view_state import current_view
from pages.ui import cached, charts, pictures
from pages.ui.downloads import csv_button, png_button

MAX_SHOWN = 480
COLUMNS = 24


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
        png = to_png(contact_sheet(shown, columns, gap=1, fill=0))
        pictures.sheet_image(png, f"{len(shown)} selected images", _count(len(shown), len(rows)))
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
