"""The network that the tabs of the page Diffusion work with: one choice for all of them."""

import streamlit as st

from core.runs.store import Run
from core.tasks.diffusion import DIFFUSION
from pages.ui.run_choice import RunChoice

NO_RUN = "No diffusion has been trained here yet. Train one under “Train your own”."


def network() -> Run | None:
    """Draw the choice, and give what is chosen; without any, say so and give None."""
    choice = RunChoice.of(DIFFUSION)
    if not choice.runs:
        st.info(NO_RUN)
        return None
    return choice.box("Network", next(iter(choice.runs)))
