"""What is shown of one run, of several beside one another, and of damaged ones."""

import pandas as pd
import streamlit as st

from core.jobs import queue
from core.runs.store import Run
from pages.server.visitor import who
from pages.ui import charts, links
from pages.ui.downloads import csv_button, download
from pages.ui.errors import errors_shown
from pages.ui.run_panel import actions, badge, watch
from pages.ui.settings_table import keys_and_values, settings_table, titles_and_values


def damaged_runs(runs: list[Run], names: dict[str, str]) -> None:
    """The damaged runs that this visitor may delete."""
    for run in runs:
        if queue.may_change(run, who()):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(f"{names[run.id]}.")
                if st.button("Delete", icon=":material/delete:", key=f"delete-{run.id}"):
                    _confirm(run, names[run.id])


def one_run(run: Run, name: str) -> None:
    """A run by itself: its state, its curves, its files and its settings."""
    if not queue.visible(run, who()):  # an administrator, who may still stop it
        st.info("Made from someone's own pictures: only they can see the rest.")
        with st.container(horizontal=True):
            badge(run.status())
            actions(run, run.status())
            _deletion(run, name)
        return
    watch(run.id)
    with st.container(horizontal=True):
        download("Run as zip", run.archive, f"{run.id}.zip")
        _deletion(run, name)
    with st.expander("Settings"):
        settings_table(run)


def several_runs(runs: list[Run], names: dict[str, str]) -> None:
    """Runs side by side: a curve of each, and the settings that differ."""
    columns = sorted({c for run in runs for c in run.history().columns} - {"epoch", "seconds"})
    if columns:
        column = links.box(
            "Curve",
            links.Choices(columns, columns[0]),
            key="curve",
            format_func=lambda name: name.replace("_", " "),
        )
        if (figure := charts.compare(runs, column, names)) is not None:
            charts.show(figure, key="compared", height=420)
        if _own_measures(runs, column):
            st.caption(
                "Each network is drawn with its own loss. Those of other networks, likelihoods or "
                "data are other quantities: their heights do not compare."
            )
    st.markdown("**What differs in their settings**")
    table = pd.DataFrame({run.id: keys_and_values(run) for run in runs}).astype(str)
    different = table[table.nunique(axis=1, dropna=False) > 1]
    words = pd.DataFrame({names[run.id]: titles_and_values(run) for run in runs})
    st.dataframe(words[words.nunique(axis=1, dropna=False) > 1], placeholder="–")
    csv_button(lambda: different.rename_axis("setting").reset_index(), "differences")


def _own_measures(runs: list[Run], column: str) -> bool:
    """Whether a curve is of a loss, and the runs have different losses."""
    if "loss" not in column and "reconstruction" not in column:
        return False
    kinds = {
        (c.task, c.variant, c.dataset, c.config.get("likelihood"))
        for c in (run.spec() for run in runs)
    }
    return len(kinds) > 1


def _deletion(run: Run, name: str) -> None:
    """Show the button that deletes a run to those who may."""
    may = queue.may_change(run, who()) and not run.status().active
    if may and st.button("Delete", icon=":material/delete:"):
        _confirm(run, name)


@st.dialog("Delete this run?")
def _confirm(run: Run, name: str) -> None:
    """Confirm the deletion; runs that others requested too stay for them."""
    st.write(f"**{name}** with its weights, curves and samples. This cannot be undone.")
    if st.button("Delete", type="primary", icon=":material/delete:"):
        with errors_shown():
            queue.delete(run, who())
            st.session_state.pop("compare", None)
            st.rerun()
