"""A page with nothing but the wall: two networks of plain colours, trained 3 and 5 epochs."""

import numpy as np
import streamlit as st

from core.images import data_url, to_png
from pages.components.wall import Card, Sheet, wall


def sheet(grey, epoch):
    """A sheet whose grey tells its network and its epoch."""
    url = data_url(to_png(np.full((6, 10), grey + epoch, np.uint8)))
    state = "collapsed" if epoch < 2 else "healthy"
    return Sheet(epoch, url, f"FID {grey + epoch}", state, f"It means {state}.")


cards = [
    Card(
        name, name.title(), f"{epochs} epochs", f"Samples of {name}",
        [sheet(grey, epoch) for epoch in range(epochs + 1)],
    )
    for name, grey, epochs in (("dark", 20, 3), ("light", 200, 5))
]  # fmt: skip
if "broken" in st.query_params:
    cards[0] = Card("dark", "Dark", "", "Samples of dark", [Sheet(0, "/nothing/here")])
state = st.session_state
state.setdefault("chosen", st.query_params.get("chosen", "dark"))
picked = wall(key="wall", cards=cards, chosen=state.chosen, note="Of two greys.")
if picked is not None:
    state.chosen = picked
    st.rerun()
st.write(f"Chosen: {state.chosen}.")
st.button("Again")
