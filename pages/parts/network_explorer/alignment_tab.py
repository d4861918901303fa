"""Two networks of the same layers: how alike they are, and their difference on a picture."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
import torch
from torch import Tensor

from core import files
from core.images import COLOURS, contact_sheet, signed, to_png
from core.inference.alignment import Alignment, Difference
from core.runs.store import Run
from pages.parts.network_explorer.networks import Network
from pages.parts.network_explorer.stage import Picture
from pages.ui import cached, charts, pictures
from pages.ui.charts import Line
from pages.ui.downloads import csv_button, download, png_button
from pages.ui.errors import errors_shown
from pages.ui.figure_tables import Column, figure_table
from pages.ui.links import Choices, box
from pages.ui.run_choice import RunChoice

MEASURED = 1000
"""Test images on which two networks are compared: a fair choice."""
MAX_CHANNELS = 16
ABOUT = (
    "CKA says how alike two layers see the same images, whatever the order and scale of their "
    "channels: 1 is alike, 0 nothing in common (Kornblith et al. 2019). Its floor is a network of "
    "the same layers that has learnt nothing: only what lies above it was learnt alike. Channels "
    "are matched one to one by their correlation over images and positions (Li et al. 2016)."
)
COLUMNS = {
    "layer": Column(""),
    "CKA": Column("%.3f", "1: both see the images alike."),
    "±": Column("%.3f", "Half the 95 % interval, by leaving out a batch of images at a time."),
    "floor": Column("%.3f", "CKA with an untrained network."),
    "matched": Column("%.3f", "Mean correlation of matched channels."),
    "matched, floor": Column("%.3f", "The same with an untrained network."),
    "difference here": Column("%.2f", "Root of the mean square, on the picture above, in parts of "
                              "that of the first network's values."),
}  # fmt: skip


@st.fragment
def panel(models: RunChoice, network: Network, picture: Picture | None) -> None:
    """Choose another network; the two side by side, layer by layer."""
    run = network.run
    if run is None:
        st.info("Choose a run to compare it: networks of ImageNet are not aligned here.")
        return
    with errors_shown():
        others = partners(models, run)
        if not others:
            st.info(
                "No other network here has the same layers. Train this one again with another "
                "seed, under “Train”, to see how alike the two become."
            )
            return
        names = models.names
        other = others[
            box(
                "Compare with",
                Choices(list(others), next(iter(others))),
                key="other",
                format_func=names.__getitem__,
                width=420,
            )
        ]
        st.caption(ABOUT)
        alignment = cached.aligned(run, other, MEASURED)
        made = None
        if picture is not None:
            made = cached.network_differences(run, other, picture.pixels, MEASURED)
        _measures(alignment, made, run.id)
        if made is not None and picture is not None:
            _difference(made, picture, network.name, names[other.id])


def partners(models: RunChoice, run: Run) -> dict[str, Run]:
    """Networks with the same layers and pictures as a run's, by id, those of its data set first."""
    spec, channels = run.spec(), cached.layer_channels(run)
    others = [
        other
        for other in models.runs.values()
        if other.id != run.id
        and other.spec().data.shape == spec.data.shape
        and cached.layer_channels(other) == channels
    ]
    others.sort(key=lambda other: other.spec().dataset != spec.dataset)
    return {other.id: other for other in others}


def frame(alignment: Alignment, made: list[Difference] | None) -> pd.DataFrame:
    """A row a layer."""
    return pd.DataFrame(
        {
            "layer": pair.first if pair.first == pair.second else f"{pair.first}, {pair.second}",
            "CKA": float(alignment.similarity[i, i]),
            "±": float(alignment.spread[i]),
            "floor": float(alignment.floor[i]),
            "matched": float(alignment.correlations[i].mean()),
            "matched, floor": alignment.correlation_floor[i],
            "difference here": None if made is None else made[i].relative,
        }
        for i, pair in enumerate(alignment.pairs)
    )


def _measures(alignment: Alignment, made: list[Difference] | None, name: str) -> None:
    table = frame(alignment, made)
    charts.show(_chart(table), key="alignment-chart", height=300)
    figure_table(table, COLUMNS)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"On {alignment.n:,} test images, a fair choice, in batches of 100; layers behind "
            "batch norm and before ReLU. The difference on the picture is taken behind ReLU.",
            width="stretch",
        )
        csv_button(lambda: table, f"{name}-alignment")
        all_pairs = f"{name}-all-pairs.csv"
        download("All pairs of layers", lambda: files.to_csv(_matrix(alignment)), all_pairs)


def _chart(table: pd.DataFrame) -> go.Figure:
    places = list(range(1, len(table) + 1))
    series = {
        "CKA": Line(places, table["CKA"].tolist(), COLOURS[0]),
        "CKA, floor": Line(places, table["floor"].tolist(), COLOURS[0], "dot"),
        "matched channels": Line(places, table["matched"].tolist(), COLOURS[1]),
        "matched, floor": Line(places, table["matched, floor"].tolist(), COLOURS[1], "dot"),
    }
    figure = charts.lines(series, "layer with weights", "likeness")
    figure.data[0].error_y = {"type": "data", "array": table["±"].tolist()}
    return figure


def _matrix(alignment: Alignment) -> pd.DataFrame:
    """CKA of every layer of the first (a row) with every layer of the second."""
    columns = [f"second {pair.second}" for pair in alignment.pairs]
    rows = pd.Index([f"first {pair.first}" for pair in alignment.pairs], name="layer")
    return pd.DataFrame(alignment.similarity.numpy().round(4), rows, columns).reset_index()


def _difference(made: list[Difference], picture: Picture, first: str, second: str) -> None:
    st.markdown("**Their difference on the picture**")
    titles = {one.first.path: f"{one.first.path} · {one.first.name}" for one in made}
    choices = Choices(list(titles), next(iter(titles)))
    path = box("Layer", choices, key="align_layer", format_func=titles.__getitem__, width=360)
    one = next(one for one in made if one.first.path == path)
    parts = {first: one.first.values, second: one.second, "Difference": one.difference}
    scale = max(float(values.abs().max()) for values in parts.values())
    sheets = [_sheet(values, scale) for values in parts.values()]
    pictures.cards(
        [(title, sheet, "") for title, sheet in zip(parts, sheets, strict=True)], least=220
    )
    count, shown = len(one.second), min(len(one.second), MAX_CHANNELS)
    some = f"The first {shown} of {count} channels" if one.second.dim() == 3 else "All outputs"
    st.caption(
        f"{picture.title}. {some}, each beside the one that it is matched to, on one scale; orange "
        f"is positive, blue negative. The difference is {one.relative:.2f} of the values of the "
        "first (root of the mean square)."
    )
    png_button(lambda: to_png(contact_sheet(torch.stack(sheets), 3)), "difference", "align-png")


def _sheet(values: Tensor, scale: float) -> Tensor:
    """The first maps of a layer as one picture, or its numbers in a square: (3, H, W)."""
    if values.dim() == 1:
        side = -(-(len(values) ** 0.5) // 1)
        square = torch.zeros(int(side) ** 2)
        square[: len(values)] = values
        values = square.view(1, int(side), int(side))
    coloured = signed(values[:MAX_CHANNELS, None] / max(scale, 1e-9))
    times = max(1, 56 // max(values.shape[1:]))
    return torch.from_numpy(contact_sheet(coloured, 4, fill=60, scale=times)).permute(2, 0, 1)
