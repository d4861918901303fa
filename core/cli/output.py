"""Output of the commands: figures, tables, JSON, errors, and a progress line."""

import json
import math
import shutil
import sys
from collections.abc import Mapping
from typing import Any

from core.errors import LabError
from core.metrics.image import wilson_interval

SHARES = {"accuracy": "n_test", "asked_accuracy": "n"}
"""Figures that are shares of pictures, and the figures with their number."""
OK, FAULT, FAILED, CANCELLED = 0, 1, 3, 130
"""Exit codes; argparse itself exits with 2 for wrong usage."""


class ProgressLine:
    """A progress line on stderr that is redrawn; if stderr is no terminal, a line a stage."""

    def __init__(self) -> None:
        self.terminal = sys.stderr.isatty()
        self.stage = ""

    def show(self, stage: str, share: float | None = None, rest: str = "") -> None:
        """Show the stage, the share of it that is done (0 to 1), and further text."""
        if self.terminal:
            bar = "" if share is None else f"  [{'#' * round(20 * share):-<20}] {share:4.0%}"
            self._draw(f"{stage}{bar}  {rest}")
        elif stage != self.stage:
            print(f"{stage}  {rest}".rstrip(), file=sys.stderr, flush=True)
        self.stage = stage

    def _draw(self, line: str) -> None:
        width = shutil.get_terminal_size().columns - 1  # a full line would wrap
        print(f"\r{line[:width]:{width}}", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, *_: object) -> None:
        if self.terminal and self.stage:
            self._draw("")
            print("\r", end="", file=sys.stderr, flush=True)


def print_error(sentence: str, code: int = FAULT) -> int:
    """Print an error on stderr and return the exit code."""
    print(sentence, file=sys.stderr)
    return code


def print_json(value: object) -> None:
    """Print strict JSON.

    Raises:
        LabError: a figure is not finite.
    """
    try:
        print(json.dumps(value, indent=2, allow_nan=False))
    except ValueError as error:
        raise LabError("A figure is infinite or undefined, which JSON cannot hold.") from error


def table(header: list[str], rows: list[list[str]], *, markdown: bool = False) -> str:
    """Format a table for a terminal or as Markdown, columns of numbers aligned right."""
    columns = list(zip(header, *rows, strict=True))
    right = [all(cell[:1] in "-0123456789" for cell in column[1:]) for column in columns]
    if markdown:
        rule = ["---:" if r else "---" for r in right]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))
    widths = [max(map(len, column)) for column in columns]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if r else cell.ljust(width)
            for cell, width, r in zip(cells, widths, right, strict=True)
        ).rstrip()
        for cells in (header, *rows)
    )


def rounded(value: object) -> str:
    """Round a figure for display; a missing one is a dash, a table its length."""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        places = sum(abs(value) < bound for bound in (1000, 100, 1))
        return f"{value:,.{places}f}"
    if isinstance(value, list | dict):
        return f"{len(value)} rows"
    return "-" if value is None else str(value)


def intervals(figures: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return the 95 % intervals of the figures that are shares: their own, where a run has them (of
    words, which are alike within a text), else those of independent pictures (Wilson 1927)."""
    shares = {
        name: wilson_interval(round(figures[name] * figures[of]), figures[of])
        for name, of in SHARES.items()
        if isinstance(figures.get(name), int | float) and isinstance(figures.get(of), int)
    }
    for name in shares:
        low, high = (figures.get(f"{name}_{end}") for end in ("low", "high"))
        if isinstance(low, float) and isinstance(high, float) and low < high:
            shares[name] = low, high
    return shares


def figures_table(header: list[str], rows: list[list[str]], figures: Mapping[str, Any]) -> str:
    """Format a table with a row a figure, with a column of intervals if there are any."""
    if not intervals(figures):
        return table(header, rows)
    return table(
        [*header, "95 % interval"], [[*row, interval_text(figures, row[0])] for row in rows]
    )


def interval_text(figures: Mapping[str, Any], name: str) -> str:
    """Format the interval of a figure; empty if it is no share of pictures."""
    interval = intervals(figures).get(name)
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""


def difference(now: object, stored: object) -> float:
    """Return the largest difference of two figures or tables; inf if not comparable."""
    if isinstance(now, Mapping) and isinstance(stored, Mapping) and now.keys() == stored.keys():
        return max((difference(now[key], stored[key]) for key in now), default=0.0)
    if isinstance(now, list) and isinstance(stored, list) and len(now) == len(stored):
        return max((difference(*pair) for pair in zip(now, stored, strict=True)), default=0.0)
    if isinstance(now, int | float) and isinstance(stored, int | float):
        return abs(now - stored)
    return 0.0 if now == stored else math.inf
