"""What is happening in networks that read sequences."""

import streamlit as st


def explained() -> None:
    """The recurrence, the gates, and what each bench does."""
    st.write("")
