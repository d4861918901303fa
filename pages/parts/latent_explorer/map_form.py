"""Make a map of anything: any data set that is here, by pixels or by any network."""

import streamlit as st

from core import data
from core.inference.codes import PIXELS
from core.jobs import queue
from core.models.backbones import BACKBONES
from core.projection import map_runs
from core.projection.methods import PROJECTING
from pages.server.visitor import admitted, who
from pages.ui import cached, links
from pages.ui.errors import errors_shown
from pages.ui.form import config_form
from pages.ui.names import run_names
from pages.ui.run_panel import Use, watch
from pages.ui.training_panel import keep_watching, own_sets, watched


def panel(use: Use) -> None:
    """From the choice of a method to the finished map."""
    if not admitted():
        return
    left, right = st.columns(2)
    method = links.variant_box(
        "Method", PROJECTING, list(PROJECTING.variants), key="projection", place=left
    )
    options = [n for n in (*data.BUILT_IN, *own_sets()) if data.available(n)]
    dataset = links.set_box("Data set to map", options, key="mapped", place=right)
    st.caption(PROJECTING.variant(method).summary)
    pretrained = {name: f"Features of {one.title}" for name, one in BACKBONES.items() if one.here()}
    encoders = {PIXELS: "Raw pixels", **pretrained, **run_names(cached.encoders())}
    values = config_form(PROJECTING, method, {"source": encoders}, "Make the map")
    if values is not None:
        with errors_shown(), st.spinner("Handing it to a worker"):
            run = queue.submit(map_runs.make_request(method, dataset, values), who())
            keep_watching(PROJECTING, run.id)
    if (under_way := watched(PROJECTING)) is not None:
        st.divider()
        watch(under_way, use)
