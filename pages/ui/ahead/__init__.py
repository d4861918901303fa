"""Pictures that follow a slider of Streamlit's while it is still in the hand.

Streamlit sends a slider's value when it is let go, runs the page and draws it anew: with 7 ms of
Python that takes the browser a seventh of a second. Here a script of ours sees the slider move,
fetches what it would show, and puts that in the place of what is shown. What is let go then comes
the usual way, and is the same.
"""

from pages.ui import looks, pictures
from pages.ui.component import component
from pages.ui.looks import Look


def show(look: Look, value: float, of: bytes, *, key: str, slider: str) -> None:
    """Draw HTML with pictures, as they are by a slider's value, and let them follow the slider.

    Args:
        look: the HTML by the slider's value; of a `select_slider`, by the place on it, from 0 on.
        value: where the slider stands.
        of: all that decides what is seen, but the value.
        key: of the component; one slider's of a page.
        slider: its label.
    """
    place = f"lab-ahead-{key}"
    pictures.show(f'<div class="{place}">{look(value)}</div>')
    data = {"looks": looks.address(look, of), "place": place, "slider": slider, "value": value}
    _component(key=f"ahead-{key}", data=data)


_component = component("ahead", "ahead.html", "ahead.css", ["ahead.js"], isolate_styles=False)
