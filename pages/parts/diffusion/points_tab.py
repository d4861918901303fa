"""Diffusion on a line and in the plane, where the right answer is known."""

import streamlit as st

from pages.components.bench import bench
from pages.ui.widgets import segmented

BENCHES = {"In the plane": "flow_plane", "On a line": "flow_line"}


@st.fragment
def panel() -> None:
    """Points that become noise and come back, by the exact field and by a network that learns."""
    chosen = BENCHES[segmented("Where", list(BENCHES), "points", label_visibility="collapsed")]
    bench(chosen, key=f"bench-{chosen}")
