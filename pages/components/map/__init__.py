"""The map: every image a point, in 2-D or 3-D, drawn by Plotly in the browser.

Hovering shows the image itself; classes are isolated, points clicked, regions lassoed, a
projection's making played again. Nothing is sent while something moves; what the hand has done
comes back once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.images import COLOURS
from pages.components.component import component, nothing
from pages.components.map.map_events import MOST_VERTICES, ViewState, heard, inside, state
from pages.components.map.packing import Classes, Scale, pack, pack_colours, pack_points
from pages.server.scripts import plotly_url

MOST_GROUPS = 1000
"""Of a legend that has no labels: the groups of its colours."""

__all__ = [
    "MOST_VERTICES",
    "Classes",
    "Drawing",
    "Points",
    "Scale",
    "ViewState",
    "inside",
    "interactions",
    "scatter",
]


@dataclass(frozen=True)
class Points:
    """The images of a map as points."""

    places: NDArray[Any]
    """(N, 2) or (N, 3), finite."""
    ids: NDArray[Any]
    """(N,) numbers of the images in their split, each once; the thumbnails go by them."""
    labels: NDArray[Any] | None
    """(N,) class numbers, -1 for none. The legend isolates by them; without labels, by the groups
    of the colours, if those are `Classes`."""
    class_names: Sequence[str]
    """Of the labels."""


@dataclass(frozen=True)
class Drawing:
    """How a map is drawn."""

    colours: Classes | Scale
    thumbnails: str
    """`thumbnails.thumbnails_url`."""
    alt: str
    """What is to be seen, in a sentence."""
    neighbours: Sequence[int] = ()
    """Ids that have a thinner ring than the clicked one."""
    own_places: NDArray[Any] | None = None
    """(M, 2) or (M, 3) places of the visitor's own images."""
    frames: str | None = None
    """`run_files.frames_url`, the making of the map; it can be played then."""
    decoder: str | None = None
    """`live.decoder_url`, for a 2-D map that is the plane of a decoder's codes: under the pointer
    is what the place decodes to, and an empty place can be clicked."""


def scatter(key: str, points: Points, now: ViewState, drawing: Drawing) -> ViewState | None:
    """Draw the map; give the view state after what the visitor has done since the last run, else
    None.

    Keep what is given back and pass it in the next run. To change something, pass another value:
    the browser follows, unless the visitor has moved on in the meantime. Other points are another
    map, which begins with what is passed beside them.

    Args:
        key: of the component; one for all maps of a page.
        now: its `clicked` has a ring, unless it is not on the map; `inside` says what is in its
            `lasso`, which only 2-D maps have; of its `view` as much is shown as the shape of the
            map allows.
    """
    places, ids = np.asarray(points.places, np.float32), np.asarray(points.ids)
    labels, colours = points.labels, drawing.colours
    groups = labels if labels is not None else _values(colours)
    names = points.class_names if labels is not None else _names(colours)
    _check(places, ids, groups, colours)
    checked = state(now, groups=len(names), dimensions=places.shape[1])
    own = drawing.own_places
    data = {
        "plotly": plotly_url(),
        "palette": COLOURS,
        "points": pack_points(places),
        "ids": pack(ids),
        "groups": None if groups is None else pack(np.asarray(groups) + 1),  # 0: none
        "names": list(names),
        "none": "No class" if labels is not None else "Noise",
        "colours": pack_colours(colours, groups),
        "thumbnails": drawing.thumbnails,
        "clicked": checked.clicked,
        "lasso": checked.lasso,
        "view": checked.view,
        "shown": checked.shown,
        "neighbours": [int(i) for i in drawing.neighbours],
        "yours": [] if own is None else np.asarray(own, np.float32).tolist(),
        "frames": drawing.frames,
        "decoder": drawing.decoder,
        "alt": drawing.alt,
        "map": _identity(places, ids),
        "seen": st.session_state.get(_last_move(key), 0),
    }
    _component(key=key, data=data, on_said_change=nothing)
    return interactions(key, points, now.clicked)


def interactions(key: str, points: Points, clicked: int | None) -> ViewState | None:
    """The view state after what the visitor has done since the last call, else None.

    Call it before `scatter` to draw at once what follows from it; `scatter` then has no news.
    """
    result, last_move = st.session_state.get(key), _last_move(key)
    news = result.get("said") if result else None
    before = st.session_state.get(last_move, 0)
    if not isinstance(news, dict) or type(news.get("move")) is not int or news["move"] == before:
        return None
    st.session_state[last_move] = news["move"]
    places, ids = np.asarray(points.places, np.float32), np.asarray(points.ids)
    if news.get("map") != _identity(places, ids):  # done just before another map was chosen
        return None
    groups = len(points.class_names) if points.labels is not None else MOST_GROUPS
    return heard(
        news, ids=ids, groups=groups, dimensions=places.shape[1], before=before, clicked=clicked
    )


def _last_move(key: str) -> str:
    """The session key of the last move that was read."""
    return f"{key}-last-move"


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
