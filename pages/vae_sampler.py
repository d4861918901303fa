"""VAE sampler: drag through a latent space, and the picture follows."""

import streamlit as st

from core.runs.store import Run
from core.tasks.autoencoding import AUTOENCODING
from pages.components import slider_preview
from pages.parts.vae_sampler import explained, measures, sampling, space, stage
from pages.ui import cached, links
from pages.ui.names import model_names
from pages.ui.page_frame import title
from pages.ui.training_history import over_epochs
from pages.ui.training_panel import panel

title(
    "VAE sampler", "Drag through the space of codes that a network has learnt, and watch it draw."
)
slider_preview.begin()
models = {run.id: run for run in cached.models(AUTOENCODING.name)}
names = model_names(list(models.values()))


def use_model(run_id: str) -> None:
    """Put a model that was just trained on the stage."""
    cached.forget_models()
    models.update({run.id: run for run in cached.models(AUTOENCODING.name)})
    st.session_state["model"] = run_id


def controls() -> tuple[Run, stage.Start]:
    """Which model, and which image the code starts from."""
    row = st.container(horizontal=True, vertical_alignment="bottom")
    run = links.run_box("Model", models, names, key="model", place=row, width=380)
    return run, stage.choose_start(run, row)


chosen: Run | None = None
if models:
    chosen, start = controls()
    stage.bench(chosen, start)
else:
    st.info("There is no trained autoencoder yet. Train one below: the digits are always here.")

tabs = ["Samples", "Traversals", "Plane", "Between", "Codes", "Learning", "Train your own"]
samples, traversals, plane, between, codes, learning, training, happening = st.tabs(
    [*tabs, "What is happening"], key="tab", bind="query-params"
)
everyone = list(models.values())
if chosen is not None:
    if samples.open:
        with samples:
            sampling.samples(chosen, everyone, names)
    if traversals.open:
        with traversals:
            space.traversals(chosen, stage.here())
    if plane.open:
        with plane:
            space.plane(chosen, everyone, names)
    if between.open:
        with between:
            space.between(chosen)
    if codes.open:
        with codes:
            space.codes(chosen)
    if learning.open:
        with learning:
            over_epochs(chosen, "Digits, their reconstructions and draws from the prior")
            measures.collapse(chosen)
            measures.figures(everyone, names, chosen.spec().dataset)
if training.open:
    with training:
        panel(AUTOENCODING, names, use_model)
if happening.open:
    with happening:
        explained.explanation(chosen)
