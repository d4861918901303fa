"""The bench Regression: its points come from here, the rest happens in the browser."""

from typing import Any

import streamlit as st

from core.errors import LabError
from core.foundations.points import PointSet, fifteen, read_csv, real_sets
from pages.components.bench import bench


def panel() -> None:
    """The bench, and below it the way for points of one's own."""
    place = st.container()
    own = _brought()
    sets = [_plain(one) for one in (fifteen(), *real_sets())]
    data = {"sets": sets, "own": own, "preset": st.session_state.get("preset")}
    with place:
        bench("regression", key="bench-regression", data=data)


def _plain(one: PointSet) -> dict[str, Any]:
    return {
        "id": one.id, "title": one.title, "x": one.x, "y": one.y, "source": one.source,
        "points": one.points.tolist(),
    }  # fmt: skip


def _brought() -> dict[str, Any] | None:
    """Points from a file or from what was pasted, the file first; None without or with a fault."""
    with st.expander("Points of your own: CSV"):
        file = st.file_uploader("Upload a table with two columns of numbers", ["csv", "txt", "tsv"])
        text = st.text_area("or paste one", placeholder="x,y\n1,2.1\n2,3.9", height=120)
        content: bytes | str = file.getvalue() if file else text
        if not content.strip():
            return None
        try:
            found = read_csv(content, file.name if file else "Pasted points")
        except LabError as error:
            st.error(str(error))
            return None
        st.caption(f"{len(found.points):,} points of {found.x} and {found.y}. {found.source}")
        return _plain(found)
