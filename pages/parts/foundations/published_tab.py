"""The texts' three regressions, as they were descended, beside their references."""

import pandas as pd
import streamlit as st

from core.foundations.optimisers import OPTIMISERS, stable_rate
from core.foundations.regressions import DESCENDING
from core.runs.store import Run
from pages.ui import charts
from pages.ui.downloads import csv_button
from pages.ui.figure_tables import Column, figure_table
from pages.ui.run_choice import RunChoice

NUMBER = Column("%.4f")


def panel() -> None:
    """Choose a descent; its loss over the steps, its weights beside the reference, its figures."""
    runs = RunChoice.of(DESCENDING, key="descent", noun="descent")
    left, right = st.columns([2, 1])
    with right:
        run = runs.box("Regression", default=_first(runs))
        _said(run)
    with left:
        if (figure := charts.losses(run)) is not None:
            charts.show(figure, key=f"descent-{run.id}", height=300)
        weights = _weights(run)
        figure_table(weights, {"Weight": Column("")} | dict.fromkeys(weights.columns[1:], NUMBER))
        with st.container(horizontal=True, horizontal_alignment="right"):
            csv_button(run.history, run.id)
    command = f"python -m core descend {run.spec().variant}{_flags(run)}"
    st.caption("The same on the command line, with any other setting:")
    st.code(command, language="sh")


def _first(runs: RunChoice) -> str:
    """The linear regression as in the text, or the best of what there is."""
    shipped = [run for run in runs.runs.values() if run.shipped]
    linear = (run.id for run in shipped if run.spec().variant == "linear_regression")
    return next(linear, next(iter(runs.runs)))


def _weights(run: Run) -> pd.DataFrame:
    variant, figures = DESCENDING.variant(run.spec().variant), run.metrics()
    return pd.DataFrame(
        {
            "Weight": variant.names,
            "Learnt": [figures[name] for name in variant.names],
            variant.reference_title: [figures[f"reference_{name}"] for name in variant.names],
        }
    )


def _said(run: Run) -> None:
    """What it is, how far it came, and how fast it could have gone."""
    variant = DESCENDING.variant(run.spec().variant)
    config, figures = DESCENDING.config_of(run), run.metrics()
    st.markdown(f"{variant.summary} {variant.source}.")
    optimiser = OPTIMISERS[config.optimiser]
    st.markdown(
        f"After {figures['steps']:,} steps of {optimiser.title} at {config.learning_rate:g} the "
        f"loss is {figures['loss']:.4f}; that of the reference is {figures['reference_loss']:.4f} "
        f"(on {variant.measured_on.format(n=figures['n'])})."
    )
    if "accuracy" in figures:
        st.markdown(
            f"{figures['accuracy']:.0%} of these points are on their class's side of the boundary; "
            f"the most frequent class alone is right for {figures['most_frequent']:.0%}. The "
            f"log-likelihood is {figures['log_likelihood']:.1f}."
        )
    bound = stable_rate(figures["largest_curvature"], config.optimiser)
    stable = f"; {optimiser.title} is stable here up to a rate of {bound:.2g}" if bound else ""
    st.caption(
        f"The loss is {figures['condition']:,.0f} times as curved along its steepest direction as "
        f"along its flattest (condition number){stable}. A high number is why the last digits "
        "come so slowly."
    )


def _flags(run: Run) -> str:
    changed = DESCENDING.changed(run.spec().variant, DESCENDING.config_of(run))
    return "".join(f" --{name.replace('_', '-')} {value}" for name, value in changed.items())
