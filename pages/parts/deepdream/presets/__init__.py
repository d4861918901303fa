"""Six dreams to begin with, as cards: a picture of what grows, and a click that sets the controls.

Their pictures are kept beside this file; `python -m pages.parts.deepdream.presets` draws them anew.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.dreaming import starting_pictures
from core.dreaming.ascent import resized
from core.dreaming.config import Dream, Scene
from core.dreaming.variants import DREAMING
from core.images import contact_sheet, data_url
from core.models import backbones
from core.models.pretrained import folded
from pages.components import picks
from pages.ui.pictures import Choice, choices_html

PICKS = "preset-picks"
VARIANT = "deep"
"""The kind of dream that presets are of."""
SAMPLE = "china"
"""The photograph on their cards."""
PART, SIZE = (slice(70, 278), slice(200, 512)), (128, 192)
"""The part of its dream that a card shows, in pixels, and the size of the picture kept of it."""


class Preset(NamedTuple):
    """What a preset grows, in a word and in a line, and its settings."""

    title: str
    note: str
    layers: str
    rate: float = 0.01
    octaves: int = 5
    backbone: str = "lite0"

    def settings(self) -> dict[str, Any]:
        """Its settings, by their names in the config."""
        return {name: getattr(self, name) for name in ("backbone", "layers", "rate", "octaves")}


PRESETS: Mapping[str, Preset] = {
    "animals": Preset("Animals", "A whole layer: snouts, eyes, dogs' faces", "blocks.4"),
    "fur": Preset("Fur", "One channel: tufts of light fur", "blocks.4/33"),
    "stones": Preset("Stones", "One channel: walls of rubble and brick", "blocks.4/38"),
    "palms": Preset("Palm leaves", "One channel: long thin leaves", "blocks.4/85", octaves=4),
    "spirals": Preset("Spirals", "One channel: curls and rings", "blocks.3/24", 0.008, 4),
    "stripes": Preset("Stripes", "A whole early layer: hatched fields", "blocks.2", 0.008, 3),
}
"""By the name of the picture's file."""


def cards(current: Mapping[str, Any]) -> None:
    """Draw the presets to click on; see `take_click`.

    Args:
        current: the settings as they are; the preset that has them is marked.
    """
    chosen = next((n for n, p in PRESETS.items() if p.settings().items() <= current.items()), None)
    picks.show(choices_html("Presets", _choices(), chosen, columns="repeat(3, 1fr)"), key=PICKS)


def take_click() -> None:
    """Set network, layers, strength and octaves to those of a preset that was clicked; before
    their controls are drawn."""
    if (name := picks.picked_name(PICKS, PRESETS)) is not None:
        st.session_state.update(values(PRESETS[name]))


def values(preset: Preset) -> dict[str, Any]:
    """What a click on a preset sets, by key of a control."""
    shared = ("backbone", "layers")
    return {
        name if name in shared else f"{VARIANT}-{name}": value
        for name, value in preset.settings().items()
    }


def file(name: str) -> Path:
    """Where the picture of a preset is kept."""
    return Path(__file__).with_name(f"{name}.webp")


@cache
def _choices() -> dict[str, Choice]:
    return {
        name: Choice(
            data_url(file(name).read_bytes()),
            f"{preset.title}. {preset.note}",
            preset.title,
        )
        for name, preset in PRESETS.items()
    }


def draw(name: str) -> NDArray[np.uint8]:
    """Dream the picture of a preset anew, uint8 (H, W, 3): a part of its dream, made small."""
    config = DREAMING.config(VARIANT, PRESETS[name].settings())
    picture = starting_pictures.fitted(starting_pictures.sample(SAMPLE).pixels, config.side)
    scene = Scene(picture.float() / 255, folded(backbones.load(config.backbone)))
    dreamt: Dream = DREAMING.variant(VARIANT).build(scene, config, lambda *_, **__: None)
    return contact_sheet(resized(dreamt.picture[None, :, *PART], SIZE), 1)
