"""The bench Classification: its tables come from here, the rest happens in the browser."""

import hashlib
from typing import Any

import streamlit as st

from core.foundations.labelled_points import from_csv, real_sets
from pages.components.bench import bench
from pages.parts.foundations.own_table import own_table


@st.fragment
def panel() -> None:
    """The bench, and below it the way for a table of one's own."""
    place = st.container()
    tables: dict[str, Any] = {name: table._asdict() for name, table in real_sets().items()}
    own = own_table(
        "A table of your own: CSV",
        asks="Upload a table with columns of numbers, and the class of each row in the last",
        example="height,weight,kind\n1.2,30,cat\n1.9,80,dog",
        read=from_csv,
        summary=lambda one: f"{len(one.numbers):,} rows of {len(one.classes)} classes. {one.note}",
        key="classes",
    )
    if own is not None:
        table, content = own
        tables["upload"] = {**table._asdict(), "print": hashlib.sha256(content).hexdigest()[:12]}
    with place:
        bench("classification", key="bench-classification", data={"tables": tables})
