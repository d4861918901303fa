"""The table of runs: which are listed and in which order, the state and the figures of each."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import LabError
from core.jobs import queue
from core.registry import checked, family
from core.runs.store import Run
from pages.parts.runs.open_in import PAGES
from pages.server.visitor import who
from pages.ui.figure_tables import Column, figure_config
from pages.ui.names import dataset_title, run_names
from pages.ui.proportions import interval

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
        "",
        "Of the accuracy: what the choice of the test images leaves open (Wilson 1927), or of a "
        "tagger that of the test texts, in which words are alike.",
    ),
    "Perplexity": Column(
        "%.1f",
        "Of a network that says which word comes next: among how many equally likely words one "
        "would guess with as much doubt. On its own test words; texts do not compare.",
    ),
    "MASE": Column(
        "%.2f",
        "Of a forecast, a year ahead: its mean error by that of last year's value in the part that "
        "is learnt from.",
    ),
    "Trust": Column(
        "%.3f",
        "Trustworthiness of a map: 1 when no strangers became neighbours. Comparable between maps "
        "of the same codes only.",
    ),
    "Examples/s": Column("localized", "In training: images, or sentences and the like."),
}


ALL_PAGES, ANY_STATE = "All pages", "Any state"
STATES = ("done", "running", "queued", "failed", "cancelled", "shipped", "damaged")
IN_NAME = ["Network", "Data"]
"""Columns that the name of a run says already: the file has them, the page does not."""
ROWS_IN_VIEW = 11
"""Rows that are seen before one scrolls."""
MAX_SEARCH = 100
"""Characters of a search."""
CHOSEN = "compare"
"""Session key of the runs that are open, and their parameter in the address."""
CLICKED = "clicked_cell"
"""Session key of the cell that was clicked last, which stays selected beside the ticks."""


def place(run: Run) -> tuple[int, int]:
    """The place of a run in the list: this visitor's first, then those of others, the latest first
    in both; then the shipped ones, in their order."""
    if run.shipped:
        return 2, 0
    return int(not queue.mine(run, who())), -run.version()


def filtered(runs: list[Run], rows: pd.DataFrame, names: Mapping[str, str]) -> list[bool]:
    """Draw the filters; whether each of the runs passes them."""
    titles = [ALL_PAGES, *dict.fromkeys(page.title for page in PAGES.values())]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Search",
            key="search",
            bind="query-params",
            placeholder="Names and notes",
            width=260,
        )
        page = st.selectbox("Page", titles, key="of_page", bind="query-params", width=200)
        state = st.selectbox(
            "State", [ANY_STATE, *STATES], key="state", bind="query-params", width=160
        )
    return [
        page in (ALL_PAGES, _page(run))
        and state in (ANY_STATE, row["State"])
        and all(w in f"{names[run.id]} {row.get('Note')}".casefold() for w in _words(words))
        for run, row in zip(runs, rows.to_dict("records"), strict=True)
    ]


def _words(text: str | None) -> list[str]:
    return (text or "")[:MAX_SEARCH].casefold().split()


def _page(run: Run) -> str:
    """The title of the page of a run; of a damaged one nobody knows it."""
    try:
        return PAGES[run.spec().task].title
    except (LabError, KeyError):
        return ""


def draw(rows: pd.DataFrame, names: Mapping[str, str]) -> None:
    """Show the rows; a click on one opens its run, ticks open several."""
    ids = list(rows["Run"])
    shown = rows.assign(Run=[names[run_id] for run_id in ids]).drop(columns=IN_NAME)
    key = f"runs-{sha256(' '.join(ids).encode()).hexdigest()[:16]}"  # other rows: another table

    def pick() -> None:
        selection, state = st.session_state[key].selection, st.session_state
        if selection.cells and selection.cells != state.get(CLICKED):
            state[CHOSEN] = [ids[row] for row, _ in selection.cells]
        elif selection.rows:
            state[CHOSEN] = [ids[row] for row in selection.rows]
        state[CLICKED] = selection.cells

    st.dataframe(
        shown.dropna(axis=1, how="all"),
        hide_index=True,
        placeholder="–",
        column_config=figure_config(COLUMNS)
        | {"Note": st.column_config.TextColumn(width="medium")},
        key=key,
        on_select=pick,
        selection_mode=["multi-row", "single-cell"],
    )


def exported(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a file: without notes, and without damaged runs, whose ids may tell what somebody
    calls their pictures."""
    return rows[rows["State"] != "damaged"].drop(columns="Note", errors="ignore")


def in_words(column: Column, value: Any) -> str:
    """A figure as its column writes it."""
    if column.format == "percent":
        return f"{value:.2%}"
    if column.format == "localized":
        return f"{value:,.0f}"
    return column.format % value if column.format else str(value)


def row(run: Run) -> dict[str, Any]:
    """The row of a run in the table; a damaged run has an error message instead of figures."""
    try:
        spec, status = checked(run), run.status()
        return {
            "Run": run.id,
            "State": "shipped" if run.shipped else status.state,
            "Note": _note(run),
            "Network": family(spec.task).variant(spec.variant).title,
            "Data": dataset_title(spec.dataset),
            **_figures(run),
            "Yours": queue.mine(run, who()),
        }
    except LabError as error:
        return {"Run": run.id, "State": "damaged", "Network": str(error)}


def opening_rows(runs: list[Run]) -> pd.DataFrame:
    """What the table of a visitor opens with where nobody has made a run: the first shipped ones,
    each cell as it is written. Raises LabError where one of them is damaged."""
    names = run_names(runs)
    rows = pd.DataFrame([{"Run": names[r.id], "State": "shipped", **_figures(r)} for r in runs])
    rows["Epochs"] = rows["Epochs"].astype("Int64")
    written = rows.head(ROWS_IN_VIEW).astype(object)
    for name, column in COLUMNS.items():
        written[name] = [
            "–" if pd.isna(value) else in_words(column, value) for value in written[name]
        ]
    return written


def _note(run: Run) -> str | None:
    """The note on a run, in one line; None without, and to those who may not see the run."""
    return " ".join(run.note().split()) or None if queue.visible(run, who()) else None


def _figures(run: Run) -> dict[str, Any]:
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
        "95 % interval": _interval(metrics) if measured else None,
        "Perplexity": metrics.get("perplexity"),
        "MASE": metrics.get("mase"),
        "Trust": metrics.get("trustworthiness"),
        "Epochs": run.spec().config.get("epochs"),
        "Examples/s": metrics.get("images_per_second"),
    }


def _interval(metrics: Mapping[str, Any]) -> str:
    """The interval of the accuracy: the run's own, where its test examples are not independent."""
    low, high = (metrics.get(f"accuracy_{end}", 0.0) for end in ("low", "high"))
    own = f"{low:.1%} to {high:.1%}"
    return own if low < high else interval(metrics["accuracy"], metrics["n_test"])
