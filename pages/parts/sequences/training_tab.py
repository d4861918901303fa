"""Training of networks on sequences: what is to be learnt, then the panel of its task."""

import streamlit as st

from core.runs import store
from core.tasks import TASKS
from pages.ui.training_panel import panel as training_panel
from pages.ui.widgets import segmented

SEQUENCE_TASKS = {task.title: task for task in TASKS.values() if task.medium != "pictures"}
BENCHES = {"forecasting": "Forecast", "language": "Words", "tagging": "Tags"}
"""By task: the tab in which its runs are used, where the key of the choice is the task's name."""


def panel() -> None:
    """Choose what to learn, and train it."""
    chosen = SEQUENCE_TASKS[segmented("What to learn", list(SEQUENCE_TASKS), key="learn")]
    training_panel(chosen, {}, _use)


def _use(run_id: str) -> None:
    task = store.open_run(run_id).spec().task
    st.session_state.update({task: run_id, "tab": BENCHES[task]})
