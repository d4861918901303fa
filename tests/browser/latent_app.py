"""A page with nothing but the live instrument: the model, and what else is asked, in the URL."""

import base64

import streamlit as st
from latent_models import CLASSES, model

from core.inference.browser import pack
from pages.ui import live

name = st.query_params.get("model", "vae")
network = model(name)
url = f"data:application/octet-stream;base64,{base64.b64encode(pack(network)).decode()}"
if name == st.query_params.get("broken"):
    url = "/nothing/here"
state = st.session_state
state.setdefault("code", [0.0] * network.latent)
state.setdefault("label", 0 if network.classes else None)
state.setdefault("count", 0)


@st.fragment
def bench() -> None:
    """The instrument, and what it said last."""
    if st.button("Elsewhere"):
        state["code"] = [1.5] * network.latent
    st.button("Again")
    if sentence := live.failure(url):
        st.write(f"Given up: {sentence}")
        return
    to = live.latent(
        key="live",
        decoder_url=url,
        code=state["code"],
        label=state["label"],
        dimensions=[
            live.Dimension(i, f"Dimension {i}", -3, 3, f"{i} nats", dead=i >= 10)
            for i in range(network.latent)
        ],
        class_names=[f"Class {i}" for i in range(CLASSES)] if network.classes else (),
        manifold=network.latent == 2,
    )
    if to is not None:
        state["code"], state["label"] = to.code, to.label
        state["count"] += 1
    st.write(f"Released {state['count']}: {state['code']} {state['label']}")
    st.write("Temperature", to.temperature if to else None)


bench()
