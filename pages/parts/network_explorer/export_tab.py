"""Take a network along: as an ONNX file, as weights, by the command line."""

import streamlit as st

from pages.parts.network_explorer.networks import Network
from pages.ui import model_files

USE = """
import json
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("{name}.onnx")
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
picture = Image.open("picture.png").convert("{mode}").resize(({width}, {height}))
pixels = np.asarray(picture, np.float32).reshape({height}, {width}, {channels}) / 255
(probabilities,) = session.run(None, {{"image": pixels.transpose(2, 0, 1)[None]}})
for i in probabilities[0].argsort()[::-1]:
    print(i, classes[i], round(float(probabilities[0][i]), 3))
"""


def panel(network: Network) -> None:
    """Offer both files, and say how far the ONNX file's answers are from those here."""
    run = network.run
    if run is None:
        st.info(
            "This network comes from a library, which has its weights: see “Code”. Choose a run to "
            "export it."
        )
        return
    _, height, width = network.shape
    model_files.panel(
        run,
        takes=f"Pictures of {height} × {width} in [0, 1] in, probabilities out, batches of any "
        "size.",
        weights="For the network that “Code” builds.",
        commands=f"python -m core inspect {run.id}\npython -m core predict {run.id} picture.png",
        use=use(run.id, network),
    )


def use(name: str, network: Network) -> str:
    """A program that asks the file, called `name`.onnx, for a picture."""
    channels, height, width = network.shape
    mode = "L" if channels == 1 else "RGB"
    return USE.strip().format(name=name, mode=mode, height=height, width=width, channels=channels)
