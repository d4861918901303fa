"""What a translation hides: a little noise on it, and whether the way back still works."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.images import COLOURS
from core.inference.translating import DIRECTIONS
from core.runs.store import Run
from pages.parts.translation import stage
from pages.parts.translation.choice import direction, network, ways
from pages.ui import charts
from pages.ui.charts import Line
from pages.ui.downloads import csv_button
from pages.ui.names import pair_titles

SAID_AT = 4.0
"""Noise, in 255ths, that the sentence is about."""
BARS = " Bars are 95 % intervals of the mean."
Row = Mapping[str, float]


def panel() -> None:
    """The rows with noise, then what was measured over many pictures."""
    run = network()
    if run is None:
        return
    stage.hidden_panel(run)
    st.subheader("Over many pictures", anchor=False)
    measured = {str(d): run.metrics().get(f"hidden_{d}") for d in DIRECTIONS}
    if not any(measured.values()):
        st.info("This run has no figures of this test: it was stopped before they were taken.")
        return
    _measured(run, measured)


@st.fragment
def _measured(run: Run, measured: Mapping[str, Sequence[Row] | None]) -> None:
    side = direction(run, "hidden_way")
    rows = measured[DIRECTIONS[side]]
    if not rows:
        st.info("This direction was not measured.")
        return
    if sentence := reading(rows, pair_titles(run)[1 - side]):
        st.markdown(sentence)
    charts.show(_figure(rows, pair_titles(run)[1 - side]), key=f"hidden-{side}", height=300)
    count = run.metrics().get(f"hidden_n_{DIRECTIONS[side]}")
    of = f" of {count:,} pictures kept back" if isinstance(count, int) else " of pictures kept back"
    st.caption(
        f"{ways(run)[side]} and back: the mean absolute change{of} that noise of each size makes "
        "in the second network’s answer, in 255ths, beside the change where the same noise is put "
        f"on real pictures.{BARS if 'change_low' in rows[0] else ''}"
    )
    csv_button(lambda: pd.DataFrame(rows), f"{run.id}-hidden-{DIRECTIONS[side]}")


def reading(rows: Sequence[Row], second: str) -> str:
    """What the figures say at one size of the noise, as a sentence; empty where it is not there.

    Args:
        second: the title of the set that is translated into.
    """
    row = next((row for row in rows if row["noise"] == SAID_AT), None)
    if row is None or not row.get("change_real"):
        return ""
    change, real = 255 * row["change"], 255 * row["change_real"]
    clean, broken = (255 * r["cycle_error"] for r in (rows[0], row))
    return (
        f"Noise of {SAID_AT:g}/255 on the translation changes the way back by **{change:.1f}/255** "
        f"in the mean; on real pictures of {second} by {real:.1f}/255: "
        f"**{row['change'] / row['change_real']:.1f} times** as much. The way back is off by "
        f"{clean:.1f}/255 without noise, and by {broken:.1f}/255 with it."
    )


def _figure(rows: Sequence[Row], second: str) -> go.Figure:
    noises = [row["noise"] for row in rows]
    names = {"change": "On translations", "change_real": f"On real pictures of {second}"}
    figure = charts.lines(
        {
            title: Line(noises, [255 * row[name] for row in rows], colour)
            for (name, title), colour in zip(names.items(), (COLOURS[3], COLOURS[0]), strict=True)
        },
        "noise, in 255ths",
        "change of the answer, in 255ths",
    )
    for name, trace in zip(names, figure.data, strict=True):
        if all(f"{name}_low" in row for row in rows):
            above = [255 * (row[f"{name}_high"] - row[name]) for row in rows]
            below = [255 * (row[name] - row[f"{name}_low"]) for row in rows]
            trace.error_y = {"array": above, "arrayminus": below, "symmetric": False}
    return figure
