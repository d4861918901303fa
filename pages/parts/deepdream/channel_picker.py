"""Layers as a picture list: what each channel likes, to be clicked into the mixture."""

import streamlit as st

from core.dreaming import dream_runs
from core.dreaming.config import ATLAS, CLASSES, targets
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.jobs import queue
from core.models import backbones
from pages.components.channels import Layer, channels
from pages.parts.deepdream.controls import pick
from pages.server.routes import dream_url
from pages.server.visitor import who
from pages.ui.cached import dreams
from pages.ui.run_panel import span, watch
from pages.ui.training_panel import keep_watching, watched

SEEN = {
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
"""What the layers of EfficientNet-Lite like."""


def panel() -> None:
    """Every layer of the chosen network, and the channels of the open one."""
    backbone = str(st.session_state.get("backbone", "lite0"))
    drawn = dreams.sheets(backbone)
    known = [*backbones.layers(backbone), backbones.Layer(CLASSES, backbones.CLASSES, 1)]
    listed = [
        Layer(
            layer.name,
            f"Layer {layer.name}"
            if layer.name.isdigit()
            else layer.name.capitalize().replace("Blocks.", "Stage "),
            f"{layer.channels:,} {'classes' if layer.name == CLASSES else 'channels'}"
            + (f" · {SEEN[layer.name]}" if backbone.startswith("lite") else ""),
            layer.channels,
            _address(drawn, layer.name),
        )
        for layer in known
    ]
    try:
        mixture = targets(st.session_state.get("layers", ""))
    except LabError:
        mixture = ()
    chosen = [(t.layer, t.channel) for t in mixture]
    names = {CLASSES: backbones.classes()}
    picked = channels(key="channels", layers=listed, chosen=chosen, names=names)
    if picked is not None:
        pick(picked.layer, picked.channel, picked.more)
        st.rerun()
    missing = [layer for layer, _ in chosen if layer not in drawn] or [
        layer.name for layer in known if layer.name not in drawn
    ]
    if missing and queue.may_start(who()):
        _offer(backbone, missing[0])


def _address(drawn: dict, layer: str) -> str | None:  # type: ignore[type-arg]
    if layer not in drawn:
        return None
    run, path = drawn[layer]
    return dream_url(run, path.name)


def _offer(backbone: str, layer: str) -> None:
    """Draw what the channels of a layer like: a job, once for everybody."""
    values = {"backbone": backbone, "layers": layer}
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(f"Draw the channels of {layer}", icon=":material/palette:")
        try:
            config = DREAMING.config(ATLAS, values)
            expected = dreams.seconds(ATLAS, config.model_dump(), (config.side, config.side))
            st.caption(f"About {span(*expected)} on this machine, once for everybody.")
        except LabError:
            st.caption("The network is fetched first.")
    if pressed:
        try:
            run = queue.submit(dream_runs.make_request(ATLAS, None, values), who())
            keep_watching(DREAMING, run.id, ATLAS)
        except LabError as error:
            st.error(str(error), icon=":material/error:")
    if (under_way := watched(DREAMING, ATLAS)) is not None:
        watch(under_way)
