"""Denoiser: spoil pictures, let a network restore them, and see how far it gets."""

import random
from functools import partial

import streamlit as st
from torch import Tensor

from core.data import CORRUPTIONS
from core.inference import restoration
from core.jobs import queue
from core.runs.store import Run
from core.tasks.denoising import DENOISING
from pages.parts.denoiser import over_and_over
from pages.parts.denoiser import stage as parts
from pages.server.visitor import who
from pages.ui import cached, inputs, network_strip, sending
from pages.ui.names import dataset_title
from pages.ui.page_frame import needs, opening, tabs
from pages.ui.run_choice import RunChoice, set_of
from pages.ui.training_history import over_epochs
from pages.ui.training_panel import panel
from pages.ui.widgets import number, segmented

opening("denoiser")
models = RunChoice.of(DENOISING)
VIEWS = ("This model", "All models")


def other_images() -> None:
    """Draw new test images and new noise."""
    last = inputs.last_first(st.session_state["dataset"], parts.COUNT)
    st.session_state["first"] = random.randint(0, last)
    st.session_state["seed"] = random.randrange(0, 10_000)


def model_changed() -> None:
    """Show the images that the model was trained on."""
    run = models.runs[st.session_state["model"]]
    if "dataset" in st.session_state and set_of(run):
        st.session_state["dataset"] = run.spec().dataset


def use_model(run_id: str) -> None:
    """Put a model that was just trained on the stage."""
    models.use(run_id)
    model_changed()


def choose_pictures(run: Run) -> Tensor | None:
    """Test images, a drawing or uploads; None while there is nothing yet."""
    source = segmented("Pictures", sending.sources(["Test images", "Draw", "Upload"]), "source")
    if source != "Test images":
        return inputs.own_pixels(source, parts.COUNT)
    st.button("Other images", icon=":material/casino:", on_click=other_images)
    with st.expander("Which test images"):
        dataset = inputs.choose_dataset(run)
        first = inputs.choose_first(dataset, parts.COUNT)
    return cached.test_pictures(dataset, first, parts.COUNT).pixels


def picture_titles(count: int) -> list[str]:
    """The titles of the pictures on the stage."""
    state = st.session_state
    if state["source"] == "Test images":
        name, first = dataset_title(state["dataset"]), int(state["first"])
        return [f"Test image {first + i:,} of {name}" for i in range(count)]
    own = inputs.own_title(state["source"])
    return [own if count == 1 else f"{own} {i + 1}" for i in range(count)]


def controls() -> tuple[Run, Tensor | None, str, int, bool]:
    """Draw the controls: the model, the pictures, the corruption, its seed, and the view."""
    if (clicked := st.session_state.pop(parts.CLICKED_MODEL, None)) in models.runs:
        st.session_state["model"] = clicked
        st.session_state["view"] = VIEWS[0]
    run = models.box(
        "Model", parts.most_versatile(models.runs.values()).id, on_change=model_changed
    )
    pixels = choose_pictures(run)
    corruption = st.selectbox(
        "Corruption",
        [name for name in CORRUPTIONS if name != "mixed"],
        format_func=lambda name: CORRUPTIONS[name].title,
        key="corruption",
        bind="query-params",
    )
    parts.offer_trained(models, run, corruption)
    seed = number("Seed of the noise", 0, 2**31 - 1, 0, "seed")
    view = segmented("Show", VIEWS, "view")
    return run, pixels, corruption, seed, view == VIEWS[1]


def of_another_set(run: Run) -> bool:
    """Whether the test images are those of another data set than the model's."""
    return bool(st.session_state.get("dataset", run.spec().dataset) != run.spec().dataset)


@st.fragment
def bench(run: Run, pixels: Tensor | None, corruption: str, seed: int, compare: bool) -> None:
    """The stage with its one slider: only this fragment reruns when the slider is released."""
    if not queue.visible(run, who()):
        st.rerun()  # the link to it was withdrawn
    strength = st.slider(
        "Strength",
        0.0,
        1.0,
        0.5,
        0.05,
        key="strength",
        bind="query-params",
        help=f"{CORRUPTIONS[corruption].unit.capitalize()}, from 0 to 1.",
    )
    over_and_over.follow(strength)
    if pixels is None:
        st.info("Draw or upload something, and it appears here spoilt and restored.")
        return
    strange = 0
    if st.session_state["source"] != "Test images" or of_another_set(run):
        strange = cached.count_strange(run.spec().dataset, pixels)
    titles = picture_titles(len(pixels))
    if compare:
        if strange:
            parts.show_strange(strange, len(pixels))
        spoilt = restoration.corrupt_images(pixels, corruption, strength, seed)
        parts.all_models(models, run, spoilt, titles)
        return
    shown = cached.Restoration(run, pixels, corruption, strength, seed)
    parts.this_model(shown, titles, strange)
    network_strip.folded(partial(parts.network, shown, titles))


def learning(run: Run) -> None:
    """How the network learnt."""
    over_epochs(run, "Clean, spoilt and restored digits")


def again(run: Run) -> None:
    """The pictures on the stage through a denoiser, over and over."""
    titles = [] if pixels is None else picture_titles(len(pixels))
    over_and_over.panel(pixels, corruption, seed, titles)


chosen: Run | None = None
if models.runs:
    stage, beside = st.columns([9, 5], gap="large")
    with beside:
        chosen, pixels, corruption, seed, compare = controls()
    with stage:
        bench(chosen, pixels, corruption, seed, compare)
else:
    st.info("There is no trained denoiser yet. Train one below: the digits are always here.")

tabs(
    {
        "Against strength": needs(
            chosen, partial(parts.curves, models, st.session_state.get("corruption", ""))
        ),
        over_and_over.TITLE: needs(chosen, again),
        "Over epochs": needs(chosen, learning),
        "Train your own": partial(panel, DENOISING, models.names, use_model),
        "What is happening": partial(parts.explanation, chosen),
    }
)
