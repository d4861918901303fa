"""Transfer classifier: teach a pretrained network photographs, and know when to trust it."""

from functools import partial

import streamlit as st

from core.tasks.transfer import TRANSFER
from pages.parts.transfer_classifier import (
    comparison,
    evaluation,
    explained,
    export_tab,
    image_set_editor,
    prediction,
    three_steps,
    training_form,
)
from pages.ui.page_frame import needs, opening, tabs
from pages.ui.run_choice import RunChoice

opening("transfer_classifier")
classifiers = RunChoice.of(TRANSFER, key="classifier", noun="classifier")


def use_model(run_id: str) -> None:
    """Use the classifier that was just trained: its tab is opened as well."""
    classifiers.use(run_id)
    st.session_state["tab"] = "Use it"


run = None
if classifiers.runs:
    run = classifiers.box("Classifier", width=460)
else:
    st.info("There is no trained classifier yet. Bring pictures below, then teach one.")

tabs(
    {
        "Use it": needs(run, prediction.panel),
        "In three steps": partial(three_steps.panel, use_model),
        "Your pictures": image_set_editor.panel,
        "Teach": partial(training_form.panel, classifiers.names, use_model),
        "How good is it?": needs(run, evaluation.panel),
        "Compare": needs(run, partial(comparison.panel, classifiers)),
        "Take it along": needs(run, export_tab.panel),
        "What is happening": partial(explained.explanation, run),
    }
)
