"""The layers of a network in a table: what each is, what it costs, what it can see."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.inference.activations import Layer
from core.inference.network import Row, totals
from pages.parts.network_explorer.networks import Network
from pages.parts.network_explorer.stage import OPENED as OPENED_PATH
from pages.parts.network_explorer.stage import Picture
from pages.ui import cached
from pages.ui.downloads import csv_button
from pages.ui.figure_tables import Column, figure_config

CARDS = {
    "Conv": "Convolution",
    "Linear": "Fully connected",
    "MaxPool": "Max pooling",
    "AvgPool": "Mean pooling",
    "AdaptiveAvgPool": "Mean pooling",
}
"""What the strip calls the kinds of layers that have a card of their own, by how they begin; the
others belong to the card before."""
NOTHING = ("Identity", "Dropout")
"""Kinds that pass on what they are given, once a network is trained."""
OPENED = "layer_row"
"""The row that was opened last."""


def panel(network: Network, picture: Picture | None) -> None:
    """The table, its sums, and the layer that is clicked."""
    rows = [row for row in cached.layer_rows(network.source) if row.kind not in NOTHING]
    _totals(rows)
    table = frame(rows)
    event = st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        key="layer_table",
        on_select="rerun",
        selection_mode="single-row",
        column_config=figure_config(
            {
                "type": Column("", "The name of its class in PyTorch."),
                "output": Column("", "Channels × height × width, or how many numbers."),
                "weights": Column("localized", "Numbers that are learnt."),
                "multiply-adds": Column("localized", "Products for one picture."),
                "KiB": Column("localized", "Of its output, in single precision."),
                "sees": Column("", "Pixels of the picture on which one number can depend."),
                "ms": Column("%.3f", "Measured on this machine, one picture, the median of 5."),
            }
        ),
    )
    _open(event["selection"]["rows"], network, picture)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            "`named_modules` calls each layer by this path; `get_submodule(path)` gives it. Click "
            "a row to open what it makes of the picture.",
            width="stretch",
        )
        csv_button(lambda: table, f"{network.id}-layers")


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """A row a layer."""
    return pd.DataFrame(
        {
            "path": row.path,
            "type": row.kind,
            "output": " × ".join(f"{side:,}" for side in row.shape),
            "weights": row.weights,
            "multiply-adds": row.multiply_adds,
            "KiB": round(row.bytes / 1024, 1),
            "sees": "?" if row.field is None else f"{row.field[0]} × {row.field[1]}",
            "ms": row.milliseconds,
        }
        for row in rows
    )


def _totals(rows: Sequence[Row]) -> None:
    whole = totals(rows)
    with st.container(horizontal=True, gap="large"):
        st.metric("Weights", f"{whole['weights']:,.0f}", width="content")
        st.metric(
            "Multiply-adds",
            f"{whole['multiply_adds'] / 1e6:,.2f} million",
            help="Products for one picture; biases, norms and activations are left out.",
            width="content",
        )
        st.metric("Activations", f"{whole['bytes'] / 2**20:,.2f} MiB", width="content")
        st.metric(
            "One picture",
            f"{whole['milliseconds']:,.2f} ms",
            help="The sum over the layers, each measured alone on this machine.",
            width="content",
        )


def place(rows: Sequence[Row], row: int, layers: Sequence[Layer]) -> int:
    """The place in the strip of what a row of the table gives: its own card, or that of the layer
    that it is a step of."""
    at = 0
    for one in rows[: row + 1]:
        short = next((words for kind, words in CARDS.items() if one.kind.startswith(kind)), None)
        after = range(at + 1, len(layers))  # functions without a module have cards too
        at = next((i for i in after if _is(layers[i], short, one)), at)
    return at


def _is(layer: Layer, short: str | None, row: Row) -> bool:
    return layer.short == short and tuple(layer.values.shape) == row.shape


def _open(selected: Sequence[int], network: Network, picture: Picture | None) -> None:
    """Open the layer of a row that has just been clicked; the strip's own clicks count after."""
    path = None
    rows = [row for row in cached.layer_rows(network.source) if row.kind not in NOTHING]
    if selected and selected[0] < len(rows):
        path = rows[selected[0]].path
    before = st.session_state.get(OPENED)
    st.session_state[OPENED] = path
    if path is None or path == before:
        return
    st.query_params[OPENED_PATH] = card_path(rows, selected[0])
    if picture is not None:
        layers = cached.recogniser_activations(network.source, picture.pixels)
        st.query_params["layer"] = str(place(rows, selected[0], layers))
    st.rerun()


def card_path(rows: Sequence[Row], row: int) -> str:
    """The path of the layer that has a card of its own and that a row is, or is a step of."""
    before = [one.path for one in rows[: row + 1] if one.kind.startswith(tuple(CARDS))]
    return before[-1] if before else rows[row].path
