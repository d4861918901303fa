"""Pictures that follow a slider of Streamlit's while it is still in the hand.

Streamlit sends a slider's value when it is released, runs the page and draws it anew: with 7 ms of
Python that takes the browser a seventh of a second. Here the browser watches the one slider,
fetches what it would show, and puts that in the place of what is shown. What is released then comes
the usual way, and is the same. The slider stays Streamlit's own, which binds its value to the link
and answers to tests and programs without a browser.
"""

from html import escape

from pages.components.component import component
from pages.server import previews
from pages.server.previews import Look
from pages.ui import pictures


def show(drawn: str, value: float, look: Look, of: bytes, *, slider: str) -> None:
    """Draw HTML with pictures, and let it follow a slider.

    Args:
        drawn: the HTML where the slider stands.
        value: where that is; of a `select_slider` the place on it, from 0 on.
        look: the HTML at any value.
        of: all that decides what is seen, but the value.
        slider: its key.
    """
    key = f"{slider}-preview"
    pictures.show(
        f"<style>.st-key-{key} {{ display: none; }}</style>"  # nothing of it is to be seen
        f'<div data-slider="{escape(slider)}" data-at="{value:g}" '
        f'data-looks="{previews.address(look, of)}">{drawn}</div>'
    )
    _component(key=key, data={"slider": slider})


_component = component("slider_preview")
