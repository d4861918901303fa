"""GAN gallery: networks on the same seeds, from first noise to last picture, and their health."""

from functools import partial

import streamlit as st

from core.tasks.adversarial import ADVERSARIAL
from core.tasks.classification import RECOGNITION
from pages.components.wall import wall
from pages.parts.gan_gallery import (
    batch_norm,
    copy_check,
    game_tab,
    interpolation,
    inversion_tab,
    samples,
    stage,
    training_tab,
    wall_runs,
)
from pages.parts.gan_gallery.explained import EQUATIONS
from pages.ui import sample_health
from pages.ui.page_frame import grouped_tabs, needs, opening
from pages.ui.run_choice import RunChoice
from pages.ui.text_comparison import explanation
from pages.ui.training_panel import panel

opening("gan_gallery")
models = RunChoice.of(ADVERSARIAL)


def show_wall() -> None:
    """Show the wall of sample sheets; a click puts a network on the stage."""
    runs = wall_runs.best_runs(models.runs.values())
    cards = wall_runs.cards(runs)
    if not cards:
        st.info("These runs kept no sample sheets, so there is no wall to show.")
        return
    models.follow_link()
    chosen = st.session_state["model"]
    note = wall_runs.measured(runs)
    if (picked := wall(key="wall", cards=cards, chosen=chosen, note=note)) is not None:
        st.session_state["model"] = picked


scene: stage.Scene | None = None
if models.runs:
    show_wall()
    scene = stage.controls(models)
    stage.bench(scene)
else:
    st.info("There is no trained GAN yet. Train one below: the digits are always here.")

run = scene.run if scene else None
grouped_tabs(
    {
        "Explore": {
            "Samples": needs(scene, samples.panel),
            "Between": needs(scene, interpolation.panel),
            "Find a picture": needs(scene, inversion_tab.panel),
        },
        "Check": {
            "Health": needs(run, sample_health.panel),
            "Memorised?": needs(scene, copy_check.panel),
            "Batch norm": needs(scene, batch_norm.panel),
        },
        "Train": {
            "Learning": needs(run, training_tab.over_epochs),
            "The game": game_tab.panel,
            "Train your own": partial(panel, ADVERSARIAL, models.names, models.use),
            "What is happening": partial(explanation, EQUATIONS, ADVERSARIAL, RECOGNITION, run=run),
        },
    }
)
