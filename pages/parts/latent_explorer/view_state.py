"""The view state of a map: what is clicked, lassoed, isolated and in view; all in the URL."""

from collections.abc import Sequence

import streamlit as st

from pages.components.map import ViewState
from pages.components.map.map_events import heard
from pages.parts.latent_explorer.scene import Scene

STATE = "standing"
SIGNIFICANT_DIGITS = 6
"""Significant digits of a coordinate, as the browser rounds it (`rounded` in geometry.js)."""


def current_view(scene: Scene) -> ViewState:
    """The view state of this map: as left, or from the link when the page opens.

    A change of map keeps the clicked image and the classes, but no positions.
    """
    kept: tuple[str, ViewState | None] = st.session_state.get(STATE, ("", None))
    name, now = kept
    if now is None:
        now = _linked(scene)
    elif name != scene.name:
        now = ViewState(now.clicked, None, None, now.shown)
    ids = scene.latent_map.ids
    if now.clicked is None or not bool((ids == now.clicked).any()):
        now = now._replace(clicked=int(ids[0]))
    if now.shown and max(now.shown) >= len(scene.class_names):
        now = now._replace(shown=None)
    remember(scene, now)
    return now


def remember(scene: Scene, now: ViewState) -> None:
    """Keep the view state in the session, and put it into the URL."""
    st.session_state[STATE] = (scene.name, now)
    _set_param("point", None if now.clicked is None else str(now.clicked))
    _set_param("lasso", lasso_text(now.lasso) if now.lasso else None)
    _set_param(
        "at", ",".join(f"{v:.{SIGNIFICANT_DIGITS}g}" for v in now.view) if now.view else None
    )
    _set_param("classes", ",".join(map(str, now.shown)) if now.shown else None)


def select(scene: Scene, row: int) -> ViewState:
    """The view state with the image of a row clicked; it is kept."""
    now = current_view(scene)._replace(clicked=int(scene.latent_map.ids[row]))
    remember(scene, now)
    return now


def lasso_text(lasso: Sequence[Sequence[float]]) -> str:
    """A polygon as text for the URL, with all the browser's digits, so that a link selects the
    same images."""
    return ";".join(f"{x:.{SIGNIFICANT_DIGITS}g},{y:.{SIGNIFICANT_DIGITS}g}" for x, y in lasso)


def lasso_of(text: str) -> list[list[float]]:
    """The polygon that a URL contains. Raises ValueError."""
    return [_numbers(corner) for corner in text.split(";")]


def _set_param(name: str, text: str | None) -> None:
    if text is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text


def _linked(scene: Scene) -> ViewState:
    """The view state in the URL; one that does not fit is reported and ignored."""
    params = st.query_params
    try:
        values = {
            "clicked": int(params["point"]) if "point" in params else None,
            "lasso": lasso_of(params["lasso"]) if "lasso" in params else None,
            "view": _numbers(params["at"]) if "at" in params else None,
            "shown": [int(v) for v in params["classes"].split(",")]
            if "classes" in params
            else None,
            "place": None,
        }
    except ValueError:
        values = {}
    linked = heard(
        values,
        ids=scene.latent_map.ids.numpy(),
        groups=len(scene.class_names),
        dimensions=scene.points.shape[1],
        before=0,
    )
    if linked is None:
        st.warning("The link's point, selection or view does not fit this map and was left out.")
        return ViewState()
    return linked


def _numbers(text: str) -> list[float]:
    return [float(v) for v in text.split(",")]
