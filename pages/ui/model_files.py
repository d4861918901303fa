"""What a classifier is taken away as: an ONNX file, made on demand and offered once it answers as
PyTorch does; its weights; and how both are used."""

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


def panel(run: Run, *, takes: str, weights: str, commands: str, use: str) -> None:
    """Offer both files, and say how far the ONNX file's answers are from those here.

    Args:
        takes: what goes into the ONNX file and what comes out.
        weights: what the file of weights is of.
        commands: of the command line, a line each.
        use: a program in Python that uses the ONNX file.
    """
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**ONNX**")
        st.caption(f"{takes} Made on demand, in half a minute.")
        _file(run)
    with right:
        st.markdown("**Weights**")
        st.caption(weights)
        download(
            "safetensors",
            while_visible(run, lambda: (run.path / "model.safetensors").read_bytes()),
            f"{run.id}.safetensors",
            f"weights-{run.id}",
        )
        st.markdown("**Command line**")
        st.code(commands, language="bash", wrap_lines=True)
    st.markdown("**Use it anywhere**")
    st.code(use, language="python")


def _file(run: Run) -> None:
    """A button that makes the file; then the file."""
    if st.button("Make the file", icon=":material/deployed_code:", key=f"make-{run.id}"):
        _make(run)
    content = session_files.files_of(FILES).get(run.id)
    if content is not None and "onnx_report" in st.session_state:
        _offer(run, content, st.session_state["onnx_report"])


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
    scaling = report.scaling_difference
    nearly = "nearly " if (scaling or 0) >= MIN_DIFFERENCE else ""
    st.badge(f"answers {nearly}as the app does", color="green", icon=":material/verified:")
    scaled = (
        ""
        if scaling is None
        else " Photographs of other sizes are scaled in the file, here by Pillow: tried on two "
        f"photographs at seven sizes each, probabilities differ by {100 * scaling:.2g} percentage "
        "points at most."
    )
    st.caption(
        f"Compared in onnxruntime on {report.compared_on}: probabilities differ by "
        f"{report.max_difference:.1e} at most.{scaled}"
    )
