"""Transfer classifier: teach a pretrained network photographs, and know when to trust it."""

import streamlit as st

from core.tasks.transfer import TRANSFER
from pages.parts.transfer_classifier import (
    comparison,
    evaluation,
    explained,
    export_tab,
    image_set_editor,
    prediction,
    training_form,
)
from pages.ui import cached, links
from pages.ui.names import model_names
from pages.ui.page_frame import title

title(
    "Transfer classifier",
    "Teach a network that has seen a million photographs yours, and see when to trust it.",
)
models = {run.id: run for run in cached.models(TRANSFER.name)}
names = model_names(list(models.values()))
tabs = ["Use it", "Your pictures", "Teach", "How good is it?", "Compare", "Take it along"]


def use_model(run_id: str) -> None:
    """Ask the classifier that was just trained: its tab is opened as well."""
    cached.forget_models()
    models.update({run.id: run for run in cached.models(TRANSFER.name)})
    st.session_state["classifier"] = run_id
    st.session_state["tab"] = tabs[0]


run = None
if models:
    run = links.run_box("Classifier", models, names, key="classifier", noun="classifier", width=460)
else:
    st.info("There is no trained classifier yet. Bring pictures below, then teach one.")

use, bring, teach, read, compare, export, happening = st.tabs(
    [*tabs, "What is happening"], key="tab", bind="query-params"
)
if run is not None:
    if use.open:
        with use:
            prediction.panel(run)
    if read.open:
        with read:
            evaluation.panel(run)
    if compare.open:
        with compare:
            comparison.panel(run, list(models.values()), names)
    if export.open:
        with export:
            export_tab.panel(run)
if bring.open:
    with bring:
        image_set_editor.panel()
if teach.open:
    with teach:
        training_form.panel(names, use_model)
if happening.open:
    with happening:
        explained.explanation(run)
