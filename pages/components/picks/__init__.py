"""Pictures on a page that can be clicked: which one was clicked comes back.

The pictures are HTML from `pages.ui.pictures`, with a button on each that has a name. Tab reaches
the first of a sheet, or the one that is chosen; the arrow keys go from one to the next.
"""

from collections.abc import Container
from html import escape

from pages.components.component import component, news, nothing
from pages.ui import pictures


def picked(key: str, count: int) -> int | None:
    """The picture that was clicked since the last run, counted from 0; None without one.

    It is read before anything is drawn, so that a page can go there at once.

    Args:
        count: how many pictures were shown under this key.
    """
    name = picked_name(key, {str(index) for index in range(count)})
    return None if name is None else int(name)


def picked_name(key: str, names: Container[str]) -> str | None:
    """The same of pictures that have names, as those of `pictures.choices_html`."""
    name = news(key, "picked").get("name")
    return name if isinstance(name, str) and name in names else None


def show(html: str, *, key: str, stage: str = "") -> None:
    """Draw pictures that can be clicked.

    Args:
        stage: the key of what a click changes; it is brought into view.
    """
    pictures.show(within(html, key))
    listen(key, stage)


def within(html: str, key: str) -> str:
    """HTML whose buttons speak to the listener of this key."""
    return f'<div data-picks="{escape(key)}">{html}</div>'


def listen(key: str, stage: str = "") -> None:
    """Listen to the buttons of HTML that something else draws; see `show`."""
    pictures.show(f"<style>.st-key-{key} {{ display: none; }}</style>")  # nothing is to be seen
    _component(key=key, data={"key": key, "stage": stage}, on_picked_change=nothing)


_component = component("picks")
