"""The controls of a dream: a picture, a network, its layers, and how to dream."""

import contextlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import streamlit as st
import torch
from PIL import Image
from torch import Tensor

from core.dreaming import dream_runs, starting_pictures
from core.dreaming.config import Target, format_targets, targets
from core.dreaming.starting_pictures import MADE, OWN, Picture, fitted
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.images import contact_sheet, fit
from core.inference import generators
from core.models import backbones
from core.models.backbones import BACKBONES
from core.runs.schema import RunRequest
from core.settings import settings
from core.tasks.adversarial import ADVERSARIAL
from pages.parts.deepdream import presets
from pages.server.streamlit_private import DeltaGenerator, UploadedFile
from pages.ui import cached, form, sending
from pages.ui.cached import dreams
from pages.ui.errors import errors_shown
from pages.ui.mask_canvas import WIDTH, mask_canvas
from pages.ui.names import PICTURES
from pages.ui.run_choice import RunChoice
from pages.ui.widgets import segmented

KINDS_OF_DREAM = {"deep": "Dream", "classic": "Classic", "visualise": "From noise", "zoom": "Zoom"}
SOURCES = {
    **{source: title for source, title in PICTURES.items() if source != OWN},
    "upload": PICTURES[OWN],
    "camera": "The camera",
}
STRENGTHS = {
    "deep": (0.002, 0.03, 0.001),
    "zoom": (0.002, 0.03, 0.001),
    "classic": (0.05, 1.0, 0.05),
    "visualise": (0.01, 0.2, 0.01),
}
"""Minimum, maximum and step of the rate, by the kind of dream."""
UNFOLDED: Mapping[str, tuple[str, ...]] = {
    "deep": ("octaves",),
    "classic": ("octaves",),
    "visualise": (),
    "zoom": ("frames", "zoom", "turn"),
}
"""Settings that are not folded away, by the kind of dream."""
FOLDED = (
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
SHEET_SIZE = 9
"""Samples of a GAN in the sheet that is dreamt on."""


class DreamForm(NamedTuple):
    """The state of the controls: the `request`, or the `refusal` that says why there is none.

    `values` are the settings; `place` is where the button stands, below the unfolded controls.
    """

    variant: str
    picture: Picture | None
    values: Mapping[str, Any]
    place: DeltaGenerator
    request: RunRequest | None
    refusal: str = ""


def dream_form(below: DeltaGenerator) -> DreamForm:
    """Draw every control beside the stage; the canvas of the mask stands `below` the stage."""
    presets.take_click()
    variant = segmented(
        "Kind of dream",
        list(KINDS_OF_DREAM),
        "kind",
        format_func=KINDS_OF_DREAM.__getitem__,
        on_change=_other_network,
        label_visibility="collapsed",
    )
    picture = _choose_picture() if DREAMING.needs_picture(variant) else None
    begin_with = st.container()
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
    values |= form.fields(DREAMING, variant, UNFOLDED[variant])
    if variant == presets.VARIANT:
        with begin_with:
            presets.cards(values)
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
        folded = [name for name in FOLDED if name not in UNFOLDED[variant]]
        values |= form.fields(DREAMING, variant, folded)
    if picture is not None:
        with st.expander("Guide picture", icon=":material/image_search:"):
            guide = _choose_guide()
        if variant != "classic":
            mask = _mask(picture.pixels, below)
    try:
        request = dream_runs.make_request(variant, picture, values, guide, mask)
    except LabError as error:
        return DreamForm(variant, picture, values, place, None, str(error))
    return DreamForm(variant, picture, values, place, request)


def _mask(pixels: Tensor, place: DeltaGenerator) -> Tensor | None:
    """Where to dream, uint8 (H, W); None, which is everywhere, while nothing is painted.

    Args:
        pixels: uint8 (3, H, W), shown below the paint.
        place: where the canvas is to be.
    """
    if not st.toggle("Dream only where I paint", key="painting"):
        return None
    small = fitted(pixels, WIDTH).permute(1, 2, 0).contiguous()
    with place:
        hint = "Paint where to dream, with the mouse or a finger."
        return mask_canvas(Image.fromarray(small.numpy()), hint)


def usual_layers(variant: str, backbone: str) -> str:
    """The default layer of a kind of dream: in the middle, where shapes become objects."""
    if backbone == DREAMING.config(variant).backbone:
        return DREAMING.config(variant).layers
    every = backbones.layers(backbone)
    middle = [layer for layer in every if layer.reduction == 16] or list(every)
    channel = 0 if variant == "visualise" else None
    return format_targets((Target(middle[-1].name, channel),))


def _strengths(variant: str) -> tuple[float, float, float]:
    """The range of the slider, widened where a recipe or a link has a rate outside of it."""
    low, high, step = STRENGTHS[variant]
    key, range_key = f"{variant}-rate", f"{variant}-reach"
    low, high = st.session_state.get(range_key, (low, high))
    requested = st.session_state.get(key, st.query_params.get(key))
    with contextlib.suppress(TypeError, ValueError, LabError):
        rate = DREAMING.config(variant, {"rate": requested}).rate
        low, high = min(low, rate), max(high, rate)
    st.session_state[range_key] = low, high
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
    """Reset the layers: those of another network have other names."""
    st.session_state["layers"] = usual_layers(
        st.session_state["kind"], st.session_state["backbone"]
    )


def pick(layer: str, channel: int | None, more: bool) -> None:
    """Add a layer or a channel to the mixture, or remove it; the next script run shows it."""
    target = Target(layer, channel)
    mixture: tuple[Target, ...] = ()
    if more:
        try:
            mixture = targets(st.session_state.get("layers", ""))
        except LabError:
            mixture = ()
    remaining = tuple(t for t in mixture if t[:2] != target[:2])
    chosen = (*remaining, target) if len(remaining) == len(mixture) else remaining
    st.session_state["picked_layers"] = format_targets(chosen or (target,))


def _take_pick() -> None:
    """Apply the last pick: a widget's value can only be set before the widget is drawn."""
    if (picked := st.session_state.pop("picked_layers", None)) is not None:
        st.session_state["layers"] = picked


def _choose_picture() -> Picture | None:
    source = st.selectbox(
        "Picture",
        sending.sources(list(SOURCES)),
        key="picture",
        bind="query-params",
        format_func=lambda source: SOURCES.get(source, source),
    )
    if source == MADE:
        return _made()
    if source == sending.HERE:
        return _sent()
    if source not in ("upload", "camera"):
        return dreams.sample(source)
    file: UploadedFile | None
    if source == "camera":
        file = st.camera_input("Take a picture", key="dream_camera", label_visibility="collapsed")
    else:
        file = st.file_uploader("Picture", key="dream_upload", label_visibility="collapsed")
    return None if file is None else _opened(file)


def _opened(file: UploadedFile) -> Picture | None:
    with errors_shown():
        return starting_pictures.uploaded(file.getvalue(), file.name)
    return None


def _sent() -> Picture | None:
    """The picture that was sent to this page: as private as an upload."""
    sent = sending.sent_here()
    if sent is None:
        return None
    st.caption(sent.caption)
    return Picture(OWN, sent.pixels.expand(3, -1, -1), private=True)


def _made() -> Picture | None:
    """A sheet of samples of a GAN that was trained here."""
    gans = RunChoice.of(ADVERSARIAL, key="drawn_by")
    if not gans.runs:
        st.info("There is no trained GAN yet: train one in the GAN gallery.")
        return None
    left, right = st.columns([3, 1])
    run = gans.box("Drawn by", place=left)
    seed = right.number_input("Its seed", 0, 10_000, 0, key="drawn_seed", bind="query-params")
    model = cached.generator(run)
    samples = generators.drawn(model, SHEET_SIZE, seed)
    images = (samples.images * 255).round().byte()
    large = fit(images, (3, *images.shape[2:]))
    sheet = torch.from_numpy(contact_sheet(large, 3, gap=0)).permute(2, 0, 1)
    return Picture(MADE, sheet, run.spec().private)


def _choose_guide() -> Tensor | None:
    st.caption("The dream takes on the features that the layers see in this picture.")
    file = st.file_uploader("Guide", key="dream_guide", label_visibility="collapsed")
    guide = None if file is None else _opened(file)
    return None if guide is None else guide.pixels
