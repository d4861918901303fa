"""How a run learnt: its sample sheets with a scrubber, and its losses."""

import streamlit as st

from core.errors import LabError
from core.jobs import queue
from core.runs.store import Run
from core.tasks import task
from pages.components import slider_preview
from pages.server.visitor import who
from pages.ui import charts, pictures
from pages.ui.downloads import csv_button


def over_epochs(run: Run, shown: str) -> None:
    """The same images as training went on, with the losses.

    Args:
        shown: what the sample sheets show, for those who cannot see them.
    """
    if not scrubber(run, shown):
        return
    if (figure := charts.losses(run)) is not None:
        charts.show(figure, key="losses", height=280)
        if not any(name == "fid" or name.startswith("test_") for name in run.history().columns):
            st.caption(
                "This run kept no figures of test images after each epoch, only those at its end."
            )
    csv_button(run.history, f"{run.id}-history")


def scrubber(run: Run, shown: str) -> bool:
    """The sample sheets by epoch; says so, and gives False, where there are none to compare."""
    if len(run.samples()) < 2:
        learns = task(run.spec().task).variant(run.spec().variant).learns
        st.info(
            "This run kept no sample sheets, so there is nothing to play."
            if learns
            else "This method has nothing to learn, so there is no history to show."
        )
        return False
    st.fragment(_scrub)(run, shown)
    return True


def _scrub(run: Run, shown: str) -> None:
    if not queue.visible(run, who()):
        st.rerun()  # the link to it was withdrawn
    samples = run.samples()
    epochs = list(samples)
    key = f"epoch-{run.id}"
    epoch = st.select_slider("Epoch", epochs, value=epochs[-1], key=key, bind="query-params")

    def look(place: float) -> str:
        if not 0 <= place < len(epochs):
            raise LabError("There is no such sheet.")
        at = epochs[int(place)]
        return pictures.sheet_html(samples[at].read_bytes(), f"{shown} after epoch {at}")

    place = epochs.index(epoch)
    if not queue.entitled(run, who()):  # a look ahead would outlive the link
        st.html(look(place))
        return
    of = f"{run.id} {run.version()} {shown} {epochs}".encode()  # more come while it is trained
    slider_preview.show(look(place), place, look, of, slider=key)
