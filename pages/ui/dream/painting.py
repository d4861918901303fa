"""A mask, painted on the picture with the mouse or a finger."""

import streamlit as st
import torch
from PIL import Image
from streamlit_drawable_canvas import st_canvas
from torch import Tensor

from core.inference.dreaming import fitted

WIDTH = 340
"""Pixels of the canvas's longer side."""


def painted(pixels: Tensor) -> Tensor | None:
    """Where to dream, uint8 (H, W); None, which is everywhere, while nothing is painted.

    Args:
        pixels: uint8 (3, H, W), shown below the paint.
    """
    if not st.toggle("Dream only where I paint", key="painting"):
        return None
    small = fitted(pixels, WIDTH)
    height, width = small.shape[1:]
    brush = st.slider("Brush", 8, 120, 48, key="brush")
    result = st_canvas(
        stroke_width=brush,
        stroke_color="#ffffff",
        background_image=Image.fromarray(small.permute(1, 2, 0).contiguous().numpy()),
        width=width,
        height=height,
        drawing_mode="freedraw",
        return_image_data=True,
        key=f"mask-{width}x{height}",
    )
    if result.json_data is None or not result.json_data.get("objects"):
        st.caption("Paint with the mouse or a finger.")
        return None
    drawn = result.image_data
    return None if drawn is None else torch.from_numpy(drawn[..., 3].copy())
