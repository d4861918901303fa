"""The bench Regression: its points come from here, the rest happens in the browser."""

from dataclasses import asdict
from typing import Any

import streamlit as st

from core.foundations.points import PointSet, fifteen, read_csv, real_sets
from pages.components.bench import bench
from pages.parts.foundations.own_table import own_table


@st.fragment
def panel() -> None:
    """The bench, and below it the way for points of one's own."""
    place = st.container()
    own = own_table(
        "Points of your own: CSV",
        asks="Upload a table with two columns of numbers",
        example="x,y\n1,2.1\n2,3.9",
        read=read_csv,
        summary=lambda one: f"{len(one.points):,} points of {one.x} and {one.y}. {one.source}",
        key="points",
    )
    data = {
        "sets": [_plain(one) for one in (fifteen(), *real_sets())],
        "own": _plain(own[0]) if own else None,
        "preset": st.session_state.get("preset"),
    }
    with place:
        bench("regression", key="bench-regression", data=data)


def _plain(one: PointSet) -> dict[str, Any]:
    """A set in numbers and lists."""
    return {**asdict(one), "points": one.points.tolist()}
