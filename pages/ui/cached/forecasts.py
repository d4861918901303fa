"""Caches of the bench of forecasts."""

from typing import Any

import streamlit as st
from torch import Tensor

from core.inference import forecasts
from core.runs.store import Run
from pages.ui.cached.by_run import by_run


@by_run(st.cache_data, max_entries=64, show_spinner=False)
def forecast_figures(run: Run, values: Tensor) -> dict[str, Any]:
    """A run's figures on a series (T,)."""
    return forecasts.measured_on(run, values)
