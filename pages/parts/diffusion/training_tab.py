"""How diffusions learnt, and one of your own."""

import pandas as pd
import streamlit as st

from core.runs.schema import Figures
from core.runs.store import Run
from core.tasks.diffusion import DIFFUSION
from pages.parts.diffusion.choice import network
from pages.ui import cached, copy_search, pictures, sample_health
from pages.ui.downloads import csv_button
from pages.ui.figure_tables import Column, figure_table
from pages.ui.run_choice import RunChoice
from pages.ui.training_history import over_epochs
from pages.ui.training_panel import panel as training_panel

SEARCHED = 6
"""Samples that are searched for copies."""


def epochs() -> None:
    """The same noise, drawn after each epoch."""
    if not (run := network()):
        return
    over_epochs(run, "Samples from the same noise")
    st.subheader("Its samples", anchor=False)
    sample_health.panel(run)
    how_drawn(run)
    by_steps(run)
    memory = st.expander("Did it memorise?", key="memorised", on_change="rerun")
    if memory.open:
        with memory:
            if rows := copy_search.search(run, cached.drawn_by(run, SEARCHED, 0)):
                pictures.rows(rows)


def how_drawn(run: Run) -> None:
    """Say with what guidance the samples of the end and of the epochs were drawn."""
    figures = Figures.model_validate(run.metrics())
    if not figures.steps:
        return
    said = f"At the end the samples were drawn in {figures.steps} steps"
    if figures.guidance:
        said += f", with a guidance of {figures.guidance:g}"
        if "guidance" not in run.history():
            said += "; those after each epoch without it, so that their distance is larger"
    st.caption(f"{said}.")


def by_steps(run: Run) -> None:
    """How far fewer steps lead."""
    figures = Figures.model_validate(run.metrics())
    distances = figures.fid_by_steps
    if not distances or not figures.classes:  # in pixels a distance would mislead
        return
    table = pd.DataFrame(
        {
            "steps": [int(steps) for steps in distances],
            "Fréchet distance": list(distances.values()),
        }
    )
    st.caption("With fewer steps (Euler), from the same noises and with as many samples:")
    figure_table(table, {"steps": Column("%d"), "Fréchet distance": Column("%.1f")})
    csv_button(lambda: table, f"steps-{run.id}")


def panel() -> None:
    """Train a diffusion."""
    choice = RunChoice.of(DIFFUSION)
    training_panel(DIFFUSION, choice.names, choice.use)
