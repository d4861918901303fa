"""A map's arrays, which browsers fetch once: each click would bring them again otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pages.server.arrays import array_url

UNKNOWN = 255
"""The byte of a value that is not known (NaN), on a scale of 0 to 254."""


@dataclass(frozen=True)
class Classes:
    """Colours by group: `values` int (N,), an index into `names`, or -1 for none (noise), grey."""

    values: NDArray[Any]
    names: Sequence[str]


@dataclass(frozen=True)
class Scale:
    """Colours by a number: `values` float (N,), grey where NaN; `low` and `high` are the ends of
    the colour bar, by default those of the values.
    """

    values: NDArray[Any]
    title: str = ""
    low: float | None = None
    high: float | None = None


def pack(values: NDArray[Any]) -> dict[str, str]:
    """Numbers from 0 on, in as few bytes as their largest needs."""
    array = np.asarray(values)
    most = int(array.max(initial=0))
    if array.min(initial=0) < 0:
        raise ValueError("Only numbers from 0 on can be packed.")
    kind = next(k for k in ("u1", "u2", "u4") if most <= np.iinfo(k).max)
    return {"kind": kind, "url": _url(array.astype(f"<{kind}"))}


def pack_points(points: NDArray[np.float32]) -> dict[str, Any]:
    """2-D points as they are, so that a lasso holds in the browser what it holds here; 3-D ones,
    which no lasso asks about, in 16 bits over their bounds.
    """
    if points.shape[1] == 2:
        return {"kind": "f4", "url": _url(points.astype("<f4")), "dimensions": 2}
    low = points.min(0) if len(points) else np.zeros(3, np.float32)
    high = points.max(0) if len(points) else np.ones(3, np.float32)
    width = np.where(high > low, high - low, 1).astype(np.float64)
    steps = ((points - low) / width * 65535).round().astype("<u2")
    return {
        "kind": "u2",
        "url": _url(steps),
        "dimensions": 3,
        "low": low.tolist(),
        "width": width.tolist(),
    }


def pack_colours(colours: Classes | Scale, groups: NDArray[Any] | None) -> dict[str, Any]:
    """The colouring; of one that is the legend's own groups, only that it is."""
    if isinstance(colours, Classes):
        same = groups is not None and np.array_equal(colours.values, groups)
        packed = None if same else pack(np.asarray(colours.values) + 1)
        return {"scale": False, "values": packed, "names": list(colours.names)}
    values = np.asarray(colours.values, np.float64)
    known = values[np.isfinite(values)]
    low = colours.low if colours.low is not None else float(known.min(initial=np.inf))
    high = colours.high if colours.high is not None else float(known.max(initial=-np.inf))
    if not np.isfinite([low, high]).all():  # nothing is known
        low, high = 0.0, 1.0
    share = np.clip((values - low) / (high - low if high > low else 1), 0, 1)
    steps = np.where(np.isfinite(values), (share * (UNKNOWN - 1)).round(), UNKNOWN)
    return {
        "scale": True,
        "values": pack(steps.astype(np.uint8)),
        "title": colours.title,
        "low": low,
        "high": high,
    }


def _url(array: NDArray[Any]) -> str:
    return array_url(np.ascontiguousarray(array).tobytes())
