"""A page with nothing but pictures that can be clicked: six in two rows, and two to choose from."""

import streamlit as st
import torch

from core.images import contact_sheet, data_url, to_png
from pages.components import picks
from pages.ui import pictures
from pages.ui.pictures import Choice, Row

images = torch.linspace(0, 1, 3)[:, None, None, None].expand(3, 1, 4, 4)
rows = [Row(name, images, names=[f"{name} {i}" for i in range(3)]) for name in ("one", "two")]
if (index := picks.picked("grid", 6)) is not None:
    st.session_state.clicked = index
picks.show(pictures.rows_html(rows), key="grid", stage="stage")
st.write(f"Clicked: {st.session_state.get('clicked')}.")

address = data_url(to_png(contact_sheet(images, 3)))
colours = {name: Choice(address, f"The {name} one") for name in ("red", "blue")}
if (name := picks.picked_name("colours", colours)) is not None:
    st.session_state.colour = name
chosen = st.session_state.get("colour", "red")
html = pictures.choices_html("Colour", colours, chosen, columns="1fr 1fr")
picks.show(html, key="colours")
st.write(f"Colour: {chosen}.")
