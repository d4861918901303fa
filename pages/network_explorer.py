"""Network explorer: give a classifier a picture, and look into every layer of it."""

from functools import partial

import streamlit as st

from core.tasks.classification import RECOGNITION
from pages.parts.network_explorer import (
    alignment_tab,
    augmentations_tab,
    code_tab,
    comparison_tab,
    explained,
    export_tab,
    layers_tab,
    networks,
    perturbation_tab,
    picture_choice,
    residual_tab,
    results_tab,
    stage,
    surgery_tab,
    units_tab,
)
from pages.ui.page_frame import grouped_tabs, opening
from pages.ui.run_choice import RunChoice
from pages.ui.training_panel import panel

opening("network_explorer")
models = RunChoice.of(RECOGNITION, noun="network")

row = st.container(horizontal=True, vertical_alignment="bottom")
network = networks.choose(models, row)
chosen = picture_choice.choose(network, row)
with st.container(key=stage.KEY):
    picture = stage.show(network, chosen)

grouped_tabs(
    {
        "Look inside": {
            "Layers": partial(layers_tab.panel, network, picture),
            "Units": partial(units_tab.panel, network, picture),
            "Code": partial(code_tab.panel, network),
        },
        "Take apart": {
            "Surgery": partial(surgery_tab.panel, network),
            "Adversarial": partial(perturbation_tab.panel, network, picture),
            "Two networks": partial(alignment_tab.panel, models, network, picture),
        },
        "Judge": {
            "Results": partial(results_tab.panel, network),
            "Augmentations": partial(augmentations_tab.panel, network, picture),
            "Compare": partial(comparison_tab.panel, models, network),
            "Why residual": partial(residual_tab.panel, models),
        },
        "Train": {
            "Train your own": partial(panel, RECOGNITION, models.names, models.use),
            "Export": partial(export_tab.panel, network),
            "What is happening": partial(explained.explanation, network),
        },
    }
)
