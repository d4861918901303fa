"""Shapes as cells: how two tensors are broadcast, and how views read one memory."""

import streamlit as st

from pages.components.component import component


def cells(*, key: str) -> None:
    """Draw both instruments; nothing is sent, and what is chosen stands in the address as `cells`.

    What an address says is checked in the browser, and goes nowhere else.
    """
    _component(key=key, data={"linked": st.query_params.get("cells", "")})


_component = component("cells")
