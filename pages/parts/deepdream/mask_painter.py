"""A mask, painted on the picture with the mouse or a finger."""

import numpy as np
import streamlit as st
import torch
from PIL import Image
from torch import Tensor

from core.dreaming.starting_pictures import fitted
from pages.server.streamlit_private import DeltaGenerator

WIDTH = 320
"""Pixels of the canvas's longer side: a phone has room for them, and so has a narrow stage."""
PAINT = "#ffffffa0"
"""Half transparent, so that the picture shows through."""


def painted(pixels: Tensor, place: DeltaGenerator) -> Tensor | None:
    """Where to dream, uint8 (H, W); None, which is everywhere, while nothing is painted.

    Args:
        pixels: uint8 (3, H, W), shown below the paint.
        place: where the canvas is to be.
    """
    if not st.toggle("Dream only where I paint", key="painting"):
        return None
    with place:
        return _canvas(pixels)


def _canvas(pixels: Tensor) -> Tensor | None:
    from streamlit_drawable_canvas import st_canvas  # here: only a running page can import it

    small = fitted(pixels, WIDTH)
    height, width = small.shape[1:]
    brush = st.slider("Brush", 8, 96, 40, key="brush", width=WIDTH)
    result = st_canvas(
        stroke_width=brush,
        stroke_color=PAINT,
        background_image=Image.fromarray(small.permute(1, 2, 0).contiguous().numpy()),
        width=width,
        height=height,
        drawing_mode="freedraw",
        return_image_data=True,
        key=f"mask-{width}x{height}",
    )
    if result.json_data is None or not result.json_data.get("objects"):
        st.caption("Paint where to dream, with the mouse or a finger.")
        return None
    drawn = result.image_data
    return None if drawn is None else torch.from_numpy((drawn[..., 3] > 0) * np.uint8(255))
