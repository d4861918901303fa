"""The stage: a picture, what a network answers to it, and what each layer makes of it."""

from dataclasses import dataclass
from html import escape
from typing import NoReturn

import streamlit as st
from torch import Tensor

from core.images import contact_sheet, data_url, to_png
from core.metrics.image import percent
from core.runs.store import Run
from pages.parts.network_explorer.networks import Network
from pages.ui import cached, network_strip, pictures, sending
from pages.ui.downloads import png_button
from pages.ui.errors import errors_shown

TEST = "Test image"
"""The source of pictures that is chosen at first."""
CLICKED = "network_clicked"
"""The session's key of what was clicked onto the stage: values of its controls."""
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


def show(network: Network, picture: Picture | None) -> Picture | None:
    """The picture with the answer to it; gives it on, and None where the network answers nothing,
    after a sentence that says why."""
    if picture is None:
        st.info("Draw, upload or take a picture: the network answers at once.")
        return None
    with errors_shown():
        odds = cached.probabilities(network.source, picture.pixels)[0]
        pictures.show(answer_html(picture, odds, network.classes))
        _quiet_line(network, picture, odds)
        return picture
    return None


def strip(network: Network, picture: Picture | None) -> None:
    """What each layer makes of the picture."""
    if picture is not None:
        st.caption(network_strip.CLICK)
        layers = cached.recogniser_activations(network.source, picture.pixels)
        network_strip.strip(layers, network.id)


def answer_html(picture: Picture, odds: Tensor, classes: tuple[str, ...]) -> str:
    """The picture beside the bars of the answer."""
    size = f"{picture.title}. {picture.note}" if picture.note else picture.title
    pixelated = "" if picture.pixels.shape[-1] > 96 else " style='image-rendering: pixelated'"
    return (
        f'{STYLE}<div class="lab-answer"><figure><img src="{address(picture.pixels)}"{pixelated} '
        f'alt="{escape(picture.title)}"><figcaption>{escape(size)}</figcaption></figure>'
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


def _quiet_line(network: Network, picture: Picture, odds: Tensor) -> None:
    """The verdict on the left, what can be taken away on the right."""
    read = int(odds.argmax())
    answer = f"{network.classes[read]}, {percent(float(odds[read]))}"
    with st.container(horizontal=True, vertical_alignment="center"):
        if picture.label is None:
            st.badge(answer, color="grey")
        elif picture.label == read:
            st.badge(f"{answer}: right", color="green", icon=":material/check:")
        else:
            st.badge(f"{answer}: wrong", color="orange", icon=":material/close:")
        truth = "" if picture.label is None else f"It is {network.classes[picture.label]}."
        st.caption(truth, width="stretch")
        with st.container(horizontal=True, width="content"):
            png_button(lambda: to_png(contact_sheet(picture.pixels, 1)), "picture", "stage-png")
            sending.send_to({picture.title: picture.pixels[0]})
