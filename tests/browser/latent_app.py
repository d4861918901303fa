"""A page with nothing but the live instrument: the model, and what else is asked, in the URL.

With `directions` the sliders go along so many of them.
"""

import base64

import streamlit as st
from latent_models import CLASSES, directions, model

from core.inference.browser_decoder import pack_decoder
from pages.components import live

name = st.query_params.get("model", "vae")


@st.cache_resource
def served(name):
    """A model, and its decoder as an address."""
    network = model(name)
    packed = base64.b64encode(pack_decoder(network)).decode()
    return network, f"data:application/octet-stream;base64,{packed}"


network, url = served(name)
if name == st.query_params.get("broken"):
    url = "/nothing/here"
state = st.session_state
along = int(st.query_params.get("directions", 0))
count = along or network.latent
state.setdefault("code", [0.0] * count)
state.setdefault("flip", 1)
state.setdefault("label", 0 if network.classes else None)
state.setdefault("count", 0)


@st.fragment
def bench() -> None:
    """The instrument, and what it said last."""
    if st.button("Elsewhere"):
        state["code"] = [1.5] * count
    st.button("Again")
    if st.button("Flip"):
        state["flip"] *= -1
        state["code"] = [0.0] * count
    if sentence := live.failure(url):
        st.write(f"Given up: {sentence}")
        return
    base = basis = None
    if along:
        start, vectors = directions(network, along)
        base, basis = (state["flip"] * start).tolist(), vectors.tolist()
    names = [f"Class {i}" for i in range(CLASSES)] if network.classes else ()
    to = live.latent(
        key="live",
        decoder=live.Decoder(url, names, base, basis),
        position=live.Position(state["code"], state["label"]),
        dimensions=[
            live.Dimension(i, f"Dimension {i}", -3, 3, f"{i} nats", dead=i >= 10)
            for i in range(count)
        ],
    )
    if to is not None:
        state["code"], state["label"] = to.code, to.label
        state["count"] += 1
    state["runs"] = state.get("runs", 0) + 1
    st.write(f"Run {state['runs']}.")
    st.write(f"Released {state['count']}: {state['code']} {state['label']}")
    st.write("Temperature", to.temperature if to else None)


bench()
