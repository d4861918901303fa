"""A page with nothing but a drawing and a network; a picture to draw on is in the URL."""

import base64

import numpy as np
import streamlit as st
from classifier_cases import classifier

from core.inference.browser_classifier import pack_classifier
from pages.components.network import network

SHAPE = (1, 28, 28)
st.set_page_config(layout="wide")


@st.cache_resource
def served(variant: str) -> str:
    packed = base64.b64encode(pack_classifier(classifier(variant), SHAPE)).decode()
    return f"data:application/octet-stream;base64,{packed}"


def picture() -> np.ndarray | None:
    if "picture" not in st.query_params:
        return None
    return np.tile(np.arange(0, 252, 9, dtype=np.uint8), (28, 1))


@st.fragment
def stage() -> None:
    other = "two" in st.query_params and st.button("The other")
    drawn = network(
        key="network",
        weights="/nothing/here"
        if "broken" in st.query_params
        else served("mlp" if other else "cnn"),
        shape=SHAPE,
        classes=[f"class {k}" for k in range(10)],
        picture=picture(),
    )
    said = "nothing" if drawn is None else base64.b64encode(drawn.pixels.tobytes()).decode()
    st.text(f"Drawn: {said}.")


stage()
