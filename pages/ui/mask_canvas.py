"""A mask, painted on a picture with the mouse or a finger."""

import numpy as np
import streamlit as st
import torch
from PIL import Image
from torch import Tensor

WIDTH = 320
"""Pixels of the canvas's longer side: a phone has room for them, and so has a narrow stage."""
PAINT = "#ffffffa0"
"""Half transparent, so that the picture shows through."""


def mask_canvas(picture: Image.Image, hint: str) -> Tensor | None:
    """Where a visitor has painted, uint8 (H, W) of 0 and 255; None while nothing is.

    Args:
        picture: shown below the paint, as large as the canvas is to be.
        hint: what to do, said while nothing is painted.
    """
    from streamlit_drawable_canvas import st_canvas  # here: only a running page can import it

    width, height = picture.size
    brush = st.slider("Brush", 8, 96, 40, key="brush", width=WIDTH)
    result = st_canvas(
        stroke_width=brush,
        stroke_color=PAINT,
        background_image=picture,
        width=width,
        height=height,
        drawing_mode="freedraw",
        return_image_data=True,
        key=f"mask-{width}x{height}",
    )
    if result.json_data is None or not result.json_data.get("objects"):
        st.caption(hint)
        return None
    drawn = result.image_data
    return None if drawn is None else torch.from_numpy((drawn[..., 3] > 0) * np.uint8(255))
