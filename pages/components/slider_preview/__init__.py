"""Pictures that follow a slider of Streamlit's while it is still in the hand.

Streamlit sends a slider's value when it is let go, runs the page and draws it anew: with 7 ms of
Python that takes the browser a seventh of a second. Here a script of ours sees the slider move,
fetches what it would show, and puts that in the place of what is shown. What is let go then comes
the usual way, and is the same.
"""

from html import escape

from pages.components.component import component
from pages.server import previews
from pages.server.previews import Look
from pages.ui import pictures


def begin() -> None:
    """Have the browser follow all that `show` draws on this page; call it once, in no fragment."""
    _component(key="slider_preview")


def show(drawn: str, value: float, look: Look, of: bytes, *, slider: str) -> None:
    """Draw HTML with pictures, and let it follow a slider.

    Args:
        drawn: the HTML where the slider stands.
        value: where that is; of a `select_slider` the place on it, from 0 on.
        look: the HTML at any value.
        of: all that decides what is seen, but the value.
        slider: its label.
    """
    pictures.show(
        f'<div data-slider="{escape(slider)}" data-at="{value:g}" '
        f'data-looks="{previews.address(look, of)}">{drawn}</div>'
    )


_component = component("slider_preview", isolate_styles=False)
