"""The map: every image a point, in 2-D or 3-D, drawn by Plotly in the browser.

Hovering shows the image itself; classes are isolated, points clicked, regions lassoed, a
projection's making played again. Nothing is sent while something moves; what the hand has done
comes back once.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.images import COLOURS
from pages.components.component import component, nothing
from pages.components.map.map_events import MOST_VERTICES, Said, heard, inside, state
from pages.components.map.packing import Classes, Scale, pack, pack_colours, pack_points
from pages.server.routes import plotly_url

MOST_GROUPS = 1000
"""Of a legend that has no labels: the groups of its colours."""

__all__ = ["MOST_VERTICES", "Classes", "Said", "Scale", "inside", "interactions", "scatter"]


def scatter(
    *,
    key: str,
    points: NDArray[Any],
    ids: NDArray[Any],
    labels: NDArray[Any] | None,
    class_names: Sequence[str],
    colours: Classes | Scale,
    thumbnails: str,
    shown: Sequence[int] | None,
    clicked: int | None,
    neighbours: Sequence[int] = (),
    lasso: Sequence[tuple[float, float]] | None = None,
    view: Sequence[float] | None = None,
    yours: NDArray[Any] | None = None,
    frames: str | None = None,
    decoder: str | None = None,
    alt: str,
) -> Said | None:
    """Draw the map; give what the visitor has done since the last run, else None.

    Keep what is given back and pass it in the next run. To change something, pass another value:
    the browser follows, unless the visitor has moved on in the meantime. Other `points` or `ids`
    are another map, which begins with what is passed beside them.

    Args:
        key: of the component; one for all maps of a page.
        points: (N, 2) or (N, 3), finite.
        ids: (N,) numbers of the images in their split, each once; the thumbnails go by them.
        labels: (N,) class numbers, -1 for none. The legend isolates by them; without labels, by
            the groups of `colours`, if those are `Classes`.
        class_names: of the labels.
        colours: what colours the points.
        thumbnails: `assets.thumbnails_url`.
        shown: numbers of the isolated classes (-1: those without); None or none for all.
        clicked: id of the image that has a ring; one that is not on the map has none.
        neighbours: ids that have a thinner ring.
        lasso: a polygon in the map's coordinates; 2-D only. `inside` says what is in it.
        view: x0, x1, y0, y1 of a 2-D map, as much of which is shown as the shape of the map
            allows; the camera's x, y, z of a 3-D one. None shows all.
        yours: (M, 2) or (M, 3) places of the visitor's own images.
        frames: address of the making of the map, `assets.frames_url`; the map can be played then.
        decoder: `live.decoder_url`, for a 2-D map that is the plane of a decoder's codes: under
            the pointer is what the place decodes to, and an empty place can be clicked.
        alt: what is to be seen, in a sentence.
    """
    points, ids = np.asarray(points, np.float32), np.asarray(ids)
    groups = labels if labels is not None else _values(colours)
    names = class_names if labels is not None else _names(colours)
    _check(points, ids, groups, colours)
    told, dimensions = f"{key}-told", points.shape[1]
    standing = state(clicked, lasso, view, shown, groups=len(names), dimensions=dimensions)
    data = {
        "plotly": plotly_url(),
        "palette": COLOURS,
        "points": pack_points(points),
        "ids": pack(ids),
        "groups": None if groups is None else pack(np.asarray(groups) + 1),  # 0: none
        "names": list(names),
        "none": "No class" if labels is not None else "Noise",
        "colours": pack_colours(colours, groups),
        "thumbnails": thumbnails,
        **standing._asdict(),
        "neighbours": [int(i) for i in neighbours],
        "yours": [] if yours is None else np.asarray(yours, np.float32).tolist(),
        "frames": frames,
        "decoder": decoder,
        "alt": alt,
        "map": _identity(points, ids),
        "seen": st.session_state.get(told, 0),
    }
    _component(key=key, data=data, on_said_change=nothing)
    return interactions(
        key, points=points, ids=ids, labels=labels, class_names=class_names, clicked=clicked
    )


def interactions(
    key: str,
    *,
    points: NDArray[Any],
    ids: NDArray[Any],
    labels: NDArray[Any] | None,
    class_names: Sequence[str],
    clicked: int | None,
) -> Said | None:
    """What the visitor has done since it was last asked, else None; arguments are `scatter`'s.

    Ask before `scatter` to draw at once what follows from it; `scatter` then has no news.
    """
    result, told = st.session_state.get(key), f"{key}-told"
    news = result.get("said") if result else None
    before = st.session_state.get(told, 0)
    if not isinstance(news, dict) or type(news.get("move")) is not int or news["move"] == before:
        return None
    st.session_state[told] = news["move"]
    points, ids = np.asarray(points, np.float32), np.asarray(ids)
    if news.get("map") != _identity(points, ids):  # done just before another map was chosen
        return None
    groups = len(class_names) if labels is not None else MOST_GROUPS
    return heard(
        news, ids=ids, groups=groups, dimensions=points.shape[1], before=before, clicked=clicked
    )


def _values(colours: Classes | Scale) -> NDArray[Any] | None:
    return colours.values if isinstance(colours, Classes) else None


def _names(colours: Classes | Scale) -> Sequence[str]:
    return colours.names if isinstance(colours, Classes) else ()


def _check(
    points: NDArray[Any], ids: NDArray[Any], groups: NDArray[Any] | None, colours: Classes | Scale
) -> None:
    """Raises ValueError: what the browser would draw wrongly, without a word."""
    if points.ndim != 2 or points.shape[1] not in (2, 3) or not np.isfinite(points).all():
        raise ValueError("The points of a map are finite, in rows of two or three numbers.")
    for values in (ids, colours.values, *([] if groups is None else [groups])):
        if np.shape(values) != points.shape[:1]:
            raise ValueError("A map needs as many ids, labels and colours as points.")


def _identity(points: NDArray[np.float32], ids: NDArray[Any]) -> str:
    """The same for the same points of the same images."""
    digest = hashlib.blake2b(points.tobytes(), digest_size=8)
    digest.update(np.asarray(ids, np.int64).tobytes())
    return digest.hexdigest()


# Plotly puts its styles into the page's head, where a shadow root would not see them.
_component = component("map", isolate_styles=False)
