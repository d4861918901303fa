"""Runs: every training with its state and figures; compare, resume, download, delete."""

from typing import Any

import pandas as pd
import streamlit as st

from core.errors import LabError
from core.jobs import queue
from core.registry import checked, family
from core.runs import store
from core.runs.store import Run
from pages.server.visitor import who
from pages.ui import charts, links
from pages.ui.downloads import csv_button, download
from pages.ui.errors import errors_shown
from pages.ui.figure_tables import Column, figure_table
from pages.ui.names import dataset_title, run_names
from pages.ui.page_frame import title
from pages.ui.proportions import interval
from pages.ui.run_panel import actions, badge, watch
from pages.ui.settings_table import keys_and_values, settings_table, titles_and_values

title("Runs", "Every training, shipped or made here: its state, its figures, its curves.")

COLUMNS = {
    "PSNR": Column(
        "%.2f dB",
        "Peak signal-to-noise ratio: 6 dB more is a quarter of the squared error. Of a denoiser, "
        "at strength 0.5 of its own corruption; else of the reconstruction.",
    ),
    "SSIM": Column("%.3f", "Structural similarity, 1 for identical pictures. At strength 0.5."),
    "Neg. ELBO": Column(
        "%.1f",
        "Negative evidence lower bound (ELBO) at β = 1, in nats (1 nat is 1.44 bits); the lower "
        "the better. Of p(x), of a class-conditional model of p(x | class), with a Bernoulli "
        "likelihood.",
    ),
    "Fréchet": Column(
        "%.1f",
        "Fréchet distance of a GAN's samples to the test images, in the features of our own "
        "classifier of the data set; data sets do not compare.",
    ),
    "Floor": Column("%.1f", "That distance of real training images."),
    "Accuracy": Column("percent", "Of a classifier, on the test images."),
    "95 % interval": Column(
        "", "Of the accuracy: what the choice of the test images leaves open (Wilson 1927)."
    ),
    "Trust": Column(
        "%.3f",
        "Trustworthiness of a map: 1 when no strangers became neighbours. Comparable between maps "
        "of the same codes only.",
    ),
    "Images/s": Column("localized"),
}


def figures(run: Run) -> dict[str, Any]:
    """The figures of a run that its table has."""
    metrics = run.metrics()
    measured = {"accuracy", "n_test"} <= metrics.keys()
    return {
        "PSNR": metrics.get("psnr"),
        "SSIM": metrics.get("ssim"),
        "Neg. ELBO": metrics.get("negative_elbo"),
        "Fréchet": metrics.get("fid") if metrics.get("classes") else None,
        "Floor": metrics.get("floor"),
        "Accuracy": metrics.get("accuracy"),
        "95 % interval": interval(metrics["accuracy"], metrics["n_test"]) if measured else None,
        "Trust": metrics.get("trustworthiness"),
        "Epochs": run.spec().config.get("epochs"),
        "Images/s": metrics.get("images_per_second"),
        "Yours": queue.mine(run, who()),
    }


def row(run: Run) -> dict[str, Any]:
    """The row of a run in the table; a damaged run has an error message instead of figures."""
    try:
        spec, status = checked(run), run.status()
        return {
            "Run": run.id,
            "State": "shipped" if run.shipped else status.state,
            "Network": family(spec.task).variant(spec.variant).title,
            "Data": dataset_title(spec.dataset),
            **figures(run),
        }
    except LabError as error:
        return {"Run": run.id, "State": "damaged", "Network": str(error)}


def visible_to_me(run: Run) -> bool:
    """Whether this visitor may see a run; damaged runs are shown, so that they can be repaired."""
    try:
        return queue.visible(run, who()) or queue.may_change(run, who())
    except LabError:
        return True


def deletion(run: Run) -> None:
    """Show the button that deletes a run to those who may."""
    may = queue.may_change(run, who()) and not run.status().active
    if may and st.button("Delete", icon=":material/delete:"):
        confirm(run, names[run.id])


@st.dialog("Delete this run?")
def confirm(run: Run, name: str) -> None:
    """Confirm the deletion; runs that others requested too stay for them."""
    st.write(f"**{name}** with its weights, curves and samples. This cannot be undone.")
    if st.button("Delete", type="primary", icon=":material/delete:"):
        with errors_shown():
            queue.delete(run, who())
            st.session_state.pop("compare", None)
            st.rerun()


def damaged_runs(runs: list[Run]) -> None:
    """The damaged runs that this visitor may delete."""
    for run in runs:
        if queue.may_change(run, who()):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(f"{names[run.id]}.")
                if st.button("Delete", icon=":material/delete:", key=f"delete-{run.id}"):
                    confirm(run, names[run.id])


def one_run(run: Run) -> None:
    """A run by itself: its state, its curves, its files and its settings."""
    if not queue.visible(run, who()):  # an administrator, who may still stop it
        st.info("Made from someone's own pictures: only they can see the rest.")
        with st.container(horizontal=True):
            badge(run.status())
            actions(run, run.status())
            deletion(run)
        return
    watch(run.id)
    with st.container(horizontal=True):
        download("Run as zip", run.archive, f"{run.id}.zip")
        deletion(run)
    with st.expander("Settings"):
        settings_table(run)


def several_runs(runs: list[Run]) -> None:
    """Runs side by side: a curve of each, and the settings that differ."""
    columns = sorted({c for run in runs for c in run.history().columns} - {"epoch", "seconds"})
    if columns:
        column = links.box(
            "Curve",
            links.Choices(columns, columns[0]),
            key="curve",
            format_func=lambda name: name.replace("_", " "),
        )
        if (figure := charts.compare(runs, column, names)) is not None:
            charts.show(figure, key="compared", height=420)
        if own_measures(runs, column):
            st.caption(
                "Each network is drawn with its own loss. Those of other networks, likelihoods or "
                "data are other quantities: their heights do not compare."
            )
    st.markdown("**What differs in their settings**")
    table = pd.DataFrame({run.id: keys_and_values(run) for run in runs}).astype(str)
    different = table[table.nunique(axis=1, dropna=False) > 1]
    words = pd.DataFrame({names[run.id]: titles_and_values(run) for run in runs})
    st.dataframe(words[words.nunique(axis=1, dropna=False) > 1], placeholder="–")
    csv_button(lambda: different.rename_axis("setting").reset_index(), "differences")


def own_measures(runs: list[Run], column: str) -> bool:
    """Whether a curve is of a loss, and the runs have different losses."""
    if "loss" not in column and "reconstruction" not in column:
        return False
    kinds = {
        (c.task, c.variant, c.dataset, c.config.get("likelihood"))
        for c in (run.spec() for run in runs)
    }
    return len(kinds) > 1


listed = {run.id: run for run in store.all_runs() if visible_to_me(run)}
table = pd.DataFrame([row(run) for run in listed.values()])
damaged = [record["Run"] for record in table.to_dict("records") if record["State"] == "damaged"]
readable = [run_id for run_id in listed if run_id not in damaged]
names = run_names([listed[i] for i in readable])
names |= {run_id: f"Damaged run · {run_id[-8:]}" for run_id in damaged}
figure_table(table.assign(Run=[names[run_id] for run_id in listed]), COLUMNS)
damaged_runs([listed[run_id] for run_id in sorted(damaged)])
with st.container(horizontal=True):
    st.space("stretch")
    csv_button(lambda: table, "runs")
compared = links.several(
    "Look closer, or compare",
    readable,
    key="compare",
    default=readable[:1],
    shared_default=all(listed[i].shipped for i in readable[:1]),
    noun="run",
    placeholder="Choose one run or several",
    format_func=names.__getitem__,
)
chosen = [listed[run_id] for run_id in compared]
if len(chosen) > 1:
    chosen = [run for run in chosen if queue.visible(run, who())]
if len(chosen) == 1:
    one_run(chosen[0])
elif chosen:
    several_runs(chosen)
