"""GANs, autoencoders and diffusions of one data set by the same figures."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import data
from core.inference import drawing_runs
from core.metrics.generative import PIXEL_SIDE, Health
from core.models.sampling import STEPS
from core.runs.store import Run
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.diffusion import DIFFUSION, FEW_STEPS
from pages.ui import cached, links, pictures
from pages.ui.downloads import csv_button, png_button
from pages.ui.figure_tables import Column, figure_table
from pages.ui.names import dataset_title, run_names, without_set
from pages.ui.pictures import Row

GUIDANCE = DIFFUSION.variant("flow").guidance
FAMILIES = (DIFFUSION, ADVERSARIAL, AUTOENCODING)
COLUMNS = {
    "Fréchet distance": Column(
        "%.1f",
        "Between the samples and the test images, in the features of the lab's own classifier: "
        "smaller is nearer.",
    ),
    "coverage": Column(
        "percent", "Real images that have a sample nearer than their fifth nearest real image."
    ),
    "recall": Column("percent", "Real images that lie within reach of the samples."),
    "read as asked": Column(
        "percent", "Samples that a classifier reads as the class that was asked for."
    ),
}
FEW = {f"in {count} step{'s' * (count > 1)}": str(count) for count in FEW_STEPS}
COLUMNS |= {
    name: Column("%.1f", f"The Fréchet distance where a picture takes {name.removeprefix('in ')}.")
    for name in FEW
}
FEATURES = "Distances within a factor of three or so change their order with the features."
PIXELS = (
    "There is no classifier of these pictures, so there is no distance: coverage and recall are of "
    f"pixels shrunk to {PIXEL_SIDE}×{PIXEL_SIDE}."
)
SHOWN = 10


def panel() -> None:
    """A row for each run that draws this data set, then pictures of each, not chosen."""
    sets = [name for name in data.BUILT_IN if len(_measured(name)) > 1]
    if not sets:
        st.info("There are no two trained generators of one data set yet.")
        return
    dataset = links.set_box("Data set", sets, key="compared", place=st.container(), default=sets[0])
    runs = _measured(dataset)
    whole = run_names(runs)
    names = {run.id: without_set(whole[run.id], run) for run in runs}
    table = pd.DataFrame([_row(run, names[run.id]) for run in runs]).dropna(axis=1, how="all")
    if st.session_state.get(_timed_key(dataset)):
        table["ms a picture"] = [cached.milliseconds_a_picture(run) for run in runs]
    figure_table(table, {**COLUMNS, "ms a picture": Column("%.2f")})
    _below(table, dataset, runs)
    rows = [Row(names[run.id], cached.drawn_by(run, SHOWN, 0)) for run in runs]
    pictures.rows(rows)
    st.caption(
        "The first ten samples of each, none left out; where classes can be asked for, each in "
        "turn."
    )
    png_button(lambda: pictures.rows_png(rows), f"generators-{dataset}", "png-generators")


def _measured(dataset: str) -> list[Run]:
    """Runs of the set with a distance, the smallest first."""
    runs = [run for family in FAMILIES for run in cached.models(family.name)]
    here = [run for run in runs if run.spec().dataset == dataset and "fid" in run.metrics()]
    return sorted(here, key=lambda run: float(run.metrics()["fid"]))


def _row(run: Run, name: str) -> dict[str, object]:
    figures = run.metrics()
    asked = figures.get("asked_accuracy")
    # In pixels, where there is no classifier, a distance would mislead.
    few = figures.get("fid_by_steps", {}) if figures.get("classes") else {}
    return {
        "network": name,
        "Fréchet distance": figures["fid"] if figures.get("classes") else None,
        "coverage": figures.get("coverage"),
        "recall": figures.get("recall"),
        "read as asked": asked if asked else None,
        **{column: few.get(steps) for column, steps in FEW.items()},
    }


def _below(table: pd.DataFrame, dataset: str, runs: Sequence[Run]) -> None:
    """What the figures are of, the floor beneath them, the time on request, and the file."""
    measured = [Health.read(run.metrics()) for run in runs]
    floors = {health.floor for health in measured if health.floor}
    counts = sorted({health.n for health in measured})
    of = " or ".join(f"{count:,}" for count in counts)
    floor = ""
    if len(floors) == 1:
        floor = (
            f" The floor is {floors.pop():.1f}: so far are training images from the test images."
        )
    guided = any(run.metrics().get("guidance") for run in runs)
    st.caption(
        f"Each is measured on {of} samples against the test images of {dataset_title(dataset)}, "
        f"none left out; diffusions take {STEPS} steps a picture"
        + (f", flow matching with a guidance of {GUIDANCE:g}" if guided else "")
        + (f".{floor} {FEATURES}" if any(health.classes for health in measured) else f". {PIXELS}")
        + " Coverage counts variety and likeness together. One training each: the spread over "
        "seeds was not measured."
    )
    with st.container(horizontal=True):
        csv_button(lambda: table, f"generators-{dataset}")
        key = _timed_key(dataset)
        if not st.session_state.get(key):
            st.button(
                "Time them on this server",
                icon=":material/timer:",
                on_click=lambda: st.session_state.update({key: True}),
            )
        else:
            st.caption(
                f"Median of {drawing_runs.REPEATS} batches of {drawing_runs.TIMED} pictures, on "
                "this server and under its load of that moment."
            )


def _timed_key(dataset: str) -> str:
    return f"timed-{dataset}"
