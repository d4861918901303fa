"""The bench of tags."""

import streamlit as st


def panel() -> None:
    """To be built."""
    st.write("")
