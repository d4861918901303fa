"""The adversarial game on points in the plane, played in the browser."""

import streamlit as st

from pages.components.bench import bench
from pages.parts.gan_gallery.game_explained import TEXT


def panel() -> None:
    """A generator and a discriminator that learn against each other, step by step."""
    bench("game", key="bench-game")
    with st.expander("What is happening in the game"):
        st.markdown(TEXT)
