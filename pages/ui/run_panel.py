"""A run under way: its state, its losses, and what can be done about it."""

import contextlib
from collections.abc import Callable

import streamlit as st

from core.jobs import queue
from core.projection.methods import PROJECTING
from core.registry import family
from core.runs import store
from core.runs.schema import Status
from core.runs.store import Run
from core.tasks import TASKS
from pages.server.visitor import who
from pages.ui import charts, pictures
from pages.ui.durations import duration
from pages.ui.errors import errors_shown
from pages.ui.names import run_name

Use = Callable[[str], None]
BADGES = {
    "queued": ("blue", "schedule"),
    "running": ("blue", "autorenew"),
    "done": ("green", "check"),
    "failed": ("red", "error"),
    "cancelled": ("grey", "block"),
}


def badge(status: Status) -> None:
    """The state of a run as a badge."""
    state_badge(status.state, *BADGES[status.state])


def state_badge(text: str, colour: str, icon: str) -> None:
    """A word in a colour, with a Material icon."""
    st.badge(text, color=colour, icon=f":material/{icon}:")  # type: ignore[arg-type]


def watch(run_id: str, use: Use | None = None, smoothing: float = 0) -> None:
    """Show a run and, while it is under way, look again every second.

    Args:
        use: called with its id when somebody wants to work with the finished model.
        smoothing: of its losses, from 0 to 1.
    """
    run = _seen(run_id)
    if run is None:
        return
    pause = 1.0 if run.status().active else None
    st.fragment(_panel, run_every=pause)(run_id, pause is not None, use, smoothing)


def _panel(run_id: str, was_active: bool, use: Use | None, smoothing: float) -> None:
    run = _seen(run_id)
    if run is None:
        return
    status = run.status()
    if was_active and not status.active:
        st.rerun()  # it is over: no more looking, and the lists of models have a new entry
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(status)
        st.caption(run_name(run))
        st.space("stretch")
        actions(run, status)
        if (
            use is not None
            and status.state == "done"
            and st.button(
                "Use this model" if run.spec().task in TASKS else "Show this map",
                icon=":material/arrow_upward:",
                key=f"use-{run.id}",
                on_click=use,
                args=(run.id,),
            )
        ):
            st.rerun()  # the stage is outside of this fragment
    progress(run, status)
    if (figure := charts.losses(run, smoothing)) is not None:
        charts.show(figure, key=f"losses-{run.id}", height=260)
    if samples := run.samples():
        last = max(samples)
        alt, caption = f"Sample sheet of epoch {last}", f"After epoch {last}"
        if run.spec().task == PROJECTING.name:
            alt, caption = "The map", "The map. How far to trust it is measured last."
        pictures.sheet_image(samples[last].read_bytes(), alt, caption)
    with contextlib.suppress(KeyError):  # a history of an older kind
        history = run.history().to_dict("records")
        if remark := family(run.spec().task).remark(history):  # type: ignore[arg-type]
            st.caption(remark)


def _seen(run_id: str) -> Run | None:
    """The run, as long as it is there and this visitor may see it; else says so."""
    run = store.find(run_id)
    if run is not None and queue.visible(run, who()):
        return run
    st.info("This run was deleted.")
    return None


def actions(run: Run, status: Status) -> None:
    """Cancel or resume, for those who started the run, and for administrators."""
    if not queue.may_change(run, who()):
        return
    if status.active and st.button("Cancel", icon=":material/stop:", key=f"cancel-{run.id}"):
        _do(queue.cancel, run)
    if status.state in ("failed", "cancelled") and st.button(
        "Resume", icon=":material/play_arrow:", key=f"resume-{run.id}"
    ):
        _do(queue.resume, run)


def _do(action: Callable[[Run, str], object], run: Run) -> None:
    with errors_shown():
        action(run, who())
        st.rerun()


def progress(run: Run, status: Status) -> None:
    """How far a run is, or how it ended."""
    if status.state == "queued":
        st.progress(0.0, _waiting(run, status))
    elif status.state == "running":
        if not run.alive():
            st.progress(status.done, "Waiting for a worker, which takes it up by itself.")
            return
        task = TASKS.get(run.spec().task)
        each = "images/s" if task is None or task.medium == "pictures" else "examples/s"
        speed = f" · {status.images_per_second:,.0f} {each}" if status.images_per_second else ""
        left = f" · {duration(status.eta)} left" if status.eta is not None else ""
        st.progress(status.done, f"{status.stage.capitalize()}{speed}{left}")
    elif status.state == "failed":
        st.error(status.error)
    elif status.state == "cancelled":
        if run.spec().task not in TASKS:
            st.info("Stopped before its end. Resume begins anew.")
            return
        kept = f"{status.epoch - 1} whole epochs are kept." if status.epoch > 1 else ""
        st.info(f"Stopped before its end. {kept} Resume goes on from there.")


def _waiting(run: Run, status: Status) -> str:
    """What a run in the queue waits for."""
    if status.stage:
        return f"{status.stage.capitalize()}."
    before = queue.ahead(run)
    return f"{before} before it in the queue." if before else "Next in line."
