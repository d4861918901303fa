"""Trained translators of one pair of sets side by side: what cycle and identity are worth."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.inference.translating import DIRECTIONS
from core.runs.store import Run
from core.tasks.translation import TRANSLATION
from pages.parts.translation.choice import (
    direction,
    network,
    on_the_same_pair,
    test_sides,
    ways,
)
from pages.parts.translation.hidden_tab import SAID_AT
from pages.ui import cached, inputs, links, pictures
from pages.ui.downloads import csv_button, png_button
from pages.ui.figure_tables import Column, figure_table
from pages.ui.names import pair_titles, run_names
from pages.ui.pictures import Row
from pages.ui.run_choice import RunChoice

COUNT = 10
COLUMNS = {
    "cycle weight": Column("%g", "How much being back where one was counts in training."),
    "identity weight": Column("%g", "How much leaving pictures of the target as they are counts."),
    "class kept": Column("percent", "By a classifier of the target set that saw real ones only."),
    "PSNR": Column("%.1f dB", "Against hidden pairs."),
    "Fréchet distance": Column("%.1f", "Between translations and the target set’s test pictures."),
    "way back": Column("%.1f", "Mean absolute difference of the way back, in 255ths."),
    "hidden": Column(
        "%.1f",
        f"How many times more noise of {SAID_AT:g}/255 on translations changes the way back than "
        "on real pictures.",
    ),
}


def panel() -> None:
    """The same pictures by several runs, and their figures."""
    run = network()
    if run is None:
        return
    every = on_the_same_pair(run, cached.models(TRANSLATION.name))
    if len(every) < 2:
        st.info(
            f"There is one translator of {' and '.join(pair_titles(run))}. Train another under "
            "“Train your own”, with the cycle’s weight at 0 for instance, and both stand here."
        )
        return
    chosen = _chosen(every)
    if chosen:
        _side_by_side(run, chosen)


def _chosen(every: Sequence[Run]) -> list[Run]:
    by_id = {run.id: run for run in every}
    names = run_names(every)
    ids = links.several(
        "Translators",
        list(by_id),
        key="translators",
        default=[run.id for run in every],
        shared_default=all(run.shipped for run in every),
        noun="model",
        format_func=names.__getitem__,
    )
    return [by_id[one] for one in ids]


@st.fragment
def _side_by_side(run: Run, chosen: Sequence[Run]) -> None:
    side = direction(run, "compared_way")
    names = {one: name.split(" · ")[0] for one, name in RunChoice.of(TRANSLATION).names.items()}
    here = test_sides(run)
    if here is None:
        st.info("The pictures of this pair are not on this machine, so none are shown.")
    else:
        last = max(1, len(here[side].labels) - COUNT + 1)
        first = inputs.choose_index("First picture", last, key="compared_first")
        items = [Row(pair_titles(run)[side], here[side].pixels[first : first + COUNT])]
        items += [
            Row(_name(one, names), cached.translated(one, side, first, COUNT).there)
            for one in chosen
        ]
        pictures.rows(items)
        png_button(lambda: pictures.rows_png(items), "translators", "png-translators")
    table = pd.DataFrame([_row(one, _name(one, names), DIRECTIONS[side]) for one in chosen])
    table = table.dropna(axis=1, how="all")
    figure_table(table, COLUMNS)
    counts = sorted({one.metrics().get(f"n_{DIRECTIONS[side]}", 0) for one in chosen})
    st.caption(
        f"{ways(run)[side]}, of {' or '.join(f'{n:,}' for n in counts)} pictures kept back. One "
        "training each: the spread over seeds was not measured, and with one seed a small "
        "difference says little."
    )
    csv_button(lambda: table, "translators")


def _name(run: Run, names: dict[str, str]) -> str:
    title, config = names.get(run.id, run.id), run.spec().config
    if TRANSLATION.variant(run.spec().variant).paired:
        return title
    title = title.split(", cycle weight")[0]
    return f"{title}, cycle {config['cycle']:g}, identity {config['identity']:g}"


def _row(run: Run, name: str, way: str) -> dict[str, object]:
    figures, config = run.metrics(), run.spec().config
    paired = TRANSLATION.variant(run.spec().variant).paired
    kept = figures.get(f"kept_{way}")
    reach = (figures.get(f"kept_low_{way}"), figures.get(f"kept_high_{way}"))
    return {
        "translator": name,
        "cycle weight": None if paired else config["cycle"],
        "identity weight": None if paired else config["identity"],
        "class kept": kept,
        "95 %": None if None in reach else f"{reach[0]:.1%} to {reach[1]:.1%}",
        "PSNR": figures.get(f"psnr_{way}"),
        "Fréchet distance": figures.get(f"fid_{way}") or None,
        "way back": _scaled(figures.get(f"cycle_error_{way}")),
        "hidden": _hidden(figures.get(f"hidden_{way}")),
    }


def _scaled(error: float | None) -> float | None:
    return None if error is None else 255 * error


def _hidden(rows: Sequence[dict[str, float]] | None) -> float | None:
    row = next((row for row in rows or () if row["noise"] == SAID_AT), None)
    return row["change"] / row["change_real"] if row and row["change_real"] else None
