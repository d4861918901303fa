"""Where the hand is on the map: what is clicked, lassoed, isolated and in view; all in the URL."""

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from pages.components.map.map_events import Said, heard
from pages.parts.latent_explorer.scene import Scene

STATE = "standing"
DIGITS = 6
"""Of a coordinate, as the browser rounds it (`rounded` in reading.js)."""


class Standing(NamedTuple):
    """Number of the clicked image; polygon; box or camera; isolated classes."""

    clicked: int | None = None
    lasso: list[tuple[float, float]] | None = None
    view: list[float] | None = None
    shown: list[int] | None = None


def standing(scene: Scene) -> Standing:
    """Where one is on this map: as left, or as the link says when the page opens.

    Another map keeps the clicked image and the classes, not places of the one before.
    """
    kept: tuple[str, Standing | None] = st.session_state.get(STATE, ("", None))
    name, now = kept
    if now is None:
        now = _linked(scene)
    elif name != scene.name:
        now = Standing(now.clicked, None, None, now.shown)
    ids = scene.found.ids
    if now.clicked is None or not bool((ids == now.clicked).any()):
        now = now._replace(clicked=int(ids[0]))
    if now.shown and max(now.shown) >= len(scene.class_names):
        now = now._replace(shown=None)
    remember(scene, now)
    return now


def remember(scene: Scene, now: Standing) -> None:
    """Keep it, and put it into the URL."""
    st.session_state[STATE] = (scene.name, now)
    _tell("point", None if now.clicked is None else str(now.clicked))
    _tell("lasso", lasso_text(now.lasso) if now.lasso else None)
    _tell("at", ",".join(f"{v:.{DIGITS}g}" for v in now.view) if now.view else None)
    _tell("classes", ",".join(map(str, now.shown)) if now.shown else None)


def lasso_text(lasso: Sequence[Sequence[float]]) -> str:
    """A polygon in an address: with all the digits that the browser has, so that a link holds the
    same images."""
    return ";".join(f"{x:.{DIGITS}g},{y:.{DIGITS}g}" for x, y in lasso)


def lasso_of(text: str) -> list[list[float]]:
    """The polygon of an address. Raises ValueError."""
    return [_numbers(corner) for corner in text.split(";")]


def moved(before: Standing, said: Said) -> Standing:
    """The standing after what the visitor did."""
    clicked = before.clicked if said.clicked is None else said.clicked
    return Standing(clicked, said.lasso, said.view, said.shown)


def _tell(name: str, text: str | None) -> None:
    if text is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text


def _linked(scene: Scene) -> Standing:
    """What the URL names; what cannot be is said and left."""
    asked = st.query_params
    try:
        said = {
            "clicked": int(asked["point"]) if "point" in asked else None,
            "lasso": lasso_of(asked["lasso"]) if "lasso" in asked else None,
            "view": _numbers(asked["at"]) if "at" in asked else None,
            "shown": [int(v) for v in asked["classes"].split(",")] if "classes" in asked else None,
            "place": None,
        }
    except ValueError:
        said = {}
    found = heard(
        said,
        ids=scene.found.ids.numpy(),
        groups=len(scene.class_names),
        dimensions=scene.points.shape[1],
        before=0,
    )
    if found is None:
        st.warning("The link's point, selection or view does not fit this map and was left out.")
        return Standing()
    return Standing(found.clicked, found.lasso, found.view, found.shown)


def _numbers(text: str) -> list[float]:
    return [float(v) for v in text.split(",")]
