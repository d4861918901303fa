"""The bench of forecasts: a series, a network, and how all methods compare on it."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from zlib import crc32

import pandas as pd
import streamlit as st

from core import data
from core.data.sequences import SEQUENCES, Series, series
from core.data.series_files import MAX_BYTES, read_series
from core.errors import LabError
from core.runs.store import Run
from core.tasks.forecasting import FORECASTING
from pages.components.forecast import forecast
from pages.ui import cached, links
from pages.ui.downloads import csv_button
from pages.ui.names import dataset_title
from pages.ui.run_choice import RunChoice

OWN = "own"
BASELINES = {
    "persistence": "Last value again",
    "seasonal_naive": "Last year’s value again",
    "holt_winters": "Holt-Winters",
}


class Shown(NamedTuple):
    """The series on the stage."""

    id: str
    title: str
    series: Series
    dated: bool


def panel() -> None:
    """The stage, the methods compared, and what the figures are."""
    runs = RunChoice.of(FORECASTING, FORECASTING.name)
    if not runs.runs:
        st.info("No network that forecasts is here yet: train one under “Train your own”.")
        return
    left, right = st.columns(2)
    with left:
        shown = _series()
    with right:
        run = runs.box("Network", _first(runs, shown.id))
    forecast(
        key="forecast",
        name=(shown.id, shown.title),
        series=shown.series,
        dated=shown.dated,
        network=(FORECASTING.variant(run.spec().variant).title, run),
        twin=_twin(runs, run),
    )
    if run.spec().dataset != shown.id:
        st.caption(
            f"This network has learnt {dataset_title(run.spec().dataset)}; {shown.title} is read "
            "through a scale of its own."
        )
    _compared(runs, run, shown)


def _series() -> Shown:
    here = [n for n, info in SEQUENCES.items() if info.medium == "series" and data.available(n)]
    names = {**{name: SEQUENCES[name].title for name in here}, OWN: "Your own CSV"}
    choices = links.Choices([*names], here[0])
    chosen = links.box("Series", choices, key="series", format_func=names.__getitem__)
    if chosen != OWN:
        return Shown(chosen, names[chosen], series(chosen), True)
    file = st.file_uploader(
        f"A CSV, values in its last column, a row a month; {MAX_BYTES // 2**20} MiB at most",
        type=["csv", "txt", "tsv"],
        key="series-file",
    )
    if file is not None:
        try:
            own = read_series(file.getvalue(), file.name)
            for note in own.notes:
                st.caption(note)
            identity = f"{OWN}-{crc32(own.series.values.numpy().tobytes())}"
            return Shown(identity, own.name, own.series, own.dated)
        except LabError as error:
            st.error(str(error))
    else:
        st.caption(f"Until it comes, {names[here[0]]} are shown.")
    return Shown(here[0], names[here[0]], series(here[0]), True)


def _first(runs: RunChoice, dataset: str) -> str:
    """The best network that has learnt the series, else the best of all."""
    fitting = runs.on(dataset) or list(runs.runs.values())
    shipped = [run for run in fitting if run.shipped] or fitting
    return min(shipped, key=lambda run: float(run.metrics().get("mase", 1e9))).id


def _twin(runs: RunChoice, run: Run) -> Run | None:
    """The same network with the other scale."""
    config = FORECASTING.config_of(run)
    other = {"whole": "training", "training": "whole"}[config.scaling]
    wanted = config.model_copy(update={"scaling": other})
    spec = run.spec()
    same = (
        one
        for one in runs.on(spec.dataset)
        if one.spec().variant == spec.variant and FORECASTING.config_of(one) == wanted
    )
    return None if FORECASTING.variant(spec.variant).changes else next(same, None)


def _compared(runs: RunChoice, run: Run, shown: Shown) -> None:
    st.subheader("Methods compared", anchor=False)
    measured = {one.id: one.metrics() for one in runs.on(shown.id)}
    measured = {name: figures for name, figures in measured.items() if figures.get("baselines")}
    if run.id not in measured:
        measured[run.id] = cached.forecast_figures(run, shown.series.values)
    rows = [_row(_name(runs.runs[i]), figures) for i, figures in measured.items()]
    baselines = next(iter(measured.values()))["baselines"]
    rows += [_row(BASELINES[one["name"]], one) for one in baselines]
    order = [*(float(one["mase"]) for one in measured.values())]
    order += [float(one["mase"]) for one in baselines]
    table = pd.DataFrame([rows[i] for i in sorted(range(len(rows)), key=order.__getitem__)])
    st.dataframe(table, hide_index=True)
    csv_button(lambda: table, f"forecasts-{shown.id}")
    figures = measured[run.id]
    st.caption(
        f"Errors on the last 30 % of the series: {figures['n_test']} steps one step ahead, fed "
        f"with the truth, and {figures['origins']} starts from which a year is forecast "
        "free-running; ± is the spread over these starts, which overlap, so that it is no standard "
        "error. MASE 1 is the mean error of last year’s value in the part that is learnt from "
        "(Hyndman and Koehler 2006); RMSE is in the units of the series. The smoothing of "
        "Holt-Winters, additive or multiplied, is chosen in the part that is learnt from. Limits "
        "are where a method’s own errors lay four times in five there; for a network that has "
        "learnt it by heart they are too narrow, and hold less often."
    )
    st.markdown(_verdict(_name(run), figures))


def _name(run: Run) -> str:
    """What a network is called where the series is known: with its scale, where one can choose."""
    variant = FORECASTING.variant(run.spec().variant)
    if variant.changes:
        return variant.title
    whole = FORECASTING.config_of(run).scaling == "whole"
    return f"{variant.title}, {'scale of the whole' if whole else 'scale of what it learns from'}"


def _verdict(name: str, figures: Mapping[str, Any]) -> str:
    by_name = {one["name"]: one for one in figures["baselines"]}
    mine = float(figures["mase"])
    words = []
    for rule in ("seasonal_naive", "holt_winters"):
        other = float(by_name[rule]["mase"])
        word = "below" if mine < other else "not below"
        words.append(f"{word} {BASELINES[rule]} ({other:.2f})")
    return (
        f"A year ahead {name} has {mine:.2f}: {' and '.join(words)}. With starts that overlap, "
        "and one series, a difference of a tenth of the spread says little; and settings of ours "
        "were chosen with the airline passengers’ last 30 % in sight, which flatters them there."
    )


def _row(name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    def spread(mean: str) -> str:
        return f"{figures[mean]:.2f} ± {figures[f'{mean}_spread']:.2f}"

    held = figures.get("interval_held")
    return {
        "Method": name,
        "MASE, a year": spread("mase"),
        "RMSE, a year": spread("rmse"),
        "MASE, one step": f"{figures['mase_one_step']:.2f}",
        "RMSE, one step": f"{figures['rmse_one_step']:.2f}",
        "Limits hold": "–" if held is None else f"{held:.0%}",
        "Weights": f"{figures['weights']:,}" if "weights" in figures else "–",
        "Seconds to train": f"{figures['seconds']:.1f}" if "seconds" in figures else "–",
    }
