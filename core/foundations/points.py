"""Points to learn from: the text's, real sets that come with scikit-learn and Plotly, and CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import LabError
from core.foundations.regressions import X15, Y15

Floats = NDArray[np.float64]
MAX_POINTS: Final = 2000
"""More are drawn from, evenly."""
MAX_BYTES: Final = 8 * 2**20
LARGEST: Final = 1e6
"""Of a coordinate."""


@dataclass(frozen=True, kw_only=True)
class PointSet:
    """Pairs of numbers with what they are."""

    id: str
    title: str
    x: str
    y: str
    """What is measured, with its unit."""
    points: Floats
    """(n, 2), at most `MAX_POINTS`."""
    source: str = ""
    """Where they are from, or what was done to them; a sentence."""


def fifteen() -> PointSet:
    """The text's 15 points."""
    points = np.array([X15, Y15]).T
    return PointSet(id="text15", title="The text’s 15 points", x="x", y="y", points=points)


@cache
def real_sets() -> tuple[PointSet, ...]:
    """Sets that come with scikit-learn and Plotly, so that nothing is fetched."""
    from plotly import data
    from sklearn.datasets import load_diabetes, load_iris

    iris, diabetes = load_iris(), load_diabetes(scaled=False)
    tips, countries = data.tips(), data.gapminder(year=2007)
    return (
        PointSet(
            id="iris",
            title="Petals of irises",
            x="length, cm",
            y="width, cm",
            points=np.asarray(iris.data[:, 2:4], dtype=np.float64),
            source="150 flowers (Fisher 1936), from scikit-learn.",
        ),
        PointSet(
            id="diabetes",
            title="Body mass and diabetes",
            x="body mass index, kg/m²",
            y="progression in a year",
            points=np.column_stack([diabetes.data[:, 2], diabetes.target]).astype(np.float64),
            source="442 patients (Efron et al. 2004), from scikit-learn.",
        ),
        PointSet(
            id="tips",
            title="Bills and tips",
            x="bill, $",
            y="tip, $",
            points=tips[["total_bill", "tip"]].to_numpy(np.float64),
            source="244 tables of one waiter (Bryant and Smith 1995), from Plotly.",
        ),
        PointSet(
            id="countries",
            title="Income and life expectancy",
            x="log₁₀ of income a head, $",
            y="life expectancy, years",
            points=np.column_stack([np.log10(countries["gdpPercap"]), countries["lifeExp"]]),
            source="142 countries in 2007 (Gapminder), from Plotly.",
        ),
    )


def read_csv(content: bytes | str, name: str = "Your points") -> PointSet:
    """Points from the first two columns of numbers of a table.

    Columns are parted by commas, semicolons, tabs or blanks; with semicolons or tabs a comma may
    be the decimal mark. A first row without numbers names the columns.

    Args:
        content: the table, as text or in UTF-8.
        name: what the set is called.

    Raises:
        LabError: it is no such table; the sentence says which row and what to do.
    """
    rows = rows_of(content)
    named = all(number_in(cell) is None for cell in rows[0][1])
    header, body = (rows[0][1], rows[1:]) if named else ([], rows)
    columns = _columns(body)
    pairs, gaps = [], 0
    for line, cells in body:
        chosen = [cells[c].strip() if c < len(cells) else "" for c in columns]
        if any(cell.lower() in GAPS for cell in chosen):
            gaps += 1
            continue
        pairs.append([number_of(cell, line) for cell in chosen])
    if not pairs:
        raise LabError("No row of this table has both numbers.")
    points, notes = np.array(pairs), []
    if gaps:
        notes.append(f"{gaps:,} rows with gaps are left out.")
    if len(points) > MAX_POINTS:
        notes.append(f"{MAX_POINTS:,} of {len(points):,} points are kept, evenly.")
        points = points[np.linspace(0, len(points) - 1, MAX_POINTS).round().astype(int)]
    if len(points) == 1:
        notes.append("There is one point: every line through it has a loss of 0.")
    elif np.ptp(points[:, 0]) == 0:
        notes.append("All x are equal: no slope is better than another.")
    titles = [header[c].strip()[:40] if c < len(header) else "" for c in columns]
    return PointSet(
        id="own",
        title=name[:60],
        x=titles[0] or "x",
        y=titles[1] or "y",
        points=points,
        source=" ".join(notes),
    )


def rows_of(content: bytes | str) -> list[tuple[int, list[str]]]:
    """The rows of a table that are not empty, with their numbers from 1; there is one at least.

    Raises:
        LabError: it is too large, or no table.
    """
    if len(content) > MAX_BYTES:
        raise LabError(f"This table is larger than {MAX_BYTES // 2**20} MiB: bring a part of it.")
    if isinstance(content, bytes):
        try:
            content = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise LabError("This is no text in UTF-8: save the table as CSV in UTF-8.") from error
    rows = list(_cells(content.replace("\0", "")))
    if not rows:
        raise LabError("This table is empty: it needs two columns of numbers.")
    return rows


GAPS: Final = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?"})


def _cells(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, with their numbers from 1."""
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    mark = next((mark for mark in (";", "\t", ",") if mark in first), " ")
    skip = mark == " "
    reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=mark, skipinitialspace=skip)
    try:
        for cells in reader:
            kept = [cell.replace(",", ".") for cell in cells] if mark in ";\t" else cells
            if any(cell.strip() for cell in kept):
                yield reader.line_num, kept
    except csv.Error as error:
        raise LabError(f"Row {reader.line_num} of this table cannot be read.") from error


def _columns(body: Sequence[tuple[int, list[str]]]) -> list[int]:
    """The first two columns that have numbers in most rows."""
    few = body[:200]
    width = max((len(cells) for _, cells in few), default=0)
    shares = [
        sum(c < len(cells) and number_in(cells[c]) is not None for _, cells in few) / len(few)
        for c in range(width)
    ]
    numeric = [c for c, share in enumerate(shares) if share > 0.5][:2]
    if len(numeric) < 2:
        raise LabError("This table needs two columns of numbers, one for x and one for y.")
    return numeric


def number_in(cell: str) -> float | None:
    """The number that a cell holds, which may be infinite; None where it holds none."""
    try:
        return float(cell)
    except ValueError:
        return None


def number_of(cell: str, line: int) -> float:
    """The number in a cell of a row. Raises LabError for no number, and for one too large."""
    value, said = number_in(cell), cell.strip()[:30]
    if value is None:
        raise LabError(f"Row {line} has “{said}” where a number should be.")
    if not abs(value) <= LARGEST:
        raise LabError(f"Row {line} has {said}: numbers are between ±{LARGEST:,.0f} here.")
    return value
