"""The network that the tabs of the page Diffusion work with, and how the server draws with it: one
choice for all of them."""

import streamlit as st
import torch
from torch import Tensor

from core import data
from core.images import fit
from core.inference.posterior_sampling import How, usual
from core.runs.query import classes_of
from core.runs.store import Run
from core.tasks.diffusion import DIFFUSION
from pages.ui import cached
from pages.ui.run_choice import RunChoice
from pages.ui.widgets import number

NO_RUN = "No diffusion has been trained here yet. Train one under “Train your own”."
KEYS = {False: ("measured_steps", "corrected"), True: ("ascent_steps", "ascent_corrected")}
"""Of the steps and of the correction in the address, by whether a network is blind: what is usual
differs."""
STEPS_HELP = (
    "Looks of the network on the way from noise to picture. More are not always nearer: try it."
)
ANY = "any"
SAMPLE = "Its own"
"""The source of a picture that the network has drawn itself."""
MAX_SEED = 2**31 - 1


def network() -> Run | None:
    """Draw the choice, and give what is chosen; without any, say so and give None."""
    choice = RunChoice.of(DIFFUSION)
    if not choice.runs:
        st.info(NO_RUN)
        return None
    return choice.box("Network", next(iter(choice.runs)))


def test_picture(run: Run, dataset: str, number: int) -> Tensor:
    """A test image of a set, uint8 (1, C, H, W), as large as a network's pictures. Raises
    DataMissing."""
    return fit(data.load(dataset, "test").pixels[number : number + 1], run.spec().data.shape)


def own_sample(run: Run, key: str) -> tuple[Tensor, str]:
    """Draw the choice of a noise, and give what a network draws from it, uint8 (1, C, H, W), and
    what that is: a picture to begin with where test images are not on this machine.

    Args:
        key: of the choice.
    """
    noise = number("Noise", 0, MAX_SEED, 0, key)
    st.caption(
        "Its test images are not on this machine. It has drawn this picture itself, and may find "
        "it easier than a real one."
    )
    drawn = cached.drawn_by(run, 1, noise)
    return (255 * drawn).round().to(torch.uint8), f"Drawn by it from noise {noise:,}"


def has_test_images(dataset: str) -> bool:
    """Whether the test images of a set are on this machine."""
    return data.known(dataset) is not None and "test" in data.available(dataset)


def sampling_controls(run: Run, *, measured: bool = True) -> How:
    """Draw the controls of how the server draws samples, and give what they say.

    Args:
        measured: the samples agree with a measurement, by which each guess can be corrected.
    """
    used = cached.diffusion_prior(run)
    first, label, guidance = usual(used), None, 0.0
    if used.model.classes:
        names = classes_of(run)
        chosen = st.selectbox(
            "Class that is asked for", [ANY, *names], key="known_class", bind="query-params"
        )
        label = None if chosen == ANY else names.index(chosen)
    with st.expander("How it is drawn", icon=":material/tune:"):
        steps_key, corrected_key = KEYS[used.model.blind]
        steps = st.slider(
            "Steps", 5, 100, first.steps, 5, key=steps_key, bind="query-params", help=STEPS_HELP
        )
        if label is not None:
            guidance = st.slider(
                "Guidance",
                0.0,
                4.0,
                0.0,
                0.5,
                key="known_guidance",
                bind="query-params",
                help="How far to go beyond what is said with the class, away from what is said "
                "without.",
            )
        corrected = measured and st.toggle(
            "Correct each guess by its Jacobian",
            first.solves > 0,
            key=corrected_key,
            bind="query-params",
            help="Off: what is known is only put into each guess, and the rest of it does not hear "
            "of it until the next step. On: twice the work or more.",
        )
        seed = number("Seed", 0, MAX_SEED, 0, "known_seed")
    return How(steps, int(corrected), guidance=guidance, label=label, seed=seed)
