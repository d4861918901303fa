"""What is shown of one run, of several beside one another, and of damaged ones."""

import pandas as pd
import streamlit as st

from core.errors import LabError
from core.jobs import queue
from core.registry import checked
from core.runs.store import MAX_NOTE, Run
from core.tasks import TASKS
from pages.parts.runs import open_in, table
from pages.server.visitor import who
from pages.ui import charts, links, share_links
from pages.ui.downloads import csv_button, download, while_visible
from pages.ui.errors import errors_shown
from pages.ui.run_panel import actions, badge, watch
from pages.ui.settings_table import keys_and_values, settings_table, titles_and_values
from pages.ui.training_history import scrubber

FILES = {
    "config.json": "list of settings",
    "history.csv": "history",
    "metrics.json": "list of figures",
    "model.safetensors": "file of weights",
    "status.json": "state",
}
"""What the files of a run hold, in words."""
LONG_HISTORY = 25
"""Epochs from which on curves can be smoothed."""


def damaged_runs(runs: list[Run], names: dict[str, str]) -> None:
    """What is wrong with damaged runs, to whom they belong, who may delete them."""
    for run in runs:
        if queue.may_change(run, who()):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(f"{names[run.id]}. {damage(run)}")
                if st.button("Delete", icon=":material/delete:", key=f"delete-{run.id}"):
                    _confirm(run, names[run.id])


def damage(run: Run) -> str:
    """What is wrong with a run, as a sentence without its id and the names of its files."""
    try:
        checked(run)
    except LabError as error:
        sentence = str(error).replace(f"The run {run.id}", "It").replace(run.id, "it")
        for file, words in FILES.items():
            sentence = sentence.replace(file, words)
        return sentence
    return ""


def one_run(run: Run, name: str) -> None:
    """A run by itself: its state, its curves, its files and its settings."""
    if not queue.visible(run, who()):  # an administrator, who may still stop it
        st.info("Made from someone's own pictures: only they can see the rest.")
        with st.container(horizontal=True):
            badge(run.status())
            actions(run, run.status())
            _deletion(run, name)
        return
    with st.container(horizontal=True):
        open_in.links(run)
    if not queue.entitled(run, who()):
        st.caption(
            ":material/link: Shared with you by a link: you can look at it, and on its page try it "
            "on pictures that you may see. Only its owners can change it."
        )
    _note(run)
    _figures(run)
    watch(run.id, smoothing=_smoothing([run]))
    if run.spec().task in TASKS and len(run.samples()) > 1:
        with st.expander("Sample sheets after each epoch", icon=":material/photo_library:"):
            scrubber(run, "Sample sheet")
    with st.container(horizontal=True):
        download("Run as zip", while_visible(run, run.archive), f"{run.id}.zip")
        _deletion(run, name)
    if queue.mine(run, who()) and run.spec().private:
        with st.expander("Share", icon=":material/share:"):
            share_links.panel(run)
    with st.expander("Settings"):
        settings_table(run)


def several_runs(runs: list[Run], names: dict[str, str]) -> None:
    """Runs side by side: a curve of each, and the settings that differ."""
    every = {c for run in runs for c in run.history().columns if ":" not in c}  # not of one layer
    columns = sorted(every - {"epoch", "seconds"})
    if columns:
        column = links.box(
            "Curve",
            links.Choices(columns, columns[0]),
            key="curve",
            format_func=lambda name: name.replace("_", " "),
        )
        smoothing = _smoothing(runs)
        if (figure := charts.compare(runs, column, names, smoothing)) is not None:
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


def _note(run: Run) -> None:
    """What an owner has written about a run, as it was typed, and to owners a form to change it."""
    note = run.note()
    if note:
        with st.container(border=True):
            st.caption("Note")
            st.text(note, width="stretch")
    if not queue.mine(run, who()):
        return
    with (
        st.expander("Change the note" if note else "Write a note", icon=":material/edit_note:"),
        st.form(f"note-{run.id}", border=False),
    ):
        text = st.text_area(
            "Note",
            note,
            key=f"note-text-{run.id}",
            max_chars=MAX_NOTE,
            help="Plain text. Whoever can see this run can read it; only its owners can change it.",
        )
        if st.form_submit_button("Save", icon=":material/save:"):
            with errors_shown():
                queue.write_note(run, who(), text)
                st.rerun()


def _figures(run: Run) -> None:
    """The main figures of a run, with what they mean."""
    row = table.row(run)
    measured = {name: column for name, column in table.COLUMNS.items() if row.get(name) is not None}
    with st.container(horizontal=True, gap="medium"):
        for name, column in measured.items():
            st.metric(name, table.in_words(column, row[name]), help=column.help, width="content")


def _smoothing(runs: list[Run]) -> float:
    """Ask how much to smooth the curves of runs, where one of them is long enough; 0: not."""
    if max(len(run.history()) for run in runs) < LONG_HISTORY:
        return 0.0
    return st.slider(
        "Smoothing",
        0.0,
        0.95,
        0.0,
        0.05,
        key="smoothing",
        bind="query-params",
        width=260,
        help="How much of the epochs before each point keeps: an exponential moving average, "
        "corrected for its start. The measured curve stays, faint.",
    )


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
