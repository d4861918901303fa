"""What of a page's networks is as in the texts, and what is not."""

import streamlit as st

from core.tasks import TASKS, AnyFamily, texts


def as_in_the_text(*families: AnyFamily) -> None:
    """The table of their variants, a line each."""
    st.markdown("**As in the text, and where ours differs**")
    st.markdown(texts.table(families))
    if any(family.name in TASKS for family in families):
        st.caption(texts.GENERAL)
