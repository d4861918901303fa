"""What a visitor wishes to be dreamt: a picture, a network, layers of it, and how."""

import contextlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import streamlit as st
import torch
from torch import Tensor

from core.dreaming import dream_runs, starting_pictures
from core.dreaming.config import Target, targets, written
from core.dreaming.starting_pictures import MADE, NOISE, Picture
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.images import contact_sheet, fit
from core.inference import generators
from core.models import backbones
from core.models.backbones import BACKBONES
from core.runs.schema import RunRequest
from core.settings import settings
from core.tasks.adversarial import ADVERSARIAL
from pages.parts.deepdream.mask_painter import painted
from pages.server.streamlit_private import DeltaGenerator, UploadedFile
from pages.ui import cached, form, links
from pages.ui.cached import dreams
from pages.ui.names import model_names

KINDS_OF_DREAM = {"deep": "Dream", "classic": "Classic", "visualise": "From noise", "zoom": "Zoom"}
SOURCES = {
    "china": "A palace in China",
    "flower": "A flower",
    NOISE: "Noise",
    MADE: "Drawn by the lab",
    "upload": "Your picture",
    "camera": "The camera",
}
STRENGTHS = {
    "deep": (0.002, 0.03, 0.001),
    "zoom": (0.002, 0.03, 0.001),
    "classic": (0.05, 1.0, 0.05),
    "visualise": (0.01, 0.2, 0.01),
}
"""Least, most and step of the rate, by the kind of dream."""
IN_VIEW: Mapping[str, tuple[str, ...]] = {
    "deep": ("octaves",),
    "classic": ("octaves",),
    "visualise": (),
    "zoom": ("frames", "zoom", "turn"),
}
"""Settings that are not folded away, by the kind of dream."""
BEHIND = (
    "side",
    "steps",
    "octaves",
    "ratio",
    "shift",
    "smooth",
    "bands",
    "flatness",
    "keep_colours",
    "blur",
    "blend",
    "squeeze",
    "add_up",
    "wobble",
    "fps",
    "tile",
    "seed",
)
SHEET = 9
"""Pictures of a network of the lab's that make one to dream on."""


class Wish(NamedTuple):
    """What was asked, or why it cannot be; `values` are the settings. The button has its `place`
    where the controls in view end."""

    variant: str
    picture: Picture | None
    values: Mapping[str, Any]
    place: DeltaGenerator
    question: RunRequest | None
    refusal: str = ""


def wish(below: DeltaGenerator) -> Wish:
    """Every control beside the stage; what is painted on is `below` it."""
    variant = str(
        st.segmented_control(
            "Kind of dream",
            list(KINDS_OF_DREAM),
            default="deep",
            required=True,
            key="kind",
            format_func=KINDS_OF_DREAM.__getitem__,
            bind="query-params",
            on_change=_other_network,
            label_visibility="collapsed",
        )
    )
    picture = _choose_picture() if DREAMING.begins_with_a_picture(variant) else None
    backbone = _choose_network(variant)
    _take_pick()
    layers = st.text_input(
        "Layers",
        usual_layers(variant, backbone),
        key="layers",
        bind="query-params",
        help="What is to answer more: a layer, a channel as `blocks.4/17`, a class as "
        "`classes/207`, or a mixture as `blocks.4 + blocks.2*0.5`. Pick them in the list below.",
    )
    low, high, step = _strengths(variant)
    usually = DREAMING.config(variant)
    rate = st.slider(
        "Strength",
        low,
        high,
        usually.rate,
        step,
        key=f"{variant}-rate",
        bind="query-params",
        format="%.3f",
        help="How far each step goes, as a share of a pixel's range.",
    )
    values: dict[str, Any] = {"backbone": backbone, "layers": layers, "rate": rate}
    values |= form.fields(DREAMING, variant, IN_VIEW[variant])
    place = st.container()
    guide = mask = None
    with st.expander("More settings"):
        measures = ["mean square", "mean", "norm"]
        values["measure"] = st.selectbox(
            "Measure",
            measures,
            index=measures.index(usually.measure),
            key=f"{variant}-measure",
            bind="query-params",
            help="Of the answers, over all positions.",
        )
        folded = [name for name in BEHIND if name not in IN_VIEW[variant]]
        values |= form.fields(DREAMING, variant, folded)
    if picture is not None:
        with st.expander("Guide picture", icon=":material/image_search:"):
            guide = _choose_guide()
        if variant != "classic":
            mask = painted(picture.pixels, below)
    try:
        question = dream_runs.make_request(variant, picture, values, guide, mask)
    except LabError as error:
        return Wish(variant, picture, values, place, None, str(error))
    return Wish(variant, picture, values, place, question)


def usual_layers(variant: str, backbone: str) -> str:
    """The layer that a kind of dream begins with: in the middle, where forms become things."""
    if backbone == DREAMING.config(variant).backbone:
        return DREAMING.config(variant).layers
    every = backbones.layers(backbone)
    middle = [layer for layer in every if layer.reduction == 16] or list(every)
    channel = 0 if variant == "visualise" else None
    return written((Target(middle[-1].name, channel),))


def _strengths(variant: str) -> tuple[float, float, float]:
    """The reach of the slider: further where a recipe or a link has a rate beyond it."""
    low, high, step = STRENGTHS[variant]
    key, kept = f"{variant}-rate", f"{variant}-reach"
    low, high = st.session_state.get(kept, (low, high))
    asked = st.session_state.get(key, st.query_params.get(key))
    with contextlib.suppress(TypeError, ValueError, LabError):
        rate = DREAMING.config(variant, {"rate": asked}).rate
        low, high = min(low, rate), max(high, rate)
    st.session_state[kept] = low, high
    return low, high, step


def _choose_network(variant: str) -> str:
    usual = DREAMING.config(variant).backbone
    name = str(
        st.selectbox(
            "Network",
            list(BACKBONES),
            key="backbone",
            bind="query-params",
            index=list(BACKBONES).index(usual if BACKBONES[usual].here() else "lite0"),
            format_func=lambda name: BACKBONES[name].title,
            on_change=_other_network,
        )
    )
    if not BACKBONES[name].here() and settings().downloads == "on":
        st.caption(f"{BACKBONES[name].megabytes} MB, which are fetched before its first dream.")
    return name


def _other_network() -> None:
    """Its layers have other names."""
    st.session_state["layers"] = usual_layers(
        st.session_state["kind"], st.session_state["backbone"]
    )


def pick(layer: str, channel: int | None, more: bool) -> None:
    """Take a layer or a channel into the mixture, or out of it; seen by the next run."""
    now = Target(layer, channel)
    found: tuple[Target, ...] = ()
    if more:
        try:
            found = targets(st.session_state.get("layers", ""))
        except LabError:
            found = ()
    left = tuple(t for t in found if t[:2] != now[:2])
    chosen = (*left, now) if len(left) == len(found) else left
    st.session_state["picked_layers"] = written(chosen or (now,))


def _take_pick() -> None:
    """A widget's value can only be changed before it is drawn."""
    if (picked := st.session_state.pop("picked_layers", None)) is not None:
        st.session_state["layers"] = picked


def _choose_picture() -> Picture | None:
    source = st.selectbox(
        "Picture",
        list(SOURCES),
        key="picture",
        bind="query-params",
        format_func=SOURCES.__getitem__,
    )
    if source == MADE:
        return _made()
    if source not in ("upload", "camera"):
        return dreams.sample(source)
    file: UploadedFile | None
    if source == "camera":
        file = st.camera_input("Take a picture", key="dream_camera", label_visibility="collapsed")
    else:
        file = st.file_uploader("Picture", key="dream_upload", label_visibility="collapsed")
    return None if file is None else _opened(file)


def _opened(file: UploadedFile) -> Picture | None:
    try:
        return starting_pictures.brought(file.getvalue(), file.name)
    except LabError as error:
        st.error(str(error), icon=":material/error:")
        return None


def _made() -> Picture | None:
    """Samples of one of the lab's GANs."""
    runs = {run.id: run for run in cached.models(ADVERSARIAL.name)}
    if not runs:
        st.info("There is no trained GAN yet: train one in the GAN gallery.")
        return None
    names = model_names(list(runs.values()))
    left, right = st.columns([3, 1])
    run = links.run_box("Drawn by", runs, names, key="drawn_by", place=left)
    seed = right.number_input("Its seed", 0, 10_000, 0, key="drawn_seed", bind="query-params")
    model = cached.generator(run)
    found = generators.drawn(model, SHEET, int(seed))
    images = (found.images * 255).round().byte()
    large = fit(images, (3, *images.shape[2:]))
    sheet = torch.from_numpy(contact_sheet(large, 3, gap=0)).permute(2, 0, 1)
    return Picture(MADE, sheet, run.spec().private)


def _choose_guide() -> Tensor | None:
    st.caption("The picture takes on what the layers see in this one.")
    file = st.file_uploader("Guide", key="dream_guide", label_visibility="collapsed")
    found = None if file is None else _opened(file)
    return None if found is None else found.pixels
