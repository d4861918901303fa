"""The smallest page there is: a slider, and a picture made with numpy, in a fragment.

What a move costs here is Streamlit's own; `--beside` holds the lab's pages against it.
"""

import numpy as np
import streamlit as st


@st.fragment
def bench() -> None:
    """Only this runs again when the slider is moved."""
    strength = st.slider("Strength", 0.0, 1.0, 0.5)
    noise = np.random.default_rng(0).random((56, 448))
    st.image(strength * noise)


bench()
