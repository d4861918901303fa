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
from pages.ui.names import dataset_title
from pages.ui.page_frame import csv_button, title
from pages.ui.proportions import interval
from pages.ui.run_panel import actions, badge, watch

title("Runs", "Every training, shipped or made here: its state, its figures, its curves.")


def row(run: Run) -> dict[str, Any]:
    """The row of a run in the table; a damaged run has an error message instead of figures."""
    try:
        spec, status, metrics = checked(run), run.status(), run.metrics()
    except LabError as error:
        return {"Run": run.id, "State": "damaged", "Network": str(error)}
    return {
        "Run": run.id,
        "State": "shipped" if run.shipped else status.state,
        "Network": family(spec.task).variant(spec.variant).title,
        "Data": dataset_title(spec.dataset),
        "PSNR": metrics.get("psnr"),
        "SSIM": metrics.get("ssim"),
        "Neg. ELBO": metrics.get("negative_elbo"),
        "Fréchet": metrics.get("fid") if metrics.get("classes") else None,
        "Floor": metrics.get("floor"),
        "Accuracy": metrics.get("accuracy"),
        "95 % interval": interval(metrics["accuracy"], metrics["n_test"])
        if {"accuracy", "n_test"} <= metrics.keys()
        else None,
        "Trust": metrics.get("trustworthiness"),
        "Epochs": spec.config.get("epochs"),
        "Images/s": metrics.get("images_per_second"),
        "Yours": queue.mine(run, who()),
    }


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
        confirm(run)


def someone_elses(run: Run) -> None:
    """Show an administrator what may be seen of a run on someone else's pictures."""
    st.info("Made from someone's own pictures: only they can see the rest.")
    with st.container(horizontal=True):
        badge(run.status())
        actions(run, run.status())
        deletion(run)


@st.dialog("Delete this run?")
def confirm(run: Run) -> None:
    """Confirm the deletion; runs that others requested too stay for them."""
    st.write(f"`{run.id}` with its weights, curves and samples. This cannot be undone.")
    if st.button("Delete", type="primary", icon=":material/delete:"):
        try:
            queue.delete(run, who())
        except LabError as error:
            st.error(str(error))
            return
        st.session_state.pop("compare", None)
        st.rerun()


def differences(chosen: list[Run]) -> pd.DataFrame:
    """The settings that differ between runs, or that some lack; one column per run."""
    columns = {}
    for run in chosen:
        spec = run.spec()
        columns[run.id] = {"network": spec.variant, "data set": spec.dataset, **spec.config}
    table = pd.DataFrame(columns).astype(str)
    return table[table.nunique(axis=1, dropna=False) > 1]


def own_measures(chosen: list[Run], column: str) -> bool:
    """Whether a curve is of a loss, and the runs have different losses."""
    if "loss" not in column and "reconstruction" not in column:
        return False
    kinds = {
        (c.task, c.variant, c.dataset, c.config.get("likelihood"))
        for c in (run.spec() for run in chosen)
    }
    return len(kinds) > 1


listed = {run.id: run for run in store.all_runs() if visible_to_me(run)}
table = pd.DataFrame([row(run) for run in listed.values()])
st.dataframe(
    table,
    hide_index=True,
    placeholder="–",
    column_config={
        "PSNR": st.column_config.NumberColumn(
            format="%.2f dB",
            help="Peak signal-to-noise ratio: 6 dB more is a quarter of the squared error. Of a "
            "denoiser, at strength 0.5 of its own corruption; else of the reconstruction.",
        ),
        "SSIM": st.column_config.NumberColumn(
            format="%.3f",
            help="Structural similarity, 1 for identical pictures. At strength 0.5.",
        ),
        "Neg. ELBO": st.column_config.NumberColumn(
            format="%.1f",
            help="Negative evidence lower bound (ELBO) at β = 1, in nats (1 nat is 1.44 bits); the "
            "lower the better. "
            "Of p(x), of a class-conditional model of p(x | class), with a Bernoulli likelihood.",
        ),
        "Fréchet": st.column_config.NumberColumn(
            format="%.1f",
            help="Fréchet distance of a GAN's samples to the test images, in the features of our "
            "own classifier of the data set; data sets do not compare.",
        ),
        "Floor": st.column_config.NumberColumn(
            format="%.1f", help="That distance of real training images."
        ),
        "Accuracy": st.column_config.NumberColumn(
            format="percent", help="Of a classifier, on the test images."
        ),
        "95 % interval": st.column_config.TextColumn(
            help="Of the accuracy: what the choice of the test images leaves open (Wilson 1927)."
        ),
        "Trust": st.column_config.NumberColumn(
            format="%.3f",
            help="Trustworthiness of a map: 1 when no strangers became neighbours. "
            "Comparable between maps of the same codes only.",
        ),
        "Images/s": st.column_config.NumberColumn(format="localized"),
    },
)
readable = [
    i for i, r in zip(listed, table.to_dict("records"), strict=True) if r["State"] != "damaged"
]
for run in (
    listed[i] for i in sorted(set(listed) - set(readable)) if queue.may_change(listed[i], who())
):
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"`{run.id}` is damaged.")
        if st.button("Delete", icon=":material/delete:", key=f"delete-{run.id}"):
            confirm(run)
with st.container(horizontal=True):
    st.space("stretch")
    csv_button(lambda: table, "runs")
names = links.several(
    "Look closer, or compare",
    readable,
    key="compare",
    default=readable[:1],
    usual=all(listed[i].shipped for i in readable[:1]),
    noun="run",
    placeholder="Choose one run or several",
)
chosen = [listed[n] for n in names]
if len(chosen) > 1:
    chosen = [run for run in chosen if queue.visible(run, who())]

if len(chosen) == 1 and not queue.visible(chosen[0], who()):
    someone_elses(chosen[0])
elif len(chosen) == 1:
    run = chosen[0]
    watch(run.id)
    with st.container(horizontal=True):
        st.download_button(
            "Run as zip",
            run.archive,
            f"{run.id}.zip",
            "application/zip",
            icon=":material/download:",
            on_click="ignore",
        )
        deletion(run)
    with st.expander("Settings"):
        st.json(run.spec().model_dump(exclude={"private"}))
elif chosen:
    columns = sorted({c for r in chosen for c in r.history().columns} - {"epoch", "seconds"})
    if columns:
        column = st.selectbox("Curve", columns, key="curve", bind="query-params")
        if (figure := charts.compare(chosen, column)) is not None:
            charts.show(figure, key="compared", height=420)
        if own_measures(chosen, column):
            st.caption(
                "Each network is drawn with its own loss. Those of other networks, likelihoods or "
                "data are other quantities: their heights do not compare."
            )
    st.markdown("**What differs in their settings**")
    different = differences(chosen)
    st.dataframe(different, placeholder="–")
    csv_button(lambda: different.rename_axis("setting").reset_index(), "differences")
