"""Both sets: pictures over their translations, the class that is kept, and hidden pairs."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core import data
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
from pages.ui import cached, confusion, inputs, pictures
from pages.ui.downloads import csv_button, png_button
from pages.ui.figure_tables import Column, figure_table
from pages.ui.names import class_title, pair_titles
from pages.ui.pictures import Row

COUNT = 10
"""Pictures of each set that are shown."""
REACH = "95 %"
FIGURES = {
    "PSNR": Column("%.1f dB", "Of the mean squared error; +10 dB is a tenth of it."),
    "SSIM": Column("%.3f", "Likeness of structure in small windows; 1 is the same picture."),
}


def panel() -> None:
    """Pictures, then figures; what has no truth is left out."""
    run = network()
    if run is None:
        return
    _grid(run)
    _distances(run)
    _kept(run)
    _truth(run)


@st.fragment
def _grid(run: Run) -> None:
    """Pictures of both sets over their translations."""
    here = test_sides(run)
    if here is None:
        st.info("The pictures of this pair are not on this machine, so none are shown.")
        return
    least = min(len(images.labels) for images in here)
    first = inputs.choose_index("First picture", max(1, least - COUNT + 1), key="swap_first")
    items = []
    for side, title in enumerate(pair_titles(run)):
        own = here[side].pixels[first : first + COUNT]
        trip = cached.translated(run, side, first, COUNT)
        items += [
            Row(title, own, alt=f"Test pictures of {title}"),
            Row(
                f"as {pair_titles(run)[1 - side]}",
                trip.there,
                alt=f"{ways(run)[side]}, translations",
            ),
        ]
    pictures.rows(items)
    png_button(lambda: pictures.rows_png(_coloured(items)), f"{run.id}-sets", "png-sets")


def _coloured(items: list[Row]) -> list[Row]:
    """Rows of one length, which one sheet needs."""
    least = min(len(item.images) for item in items)
    return [Row(item.label, item.images[:least]) for item in items]


def _distances(run: Run) -> None:
    """How far translations are from the set that they are to be of, beside the floor."""
    figures = run.metrics()
    rows = []
    for name, way in zip(DIRECTIONS, ways(run), strict=True):
        if figures.get(f"fid_{name}"):
            rows.append(
                {
                    "direction": way,
                    "Fréchet distance": figures[f"fid_{name}"],
                    "its floor": figures.get(f"floor_{name}"),
                    "way back, off by": 255 * figures[f"cycle_error_{name}"],
                    "pictures": figures.get(f"n_{name}"),
                }
            )
    if not rows:
        return
    table = pd.DataFrame(rows)
    st.subheader("As a set", anchor=False)
    columns = {
        "Fréchet distance": Column(
            "%.1f", "Between translations and real test pictures of the set; smaller is nearer."
        ),
        "its floor": Column("%.1f", "Between real training and real test pictures of that set."),
        "way back, off by": Column("%.1f", "Mean absolute difference, in 255ths."),
        "pictures": Column("%d"),
    }
    figure_table(table, columns)
    features = str(figures.get("extractor_ab") or figures.get("extractor") or "")
    st.caption(
        "Distances tell whether translations look like the set as a whole, not whether each is a "
        f"translation of its picture.{f' Features: {features}.' if features else ''}"
    )
    csv_button(lambda: table, f"{run.id}-distances")


# ---- the class


def _kept(run: Run) -> None:
    """How often the class is kept, by a classifier that saw real pictures only."""
    figures = run.metrics()
    if "kept_ab" not in figures:
        return
    st.subheader("Class kept", anchor=False)
    table = pd.DataFrame(
        [_kept_row(figures, d, way) for d, way in zip(DIRECTIONS, ways(run), strict=True)]
    )
    figure_table(
        table,
        {
            "kept": Column("percent", "Translations read as the class of their picture."),
            REACH: Column("", "Where the share of many more such pictures may well lie."),
            "on real pictures": Column(
                "percent", "Real test pictures of the target set that the classifier reads rightly."
            ),
            "untranslated": Column(
                "percent", "The pictures as they are, read by the same classifier."
            ),
            "pictures": Column("%d"),
        },
    )
    st.caption(
        "Read by a classifier of the target set that was fitted to real pictures only; it errs "
        "there too, as the share on real pictures says. What it reads of the pictures as they are "
        "stands beside. No class was told to the translator."
    )
    csv_button(lambda: table, f"{run.id}-kept")
    _by_class(run, figures)


def _kept_row(figures: Mapping[str, Any], name: str, way: str) -> dict[str, object]:
    low, high = figures[f"kept_low_{name}"], figures[f"kept_high_{name}"]
    return {
        "direction": way,
        "kept": figures[f"kept_{name}"],
        REACH: f"{low:.1%} to {high:.1%}",
        "on real pictures": figures.get(f"ceiling_{name}"),
        "untranslated": figures.get(f"kept_copy_{name}"),
        "pictures": figures.get(f"n_{name}"),
    }


@st.fragment
def _by_class(run: Run, figures: Mapping[str, Any]) -> None:
    side = direction(run, "swap_way")
    counts = figures.get(f"confusion_{DIRECTIONS[side]}")
    if not counts:
        return
    known = data.known(run.spec().dataset)
    names = known.classes if known else ()
    classes = tuple(names[k] if k < len(names) else class_title("", k) for k in range(len(counts)))
    left, right = st.columns([3, 2])
    with left:
        st.caption("Rows: the picture’s class. Columns: the class that its translation is read as.")
        confusion.table(counts, classes)
    with right:
        st.caption("Kept, class by class, with 95 % intervals.")
        per_class = confusion.per_class(counts, classes)[["images", "recall", "recall, 95 %"]]
        per_class = per_class.rename(columns={"recall": "kept", "recall, 95 %": REACH})
        st.dataframe(per_class.style.format("{:.1%}", subset=pd.Index(["kept"])), width="stretch")
        csv_button(per_class.reset_index, f"{run.id}-classes-{DIRECTIONS[side]}")


# ---- hidden pairs


def _truth(run: Run) -> None:
    """How near translations are to hidden pairs, beside copying and the paired upper bound."""
    if "psnr_ab" not in run.metrics():
        return
    st.subheader("Against hidden pairs", anchor=False)
    every = on_the_same_pair(run, cached.models(TRANSLATION.name))
    paired = next((one for one in every if TRANSLATION.variant(one.spec().variant).paired), None)
    table = pd.DataFrame(
        [
            row
            for d, way in zip(DIRECTIONS, ways(run), strict=True)
            for row in _rows(run, paired, d, way)
        ]
    )
    figure_table(table, FIGURES)
    st.caption(
        f"Of {run.metrics().get('n_ab', 0):,} pictures kept back, of which the true translation is "
        "known and was told to nobody. “Matched” is the picture itself with the mean and spread of "
        "the target set. A network of this size that is told the pairs says what can be had with "
        "them. The squared error favours the blurred: a sharp picture may be right in other ways."
    )
    csv_button(lambda: table, f"{run.id}-truth")


def _rows(run: Run, paired: Run | None, name: str, way: str) -> list[dict[str, object]]:
    figures = run.metrics()
    rows = [_truth_row(way, "this network", figures, "", name)]
    if paired is not None and paired.id != run.id and f"psnr_{name}" in paired.metrics():
        rows.append(_truth_row(way, "told the pairs", paired.metrics(), "", name))
    for kind, title in (("_copy", "copying the picture"), ("_matched", "copying, matched")):
        if f"psnr{kind}_{name}" in figures:
            rows.append(_truth_row(way, title, figures, kind, name))
    return rows


def _truth_row(
    way: str, by: str, figures: Mapping[str, Any], kind: str, name: str
) -> dict[str, object]:
    low, high = (figures.get(f"psnr_{end}_{name}") for end in ("low", "high"))
    reach = f"{low:.1f} to {high:.1f} dB" if low is not None and not kind else ""
    return {
        "direction": way,
        "by": by,
        "PSNR": figures[f"psnr{kind}_{name}"],
        REACH: reach,
        "SSIM": figures.get(f"ssim{kind}_{name}"),
    }
