"""The stage: a picture, what a network answers to it, and what each layer makes of it."""

from dataclasses import dataclass
from html import escape
from typing import NoReturn

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.images import contact_sheet, data_url, to_png
from core.metrics.image import percent
from core.runs.store import Run
from pages.components.network import Drawn, network_url
from pages.components.network import network as live_network
from pages.parts.network_explorer.networks import Network
from pages.ui import cached, network_strip, pictures, sending
from pages.ui.downloads import png_button
from pages.ui.errors import errors_shown

TEST = "Test image"
"""The source of pictures that is chosen at first."""
DRAW = "Draw"
KEY = "network-stage"
"""Of the stage, which a click on a picture further down brings into view."""
CLICKED, DRAWN = "network_clicked", "network_drawn"
"""Session keys of what was clicked onto the stage, as values of its controls, and of what was drawn
at the last run."""
OPENED = "at"
"""In the address: the path of the layer that is open in the browser."""
ABOUT_THE_PICTURE = {"Augmentations", "Units", "Adversarial", "Two networks"}
"""Tabs that are drawn again when something else is drawn."""
SHOWN = 10
"""Classes with a bar, the likeliest where there are more."""
STYLE = """<style>
.lab-answer { display: grid; grid-template-columns: minmax(0, 15rem) minmax(0, 1fr);
  gap: 1.2rem; align-items: start; }
.lab-answer figure { margin: 0; }
.lab-answer img { width: 100%; display: block; border-radius: .4rem; background: #000; }
.lab-answer figcaption { font-size: .82rem; opacity: .75; padding-top: .3rem; }
.lab-bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: .22rem .6rem;
  align-items: center; font-size: .88rem; line-height: 1.3; }
.lab-bars dt { margin: 0; max-width: 11rem; overflow-wrap: anywhere; }
.lab-bars dd { margin: 0; font-variant-numeric: tabular-nums; text-align: right; }
.lab-bars .track { height: .72rem; border-radius: .36rem; overflow: hidden;
  background: color-mix(in srgb, currentColor 10%, transparent); }
.lab-bars .track i { display: block; height: 100%; background: var(--st-primary-color, #3b5bdb); }
.lab-bars .first { font-weight: 700; }
@media (max-width: 640px) { .lab-answer { grid-template-columns: 7.5rem minmax(0, 1fr);
  gap: .8rem; } .lab-bars dt { max-width: 5.5rem; } }
</style>"""


@dataclass(frozen=True)
class Picture:
    """The picture on the stage, as the chosen network takes it; every tab of the page has it."""

    pixels: Tensor
    """uint8 (1, C, H, W)."""
    label: int | None
    """The true class; None where it is not known."""
    title: str
    note: str = ""
    """How it was fitted, where it was."""

    @property
    def caption(self) -> str:
        """What it is, in a sentence or two."""
        return f"{self.title}. {self.note}".strip()


def show_test_image(run: Run, index: int) -> NoReturn:
    """Put a test image of a run's data on the stage, such as a mistake that was clicked."""
    st.session_state[CLICKED] = {
        "source": TEST,
        "dataset": run.spec().dataset,
        "first": index,
    }
    st.rerun()  # what is chosen is drawn above


def address(pixels: Tensor, scale: int = 1) -> str:
    """A data URL of one picture, (1, C, H, W)."""
    return data_url(to_png(contact_sheet(pixels, 1, scale=scale)))


@st.fragment
def show(network: Network, picture: Picture | None) -> Picture | None:
    """The picture with the answer to it and what each layer makes of it; in the browser while one
    draws, where it can run the network.

    Gives the picture that stands there, drawn on or not; None where there is none, or where the
    network answers nothing, after a sentence that says why.
    """
    draws = st.session_state["source"] == DRAW
    if picture is None and not draws:
        st.info("Upload or take a picture: the network answers at once.")
        return None
    with errors_shown():
        weights = _browser_weights(network)
        _check(network, picture)
        drawn = None
        if weights or draws:
            drawn = live_network(
                key="live_network",
                weights=weights,
                shape=network.shape,
                classes=network.classes,
                picture=None if picture is None else _array(picture.pixels[0]),
                name=network.name,
                opened=st.query_params.get(OPENED),
            )
            _draw_tabs_again(drawn)
            if drawn is not None:
                picture = Picture(_tensor(drawn.pixels), None, "Your drawing")
        if picture is not None:
            _on_server(network, picture, whole=weights is None, drawn=drawn is not None)
        return picture
    return None


def _browser_weights(network: Network) -> str | None:
    """Where a browser finds the network; None where it cannot run it."""
    run = network.run
    if run is None or cached.browser_refusal(run) is not None:
        return None
    return network_url(run)


def _check(network: Network, picture: Picture | None) -> None:
    """Raises RunBroken where the network answers nothing."""
    nothing = torch.zeros(1, *network.shape, dtype=torch.uint8)
    cached.probabilities(network.source, nothing if picture is None else picture.pixels)


def _array(pixels: Tensor) -> NDArray[np.uint8]:
    """uint8 (C, H, W) as the browser takes it: (H, W), or (H, W, 3)."""
    array: NDArray[np.uint8] = pixels[0].numpy() if len(pixels) == 1 else _hwc(pixels)
    return array


def _hwc(pixels: Tensor) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = pixels.permute(1, 2, 0).contiguous().numpy()
    return array


def _tensor(array: NDArray[np.uint8]) -> Tensor:
    """The way back, uint8 (1, C, H, W)."""
    pixels = torch.from_numpy(array.copy())
    return pixels[None, None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)[None].contiguous()


def _draw_tabs_again(drawn: Drawn | None) -> None:
    """Where the open tab is about the picture, draw it anew once something else is drawn."""
    now = None if drawn is None else drawn.pixels.tobytes()
    before = st.session_state.get(DRAWN)
    st.session_state[DRAWN] = now
    if now != before and st.session_state.get("tab") in ABOUT_THE_PICTURE:
        st.rerun()


def _on_server(network: Network, picture: Picture, *, whole: bool, drawn: bool) -> None:
    """What is said of the picture; where the browser cannot run the network, all of it."""
    odds = None
    if whole or not drawn:  # of a drawing the browser has said all that there is to say
        odds = cached.probabilities(network.source, picture.pixels)[0]
    if whole and odds is not None:
        pictures.show(answer_html(picture, odds, network.classes))
    _quiet_line(network, picture, odds, whole)
    if whole:
        st.caption(network_strip.CLICK)
        layers = cached.recogniser_activations(network.source, picture.pixels)
        network_strip.strip(layers, network.id)


def answer_html(picture: Picture, odds: Tensor, classes: tuple[str, ...]) -> str:
    """The picture beside the bars of the answer."""
    pixelated = "" if picture.pixels.shape[-1] > 96 else " style='image-rendering: pixelated'"
    return (
        f'{STYLE}<div class="lab-answer"><figure><img src="{address(picture.pixels)}"{pixelated} '
        f'alt="{escape(picture.title)}"><figcaption>{escape(picture.caption)}</figcaption></figure>'
        f"{bars_html(odds, classes, picture.label)}</div>"
    )


def bars_html(odds: Tensor, classes: tuple[str, ...], label: int | None = None) -> str:
    """A bar for each class, or for the likeliest where there are many, and for the true one."""
    count = len(odds)
    order = odds.argsort(descending=True).tolist()
    shown = list(range(count)) if count <= SHOWN else order[:SHOWN]
    if label is not None and label not in shown:
        shown.append(label)
    parts = []
    for k in shown:
        share, first = float(odds[k]), ' class="first"' if k == order[0] else ""
        true = " ✓" if k == label else ""
        parts.append(
            f"<dt{first}>{escape(classes[k])}{true}</dt>"
            f'<div class="track" role="presentation"><i style="width: {100 * share:.2f}%"></i>'
            f"</div><dd{first}>{percent(share)}</dd>"
        )
    return f'<dl class="lab-bars" aria-label="Probability of each class">{"".join(parts)}</dl>'


def _quiet_line(network: Network, picture: Picture, odds: Tensor | None, whole: bool) -> None:
    """The verdict on the left, what can be taken away on the right; where the browser draws, also
    what the picture is."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if odds is not None:
            _verdict(network, picture, odds)
        truth = "" if picture.label is None else f"It is {network.classes[picture.label]}."
        st.caption(truth if whole else f"{picture.caption} {truth}", width="stretch")
        with st.container(horizontal=True, width="content"):
            png_button(lambda: to_png(contact_sheet(picture.pixels, 1)), "picture", "stage-png")
            sending.send_to({picture.title: picture.pixels[0]})


def _verdict(network: Network, picture: Picture, odds: Tensor) -> None:
    """What the network reads, and whether that is right where it is known."""
    read = int(odds.argmax())
    answer = f"{network.classes[read]}, {percent(float(odds[read]))}"
    if picture.label is None:
        st.badge(answer, color="grey")
    elif picture.label == read:
        st.badge(f"{answer}: right", color="green", icon=":material/check:")
    else:
        st.badge(f"{answer}: wrong", color="orange", icon=":material/close:")
