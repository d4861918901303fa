"""Pictures of any run that draws, and how long one takes."""

import streamlit as st
from torch import Tensor

from core.inference import drawing_runs
from core.runs.store import Run
from pages.ui.cached.by_run import by_run
from pages.ui.cached.networks import model
from pages.ui.concurrency import check_visitor, heavy


@heavy(by_run(st.cache_resource, max_entries=64, show_spinner="Drawing"))
def drawn_by(run: Run, count: int, seed: int) -> Tensor:
    """Pictures (N, C, H, W) in [0, 1]."""
    return drawing_runs.drawn(run, model(run), count, seed, check_visitor)


@heavy(by_run(st.cache_data, max_entries=64, ttl=600, show_spinner="Timing"))
def milliseconds_a_picture(run: Run) -> float:
    """The time that one takes here and now, in a batch of twenty."""
    return drawing_runs.milliseconds_a_picture(run, model(run), check_visitor)
