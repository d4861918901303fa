"""A page with nothing but six pictures that can be clicked, in two rows."""

import streamlit as st
import torch

from pages.components import picks
from pages.ui import pictures
from pages.ui.pictures import Row

images = torch.linspace(0, 1, 3)[:, None, None, None].expand(3, 1, 4, 4)
rows = [Row(name, images, names=[f"{name} {i}" for i in range(3)]) for name in ("one", "two")]
if (index := picks.picked("grid", 6)) is not None:
    st.session_state.clicked = index
picks.show(pictures.rows_html(rows), key="grid", stage="stage")
st.write(f"Clicked: {st.session_state.get('clicked')}.")
