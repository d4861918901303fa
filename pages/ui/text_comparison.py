"""What of a page's networks is as in the texts, and what is not."""

import streamlit as st

from core.registry import family
from core.runs.store import Run
from core.tasks import TASKS, AnyFamily, texts


def as_in_the_text(*families: AnyFamily) -> None:
    """The table of their variants, a line each."""
    st.markdown("**As in the text, and where ours differs**")
    st.markdown(texts.table(families))
    if any(one.name in TASKS for one in families):
        st.caption(texts.GENERAL)


def explanation(text: str, *families: AnyFamily, run: Run | None) -> None:
    """What is happening on a page: the equations, the source of the chosen network, the table."""
    st.markdown(text)
    if run is not None:
        variant = family(run.spec().task).variant(run.spec().variant)
        st.markdown(f"**{variant.title}.** {variant.summary} {variant.source}.")
    as_in_the_text(*families)
