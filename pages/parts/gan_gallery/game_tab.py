"""The adversarial game on points in the plane, played in the browser."""

import streamlit as st

from pages.components.bench import bench


def panel() -> None:
    """A generator and a discriminator that learn against each other, step by step."""
    bench("game", key="bench-game")
