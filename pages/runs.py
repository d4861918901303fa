"""Runs: every training with its state and figures; compare, resume, download, delete."""

import pandas as pd
import streamlit as st

from core.errors import LabError
from core.jobs import queue
from core.runs import store
from core.runs.store import Run
from pages.parts.runs import panels, table
from pages.server.visitor import who
from pages.ui import links
from pages.ui.downloads import csv_button
from pages.ui.figure_tables import figure_table
from pages.ui.names import run_names
from pages.ui.page_frame import title

title("Runs", "Every training, shipped or made here: its state, its figures, its curves.")


def visible_to_me(run: Run) -> bool:
    """Whether this visitor may see a run; damaged runs are shown, so that they can be repaired."""
    try:
        return queue.visible(run, who()) or queue.may_change(run, who())
    except LabError:
        return True


listed = {run.id: run for run in store.all_runs() if visible_to_me(run)}
rows = pd.DataFrame([table.row(run) for run in listed.values()])
damaged = [record["Run"] for record in rows.to_dict("records") if record["State"] == "damaged"]
readable = [run_id for run_id in listed if run_id not in damaged]
names = run_names([listed[i] for i in readable])
names |= {run_id: f"Damaged run · {run_id[-8:]}" for run_id in damaged}
figure_table(rows.assign(Run=[names[run_id] for run_id in listed]), table.COLUMNS)
panels.damaged_runs([listed[run_id] for run_id in sorted(damaged)], names)
with st.container(horizontal=True):
    st.space("stretch")
    csv_button(lambda: rows, "runs")
compared = links.several(
    "Look closer, or compare",
    readable,
    key="compare",
    default=readable[:1],
    shared_default=all(listed[i].shipped for i in readable[:1]),
    noun="run",
    placeholder="Choose one run or several",
    format_func=names.__getitem__,
)
chosen = [listed[run_id] for run_id in compared]
if len(chosen) > 1:
    chosen = [run for run in chosen if queue.visible(run, who())]
if len(chosen) == 1:
    panels.one_run(chosen[0], names[chosen[0].id])
elif chosen:
    panels.several_runs(chosen, names)
