"""Tables of points with classes: real sets that are always there, and what is uploaded."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from core.errors import LabError
from core.foundations.points import GAPS, MAX_POINTS, number_in, number_of, rows_of

MAX_COLUMNS = 12
MAX_CLASSES = 4
MAX_NAME = 40


class LabelledTable(NamedTuple):
    """Rows of numbers, each with a class."""

    title: str
    columns: list[str]
    numbers: list[list[float]]
    """A row a point."""
    labels: list[int]
    classes: list[str]
    first: str
    """Two columns that are good to begin with."""
    second: str
    note: str = ""
    """What was left out, in a sentence."""


def from_csv(content: bytes | str, title: str = "Your table") -> LabelledTable:
    """A table of one's own: two or more columns of numbers, and the class of each row in the last.

    Columns are parted as `points.read_csv` has it, and a first row without numbers names them. Rows
    with gaps are left out; of more than `MAX_POINTS` so many are kept, evenly.

    Raises:
        LabError: it is no such table; the sentence says what to change.
    """
    rows = rows_of(content)
    width = len(rows[0][1])
    if not 3 <= width <= MAX_COLUMNS + 1:
        raise LabError(
            f"This table has {width} column{'s' * (width != 1)}; it needs two to {MAX_COLUMNS} of "
            "numbers, and after them one with the class of each row."
        )
    named = all(number_in(cell) is None for cell in rows[0][1][:-1])
    header = rows[0][1][:-1] if named else [""] * (width - 1)
    names = [cell.strip()[:MAX_NAME] or f"column {i + 1}" for i, cell in enumerate(header)]
    names = [f"{name} ({i + 1})" if name in names[:i] else name for i, name in enumerate(names)]
    body = rows[named:]
    whole = [cells for line, cells in body if _whole(cells, width, line)]
    if not whole:
        raise LabError("No row of this table has all numbers and a class.")
    notes = []
    if len(whole) < len(body):
        notes.append(f"Rows with gaps are left out: {len(body) - len(whole):,} of {len(body):,}.")
    if len(whole) > MAX_POINTS:
        notes.append(f"{MAX_POINTS:,} of {len(whole):,} rows are kept, evenly.")
        whole = [whole[i * len(whole) // MAX_POINTS] for i in range(MAX_POINTS)]
    labels = [cells[-1].strip()[:MAX_NAME] for cells in whole]
    classes = sorted(set(labels))
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise LabError(
            f"The last column has {len(classes):,} different value{'s' * (len(classes) > 1)}; it "
            f"should name the class of each row, of which there can be two to {MAX_CLASSES}."
        )
    return LabelledTable(
        title[:MAX_NAME], names, [[float(cell) for cell in cells[:-1]] for cells in whole],
        [classes.index(label) for label in labels], classes, names[0], names[1], " ".join(notes),
    )  # fmt: skip


def _whole(cells: list[str], width: int, line: int) -> bool:
    """Whether a row has no gaps; raises where it has a text instead of a number."""
    if len(cells) < width or any(cell.strip().lower() in GAPS for cell in cells[:width]):
        return False
    for cell in cells[: width - 1]:
        number_of(cell, line)
    return len(cells) == width


# ---- real sets


def _of_sklearn(
    title: str, load: Callable[[], Any], first: str, second: str, columns: Sequence[int]
) -> LabelledTable:
    loaded = load()
    return LabelledTable(
        title, [str(loaded.feature_names[i]) for i in columns],
        [[round(float(row[i]), 5) for i in columns] for row in loaded.data],
        [int(label) for label in loaded.target], [str(name) for name in loaded.target_names],
        first, second,
    )  # fmt: skip


def _tips() -> LabelledTable:
    """Bills of a restaurant (Bryant and Smith 1995), as Plotly has them."""
    import plotly.data

    table = plotly.data.tips()
    columns = ["total_bill", "tip", "size"]
    meals = ["Lunch", "Dinner"]
    return LabelledTable(
        "Restaurant bills: lunch or dinner", ["bill ($)", "tip ($)", "guests"],
        [[float(value) for value in row] for row in table[columns].to_numpy()],
        [meals.index(meal) for meal in table["time"]], ["lunch", "dinner"], "bill ($)", "tip ($)",
    )  # fmt: skip


@cache
def real_sets() -> dict[str, LabelledTable]:
    """The sets that install with the lab, by name."""
    from sklearn import datasets

    return {
        "iris": _of_sklearn(
            "Iris: three species", datasets.load_iris, "petal length (cm)", "petal width (cm)",
            range(4),
        ),
        "wine": _of_sklearn(
            "Wine: three growers", datasets.load_wine, "flavanoids", "color_intensity", range(12)
        ),
        "cancer": _of_sklearn(
            "Breast tumours: malignant or benign", datasets.load_breast_cancer,
            "mean radius", "mean texture", range(10),
        ),
        "tips": _tips(),
    }  # fmt: skip
