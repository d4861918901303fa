"""GAN gallery: networks on the same seeds, from first noise to last picture, and their health."""

import streamlit as st

from core.tasks.adversarial import ADVERSARIAL
from pages.components import slider_preview
from pages.components.wall import wall
from pages.parts.gan_gallery import (
    batch_norm,
    copy_check,
    explained,
    health,
    interpolation,
    inversion_tab,
    samples,
    stage,
    training_tab,
    wall_runs,
)
from pages.ui import cached, links
from pages.ui.names import model_names
from pages.ui.page_frame import title
from pages.ui.training_panel import panel

title("GAN gallery", "The same noise through every network: watch them learn, then take one apart.")
slider_preview.begin()
models = {run.id: run for run in cached.models(ADVERSARIAL.name)}
names = model_names(list(models.values()))


def use_model(run_id: str) -> None:
    """Put a model that was just trained on the stage."""
    cached.forget_models()
    models.update({run.id: run for run in cached.models(ADVERSARIAL.name)})
    st.session_state["model"] = run_id


def show_wall() -> None:
    """Show the wall of sample sheets; a click puts a network on the stage."""
    runs = wall_runs.best_runs(list(models.values()))
    cards = wall_runs.cards(runs)
    if not cards:
        st.info("These runs kept no sample sheets, so there is no wall to show.")
        return
    links.follow("model", list(models), next(iter(models)), links.titles_of(models, names))
    chosen = st.session_state["model"]
    if (picked := wall(key="wall", cards=cards, chosen=chosen)) is not None:
        st.session_state["model"] = picked
    st.caption(wall_runs.measured(runs))


scene: stage.Scene | None = None
if models:
    show_wall()
    scene = stage.controls(models, names)
    stage.bench(scene)
else:
    st.info("There is no trained GAN yet. Train one below: the digits are always here.")

tabs = ["Samples", "Between", "Health", "Learning", "Memorised?", "Batch norm", "Find a picture"]
tabs += ["Train your own", "What is happening"]
parts = st.tabs(tabs, key="tab", bind="query-params")
drawing, between, healthy, learnt, memorised, normed, inversion, training, happening = parts
if scene is not None:
    if drawing.open:
        with drawing:
            samples.samples(scene)
    if between.open:
        with between:
            interpolation.between(scene)
    if healthy.open:
        with healthy:
            health.panel(scene.run)
    if learnt.open:
        with learnt:
            training_tab.over_epochs(scene.run)
    if memorised.open:
        with memorised:
            copy_check.nearest(scene)
    if normed.open:
        with normed:
            batch_norm.views(scene)
    if inversion.open:
        with inversion:
            inversion_tab.find(scene)
if training.open:
    with training:
        panel(ADVERSARIAL, names, use_model)
if happening.open:
    with happening:
        explained.explanation(scene.run if scene else None)
