"""VAE sampler: drag through a latent space, and the picture follows."""

from functools import partial

import streamlit as st

from core.runs.store import Run
from core.tasks.autoencoding import AUTOENCODING
from pages.parts.vae_sampler import measures, posterior, sampling, space, stage
from pages.parts.vae_sampler.explained import EQUATIONS
from pages.ui.page_frame import needs, opening, tabs
from pages.ui.run_choice import RunChoice
from pages.ui.text_comparison import explanation
from pages.ui.training_history import over_epochs
from pages.ui.training_panel import panel

opening("vae_sampler")
models = RunChoice.of(AUTOENCODING)


def learning(run: Run) -> None:
    """How the model learnt, what its numbers tell, and the figures of all models of its data."""
    over_epochs(run, "Digits, their reconstructions and draws from the prior")
    measures.collapse(run)
    measures.figures(models, run.spec().dataset)


chosen: Run | None = None
start = stage.Start(None, None, "")
if models.runs:
    stage.choose_clicked()
    row = st.container(horizontal=True, vertical_alignment="bottom")
    chosen = models.box("Model", place=row, width=380)
    start = stage.choose_start(chosen, row)
    stage.bench(chosen, start)
else:
    st.info("There is no trained autoencoder yet. Train one below: the digits are always here.")

tabs(
    {
        "Samples": needs(chosen, partial(sampling.samples, models)),
        "Posterior": needs(chosen, partial(posterior.posterior, start)),
        "Traversals": needs(chosen, space.traversals),
        "Plane": needs(chosen, partial(space.plane, models)),
        "Between": needs(chosen, space.between),
        "Codes": needs(chosen, space.codes),
        "Learning": needs(chosen, learning),
        "Train your own": partial(panel, AUTOENCODING, models.names, models.use),
        "What is happening": partial(explanation, EQUATIONS, AUTOENCODING, run=chosen),
    }
)
