"""A run's network as an ONNX file: made on demand, and offered once it answers as PyTorch does."""

import tempfile
from pathlib import Path

import streamlit as st

from core.inference.export import ExportReport
from core.inference.export import export as write
from core.runs.store import Run
from pages.ui import session_files
from pages.ui.concurrency import turn
from pages.ui.downloads import download
from pages.ui.errors import errors_shown

FILES = "onnx"
"""The group of session files that exports belong to."""
MIN_DIFFERENCE = 0.01
"""Difference of a probability on scaled photographs from which the badge says "nearly"."""


def offer(run: Run) -> None:
    """A button that makes the file; then the file, and how far its answers are from those here."""
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
