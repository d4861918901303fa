"""A page with nothing but the wall, drawn by a network that has learnt nothing."""

import base64

import streamlit as st
import torch

from core.inference.browser_denoiser import pack_denoiser
from core.models.denoising_nets import DiffusionNet
from pages.components import diffusion_wall
from pages.components.diffusion_wall import Network

st.set_page_config(layout="wide")
CLASSES = ("zero", "one", "two")


@st.cache_resource
def served(classes):
    """A network as an address."""
    torch.manual_seed(0)
    model = DiffusionNet((1, 8, 8), 8, classes, blind=not classes)
    packed = pack_denoiser(model, "velocity" if classes else "residual")
    return f"data:application/octet-stream;base64,{base64.b64encode(packed).decode()}"


query = st.query_params.to_dict()
classes = () if "blind" in query else CLASSES
url = "/nothing/here" if "broken" in query else served(len(classes))
process = "velocity" if classes else "residual"
sent = diffusion_wall.wall(
    key="wall",
    network=Network(url, "pictures", (1, 8, 8), process, classes),
    controls=diffusion_wall.read(query, len(classes)),
    invited=None,
    takers={"deepdream": "DeepDream"},
)
if sent is not None:
    st.text(f"{sent.page} {tuple(sent.pixels.shape)}")
if reason := diffusion_wall.failure(url):
    st.text(reason)
