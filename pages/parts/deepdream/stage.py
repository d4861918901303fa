"""The stage: the picture and its dream, one over the other, also while it is dreamt."""

import streamlit as st
from torch import Tensor

from core.dreaming import dream_runs, films
from core.dreaming.starting_pictures import NOISE, fitted
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.images import contact_sheet, data_url, to_png
from core.jobs import queue
from core.runs import store
from core.runs.store import Run
from pages.components.compare import before_after
from pages.parts.deepdream.controls import DreamForm, dream_form
from pages.server.run_files import dream_url
from pages.server.visitor import admitted, who
from pages.ui import sending
from pages.ui.cached import dreams
from pages.ui.downloads import download
from pages.ui.durations import estimate
from pages.ui.errors import errors_shown
from pages.ui.run_panel import progress

KEY = "dream_stage"
PREVIEW_SECONDS = 0.5
"""Seconds between two previews of a running dream."""
SHOWN, BELOW, OPENED = "dream_shown", "dream_below", "dream_opened"
"""Session keys of the dream on the stage, of what the tabs were drawn for, and of the dream that
was opened last."""

EMPTY = """<div style="display:grid;place-items:center;min-height:10rem;padding:1rem;opacity:.7;
border:1px dashed;border-radius:.5rem;text-align:center">Your picture will be shown here.</div>"""


def bench() -> Run | None:
    """Draw stage and controls; return the finished dream on the stage, for the tabs below."""
    st.session_state.pop(BELOW, None)
    _stage()
    return _shown()


def _shown() -> Run | None:
    run = store.find(st.session_state.get(SHOWN, ""))
    return run if run is not None and _done(run) else None


@st.fragment
def _stage() -> None:
    """Draw stage and controls. Only this fragment reruns when a control is moved; the whole page
    does when the tabs below were drawn for other values."""
    left, right = st.columns([9, 5], gap="large")
    scene, below = left.container(key=KEY), left.container()
    with right:
        form = dream_form(below)
    with scene:
        run = _known(form) or _opened(form)
        if run is not None and run.status().active:
            st.fragment(_live, run_every=PREVIEW_SECONDS)(run.id)
        elif run is not None and _done(run):
            st.session_state[SHOWN] = run.id
            _finished(run)
        else:
            _waiting(form, run)
    with form.place:
        _button(form, run)
    drawn_for = (form.values["backbone"], form.values["layers"], st.session_state.get(SHOWN))
    if st.session_state.setdefault(BELOW, drawn_for) != drawn_for:
        st.rerun()


def _known(form: DreamForm) -> Run | None:
    """The run of this request, if there is one that this visitor may see."""
    run = None if form.request is None else store.find(form.request.run_id)
    return run if run is not None and queue.visible(run, who()) else None


def _opened(form: DreamForm) -> Run | None:
    """The dream that was opened, while the settings are its own and no other picture is chosen.

    Its picture need not be here: somebody's own is not kept in the browser.
    """
    run = store.find(st.session_state.get(OPENED, ""))
    if run is None or not _done(run) or run.spec().variant != form.variant:
        return None
    if form.request and form.request.config.data.fingerprint != run.spec().data.fingerprint:
        return None
    try:
        config = DREAMING.config(form.variant, form.values)
    except LabError:
        return None
    its = DREAMING.config_of(run)
    guided = {"measure": config.measure} if its.measure == "guide" else {}
    return run if its.model_copy(update=guided) == config else None


def _done(run: Run) -> bool:
    try:
        return run.status().state == "done" and queue.visible(run, who())
    except LabError:
        return False


def _button(form: DreamForm, run: Run | None) -> None:
    """The button that starts the dream, with the expected duration."""
    if run is not None and run.status().state in ("done", "queued", "running"):
        return
    if form.refusal:
        if form.picture is not None or not DREAMING.needs_picture(form.variant):
            st.error(form.refusal, icon=":material/error:")
        else:
            st.info("Choose a picture above.")
        return
    if not admitted():
        return
    assert form.request is not None
    if st.button("Dream", type="primary", icon=":material/auto_awesome:", width="stretch"):
        with errors_shown():
            with st.spinner("Handing it to a worker"):
                queue.submit(form.request, who())
            st.rerun()
        return
    height, width = form.request.config.data.shape[1:]
    try:
        expected = dreams.seconds(form.variant, form.request.config.config, (height, width))
        st.caption(f"{width}×{height} pixels; about {estimate(*expected)} on this machine.")
    except LabError:  # its weights are not here yet: nobody knows
        st.caption(f"{width}×{height} pixels; the network is fetched first.")


def _live(run_id: str) -> None:
    """Show the preview of a running dream, with the time left."""
    run = store.find(run_id)
    if run is None:
        st.rerun()
        return
    status = run.status()
    if not status.active:
        st.rerun()
    ended = (run.path / "dream.png").exists()  # then the preview goes
    _pictures(run, "dream.png" if ended else "preview.png")
    progress(run, status)
    if queue.may_change(run, who()) and st.button(
        "Cancel", icon=":material/stop:", key="cancel-dream"
    ):
        with errors_shown():
            queue.cancel(run, who())


def _pictures(run: Run, name: str) -> None:
    """Show the picture beside its dream; only the dream where it began with noise."""
    alt = f"{DREAMING.variant(run.spec().variant).title} by {run.spec().config['layers']}"
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
    """Show how much the objective rose, and the downloads."""
    figures = run.metrics()
    with st.container(horizontal=True, vertical_alignment="center"):
        before, after = figures.get("objective_before"), figures.get("objective")
        if before and after:
            rose = round(after / before, 1)
            icon = f":material/trending_{'up' if rose > 1 else 'flat'}:"
            text = f"answered {rose:.1f} times as strongly"
            st.badge(text, color="green" if rose > 1 else "grey", icon=icon)
        st.caption(f"dreamt in {figures.get('seconds', 0):.1f} s")
        st.space("stretch")
        film, picture = run.path / "film.mp4", run.path / "dream.png"
        if film.exists():
            fps = int(run.spec().config["fps"])
            download("Film", film.read_bytes, f"{run.id}.mp4", "take-video/mp4")
            download("GIF", lambda: films.gif(film, fps), f"{run.id}.gif", "take-image/gif")
        if picture.exists():
            download("PNG with its recipe", picture.read_bytes, f"{run.id}.png", "take-image/png")
            what = f"A dream by {run.spec().config['layers']}"
            sending.send_to({what: lambda: dream_runs.pixels_of(run, "dream.png")})
    for remark in figures.get("remarks", []):
        st.caption(remark)


def _waiting(form: DreamForm, run: Run | None) -> None:
    """Show a preview while these settings have no dream; the last dream or the plain picture where
    there can be none."""
    if run is not None:
        status = run.status()
        if status.state == "failed":
            st.error(status.error, icon=":material/error:")
        else:
            st.info("Cancelled. Press Dream to begin anew.")
    if _preview(form):
        return
    last = _shown()
    if last is not None and _same_picture(last, form):
        _pictures(last, "dream.png")
        st.caption("The dream before, with other settings. Press Dream for a new one.")
        return
    st.session_state.pop(SHOWN, None)
    grows = not DREAMING.needs_picture(form.variant)
    begins_with = dreams.sample(NOISE) if grows else form.picture
    if begins_with is None:
        st.html(EMPTY)
        return
    side = int(form.values.get("side", 512))
    _plain(fitted(begins_with.pixels, side), "Noise" if grows else "The picture to dream on")
    text = "A picture grows out of noise" if grows else "Nothing has been dreamt here yet"
    st.caption(text + (". Press Dream." if queue.may_start(who()) else "."))


def _preview(form: DreamForm) -> bool:
    """Show a quick small dream of these settings, marked as such; return whether there is one."""
    if form.request is None:
        return False
    try:
        drawn = dreams.preview(form.request)
    except LabError:  # the dream itself will say why
        return False
    if drawn is None:
        return False
    after = _address(drawn)
    alt = f"A quick small dream by {form.request.config.config['layers']}"
    before = form.request.given.get("picture.png")
    if before is None:
        st.html(f'<img src="{after}" alt="{alt}" style="width:min(100%,70vh);border-radius:.4rem">')
    else:
        labels = ("Before", "Preview")
        before_after(key="compare", before=data_url(before), after=after, alt=alt, labels=labels)
    press = " Press Dream for the whole one." if queue.may_start(who()) else ""
    st.caption(f"Preview: small, and with few steps.{press}")
    return True


def _address(pixels: Tensor) -> str:
    """A picture (3, H, W) as an address of its own."""
    return data_url(to_png(contact_sheet(pixels[None], 1)))


def _plain(pixels: Tensor, alt: str) -> None:
    """A picture, uint8 (3, H, W), as large as it will be beside its dream."""
    aspect = pixels.shape[2] / pixels.shape[1]
    st.html(
        f'<img class="lab-plain" src="{_address(pixels)}" alt="{alt}" style="display:block;'
        f'margin-inline:auto;width:min(100%,{70 * aspect:.2f}vh);border-radius:.5rem">'
    )


def _same_picture(last: Run, form: DreamForm) -> bool:
    """Whether the last dream is of the same picture; it also stays while there is no request."""
    spec = last.spec()
    if spec.variant != form.variant:
        return False
    if form.request is None:
        return form.picture is not None or not DREAMING.needs_picture(form.variant)
    return spec.data.fingerprint == form.request.config.data.fingerprint
