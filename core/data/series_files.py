"""Series that people bring as tables: one column of numbers, with a date before it or without."""

import csv
import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from core.data.sequences import Series
from core.errors import BadUpload
from core.images import display_name

MAX_BYTES = 2 * 2**20
MAX_STEPS = 5000
MIN_STEPS = 40
"""Two years are seen at a step, and errors a year ahead are to be measured."""
MAX_VALUE = 1e12
DELIMITERS = ";\t|,"
"""The likeliest last: a comma may be a decimal one."""
TIME_NAMES = ("date", "time", "month", "year", "datum", "period")
IRREGULAR = 1.6
"""A step between two dates so many times as long as most leaves something out."""


class OwnSeries(NamedTuple):
    """A series as it was brought, and what was done to it, as sentences."""

    series: Series
    name: str
    dated: bool
    notes: tuple[str, ...]


def read_series(content: bytes, name: str) -> OwnSeries:
    """Read a table. Values are in its last column.

    Raises:
        BadUpload: no table, no numbers, gaps, infinite or equal values, dates that repeat or leave
            something out; the sentence names the row.
    """
    shown = display_name(name)
    header, rows = _rows(content, shown)
    values = [_value(row[-1], place) for place, row in rows]
    if len(values) < MIN_STEPS:
        have = "one value" if len(values) == 1 else f"{len(values)} values"
        raise BadUpload(f"{shown} has {have}: a forecast needs {MIN_STEPS} at least.")
    if len(values) > MAX_STEPS:
        raise BadUpload(f"{shown} has {len(values):,} values: {MAX_STEPS:,} can be used at most.")
    times, notes = _times(header, rows)
    dated = times is not None
    if times is None:
        times = np.arange(len(values)) / 12
    else:
        order = np.argsort(times, kind="stable")
        if (order[1:] < order[:-1]).any():
            notes.append("The rows were not in the order of time, and have been sorted.")
        _check_times(times[order], [rows[i] for i in order])
        times, values = times[order], [values[i] for i in order]
    if max(values) == min(values):
        raise BadUpload(
            f"All {len(values)} values of {shown} are {values[0]:g}: there is nothing to forecast."
        )
    series = Series(torch.tensor(values, dtype=torch.float64), torch.from_numpy(times.copy()))
    return OwnSeries(series, shown, dated, tuple(notes))


Row = tuple[int, list[str]]
"""The number of a line in its file, from 1 on, with its cells."""


def _rows(content: bytes, shown: str) -> tuple[list[str], list[Row]]:
    if len(content) > MAX_BYTES:
        raise BadUpload(f"{shown} is larger than {MAX_BYTES // 2**20} MiB: bring a shorter series.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadUpload(f"{shown} is no text in UTF-8: save it as CSV.") from error
    if "\0" in text:
        raise BadUpload(f"{shown} is no text: save it as CSV.")
    first = text.strip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise BadUpload(f"{shown} is no table: save it as CSV.") from error
    rows = [
        (place, [cell.strip() for cell in cells])
        for place, cells in enumerate(lines, 1)
        if any(cell.strip() for cell in cells)
    ]
    if not rows:
        raise BadUpload(f"{shown} is empty.")
    header: list[str] = []
    if _number(rows[0][1][-1]) is None:
        header, rows = rows[0][1], rows[1:]
    if not rows:
        raise BadUpload(f"{shown} has a line of names and no values.")
    width = len(rows[0][1])
    for place, cells in rows:
        if len(cells) != width:
            raise BadUpload(
                f"Row {place} of {shown} has {len(cells)} columns, and the first has {width}."
            )
    return header, rows


def _number(cell: str) -> float | None:
    """The number in a cell, with a point or a comma; None where there is none."""
    written = cell.replace("\u2212", "-").replace("\u00a0", "")
    if written.count(",") == 1 and "." not in written:
        written = written.replace(",", ".")
    try:
        return float(written) if "_" not in written else None
    except ValueError:
        return None


def _value(cell: str, place: int) -> float:
    value = _number(cell)
    if not cell or (value is not None and math.isnan(value)) or cell.lower() in ("na", "null"):
        raise BadUpload(f"Row {place} has no value: fill the gap, for a month must not be missing.")
    if value is None:
        raise BadUpload(f"Row {place} has “{cell[:40]}” where a number should be.")
    if math.isinf(value):
        raise BadUpload(f"The value in row {place} is infinite.")
    if abs(value) > MAX_VALUE:
        raise BadUpload(f"The value in row {place} is too large: divide them all by a million.")
    return value


def _times(header: Sequence[str], rows: list[Row]) -> tuple[np.ndarray | None, list[str]]:
    """Decimal years of the rows, None without dates, and what is to be said of them."""
    width = len(rows[0][1])
    if width == 1:
        return None, ["There are no dates: twelve rows are taken as a year."]
    named = [i for i, title in enumerate(header[:-1]) if title.lower().strip() in TIME_NAMES]
    column = named[0] if named else width - 2
    cells = [row[column] for _, row in rows]
    numbers = [_number(cell) for cell in cells]
    if all(number is not None and math.isfinite(number) for number in numbers):
        return np.array(numbers, dtype=float), []
    dates = pd.to_datetime(pd.Series(cells), format="mixed", errors="coerce", utc=True)
    missing = np.flatnonzero(dates.isna())
    if 2 * len(missing) > len(rows):
        return None, ["The column before the values has no dates: twelve rows are taken as a year."]
    if len(missing):
        place, row = rows[int(missing[0])]
        raise BadUpload(f"Row {place} has “{row[column][:40]}” where a date should be.")
    years = dates.dt.year + (dates.dt.dayofyear - 1) / (365 + dates.dt.is_leap_year)
    return years.to_numpy(dtype=float), []


def _check_times(times: np.ndarray, rows: list[Row]) -> None:
    steps = np.diff(times)
    if not steps.all():
        first = int(np.flatnonzero(steps == 0)[0])
        both = sorted((rows[first][0], rows[first + 1][0]))
        raise BadUpload(f"Rows {both[0]} and {both[1]} have the same date: keep one of them.")
    usual = float(np.median(steps))
    if (wide := np.flatnonzero(steps > IRREGULAR * usual)).size:
        before, after = rows[int(wide[0])], rows[int(wide[0]) + 1]
        raise BadUpload(
            f"Between row {before[0]} and row {after[0]} something is missing: the dates are "
            "further apart there. Fill the gap."
        )
