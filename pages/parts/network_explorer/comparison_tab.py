"""Networks of one data set side by side: how good, how large, how fast."""

import statistics
from collections import defaultdict
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.errors import LabError
from core.inference.network import totals
from core.runs.store import Run
from core.tasks.classification import RECOGNITION
from pages.parts.network_explorer.networks import Network
from pages.ui import cached, charts
from pages.ui.downloads import csv_button
from pages.ui.figure_tables import Column, figure_table
from pages.ui.names import dataset_title
from pages.ui.proportions import interval
from pages.ui.run_choice import RunChoice

COLUMNS = {
    "accuracy": Column("%.2f%%", "Of the test images; the mean over seeds."),
    "±": Column("%.2f%%", "The standard deviation over runs that differ only in their seed."),
    "test images": Column("localized"),
    "weights": Column("localized", "Numbers that are learnt."),
    "multiply-adds": Column("localized", "Products for one picture."),
    "seconds": Column("localized", "Of training, on the machine on which it was trained."),
    "images/s": Column("localized", "In training, on that machine."),
}


def panel(models: RunChoice, network: Network) -> None:
    """A table of the networks of a data set, and their accuracy over seconds of training."""
    if network.run is None:
        st.info("Choose a run to compare it with the others of its data set.")
        return
    dataset = network.run.spec().dataset
    runs = [run for run in models.on(dataset) if "accuracy" in run.metrics()]
    table = rows(runs)
    counts = sorted({int(run.metrics()["n_test"]) for run in runs})
    on = " or ".join(f"{n:,}" for n in counts)
    st.caption(
        f"All that were trained on {dataset_title(dataset)}, each measured on {on} test images. "
        "The 95 % interval is what the choice of the test images leaves open (Wilson 1927): where "
        "two of them overlap much, the order of the two may be chance. Who always says one class "
        f"is right in about {_chance(runs)}."
    )
    figure_table(table, COLUMNS)
    csv_button(lambda: table, f"{dataset}-networks")
    _over_seconds(models, runs)


def _chance(runs: Sequence[Run]) -> str:
    counts = [sum(row) for row in runs[0].metrics().get("confusion", [])] if runs else []
    return f"{max(counts) / sum(counts):.1%}" if counts else "one of their number"


def rows(runs: Sequence[Run]) -> pd.DataFrame:
    """A row for each network with its settings, the best first; runs that differ only in their
    seed are one."""
    groups: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        spec = run.spec()
        settled = {k: v for k, v in spec.config.items() if k != "seed"}
        groups[f"{spec.variant} {sorted(settled.items())}"].append(run)
    table = pd.DataFrame([_row(group) for group in groups.values()])
    best_first = table.sort_values("accuracy", ascending=False, kind="stable")
    return best_first.dropna(axis=1, how="all")


def _row(group: list[Run]) -> dict[str, object]:
    run, figures = group[0], [run.metrics() for run in group]
    scores = [float(f["accuracy"]) for f in figures]
    costs = _costs(run)
    return {
        "network": RECOGNITION.variant(run.spec().variant).title,
        "accuracy": 100 * statistics.fmean(scores),
        "95 % interval": interval(statistics.fmean(scores), int(figures[0]["n_test"])),
        "±": 100 * statistics.stdev(scores) if len(scores) > 1 else None,
        "runs": len(scores),
        "test images": int(figures[0]["n_test"]),
        "weights": costs.get("weights"),
        "multiply-adds": costs.get("multiply_adds"),
        "seconds": _mean(figures, "seconds"),
        "images/s": _mean(figures, "images_per_second"),
        "epochs": run.spec().config["epochs"],
    }


def _costs(run: Run) -> dict[str, float]:
    """The sums of a network's layer table; none where it cannot be loaded."""
    try:
        return totals(cached.layer_rows(run))
    except LabError:
        return {}


def _mean(figures: Sequence[dict[str, float]], name: str) -> int | None:
    values = [float(f[name]) for f in figures if name in f]
    return round(statistics.fmean(values)) if values else None


def _over_seconds(models: RunChoice, runs: Sequence[Run]) -> None:
    """The accuracy on test images over the seconds of training."""
    series = {}
    colours = charts.colours_of(runs)
    for run in runs:
        history = run.history()
        if {"test_accuracy", "seconds"} <= set(history.columns) and not history.empty:
            seconds = history["seconds"].cumsum().tolist()
            accuracy = history["test_accuracy"].tolist()
            series[models.short_name(run)] = charts.Line(seconds, accuracy, colours[run.id])
    if not series:
        st.caption("None of these runs kept figures of test images after each epoch.")
        return
    st.markdown("**Accuracy on test images over seconds of training**")
    figure = charts.lines(series, "seconds", "test accuracy")
    figure.update_xaxes(**charts.log_axis([x for line in series.values() for x in line.x]))
    charts.show(figure, key="over-seconds", height=380)
    st.caption(
        "After each epoch, on up to 2,000 test images. Seconds are of the machine on which each "
        "was trained, and of what else it did then."
    )
