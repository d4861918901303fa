"""Streamlit's own sliders, and the server's pictures, where the browser cannot run the decoder."""

from collections.abc import Callable, Sequence

import streamlit as st
from torch import Tensor

from pages.components.live import Dimension
from pages.ui import pictures


def server_sliders(
    reason: str,
    *,
    key: str,
    code: Sequence[float],
    dimensions: Sequence[Dimension],
    draw: Callable[[list[float], int | None], Tensor],
    title: str,
    label: int | None = None,
    class_names: Sequence[str] = (),
) -> tuple[list[float], int | None]:
    """Draw the sliders and the picture; give the code and the class at which they stand.

    Args:
        reason: why the browser does not draw, as a sentence.
        key: of the sliders; another one has them begin at `code`.
        dimensions: those that have a slider.
        draw: the picture (C, H, W) of a code under a class.
        title: of the picture.
        class_names: to pick the class from; empty for a model without classes.
    """
    st.info(f"{reason} These sliders ask the server for each picture instead.")
    code = list(code)
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
        pictures.cards([(title, draw(code, label), "")])
    return code, label
