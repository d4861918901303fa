"""The bench of words."""

import streamlit as st


def panel() -> None:
    """To be built."""
    st.write("")
