"""Widgets whose value stands in the address under their key."""

from collections.abc import Sequence
from typing import Any

import streamlit as st


def segmented(label: str, options: Sequence[str], key: str, **layout: Any) -> str:
    """Buttons side by side of which one is chosen, the first at first; `layout` goes to
    Streamlit's."""
    layout = {"bind": "query-params", **layout}
    chosen = st.segmented_control(
        label, options, default=options[0], required=True, key=key, **layout
    )
    return str(chosen)


def number(label: str, least: int, most: int, value: int, key: str, **layout: Any) -> int:
    """A whole number from `least` to `most`."""
    return int(st.number_input(label, least, most, value, key=key, bind="query-params", **layout))
