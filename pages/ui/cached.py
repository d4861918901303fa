"""The only `st.cache_*` of the lab: models, data and lists, shared by all sessions and bounded.

Nothing that is returned here is ever changed, trained or put into another mode.
"""

import streamlit as st
from torch import nn

from core import runs
from core.data import Images
from core.inference import denoising
from core.runs import Run
from core.tasks import load_model


@st.cache_resource(max_entries=32, show_spinner="Loading the model")
def _model(run_id: str, version: int) -> nn.Module:
    return load_model(runs.open_run(run_id))


def model(run: Run) -> nn.Module:
    """A finished run's network, for inference."""
    return _model(run.id, run.version())


@st.cache_resource(max_entries=64, show_spinner="Reading the images")
def test_pictures(dataset: str, first: int, count: int) -> Images:
    """Test images as denoisers take them."""
    return denoising.test_pictures(dataset, first, count)


@st.cache_resource(ttl=2, max_entries=8, show_spinner=False)
def denoisers(dataset: str | None = None) -> list[Run]:
    """Finished denoising runs; at most two seconds old."""
    return denoising.denoisers(dataset)
