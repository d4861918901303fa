"""A list of layers with a picture of what each channel responds to; a click adds it."""

import streamlit as st

from core.dreaming import dream_runs
from core.dreaming.config import ATLAS, CLASSES, targets
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.jobs import queue
from core.models import backbones
from pages.components.channels import Layer, channels
from pages.parts.deepdream.controls import pick
from pages.server.run_files import dream_url
from pages.server.visitor import who
from pages.ui.cached import dreams
from pages.ui.durations import estimate
from pages.ui.errors import errors_shown
from pages.ui.names import layer_title
from pages.ui.run_panel import watch
from pages.ui.training_panel import keep_watching, watched

LAYER_NOTES = {
    "stem": "edges, colours",
    "blocks.0": "edges, colours",
    "blocks.1": "strokes",
    "blocks.2": "textures",
    "blocks.3": "scales, spirals",
    "blocks.4": "animals, eyes, fur",
    "blocks.5": "buildings, trees",
    "blocks.6": "things, noisier",
    "head": "noisier still",
    CLASSES: "what it was taught to name",
}
"""What the layers of EfficientNet-Lite respond to."""


def panel() -> None:
    """Every layer of the chosen network, and the channels of the open one."""
    backbone = str(st.session_state.get("backbone", "lite0"))
    sheets = dreams.channel_sheets(backbone)
    all_layers = [*backbones.layers(backbone), backbones.Layer(CLASSES, backbones.CLASSES, 1)]
    layers = [
        Layer(
            layer.name,
            layer_title(layer.name),
            f"{layer.channels:,} {'classes' if layer.name == CLASSES else 'channels'}"
            + (f" · {LAYER_NOTES[layer.name]}" if backbone.startswith("lite") else ""),
            layer.channels,
            _address(sheets, layer.name),
        )
        for layer in all_layers
    ]
    try:
        mixture = targets(st.session_state.get("layers", ""))
    except LabError:
        mixture = ()
    chosen = [(t.layer, t.channel) for t in mixture]
    names = {CLASSES: backbones.classes()}
    picked = channels(key="channels", layers=layers, chosen=chosen, names=names)
    if picked is not None:
        pick(picked.layer, picked.channel, picked.more)
        st.rerun()
    missing = [layer for layer, _ in chosen if layer not in sheets] or [
        layer.name for layer in all_layers if layer.name not in sheets
    ]
    if missing and queue.may_start(who()):
        _offer(backbone, missing[0])


def _address(sheets: dict, layer: str) -> str | None:  # type: ignore[type-arg]
    if layer not in sheets:
        return None
    run, path = sheets[layer]
    return dream_url(run, path.name)


def _offer(backbone: str, layer: str) -> None:
    """Offer to draw what the channels of a layer respond to: one job for all visitors."""
    values = {"backbone": backbone, "layers": layer}
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            f"Draw the channels of {layer_title(layer).lower()}", icon=":material/palette:"
        )
        try:
            config = DREAMING.config(ATLAS, values)
            expected = dreams.seconds(ATLAS, config.model_dump(), (config.side, config.side))
            st.caption(f"About {estimate(*expected)} on this machine, once for everybody.")
        except LabError:
            st.caption("The network is fetched first.")
    if pressed:
        with errors_shown():
            run = queue.submit(dream_runs.make_request(ATLAS, None, values), who())
            keep_watching(DREAMING, run.id, ATLAS)
    if (under_way := watched(DREAMING, ATLAS)) is not None:
        watch(under_way)
