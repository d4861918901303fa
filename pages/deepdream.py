"""DeepDream: let a network grow what it sees in a picture, and watch it happen."""

import streamlit as st

from pages.parts.deepdream import channel_picker, explained, recipe_panel, result_tabs, stage
from pages.ui.page_frame import title

title("DeepDream", "A network grows what it sees in a picture. Watch it happen, keep the recipe.")
recipe_panel.take_loaded()
run = stage.drawn()

tabs = ["Layers", "Octaves", "What it answers", "Recipe", "What is happening"]
layers, octaves, answers, kept, happening = st.tabs(tabs, key="tab", bind="query-params")
if layers.open:
    with layers:
        channel_picker.panel()
if octaves.open:
    with octaves:
        if run is not None:
            result_tabs.octaves(run)
        else:
            st.info("Dream first: its octaves are shown here.")
if answers.open:
    with answers:
        if run is not None:
            result_tabs.answers(run)
        else:
            st.info("Dream first: what the network says before and after is shown here.")
if kept.open:
    with kept:
        recipe_panel.panel(run)
if happening.open:
    with happening:
        explained.explanation()
