"""How a GAN learnt: its sheets, its losses and scores, and a sentence that reads them."""

import streamlit as st

from core.images import COLOURS
from core.inference import curves
from core.runs.store import Run
from pages.ui import charts
from pages.ui.downloads import csv_button
from pages.ui.training_history import scrubber


def over_epochs(run: Run) -> None:
    """Sheets with a scrubber, then losses, scores and gradients."""
    variant, history = run.spec().variant, run.history()
    scrubber(run, "Samples of the same sixty seeds")
    st.markdown(curves.reading(variant, history))
    left, middle, right = st.columns(3)
    with left:
        _chart(run, "Losses", {"critic": "critic_loss", "generator": "generator_loss"})
    with middle:
        _chart(run, "Mean scores", {"real": "real_score", "drawn": "fake_score"})
    with right:
        _chart(
            run,
            "Gradient lengths",
            {"critic": "critic_gradient", "generator": "generator_gradient"},
            log=True,
        )
    csv_button(run.history, f"{run.id}-history")


def _chart(run: Run, title: str, columns: dict[str, str], log: bool = False) -> None:
    history = run.history()
    kept = {name: column for name, column in columns.items() if column in history}
    series = {
        name: charts.over_epochs(history, column, colour)
        for (name, column), colour in zip(kept.items(), COLOURS, strict=False)
    }
    if series:
        charts.show(charts.lines(series, "epoch", title, log), key=title, height=260)
