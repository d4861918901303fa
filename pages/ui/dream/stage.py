"""The stage: the picture and its dream, one over the other, also while it is dreamt."""

import streamlit as st

from core import jobs, runs
from core.errors import LabError
from core.images import contact_sheet, to_png
from core.inference.dreaming import fitted
from core.records import Status
from core.runs import Run
from core.settings import settings
from core.tasks.dreaming import DREAMING
from pages.ui.assets import dream_url
from pages.ui.cached import dreams
from pages.ui.compare import before_after
from pages.ui.dream.wishes import Wish, wish
from pages.ui.pictures import sheet_image
from pages.ui.run_panel import duration
from pages.ui.visitor import who

EVERY = 0.5
"""Seconds between two looks at a dream that is being made."""
SHOWN = "dream_shown"
"""Where the session keeps which dream is on the stage."""


def shown() -> Run | None:
    """The finished dream on the stage."""
    run = runs.find(st.session_state.get(SHOWN, ""))
    return run if run is not None and _done(run) else None


@st.fragment
def bench() -> None:
    """Stage and controls; only this runs again when a control is moved."""
    left, right = st.columns([9, 5], gap="large")
    with right:
        asked = wish()
        place = st.container()
    with left:
        run = _known(asked)
        if run is not None and run.status().active:
            st.fragment(_live, run_every=EVERY)(run.id)
        elif run is not None and _done(run):
            if st.session_state.get(SHOWN) != run.id:
                st.session_state[SHOWN] = run.id
                st.rerun()  # what stands below belongs to the dream on the stage
            _finished(run)
        else:
            _waiting(asked, run)
    with place:
        _button(asked, run)


def _known(asked: Wish) -> Run | None:
    """The run that answers, if there is one that this visitor may see."""
    run = None if asked.question is None else runs.find(asked.question.run_id)
    return run if run is not None and jobs.visible(run, who()) else None


def _done(run: Run) -> bool:
    try:
        return run.status().state == "done" and jobs.visible(run, who())
    except LabError:
        return False


def _button(asked: Wish, run: Run | None) -> None:
    """Ask for the dream, with how long it will take."""
    if asked.refusal:
        if asked.picture is not None or not DREAMING.begins_with_a_picture(asked.variant):
            st.error(asked.refusal, icon=":material/error:")
        else:
            st.info("Choose a picture above.")
        return
    if run is not None and run.status().state in ("done", "queued", "running"):
        return
    if settings().training == "off":
        st.info("Jobs are switched off on this server; the shipped dream is here.")
        return
    assert asked.question is not None
    if st.button("Dream", type="primary", icon=":material/auto_awesome:", width="stretch"):
        try:
            with st.spinner("Handing it to a worker"):
                jobs.request(asked.question, who())
        except LabError as error:
            st.error(str(error), icon=":material/error:")
            return
        st.rerun(scope="fragment")
    height, width = asked.question.config.data.shape[1:]
    try:
        values = tuple(sorted(asked.question.config.config.items()))
        seconds = dreams.seconds(asked.variant, values, (height, width))
        st.caption(f"{width}×{height} pixels; about {duration(max(1.0, seconds))} on this machine.")
    except LabError:  # its weights are not here yet: nobody knows
        st.caption(f"{width}×{height} pixels; the network is fetched first.")


def _live(run_id: str) -> None:
    """What there is so far, with how long it will take yet."""
    run = runs.find(run_id)
    if run is None:
        st.rerun()
        return
    status = run.status()
    if not status.active:
        st.rerun()
    _pictures(run, "preview.png")
    _progress(run, status)
    if jobs.mine(run, who()) and st.button("Cancel", icon=":material/stop:", key="cancel-dream"):
        try:
            jobs.cancel(run, who())
        except LabError as error:
            st.error(str(error))


def _progress(run: Run, status: Status) -> None:
    if status.state == "queued":
        before = jobs.ahead(run)
        line = f"{before} before it in the queue." if before else "A worker is about to begin."
        st.progress(0.0, line)
        jobs.keep_going(run)
    elif not run.alive():
        st.progress(status.done, "Waiting for a worker, which takes it up by itself.")
        jobs.keep_going(run)
    else:
        left = "" if status.eta is None else f" · {duration(status.eta)} left"
        st.progress(status.done, f"{status.stage.capitalize()}{left}")


def _pictures(run: Run, name: str) -> None:
    """The picture and what has become of it; only the latter where it began with noise."""
    alt = f"{DREAMING.variant(run.config().variant).title} by {run.config().config['layers']}"
    has_begun = (run.path / name).exists()
    after = dream_url(run, name)
    if (run.path / "picture.png").exists():
        before = dream_url(run, "picture.png")
        before_after(key="compare", before=before, after=after if has_begun else before, alt=alt)
    elif has_begun:
        st.html(f'<img src="{after}" alt="{alt}" style="width:min(100%,70vh);border-radius:.4rem">')
    else:
        st.skeleton(height=360)


def _finished(run: Run) -> None:
    if (run.path / "film.mp4").exists():
        st.video(str(run.path / "film.mp4"), loop=True, autoplay=True, muted=True)
    else:
        _pictures(run, "dream.png")
    _quiet_line(run)


def _quiet_line(run: Run) -> None:
    """How far it rose, and what can be taken away."""
    figures = run.metrics()
    with st.container(horizontal=True, vertical_alignment="center"):
        before, after = figures.get("objective_before"), figures.get("objective")
        if before and after:
            st.badge(f"answer × {after / before:.1f}", color="green", icon=":material/trending_up:")
        st.caption(f"{figures.get('seconds', 0):.1f} s")
        st.space("stretch")
        for name, label, kind in (
            ("film.mp4", "Film", "video/mp4"),
            ("dream.png", "PNG with its recipe", "image/png"),
        ):
            path = run.path / name
            if path.exists():
                st.download_button(
                    label, path.read_bytes, f"{run.id}{path.suffix}", kind,
                    icon=":material/download:", on_click="ignore", key=f"take-{name}",
                )  # fmt: skip
    for remark in figures.get("remarks", []):
        st.caption(remark)


def _waiting(asked: Wish, run: Run | None) -> None:
    """Nothing has been dreamt with these settings: the last dream, or the plain picture."""
    if run is not None:
        status = run.status()
        if status.state == "failed":
            st.error(status.error, icon=":material/error:")
        else:
            st.info("Cancelled. Press Dream to begin anew.")
    last = shown()
    same = last is not None and asked.question is not None and _same_picture(last, asked)
    if last is not None and same:
        _pictures(last, "dream.png")
        st.caption("The dream before, with other settings. Press Dream for a new one.")
    elif asked.picture is not None:
        side = int(asked.values.get("side", 512))
        picture = to_png(contact_sheet(fitted(asked.picture.pixels, side)[None], 1))
        sheet_image(picture, "The picture to dream on")
        st.caption("Nothing has been dreamt here yet. Press Dream.")
    else:
        st.skeleton(height=300)


def _same_picture(last: Run, asked: Wish) -> bool:
    assert asked.question is not None
    config = last.config()
    now = asked.question.config
    return config.data.fingerprint == now.data.fingerprint and config.variant == now.variant
