"""The frame of a page: its icon, its title, its tabs."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import numpy as np
import streamlit as st
from PIL import Image

from pages.ui.opening import OPENINGS
from pages.ui.widgets import segmented

T = TypeVar("T")
GROUP = "tabs"
"""The key of the chosen group of tabs, in the session and in the address."""


def _icon() -> Image.Image:
    """A slope of colours under a grid of points: a latent space. Drawn here, so that the browser
    asks nobody else for it."""
    y, x = np.mgrid[0:64, 0:64] / 63
    picture = np.stack([76 + 150 * x, 110 - 30 * x + 60 * y, 245 - 150 * y * x], axis=-1)
    for row in (16, 32, 48):
        for column in (16, 32, 48):
            near = (np.mgrid[0:64, 0:64] - np.array([row, column])[:, None, None]) ** 2
            picture[near.sum(0) < 22] = 255
    return Image.fromarray(picture.astype(np.uint8))


ICON = _icon()


STYLE = """<style>
[data-testid="stElementToolbarButton"]:has(button[aria-label="Download as CSV"]) { display: none; }
a[data-testid]:focus-visible { outline: 2px solid currentColor; outline-offset: -2px; }
div[data-testid="stCaptionContainer"] { color: inherit; opacity: .7; }
.st-key-try button { min-height: 1.9rem; padding: 0 .75rem; border-radius: 1rem; }
.st-key-try button p { font-size: .87rem; white-space: nowrap; }
@media (hover: none) { [data-testid="stDataFrame"] { margin-top: 1.85rem; } }
@media (max-width: 768px) { [data-testid="stMainBlockContainer"] { padding-top: 4rem; } }
@media (max-width: 640px) {
  .st-key-try { flex-wrap: nowrap; overflow-x: auto; }
  [data-testid="stColumn"]:has(.st-key-canvas) { order: -1; }
}
</style>"""
"""A ring around links that have the focus, and quiet lines in a contrast of 4.5, where Streamlit
has less; the look of what one can try, in one line that is pushed aside on a phone; a canvas there
stands above what is made of its drawing, which grows with the first stroke; room for a table's
buttons, which stay in sight where nothing hovers and would cover what is above; and no CSV that
Streamlit makes of a table in the browser: people's names could be formulas there. `csv_button` of
downloads.py stands beside each table."""


def title(name: str, line: str) -> None:
    """The head of a page that has nothing to try: its name and one line."""
    st.html(STYLE)
    st.title(name, anchor=False)
    st.caption(line)


def opening(page: str) -> None:
    """The head of a page: its name, one line, and three things to try, each of which Back undoes.

    Args:
        page: the path of its address.
    """
    head = OPENINGS[page]
    title(head.title, head.line)
    with st.container(horizontal=True, gap="small", key="try"):
        for i, invitation in enumerate(head.invitations):
            if (values := invitation.resolved()) is not None:
                st.button(
                    invitation.text,
                    key=f"try-{i}",
                    icon=":material/arrow_outward:",
                    on_click=st.session_state.update,
                    args=(dict(values),),
                )


def tabs(bodies: Mapping[str, Callable[[], object]], default: str | None = None) -> None:
    """The page's tabs, of which the open one is drawn; its name stands in the address.

    Args:
        default: the one that is open at first; None for the first.
    """
    places = st.tabs(list(bodies), key="tab", bind="query-params", default=default)
    for place, body in zip(places, bodies.values(), strict=True):
        if place.open:
            with place:
                body()


def grouped_tabs(groups: Mapping[str, Mapping[str, Callable[[], object]]]) -> None:
    """The page's tabs in named groups, of which the chosen one has its tabs in sight.

    A link that names a tab alone opens its group.
    """
    if GROUP not in st.session_state and GROUP not in st.query_params:
        linked = st.query_params.get("tab")
        group = next((name for name, bodies in groups.items() if linked in bodies), None)
        if group is not None:
            st.session_state[GROUP] = group
            st.query_params[GROUP] = group  # a group's first tab is left out of the address
    tabs(groups[segmented("Group of tabs", list(groups), GROUP, label_visibility="collapsed")])


def needs(
    chosen: T | None, body: Callable[[T], object], otherwise: str = ""
) -> Callable[[], object]:
    """The body of a tab about what is chosen; where nothing is, a sentence or an empty tab."""
    if chosen is not None:
        return partial(body, chosen)
    return partial(st.info, otherwise) if otherwise else lambda: None
