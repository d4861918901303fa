"""A Plotly figure in the page's colours, drawn after the pictures of the page.

Streamlit's own chart begins as soon as its script has come, and keeps the browser busy for a second
or two in which it paints nothing: half of the visitors waited five seconds for the first picture.
Nor does one begin before it has come into view.
"""

import json

import plotly.graph_objects as go

from pages.components.component import component
from pages.server.scripts import plotly_url


def chart(figure: go.Figure, *, key: str, height: int, alt: str) -> None:
    """Draw a figure as wide as there is room.

    Args:
        key: of the component.
        height: pixels.
        alt: what is to be seen, for those who cannot.
    """
    data = {
        "plotly": plotly_url(),
        "figure": json.loads(figure.to_json()),
        "height": height,
        "alt": alt,
    }
    _component(key=key, data=data)


# Plotly puts its styles into the page's head, where a shadow root would not see them.
_component = component("chart", isolate_styles=False)
