"""A class on the lab's pages beside one as large on the smallest page, on one machine, in turns."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.benchmarks.measuring import percentile

TURNS = 3
"""Turns of each: what else the machine does meets both."""


class Cost(NamedTuple):
    """What moves cost: each one's milliseconds, and the server's CPU seconds for all of them."""

    times: list[float]
    cpu: float

    @property
    def p95(self) -> float:
        """Milliseconds."""
        return percentile(self.times, 95)

    @property
    def each(self) -> float:
        """CPU milliseconds of the server a move."""
        return 1000 * self.cpu / len(self.times)


def cost(result: list[dict[str, Any]]) -> Cost:
    """Of several turns; opening a page is none of its moves. Raises ValueError without any."""
    moves = [
        time
        for turn in result
        for action, times in turn["samples_ms"].items()
        if not action.startswith(("open ", "files of "))
        for time in times
    ]
    if not moves:
        raise ValueError("No move was answered.")
    return Cost(moves, sum(t["cpu"]["server"] / 100 * t["seconds"] for t in result))


def in_turns(
    smallest: Callable[[], dict[str, Any]], lab: Callable[[], dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Measure both, in turns."""
    turns: dict[str, list[dict[str, Any]]] = {"smallest": [], "lab": []}
    for _ in range(TURNS):
        turns["smallest"].append(smallest())
        turns["lab"].append(lab())
    return turns


def comparison(turns: dict[str, list[dict[str, Any]]]) -> str:
    """The table of both, and the ratios."""
    costs = {name: cost(result) for name, result in turns.items()}
    lines = ["| page | moves | p95 ms | CPU ms a move |", "| --- | --- | --- | --- |"]
    for name, one in costs.items():
        lines.append(f"| {name} | {len(one.times)} | {one.p95:.0f} | {one.each:.1f} |")
    lab, floor = costs["lab"], costs["smallest"]
    lines += [
        "",
        f"In {TURNS} turns of each: p95 {lab.p95 / floor.p95:.2f} × that of the smallest page, "
        f"CPU of the server a move {lab.each / floor.each:.2f} ×.",
    ]
    return "\n".join(lines)
