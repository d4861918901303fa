"""How good a classifier is, class by class: its confusion matrix, and the pictures of a cell."""

import numpy as np
import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler
from torch import Tensor

from core.data import Images
from pages.ui.downloads import csv_button
from pages.ui.proportions import interval

Cell = tuple[int, int]
"""The true class, and the class read."""
MAX_CELLS = 24
"""Pictures of a cell that are shown."""
MAX_MATRIX = 40
"""Classes of a matrix that can still be read; of more, the most frequent mix-ups are listed."""
MAX_LISTED = 100
HINT = "Rows: the true class. Columns: the class read. Click on a cell for its images."


def matrix(confusion: list[list[int]], classes: tuple[str, ...]) -> Cell | None:
    """Show the matrix as a table; returns the cell that is clicked."""
    if len(classes) > MAX_MATRIX:
        return _mix_ups(np.array(confusion), classes)
    table, names = _counts(confusion, classes)
    event = st.dataframe(
        _shaded(table),
        width="stretch",
        key="confusion",
        on_select="rerun",
        selection_mode="single-cell",
    )
    csv_button(table.reset_index, "confusion")
    cells = event["selection"]["cells"]
    if not cells:
        return None
    row, column = cells[0]
    return int(row), names.index(column) if column in names else 0


def table(confusion: list[list[int]], classes: tuple[str, ...]) -> None:
    """Show the matrix, with nothing to click, where no pictures stand behind its cells."""
    counts, _ = _counts(confusion, classes)
    st.dataframe(_shaded(counts), width="stretch")
    csv_button(counts.reset_index, "confusion")


def _counts(confusion: list[list[int]], classes: tuple[str, ...]) -> tuple[pd.DataFrame, list[str]]:
    names = [f"{i}" if classes.count(c) > 1 else c for i, c in enumerate(classes)]
    return pd.DataFrame(confusion, index=pd.Index(names, name="is"), columns=names), names


def _mix_ups(counts: np.ndarray, classes: tuple[str, ...]) -> Cell | None:
    """The most frequent wrong answers of a set with many classes, a row a pair."""
    wrong = counts - np.diag(counts.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[:MAX_LISTED]
    pairs = [(int(i), int(k)) for i, k in zip(*np.unravel_index(order, wrong.shape), strict=True)]
    pairs = [pair for pair in pairs if wrong[pair]]
    table = pd.DataFrame(
        {"is": classes[i], "read as": classes[k], "images": int(wrong[i, k])} for i, k in pairs
    )
    st.caption(f"Of {len(classes):,} classes, the pairs that are mixed up most.")
    event = st.dataframe(
        table,
        hide_index=True,
        key="confusion",
        on_select="rerun",
        selection_mode="single-row",
    )
    csv_button(lambda: table, "confusion")
    rows = event["selection"]["rows"]
    return pairs[rows[0]] if rows and rows[0] < len(pairs) else None


def _shaded(table: pd.DataFrame) -> Styler:
    """The more of a row's images, the stronger; right ones blue, wrong ones orange."""
    counts = table.to_numpy()
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)

    def shade(row: int, column: int) -> str:
        tone = "76,110,245" if row == column else "255,140,0"
        return f"background-color: rgba({tone},{0.75 * shares[row, column] ** 0.5:.2f})"

    places = range(len(table))
    styles = np.array([[shade(i, k) for k in places] for i in places])
    return table.style.apply(lambda _: styles, axis=None)


def per_class(confusion: list[list[int]], classes: tuple[str, ...]) -> pd.DataFrame:
    """Recall and precision with their 95 % intervals, F1 (0 to 1 each) and the number of test
    images, a row a class."""
    counts = np.array(confusion)
    right, columns = counts.diagonal(), dict[str, object]({"images": counts.sum(1)})
    for name, of in (("recall", counts.sum(1)), ("precision", counts.sum(0))):
        shares = right / of.clip(min=1)
        columns[name] = shares
        columns[f"{name}, 95 %"] = [interval(s, int(n)) for s, n in zip(shares, of, strict=True)]
    columns["F1"] = 2 * right / (counts.sum(0) + counts.sum(1)).clip(min=1)
    return pd.DataFrame(columns, index=pd.Index(classes, name="class"))


def classes_table(confusion: list[list[int]], classes: tuple[str, ...], name: str) -> None:
    """Show `per_class`.

    Args:
        name: of the file in which it can be taken away.
    """
    table = per_class(confusion, classes)
    shares = pd.Index(["precision", "recall", "F1"])
    st.dataframe(
        table.style.format("{:.1%}", subset=shares) if len(classes) <= MAX_MATRIX else table,
        width="stretch",
    )
    st.caption("With 95 % intervals: where a share of many more pictures like these may well lie.")
    csv_button(lambda: table.reset_index(), name)


def of_cell(
    images: Images, order: Tensor, read: Tensor, classes: tuple[str, ...], cell: Cell
) -> list[int]:
    """Say how many images are in a cell of the matrix; returns the numbers of those to show.

    Args:
        order: numbers of the images, (N,), those that the classifier is least sure of first.
        read: the class read of each of them.
    """
    label, answer = cell
    rows = [
        int(i)
        for i, k in zip(order, read, strict=True)
        if int(images.labels[i]) == label and int(k) == answer
    ]
    count = int((images.labels == label).sum())
    st.markdown(
        f"**{classes[label]} read as {classes[answer]}: {len(rows)} of {count}**"
        + (f" (95 % interval {interval(len(rows) / count, count)})" if count else "")
    )
    if len(rows) > MAX_CELLS:
        st.caption(f"The first {MAX_CELLS} of them, those that it is least sure of.")
    return rows[:MAX_CELLS]
