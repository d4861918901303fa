"""Home: a way through the lab, and how things stand on this machine."""

import contextlib
import os
import platform

import streamlit as st
import torch

from core import data
from core.errors import LabError
from core.jobs import queue
from core.runs import store
from core.settings import settings
from pages.parts.home.way import WAY, Card
from pages.ui import cached
from pages.ui.opening import OPENINGS
from pages.ui.page_frame import opening

opening("")


STYLE = """<style>
[class*="st-key-card-"] { position: relative; }
[class*="st-key-card-"] a { position: static; padding-left: 0; }
[class*="st-key-card-"] a::after { content: ""; position: absolute; inset: 0; }
[class*="st-key-card-"]:is(:hover, :has(a:focus-visible)) { border-color: currentColor; }
[class*="st-key-card-"]:has(a:focus-visible) { outline: 2px solid currentColor; }
[class*="st-key-card-"] a:focus-visible { outline: none; }
.lab-cover { width: 100%; display: block; image-rendering: pixelated; border-radius: .4rem; }
</style>"""
"""The link of a card reaches over the whole of it."""


def draw_card(number: int, card: Card) -> None:
    """A card, all of which leads to its page."""
    with st.container(border=True, key=f"card-{card.page}"):
        with contextlib.suppress(LabError):  # there is no shipped model to draw it
            picture, alt = cached.cover(card.page, card.cover)
            st.html(f'<img class="lab-cover" src="{picture}" alt="{alt}">')
        st.page_link(f"{card.page}.py", label=f"**{number} · {OPENINGS[card.page].title}**")
        st.markdown(card.line)


def models_line() -> str:
    """How many models there are."""
    everything = store.all_runs()
    shipped = sum(run.shipped for run in everything)
    return f"{shipped} shipped, {len(everything) - shipped} trained here"


def data_line() -> str:
    """Which data sets are whole, and which have test images only."""
    complete = [d.title for n, d in data.BUILT_IN.items() if "train" in data.available(n)]
    partial = [d.title for n, d in data.BUILT_IN.items() if data.available(n) == {"test"}]
    tests = f"; test images of {', '.join(partial)}" if partial else ""
    return f"{', '.join(complete)}{tests}"


def device_line() -> str:
    """The device that computes."""
    if torch.accelerator.is_available():
        return str(torch.accelerator.current_accelerator())
    return f"{platform.machine()} processor, {os.cpu_count()} cores"


def queue_line() -> str:
    """How full the queue is."""
    if settings().training == "off":
        return "training is switched off here"
    waiting = len(queue.active())
    state = {"remote": "given cluster", "running": "local cluster awake"}
    line = f"{waiting} of {settings().max_queue} places taken" if waiting else "empty"
    return f"{line}; {state.get(queue.jobs().state(), 'the local cluster starts when needed')}"


@st.fragment(run_every=5)
def state() -> None:
    """Show the state of this machine, refreshed every few seconds."""
    facts = {
        ":material/deployed_code: Models": models_line,
        ":material/database: Data": data_line,
        ":material/memory: Device": device_line,
        ":material/pending_actions: Queue": queue_line,
    }
    with st.grid("auto", min_column_width=220, gap="medium"):
        for name, line in facts.items():
            with st.container():
                try:
                    st.markdown(f"{name}  \n{line()}")
                except LabError as error:
                    st.markdown(f"{name}  \n{error}")


st.html(STYLE)
number = 0
for heading, cards in WAY.items():
    st.header(heading, anchor=False)
    with st.grid("auto", min_column_width=320, gap="medium"):
        for card in cards:
            number += 1
            draw_card(number, card)
machine = st.expander("On this machine", icon=":material/memory:", key="machine", on_change="rerun")
if machine.open:
    with machine:
        state()
