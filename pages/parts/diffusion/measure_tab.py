"""What could have been measured: pictures that agree with a few numbers of one."""

import random
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
import torch
from torch import Tensor

from core import data
from core.images import contact_sheet, signed, to_png
from core.inference.flow_likelihood import STEPS
from core.inference.linear_measurements import KINDS
from core.inference.posterior_sampling import How
from core.jobs import queue
from core.models.noise_processes import VELOCITY
from core.runs.store import Run
from pages.components import picks
from pages.parts.diffusion.choice import (
    SAMPLE,
    has_test_images,
    network,
    own_sample,
    sampling_controls,
    test_picture,
)
from pages.server.visitor import who
from pages.ui import cached, inputs, pictures, sending
from pages.ui.cached.restorations import PROBES, SAMPLES, Looked, Measured, Restored
from pages.ui.downloads import csv_button, png_button
from pages.ui.errors import errors_shown
from pages.ui.names import class_title, dataset_title
from pages.ui.pictures import Sheet
from pages.ui.widgets import number, segmented

FRAME = (47, 158, 68)
TEST = "Test image"
CARD = 84
"""Pixels that a picture is wide at least: six stand side by side."""
ENLARGED = 8
"""Side of a pixel where one is marked."""
PIXEL_PICKS = "pixel-picks"


def measure() -> None:
    """Measure a picture, and draw what it could have been."""
    stage, beside = st.columns([9, 5], gap="large")
    with beside:
        run = network()
        if run is None:
            return
        picture, title = _picture(run)
        kind, level = _measurement()
        how = sampling_controls(run)
    if picture is None:
        stage.info("Draw or upload something, and it is measured here.")
        return
    with stage:
        _restored(Measured(run, picture, kind, level, how.seed, how), title)
    st.divider()
    _filter(run, picture, how)
    if cached.diffusion_prior(run).process is VELOCITY:
        st.divider()
        _bits(run)


# ---- controls


def _picture(run: Run) -> tuple[Tensor | None, str]:
    """A picture, uint8 (1, C, H, W), and what it is; None while there is nothing yet."""
    dataset = run.spec().dataset
    first = TEST if has_test_images(dataset) else SAMPLE
    source = segmented("Picture", sending.sources([first, "Draw", "Upload"]), "measured")
    shape = cached.diffusion_prior(run).shape
    if source == SAMPLE:
        return own_sample(run, "measured_noise")
    if source != TEST:
        return inputs.own_pixels(source, 1, shape), inputs.own_title(source)
    labels = data.load(dataset, "test").labels
    count = len(labels)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = inputs.choose_index("Test image", count, key="measured_image", width=150)
        st.button("Another", icon=":material/casino:", on_click=_another, args=(count,))
    label = int(labels[chosen])
    of = f": {class_title(dataset, label)}" if label >= 0 else ""
    return test_picture(run, dataset, chosen), f"Test image {chosen:,}{of}"


def _another(count: int) -> None:
    st.session_state["measured_image"] = random.randrange(count)


def _measurement() -> tuple[str, float]:
    kind = st.selectbox(
        "What is known",
        list(KINDS),
        index=list(KINDS).index("pixels"),
        format_func=lambda name: KINDS[name].title,
        key="known",
        bind="query-params",
    )
    chosen = KINDS[kind]
    level = st.select_slider(
        "How much",
        chosen.levels,
        chosen.usual,
        format_func=chosen.label,
        key=f"known_{kind}",
        bind="query-params",
    )
    return kind, float(level)


# ---- what could have been measured


def _restored(request: Measured, title: str) -> None:
    if not queue.visible(request.run, who()):
        st.rerun()  # the link to it was withdrawn
    with errors_shown():
        result = cached.restored(request)
        above, below = _cards(request, result, title)
        pictures.cards(above, CARD)
        st.markdown(f"**{SAMPLES} pictures that agree with it**")
        pictures.cards(below, CARD)
        st.caption(_sentence(result))
        _quiet_line(request, result, above + below)


def _cards(
    request: Measured, result: Restored, title: str
) -> tuple[list[tuple[str, Tensor, str]], list[tuple[str, Tensor, str]]]:
    """What was measured and made of it, and the samples: titles, pictures, lines."""
    drawn, measured = result.drawn, result.measurement
    count, pixels = len(measured.rows), measured.height * measured.width
    peak = float(drawn.spread.max())
    inverse = ("Pseudo-inverse", drawn.inverse[0], f"{result.inverse:.1f} dB, no network")
    above = [
        (title, request.picture[0] / 255, "as it is"),
        ("What is known", result.shown[0], f"{count:,} numbers of {pixels:,}"),
        *([inverse] if measured.seen is not None else []),
        ("One look", drawn.one_look[0], f"{result.one_look:.1f} dB"),
        (f"Mean of {SAMPLES}", drawn.mean[0], f"{result.mean:.1f} dB"),
        ("Spread", (drawn.spread / max(peak, 1e-3))[0], f"white: ± {peak:.2f} of the range"),
    ]
    below = [
        (f"Sample {i + 1}", sample, f"{figure:.1f} dB")
        for i, (sample, figure) in enumerate(zip(drawn.samples, result.samples, strict=True))
    ]
    return above, below


def _sentence(result: Restored) -> str:
    """What the figures say of this image."""
    errors = [10 ** (-figure / 10) for figure in result.samples]
    ratio = np.mean(errors) / 10 ** (-result.mean / 10)
    inverse = ""
    if result.measurement.seen is None:
        inverse = f" What is known with grey elsewhere has {result.inverse:.1f} dB."
    return (
        "PSNR against the picture itself, which the network was not shown; 6 dB more is a quarter "
        f"of the squared error.{inverse} On this image the samples have {ratio:.1f} times the "
        "squared error of their mean. They never have less: it is that of the mean plus their "
        "spread. The mean leaves out what they do not agree on, and edges with it: it is nearest "
        "on average, and need not look like any of them."
    )


def _quiet_line(request: Measured, result: Restored, cards: list[tuple[str, Tensor, str]]) -> None:
    name = f"{request.run.id}-{request.kind}"
    rows = [
        {"picture": "pseudo-inverse", "psnr": result.inverse},
        {"picture": "one look", "psnr": result.one_look},
        {"picture": "mean", "psnr": result.mean},
        *({"picture": f"sample {i + 1}", "psnr": p} for i, p in enumerate(result.samples)),
    ]
    with st.container(horizontal=True):
        sheet = torch.stack([image for _, image, _ in cards])
        png_button(lambda: to_png(contact_sheet(sheet, SAMPLES, scale=4)), name)
        csv_button(lambda: pd.DataFrame(rows).round(3), name)
        sending.send_to({card: image for card, image, _ in reversed(cards)})


# ---- the filter at a pixel


@st.fragment
def _filter(run: Run, picture: Tensor, how: How) -> None:
    """What the network makes one pixel from."""
    if not queue.visible(run, who()):
        st.rerun()
    st.subheader("What one pixel is made from", anchor=False)
    used = cached.diffusion_prior(run)
    _, height, width = used.shape
    blind = used.model.blind
    if (clicked := picks.picked(PIXEL_PICKS, height * width)) is not None:
        st.session_state["row"], st.session_state["column"] = divmod(clicked, width)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sigma = st.slider(
            "Noise σ",
            0.05,
            1.5,
            0.3,
            0.05,
            key="filter_noise",
            bind="query-params",
            width=260,
            help="Standard deviation of the noise, in units of the range of grey.",
        )
        middle = ("Row", height, "row"), ("Column", width, "column")
        row, column = (
            inputs.choose_index(label, side, key=key, default=side // 2, width=110)
            for label, side, key in middle
        )
    with errors_shown():
        kernel = cached.adaptive_filter(Looked(run, picture, (0, row, column), 2 * sigma, how))
        peak = float(kernel.weights.abs().max())
        weights = kernel.weights.abs().sum(0, keepdim=True) if len(kernel.weights) == 3 else None
        coloured = signed((kernel.weights if weights is None else weights)[None] / max(peak, 1e-9))
        names = [f"row {r}, column {c}" for r in range(height) for c in range(width)]
        sheets = [
            Sheet("Noisy", _png(kernel.noisy), f"σ = {sigma:.2f}", width, (), "The noisy picture"),
            Sheet(
                "Guess",
                _marked(kernel.guess, row, column),
                f"Click a pixel. Here: row {row}, column {column}.",
                width,
                names,
                "What the network takes it for: choose a pixel",
            ),
            Sheet(
                "Weights of the pixel",
                _marked(coloured[0], row, column),
                f"orange above 0, blue below; brightest {peak:.2f}",
                width,
                (),
                "How much each noisy pixel counts for the chosen one",
            ),
        ]
        picks.show(pictures.sheets_html(sheets), key=PIXEL_PICKS)
        st.caption(
            "Change a noisy pixel a little, and this pixel of the guess changes by so much: a row "
            "of the Jacobian, a filter that the network makes anew for each picture and place. "
            f"The weights add up to {kernel.total:.2f} and reach {kernel.width:.1f} pixels (radius "
            "of gyration of their squares). In greys from -1 to 1 the noisy picture, so weighted, "
            f"gives {kernel.weighted:+.2f}; the pixel of the guess is {kernel.value:+.2f}"
            + (", up to rounding the same." if blind else ": the network adds the rest.")
        )
        table = partial(pd.DataFrame, kernel.weights.sum(0).numpy())
        csv_button(table, f"{run.id}-filter")


def _marked(image: Tensor, row: int, column: int) -> bytes:
    """A picture as PNG with a frame around a pixel."""
    sheet = contact_sheet(image[None].expand(-1, 3, -1, -1), 1, scale=ENLARGED)
    top, left = row * ENLARGED, column * ENLARGED
    inside = sheet[top + 1 : top + ENLARGED - 1, left + 1 : left + ENLARGED - 1].copy()
    sheet[top : top + ENLARGED, left : left + ENLARGED] = FRAME
    sheet[top + 1 : top + ENLARGED - 1, left + 1 : left + ENLARGED - 1] = inside
    return to_png(sheet)


def _png(image: Tensor) -> bytes:
    return to_png(contact_sheet(image[None], 1))


# ---- likelihood


@st.fragment
def _bits(run: Run) -> None:
    """Bits per dimension of a few test images, when they are asked for."""
    st.subheader("How likely it makes test images", anchor=False)
    dataset = run.spec().dataset
    st.caption(
        "Bits per dimension: how many bits a pixel would take, were pictures packed by what this "
        "flow takes them for. Fewer is likelier; 8 is a guess among 256 greys."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        classes = run.spec().data.classes
        label = "Test images of each class" if classes else "Test images, in tens"
        each = number(label, 1, 4, 1, "bits_of", width=200)
        if st.button("Measure", icon=":material/straighten:"):
            st.session_state["bits_asked"] = (run.id, each)
    if st.session_state.get("bits_asked") != (run.id, each):
        st.caption("Takes ten seconds or more for each ten images.")
        return
    if not has_test_images(dataset):
        st.info("The test images of this data set are not on this machine.")
        return
    with errors_shown():
        bits, by_place = cached.bits(run, dataset, each)
        if abs(bits.mean - bits.halved) > bits.error:
            st.warning(
                f"No settled figure: {bits.mean:.2f} with {STEPS} steps, {bits.halved:.2f} with "
                "half as many. The steps matter more here than the choice of images, so neither "
                "is a measurement of this network."
            )
        else:
            flow, place = st.columns(2)
            flow.metric("This flow, at most", f"{bits.mean:.2f} ± {bits.error:.2f}", border=True)
            place.metric("By place alone", f"{by_place:.2f}", border=True)
        st.caption(
            f"Mean and standard error over n = {len(bits.each)} test images of "
            f"{dataset_title(dataset)}, {'as many of each class, ' if classes else ''}drawn by a "
            f"seed, with {PROBES} random directions and noises each, no class told. Of the "
            f"error, ± {bits.error:.2f}, {bits.probe_error:.2f} comes from the directions and "
            f"noises. With half as many steps the mean would be {bits.halved:.2f}. An upper "
            "bound, since greys are read through a little noise. By place alone: the same images, "
            "each pixel packed by how often the other test images have its grey at its place, "
            "which needs no network."
        )
        table = pd.DataFrame({"image": range(len(bits.each)), "bits": bits.each.numpy()})
        csv_button(lambda: table.round(4), f"{run.id}-bits")
