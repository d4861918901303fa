"""Turns for long computations: one visitor's search or statistics must not hold up the sliders.

All pages run in one process. What takes about a second or more has a few places, as many as the
settings say, imports one of their own; torch has one thread each, so a core is left for what takes
milliseconds.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

import streamlit as st

from core.errors import Refused
from core.settings import settings

P = ParamSpec("P")
R = TypeVar("R")
LOOK, IMPORT = "look", "import"
MAX_WAIT = 120.0
"""Seconds that somebody waits at most."""
POLL_INTERVAL = 0.25
"""Seconds between two looks whether a place is free, or the visitor has moved on."""

_mine = threading.local()


class _Full(Exception):
    """All places are taken."""


@contextmanager
def turn(kind: str = LOOK) -> Iterator[None]:
    """Hold a place, of which this thread may hold one: wait for it, and say so meanwhile.

    Args:
        kind: `LOOK`, or `IMPORT`, which has a place of its own: nobody's set waits until others
            have looked at theirs.

    Raises:
        Refused: there was none for two minutes.
    """
    with _place(_wait, kind):
        yield


def check_visitor(stage: str = "") -> None:
    """The check of what takes long: ends this run if its visitor has left or moved on.

    Args:
        stage: what is being done, which nobody reads here.

    Raises:
        StopException, RerunException: Streamlit's own, which are no `Exception`.
    """
    # Reading the session's state is where Streamlit ends a run; unlike drawing, it may be done
    # inside a cache.
    _ = stage in st.session_state


def heavy(
    cache: Callable[[Callable[P, R]], Callable[P, R]],
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A cached function that takes its turn where it is not in the cache.

    Args:
        cache: a decorator of Streamlit's, `st.cache_data(…)` or `st.cache_resource(…)`.
    """

    def decorate(compute: Callable[P, R]) -> Callable[P, R]:
        @wraps(compute)
        def in_cache(*args: P.args, **kwargs: P.kwargs) -> R:
            # Waiting shows a line, and inside a cache it would be kept as a part of the answer.
            with _place(_leave):
                return compute(*args, **kwargs)

        kept = cache(in_cache)

        @wraps(compute)
        def with_turn(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return kept(*args, **kwargs)
            except _Full:
                with turn():
                    return kept(*args, **kwargs)

        return with_turn

    return decorate


@contextmanager
def _place(else_: Callable[[str], None], kind: str = LOOK) -> Iterator[None]:
    if getattr(_mine, "held", False):
        yield
        return
    if not _places(kind).acquire(blocking=False):
        else_(kind)
    try:
        _mine.held = True
        yield
    finally:
        _mine.held = False
        _places(kind).release()


def _leave(_kind: str) -> None:
    raise _Full


def _wait(kind: str) -> None:
    place = st.empty()
    for _ in range(round(MAX_WAIT / POLL_INTERVAL)):
        # Drawing is where Streamlit ends this run when the visitor has moved on.
        place.caption(":material/hourglass_top: Others are being served. One moment.")
        if _places(kind).acquire(timeout=POLL_INTERVAL):
            place.empty()
            return
    place.empty()
    raise Refused("Too many people look at something large just now. Try again in a moment.")


@lru_cache(maxsize=2)
def _places(kind: str) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(settings().looks_at_once if kind == LOOK else 1)
