"""Home: what is here, and how things stand on this machine."""

import contextlib
import os
import platform
from collections.abc import Callable

import streamlit as st
import torch

from core import data
from core.errors import LabError
from core.jobs import queue
from core.runs import store
from core.settings import settings
from pages.parts.home import covers
from pages.ui import cached
from pages.ui.page_frame import title

title(
    "Latent Lab", "Look inside image models with your own hands. Everything runs on this machine."
)


CARDS: tuple[tuple[str, str, str, Callable[[], tuple[str, str]]], ...] = (
    (
        "denoiser.py",
        "Denoiser",
        "Take the noise out of a digit, a drawing or a picture of yours, and compare networks "
        "with classical methods.",
        covers.denoiser,
    ),
    (
        "vae_sampler.py",
        "VAE sampler",
        "Drag through a latent space: the picture follows the finger. Start from a digit of yours.",
        covers.vae_sampler,
    ),
    (
        "gan_gallery.py",
        "GAN gallery",
        "GANs on the same noise, from the first epoch to the last picture: sliders along what they "
        "learnt, and a health check.",
        covers.gan_gallery,
    ),
    (
        "latent_explorer.py",
        "Latent explorer",
        "A map of ten thousand images: see what lies together, ask whether to trust it, find "
        "your own drawing on it.",
        covers.latent_explorer,
    ),
    (
        "transfer_classifier.py",
        "Transfer classifier",
        "Teach a network your own photographs in a minute; see where it looks, and when not to "
        "trust it.",
        covers.transfer_classifier,
    ),
    (
        "deepdream.py",
        "DeepDream",
        "Let a network grow what it sees in a picture of yours, watch it happen, and keep the "
        "recipe.",
        covers.deepdream,
    ),
    (
        "runs.py",
        "Runs",
        "Every training with its curves and figures; compare, resume, take them with you.",
        covers.runs,
    ),
)
"""Each page with its name, a line about it, and what draws its cover."""


with st.grid("auto", min_column_width=320, gap="medium"):
    for page, name, line, cover in CARDS:
        with st.container(border=True):
            with contextlib.suppress(LabError):  # there is no shipped model to draw it
                picture, alt = cached.cover(page, cover)
                st.html(
                    f'<img src="{picture}" alt="{alt}" style="width:100%;display:block;'
                    'image-rendering:pixelated;border-radius:.4rem">'
                )
            st.markdown(f"**{name}**  \n{line}")
            st.page_link(page, label="Open", icon=":material/arrow_forward:")

st.subheader("On this machine", anchor=False)


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


state()
