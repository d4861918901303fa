"""Paint holes into a picture, or draw roughly, and watch a diffusion finish it."""

import random

import streamlit as st
import torch
from torch import Tensor

from core import data
from core.runs.query import shipped
from core.runs.store import Run
from core.tasks.classification import RECOGNITION
from core.tasks.diffusion import DIFFUSION
from pages.components.diffusion import denoiser_url
from pages.components.diffusion_paint import Painter, Reader, paint
from pages.components.network import network_url
from pages.parts.diffusion import paint_by_server
from pages.parts.diffusion.choice import SAMPLE, network, own_sample, test_picture
from pages.ui import cached, inputs, links, sending
from pages.ui.names import dataset_title
from pages.ui.run_choice import set_of
from pages.ui.widgets import segmented

FILL, SCRIBBLE = "Fill holes", "From a scribble"
TEST, DRAW, UPLOAD, SHEET = "Test image", "Draw", "Upload", "Black sheet"
FIRST = 7
"""A test image at first whose upper half is that of several digits."""
DIGITS = ("mnist", "digits")


def panel() -> None:
    """The stage, and below it what one can put there."""
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        scribbles = segmented("What to do", [FILL, SCRIBBLE], "fill_mode") == SCRIBBLE
    with right:
        run = network()
    if run is None:
        return
    refused = cached.browser_refusal(run)
    stage, below = st.container(), st.container()
    with below:
        pixels, title = _picture(run, scribbles, refused is None)
    with stage:
        if refused:
            st.info(f"{refused} The server draws with it instead.")
            paint_by_server.stage(run, scribbles, pixels, title)
        else:
            _stage(run, scribbles, pixels, title)


@st.fragment
def _stage(run: Run, scribbles: bool, pixels: Tensor | None, title: str) -> None:
    """Only this runs again when a result is pressed."""
    if pixels is None and not scribbles:
        st.info(paint_by_server.NOTHING_YET)
        return
    shown = None if pixels is None else pixels.permute(1, 2, 0).squeeze(2).numpy()
    taken = paint(
        key="diffusion-paint",
        painter=_painter(run),
        mode="scribble" if scribbles else "fill",
        picture=shown,
        reader=_reader(run.spec().dataset),
    )
    sent = {} if pixels is None else {title: pixels}
    if taken is not None:
        channels = torch.from_numpy(taken.copy())
        result = channels[None] if channels.ndim == 2 else channels.permute(2, 0, 1)
        what = "A picture drawn" if scribbles else f"{title}, filled"
        sent = {f"{what} by {DIFFUSION.variant(run.spec().variant).title}": result} | sent
    with st.container(horizontal=True, vertical_alignment="center"):
        if sent:
            sending.send_to(sent)
        st.caption("Press a result, and it can be sent to another page.")


# ---- what stands on the stage


def _picture(run: Run, scribbles: bool, has_pen: bool) -> tuple[Tensor | None, str]:
    """uint8 (C, H, W) or None, and what it is.

    Args:
        has_pen: a scribble is drawn on the stage itself.
    """
    sets = _sets(run)
    own = [SHEET if scribbles and has_pen else DRAW, UPLOAD]
    known = [TEST if sets else SAMPLE]
    kinds = [*own[:1], *known, *own[1:]] if scribbles else [*known, *own]
    source = segmented("Begin with" if scribbles else "Picture", sending.sources(kinds),
                       "fill_sheet" if scribbles else "fill_source")  # fmt: skip
    if source == SHEET:
        return None, ""
    if source == TEST:
        return _test_image(run, sets)
    if source == SAMPLE:
        pixels, title = own_sample(run, "fill_noise")
        return pixels[0], title
    own_picture = inputs.own_pixels(source, 1, run.spec().data.shape)
    return (None if own_picture is None else own_picture[0]), inputs.own_title(source)


def _sets(run: Run) -> list[str]:
    """Sets whose test images are here: the network's own first, then those that are as large."""
    shape, own = run.spec().data.shape, run.spec().dataset
    names = [
        n for n, info in data.BUILT_IN.items()
        if "test" in data.available(n) and (n == own or tuple(info.shape) == tuple(shape))
    ]  # fmt: skip
    mine = set_of(run)
    if own not in data.BUILT_IN and mine and mine.splits.get("test"):
        names.append(own)
    return sorted(names, key=lambda name: name != own)


def _test_image(run: Run, sets: list[str]) -> tuple[Tensor, str]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        own = run.spec().dataset
        dataset = links.set_box(
            "Data set", sets, key="fill_set", default=own if own in sets else None
        )
        count = data.info(dataset).splits["test"]
        number = inputs.choose_index("Test image", count, key="fill_number", default=FIRST)
        st.button(
            "Another", icon=":material/casino:", on_click=_another, args=(count,), key="fill_random"
        )
    title = f"Test image {number:,} of {dataset_title(dataset)}"
    return test_picture(run, dataset, number)[0], title


def _another(count: int) -> None:
    st.session_state["fill_number"] = random.randrange(count)


# ---- networks


def _painter(run: Run) -> Painter:
    spec = run.spec()
    info = set_of(run)
    conditional = DIFFUSION.variant(spec.variant).conditional
    names = info.classes if info else ()
    count = spec.data.classes if conditional else 0
    classes = list(names) if len(names) == count else [str(k) for k in range(count)]
    return Painter(
        denoiser_url(run), spec.data.shape, dataset_title(spec.dataset), classes,
        digits=spec.dataset in DIGITS,
    )  # fmt: skip


def _reader(dataset: str) -> Reader | None:
    """The best kept small classifier of a data set; None without."""
    runs = [run for run in shipped(RECOGNITION, dataset) if run.spec().variant == "cnn"]
    if not runs:
        return None
    best = max(runs, key=lambda run: float(run.metrics().get("accuracy", 0)))
    right = float(best.metrics().get("accuracy", 0))
    names = data.info(dataset).classes
    return Reader(network_url(best), names, RECOGNITION.variant("cnn").title, f"{right:.1%}")
