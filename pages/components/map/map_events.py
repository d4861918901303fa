"""What the visitor did on a map, checked: a browser may say anything."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value")
MOST_VERTICES = 200
FAR = 1e9
"""No coordinate that comes back may be farther from zero."""
WRONG = (KeyError, TypeError, ValueError, OverflowError)
FARTHEST_EYE = 100.0
"""In sizes of the 3-D map."""


class ViewState(NamedTuple):
    """What is chosen and in view on a map; `place` is given once, when an empty place was clicked.

    `clicked` is None until an image is, `lasso` when there is none, `view` (x0, x1, y0, y1 in 2-D,
    the camera's x, y, z in 3-D) when all is in view, `shown` when no class is isolated.
    """

    clicked: int | None = None
    lasso: list[tuple[float, float]] | None = None
    view: list[float] | None = None
    shown: list[int] | None = None
    place: tuple[float, float] | None = None


def state(now: ViewState, *, groups: int, dimensions: int) -> ViewState:
    """A page's view state, which may come from an address, in numbers that JSON has: what cannot be
    is left out."""
    clicked, lasso, view, shown, _ = now
    corners = None if lasso is None else [list(corner) for corner in lasso]
    return ViewState(
        None if clicked is None else int(clicked),
        _tried(_lasso, corners, dimensions),
        _tried(_view, None if view is None else list(view), dimensions),
        _tried(_shown, None if shown is None else [int(group) for group in shown], groups),
    )


def heard(
    said: dict[str, Any],
    *,
    ids: NDArray[Any],
    groups: int,
    dimensions: int,
    before: int,
    clicked: int | None = None,
) -> ViewState | None:
    """What a browser says, or None if any of it cannot be.

    Args:
        said: move, clicked, lasso, view, shown and place, the latter with a move of its own.
        ids: those on the map.
        groups: how many classes the legend has, those without one apart.
        dimensions: 2 or 3.
        before: the last move that was heard of; a place clicked before it is old news.
        clicked: an id that the page has given, which need not be on the map.
    """
    try:
        return ViewState(
            _clicked(said["clicked"], ids, clicked),
            _lasso(said["lasso"], dimensions),
            _view(said["view"], dimensions),
            _shown(said["shown"], groups),
            _place(said["place"], dimensions, before),
        )
    except WRONG:
        return None


def inside(points: NDArray[Any], polygon: Sequence[Sequence[float]]) -> NDArray[np.bool_]:
    """Which points lie in a polygon, by the even-odd rule: (N, 2) → bool (N,).

    The points are taken in single precision and the sums done in double, in the order in which
    the browser does them, so that both find the same set. The polygon closes itself; of two that
    share an edge, a point on it lies in one.
    """
    x, y = np.asarray(points, np.float32).reshape(-1, 2).astype(np.float64).T
    within = np.zeros(len(x), np.bool_)
    corners = [(float(a), float(b)) for a, b in polygon]
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], *corners[:1]], strict=True):
        if y1 == y2:
            continue
        crossed = (y1 > y) != (y2 > y)
        within ^= crossed & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return within


def _numbers(said: Any, count: int, limit: float = FAR) -> list[float]:
    if not isinstance(said, list) or len(said) != count:
        raise ValueError
    numbers = [float(v) for v in said]
    if not all(math.isfinite(v) and abs(v) <= limit for v in numbers):
        raise ValueError
    return numbers


def _tried(check: Callable[..., Value | None], *args: Any) -> Value | None:
    try:
        return check(*args)
    except WRONG:
        return None


def _clicked(said: Any, ids: NDArray[Any], given: int | None) -> int | None:
    if said is None:
        return None
    if type(said) is not int or (said != given and not (ids == said).any()):
        raise ValueError
    return said


def _lasso(said: Any, dimensions: int) -> list[tuple[float, float]] | None:
    if said is None or dimensions != 2:
        return None
    if not isinstance(said, list) or not 3 <= len(said) <= MOST_VERTICES:
        raise ValueError
    return [(x, y) for x, y in (_numbers(corner, 2) for corner in said)]


def _view(said: Any, dimensions: int) -> list[float] | None:
    if said is None:
        return None
    if dimensions == 3:
        eye = _numbers(said, 3, FARTHEST_EYE)
        if not any(eye):
            raise ValueError
        return eye
    x0, x1, y0, y1 = view = _numbers(said, 4)
    if not (x0 < x1 and y0 < y1):
        raise ValueError
    return view


def _shown(said: Any, groups: int) -> list[int] | None:
    if said is None or said == []:
        return None
    if not isinstance(said, list) or len(said) > groups + 1:
        raise ValueError
    if any(type(g) is not int or not -1 <= g < groups for g in said):
        raise ValueError
    return sorted(set(said))


def _place(said: Any, dimensions: int, before: int) -> tuple[float, float] | None:
    if said is None or dimensions != 2:
        return None
    move = said["move"]
    if type(move) is not int or move <= before:
        return None
    x, y = _numbers(said["at"], 2)
    return x, y
