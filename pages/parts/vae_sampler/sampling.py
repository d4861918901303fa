"""Draws from the prior and from a fitted mixture: what can be sampled, and what cannot."""

import json

import pandas as pd
import streamlit as st

from core.errors import LabError
from core.inference import latent
from core.runs.store import Run
from pages.components import picks, slider_preview
from pages.parts.vae_sampler import stage
from pages.ui import cached, pictures
from pages.ui.downloads import csv_button, png_button
from pages.ui.run_choice import RunChoice
from pages.ui.widgets import number, segmented

ROWS, COLUMNS = 8, 8
MAX_COLUMNS = 20
PICKS = "sample-picks"
COMMENTS = {
    "plain": "Nothing made it fill the space evenly: many draws fall between its codes.",
    "variational": "Trained so that its codes fill the prior: most draws look like its data.",
    "conditional": "The same, given the class: every class, a column each.",
    "many": "The same, given the class: one after the other.",
}
FITTED = f"{cached.COMPONENTS} Gaussians fitted to the codes of the test images; then drawn from."


def family(chosen: Run, models: RunChoice) -> dict[str, Run]:
    """A plain autoencoder, a VAE and a conditional one of the chosen run's data set, by kind.

    The chosen run stands for its own kind.
    """
    by_kind = {_kind(chosen): chosen}
    for run in models.on(chosen.spec().dataset):
        by_kind.setdefault(_kind(run), run)
    return {kind: by_kind[kind] for kind in COMMENTS if kind in by_kind}


def columns(run: Run) -> int:
    """Pictures in a row of its sheet, in which all of its classes are shown."""
    classes = len(latent.class_names(run))
    return max(COLUMNS, classes if classes <= MAX_COLUMNS else -(-classes // ROWS))


def _kind(run: Run) -> str:
    if latent.class_names(run):
        return "conditional"
    return "plain" if "code_covariance" in run.metrics() else "variational"


def samples(models: RunChoice, chosen: Run) -> None:
    """Draws of each kind of model from the same seed, from the prior or from a mixture."""
    shown = family(chosen, models)
    titles = [models.short_name(run) for run in shown.values()]
    sheets: dict[str, cached.Sampled] = {}
    _drawn(shown, titles, sheets)
    with st.container(horizontal=True):  # outside of the fragment, which is drawn at every move
        png_button(lambda: pictures.beside([d.png for d in sheets.values()]), "samples")
        csv_button(lambda: _table(sheets), "samples")


@st.fragment
def _drawn(shown: dict[str, Run], titles: list[str], kept: dict[str, cached.Sampled]) -> None:
    """Draw the controls and the sheets; the samples are added to `kept`, for the downloads."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = segmented("Codes are drawn from", ["The prior", "A fitted mixture"], "draws")
        seed = number("Seed", 0, 2**31 - 1, 0, "sample_seed")
        temperature = st.slider(
            "Sampling temperature",
            0.1,
            1.5,
            1.0,
            0.1,
            key="heat",
            bind="query-params",
            help="Spread of the draws from the prior: 1 is the prior itself, below it they are "
            "more alike. It has nothing to do with the temperature that calibrates a classifier.",
        )
    fitted = source == "A fitted mixture"
    comments = [FITTED if fitted else _comment(kind, run) for kind, run in shown.items()]

    def drawn(at: float) -> dict[str, cached.Sampled]:
        return {
            title: cached.sampled(
                cached.Draws(run, ROWS * columns(run), columns(run), seed, at, fitted)
            )
            for title, run in zip(titles, shown.values(), strict=True)
        }

    def look(at: float) -> str:
        sheets = [
            pictures.Sheet(title, d.png, comment, columns(run), _names(run, d))
            for run, comment, (title, d) in zip(
                shown.values(), comments, drawn(at).items(), strict=True
            )
        ]
        return picks.within(pictures.sheets_html(sheets), PICKS)

    models = [f"{run.id} {run.version()}" for run in shown.values()]
    of = json.dumps([models, titles, seed, fitted]).encode()
    try:
        kept.update(drawn(temperature))
    except LabError as error:  # too few test images to fit anything to
        st.info(str(error))
        return
    places = [
        (run, d, i)
        for run, d in zip(shown.values(), kept.values(), strict=True)
        for i in range(len(d.codes))
    ]
    if (index := picks.picked(PICKS, len(places))) is not None:
        run, chosen, i = places[index]
        stage.go(run, chosen.codes[i], None if chosen.labels is None else int(chosen.labels[i]))
    slider_preview.show(look(temperature), temperature, look, of, slider="heat")
    picks.listen(PICKS, stage.KEY)
    st.caption("Click a picture to put it, with its model, on the stage.")


def _names(run: Run, drawn: cached.Sampled) -> list[str]:
    """What each picture's button is called."""
    classes = latent.class_names(run)
    labels = [""] * len(drawn.codes)
    if drawn.labels is not None:
        labels = [f", {classes[int(label)]}" for label in drawn.labels]
    return [f"Sample {i + 1}{label}" for i, label in enumerate(labels)]


def _comment(kind: str, run: Run) -> str:
    too_many = kind == "conditional" and len(latent.class_names(run)) > MAX_COLUMNS
    return COMMENTS["many" if too_many else kind]


def _table(sheets: dict[str, cached.Sampled]) -> pd.DataFrame:
    """All codes, a row each; the shorter ones leave columns empty."""
    tables = [latent.code_table(d.codes, d.labels).assign(model=m) for m, d in sheets.items()]
    return pd.concat(tables, ignore_index=True)
