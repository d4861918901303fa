"""Why residual: the gradients of a deep network with and without shortcuts."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.images import COLOURS
from core.runs.store import Run
from core.tasks.classification import RECOGNITION
from pages.ui import charts
from pages.ui.downloads import csv_button
from pages.ui.names import dataset_title
from pages.ui.page_frame import GROUP
from pages.ui.proportions import interval
from pages.ui.run_choice import RunChoice

PAIR = ("plain20", "resnet20")
GRADIENT = "gradient:"
"""How the columns of a history begin that hold the mean norm of a layer's gradient in an epoch."""
TEXT = (
    "Two networks of the same nineteen convolutions and one linear layer, trained alike. In one, "
    "each two convolutions only learn what is added to their input: the gradient can go around "
    "them. The norm of the gradient of each layer's weights says how much a layer is told in an "
    "epoch. With batch norm it need not fade: He et al. 2016 find sound gradients in the plain "
    "network too, which nevertheless learns worse, the deeper it is."
)


def panel(models: RunChoice) -> None:
    """Gradient norms by depth and the accuracy of both networks, on the data set where there are
    most of the two; where one is missing, an offer to train it."""
    st.caption(TEXT)
    runs = pair(list(models.runs.values()))
    here = {run.spec().variant for run in runs}
    if missing := [name for name in PAIR if name not in here]:
        _offer(missing)
    if not runs:
        return
    epochs = min(int(run.history()["epoch"].max()) for run in runs)
    epoch = 1
    if epochs > 1:
        epoch = st.slider("Epoch", 1, epochs, 1, key="residual_epoch", bind="query-params")
    left, right = st.columns(2, gap="large")
    names = {run.id: RECOGNITION.variant(run.spec().variant).title for run in runs}
    with left:
        st.markdown("**Gradient norm by depth**")
        norms = {names[run.id]: gradients(run.history(), epoch) for run in runs}
        series = {
            name: charts.Line(list(range(1, len(values) + 1)), list(values.values()), colour)
            for (name, values), colour in zip(norms.items(), COLOURS, strict=False)
        }
        figure = charts.lines(series, "layer with weights, from the picture on", "gradient norm")
        values = [y for line in series.values() for y in line.y]
        figure.update_yaxes(**charts.log_axis(values))
        charts.show(figure, key="gradients", height=340)
        table = pd.DataFrame(norms).rename_axis("layer").reset_index()
        csv_button(lambda: table, f"gradients-{epoch}")
    with right:
        st.markdown("**Accuracy over epochs**")
        curves = {}
        for run, colour in zip(runs, COLOURS, strict=False):
            history = run.history()
            for column, dash in (("test_accuracy", "solid"), ("accuracy", "dash")):
                of = "test" if column.startswith("test") else "training"
                curves[f"{names[run.id]}, {of}"] = charts.over_epochs(history, column, colour, dash)
        charts.show(charts.lines(curves, "epoch", "accuracy"), key="pair", height=340)
    st.caption(f"Trained on {dataset_title(runs[0].spec().dataset)}. {_finding(runs)} {_end(runs)}")


def pair(runs: Sequence[Run]) -> list[Run]:
    """The best run of each of the two that kept its gradients, all of one data set: the one with
    both, or else the first."""
    kept = [run for run in runs if run.spec().variant in PAIR and gradients(run.history(), 1)]
    by_set: dict[str, dict[str, Run]] = {}
    for run in kept:
        by_set.setdefault(run.spec().dataset, {}).setdefault(run.spec().variant, run)
    best = max(by_set.values(), key=len, default={})
    return [best[name] for name in PAIR if name in best]


def gradients(history: pd.DataFrame, epoch: int) -> dict[str, float]:
    """The gradient norm of each layer with weights in an epoch, by its path, in the order of the
    network; none where the run kept none."""
    columns = [c for c in history.columns if c.startswith(GRADIENT)]
    of = history[history["epoch"] == epoch] if "epoch" in history else history
    if not columns or of.empty:
        return {}
    return {c.removeprefix(GRADIENT): float(of[c].iloc[0]) for c in columns}


def _finding(runs: Sequence[Run]) -> str:
    """What the first and the last layer are told in the first epoch, as a sentence."""
    parts = []
    for run in runs:
        norms = list(gradients(run.history(), 1).values())
        title = RECOGNITION.variant(run.spec().variant).title
        if norms and norms[-1] > 0:
            parts.append(f"{norms[0] / norms[-1]:.2g} times that of its last ({title})")
    return f"In the first epoch the first layer's norm is {' and '.join(parts)}." if parts else ""


def _end(runs: Sequence[Run]) -> str:
    """What share of the test images both read in the end, as a sentence."""
    if len(runs) < len(PAIR):
        return ""
    parts = []
    for run in runs:
        figures, title = run.metrics(), RECOGNITION.variant(run.spec().variant).title
        share, n = float(figures["accuracy"]), int(figures["n_test"])
        parts.append(f"{share:.1%} ({title}, {interval(share, n)})")
    return (
        f"In the end they read {' and '.join(parts)} of the test images right. One training each: "
        "the intervals are those of the images, and seeds make a difference of their own."
    )


def _offer(missing: Sequence[str]) -> None:
    titles = " and ".join(f"“{RECOGNITION.variant(name).title}”" for name in missing)
    st.info(
        f"No finished run of {titles} is here that kept its gradients. Train it on CIFAR-10, or on "
        "digits for a look in a few minutes."
    )
    with st.container(horizontal=True):
        for name in missing:
            st.button(
                f"Train {RECOGNITION.variant(name).title}",
                icon=":material/play_arrow:",
                key=f"train-{name}",
                on_click=_train,
                args=(name,),
            )


def _train(variant: str) -> None:
    st.session_state.update({GROUP: "Train", "tab": "Train your own", "network": variant})
