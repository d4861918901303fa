"""The bench of forecast."""

import streamlit as st


def panel() -> None:
    """To be built."""
    st.write("")
