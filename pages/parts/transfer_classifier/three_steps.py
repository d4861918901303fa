"""Bring, teach, try: a classifier of one's own in three boxes on one screen."""

import streamlit as st

from core.jobs import queue
from core.metrics.image import percent
from core.runs import store
from core.runs.query import classes_of
from core.runs.store import Run
from core.tasks.transfer import TRANSFER
from core.training import make_request
from pages.parts.transfer_classifier import image_set_editor, prediction
from pages.parts.transfer_classifier.photographs import LIVE, choose_photographs
from pages.server.visitor import admitted, who
from pages.ui import cached
from pages.ui.errors import errors_shown
from pages.ui.proportions import interval
from pages.ui.run_panel import Use, watch
from pages.ui.training_panel import keep_watching
from pages.ui.widgets import segmented

VARIANT = "new_head"
"""What learns in seconds."""
TAUGHT = "taught_here"
"""Session key of the run that the second box shows."""
TITLE = "My pictures"


def panel(use: Use) -> None:
    """Three boxes; each says what it waits for."""
    bring, teach, attempt = st.columns(3, border=True)
    with bring:
        st.subheader("1 · Bring", anchor=False)
        pictures = image_set_editor.class_boxes()
        _next(pictures)
    run = store.find(st.session_state.get(TAUGHT, ""))
    with teach:
        st.subheader("2 · Teach", anchor=False)
        _teach(run)
    with attempt:
        st.subheader("3 · Try", anchor=False)
        _try(run, use)


def _next(pictures: image_set_editor.ByClass | None) -> None:
    """Begin to teach a network on the pictures."""
    if not admitted():
        return
    kinds = sum(bool(files) for files in (pictures or {}).values())
    pressed = st.button(
        "Next: teach",
        key="teach_now",
        type="primary",
        icon=":material/arrow_forward:",
        disabled=kinds < TRANSFER.least_classes,
        help="Bring pictures of two kinds, and give each kind a name."
        if kinds < TRANSFER.least_classes
        else None,
    )
    if pressed and pictures and (info := image_set_editor.made_of(pictures, TITLE)) is not None:
        with errors_shown(), st.spinner("Handing it to a worker"):
            request = make_request(TRANSFER.name, VARIANT, info.name)
            st.session_state[TAUGHT] = queue.submit(request, who()).id
            keep_watching(TRANSFER, st.session_state[TAUGHT])


def _teach(run: Run | None) -> None:
    """How far it is, and then how well it does on the pictures that were kept for testing."""
    if run is None:
        st.caption(
            "A network that has seen a million photographs looks at yours once, and learns which "
            "is which in some seconds. It waits for pictures of two kinds."
        )
        return
    watch(run.id)
    metrics = run.metrics()
    if {"accuracy", "n_test"} <= metrics.keys():
        st.caption(
            f"Right for {percent(metrics['accuracy'])} of {metrics['n_test']} pictures that it did "
            f"not learn from (95 % interval {interval(metrics['accuracy'], metrics['n_test'])})."
        )


def _try(run: Run | None, use: Use) -> None:
    """The camera or further pictures, answered."""
    if run is None or run.status().state != "done" or not queue.visible(run, who()):
        st.caption("Here the network says what it sees, as soon as it has learnt.")
        return
    classes = classes_of(run)
    source = segmented("Try it with", ("Upload", LIVE), "try_with", bind=None)
    if source == LIVE:
        prediction.live(run, classes)
    else:
        for name, picture in choose_photographs(source, run):
            prediction.brief(name, picture, cached.answer(run, picture), classes)
    st.button(
        "Next: look closer",
        key="look_closer",
        icon=":material/arrow_forward:",
        on_click=use,
        args=(run.id,),
    )
