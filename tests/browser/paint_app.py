"""A page with nothing but a picture in which one paints holes, and a small untrained network."""

import base64

import numpy as np
import streamlit as st
import torch

from core.inference.browser_denoiser import pack_denoiser
from core.models.denoising_nets import DiffusionNet
from pages.components.diffusion_paint import Painter, paint

SHAPE = (1, 28, 28)
st.set_page_config(layout="wide")


@st.cache_resource
def weights() -> str:
    generator = torch.Generator().manual_seed(0)
    network = DiffusionNet(SHAPE, 8, 0, blind=False)
    for weight in network.parameters():
        weight.data += 0.03 * torch.randn(weight.shape, generator=generator)
    packed = base64.b64encode(pack_denoiser(network, "velocity")).decode()
    return f"data:application/octet-stream;base64,{packed}"


@st.fragment
def stage() -> None:
    taken = paint(
        key="paint",
        painter=Painter(weights(), SHAPE, "Stripes"),
        mode="fill",
        picture=np.tile(np.arange(0, 252, 9, dtype=np.uint8), (28, 1)),
    )
    said = "nothing" if taken is None else base64.b64encode(taken.tobytes()).decode()
    st.text(f"Taken: {said}.")


stage()
