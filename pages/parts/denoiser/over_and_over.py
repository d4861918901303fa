"""What a denoiser does when it is used over and over: it draws."""

import streamlit as st
import torch
from torch import Tensor

from core.inference import restoration
from core.runs.store import Run
from core.tasks.diffusion import DIFFUSION
from pages.ui import cached, pictures, sending
from pages.ui.errors import errors_shown
from pages.ui.names import run_name
from pages.ui.pictures import Row

TITLE = "Over and over"
PAGE = "diffusion"
NOISES, STEPS, SHOWN = 3, 24, 8
"""Endings of one picture, steps to each, and how many of them are shown."""
SHOWN_AT = "over_and_over_at"
"""Session key of the strength that the pictures were spoilt with."""
WHAT = """
A denoiser says the mean of all clean pictures that could have led to what it sees. Of strong noise
that is a blur; but it points the way, and a small step along it leaves a picture with a little less
noise, of which the mean is less blurred. **Used over and over, a network that only takes noise away
draws**: where the picture said nothing, the noise decides what comes.
"""


def follow(strength: float) -> None:
    """Draw the tab again with the stage's slider, which reruns the stage alone."""
    is_open = st.session_state.get("tab") == TITLE
    if is_open and st.session_state.get(SHOWN_AT, strength) != strength:
        st.session_state[SHOWN_AT] = strength
        st.rerun()


def panel(pixels: Tensor | None, corruption: str, seed: int, titles: list[str]) -> None:
    """The stage's pictures, one of them through a denoiser again and again.

    Args:
        pixels: uint8 (N, C, H, W), not spoilt; None while there are none.
    """
    st.markdown(WHAT)
    strength = float(st.session_state.get("strength", 0.5))
    st.session_state[SHOWN_AT] = strength
    if pixels is None:
        st.info("Draw or upload something, and it is denoised here over and over.")
        return
    number = 0
    if len(titles) > 1:
        number = st.selectbox(
            "Picture", range(len(titles)), key="over_picture", format_func=titles.__getitem__
        )
    spoilt = restoration.corrupt_images(pixels, corruption, strength, seed)
    picture = spoilt.noisy[number : number + 1]
    run = _prior(tuple(pixels.shape[1:]))
    if run is None:
        st.info("No denoiser that was trained on noise of all strengths is here yet.")
    else:
        with errors_shown():
            _strip(run, picture, seed)
    _onwards(picture[0], titles[number])


def _prior(shape: tuple[int, ...]) -> Run | None:
    """The best blind diffusion for pictures of a shape."""
    runs = [r for r in cached.models(DIFFUSION.name) if DIFFUSION.variant(r.spec().variant).blind]
    return next((r for r in runs if tuple(r.spec().data.shape) == shape), None)


def _strip(run: Run, picture: Tensor, seed: int) -> None:
    share = st.slider(
        "Noise added first",
        0.05, 1.0, 0.7, 0.05,
        key="over_noise",
        bind="query-params",
        help="The time at which the way back begins: 1 leaves nothing of the picture.",
    )  # fmt: skip
    rows = _rows(run, picture, share, seed)
    pictures.rows(rows)
    st.caption(
        f"{run_name(run)}: {STEPS} looks at each of {NOISES} noises, of which {SHOWN} are shown; "
        "on the right what came out. Little noise gives the spoilt picture back, for the network "
        "sees nothing to take away from a hole or a blur; much noise gives another picture. These "
        "are draws, not restorations: none need be what the picture was."
    )


def _rows(run: Run, picture: Tensor, share: float, seed: int) -> list[Row]:
    looks = cached.repeated_looks(run, picture.repeat(NOISES, 1, 1, 1), share, STEPS, seed)
    places = torch.linspace(0, STEPS - 1, SHOWN).round().long().tolist()
    rows = [
        Row(
            "What it sees, with less and less noise",
            torch.stack([looks.seen[k][0] for k in places] + [looks.end[0]]),
            "noise 1",
        )
    ]
    for i in range(NOISES):
        guesses = [looks.guesses[k][i] for k in places] + [looks.end[i]]
        rows.append(Row("What it takes that for", torch.stack(guesses), f"noise {i + 1}"))
    return rows


def _onwards(picture: Tensor, title: str) -> None:
    """The way to the page on which it draws."""
    if PAGE not in sending.takers():
        return
    if st.button(
        "Paint holes into it on the page Diffusion", icon=":material/brush:", key="over_onwards"
    ):
        sending.send_pixels(picture, f"{title}, spoilt", PAGE)
