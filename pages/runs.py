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
from pages.ui.names import run_names
from pages.ui.page_frame import opening

opening("runs")


def visible_to_me(run: Run) -> bool:
    """Whether this visitor may see a run; damaged runs are shown, so that they can be repaired."""
    try:
        return queue.visible(run, who()) or queue.may_change(run, who())
    except LabError:
        return True


runs = sorted(filter(visible_to_me, store.all_runs()), key=table.place)
listed = {run.id: run for run in runs}
rows = pd.DataFrame([table.row(run) for run in runs])
damaged = [run for run, state in zip(runs, rows["State"], strict=True) if state == "damaged"]
readable = [run.id for run in runs if run not in damaged]
names = run_names([listed[i] for i in readable])
names |= {run.id: f"Damaged run {i}" for i, run in enumerate(damaged, 1)}

passed = rows[table.filtered(runs, rows, names)]
overview = st.container()
panels.damaged_runs([run for run in damaged if run.id in set(passed["Run"])], names)
compared = links.several(
    "Look closer, or compare",
    readable,
    key=table.CHOSEN,
    default=readable[:1],
    shared_default=all(listed[i].shipped for i in readable[:1]),
    noun="run",
    placeholder="Choose one run or several",
    format_func=names.__getitem__,
)
with overview:
    if passed.empty:
        st.info("No run matches. Search for other words, or choose all pages and any state.")
    else:
        table.draw(passed, names)
    with st.container(horizontal=True):
        st.caption("Click on a row to open its run; tick several to compare them.")
        st.space("stretch")
        csv_button(lambda: table.exported(passed), "runs")
chosen = [listed[run_id] for run_id in compared]
if len(chosen) > 1:
    chosen = [run for run in chosen if queue.visible(run, who())]
if len(chosen) == 1:
    panels.one_run(chosen[0], names[chosen[0].id])
elif chosen:
    panels.several_runs(chosen, names)
