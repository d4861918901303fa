"""Streamlit's own sliders, and the server's pictures, where the browser cannot run the decoder."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.components.live import Dimension, Position


def server_sliders(
    reason: str,
    *,
    key: str,
    dimensions: Sequence[Dimension],
    position: Position,
    draw: Callable[[list[float], int | None], None],
    class_names: Sequence[str] = (),
) -> Position:
    """Draw the sliders and the picture; give the position at which they stand.

    Args:
        reason: why the browser does not draw, as a sentence.
        key: of the sliders; another one has them begin at `position`.
        dimensions: those that have a slider.
        draw: draws the picture of a code under a class.
        class_names: to pick the class from; empty for a model without classes.
    """
    st.info(f"{reason} These sliders ask the server for each picture instead.")
    code, label = list(position.code), position.label
    left, right = st.columns([4, 5])
    with right:
        if class_names:
            label = st.selectbox(
                "Class", range(len(class_names)), label or 0, format_func=class_names.__getitem__
            )
        for index, name, low, high in ((d.index, d.title, d.low, d.high) for d in dimensions):
            value = min(max(code[index], low), high)
            code[index] = st.slider(name, low, high, value, 0.01, key=f"{key}-{index}")
    with left:
        draw(code, label)
    return position._replace(code=code, label=label)
