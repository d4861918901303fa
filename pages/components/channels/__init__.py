"""Layers of a network as cards, and below them what each channel of the open one likes.

The pictures of a layer are one sheet, which the browser fetches itself. Nothing is sent while
somebody looks around; a pick is sent once, and the next one when the server has heard of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from pages.components.component import component, nothing


@dataclass(frozen=True)
class Layer:
    """One layer: how it is called and what its channels like.

    `sheet` is the address of a picture of square tiles, row by row and without gaps, `columns`
    tiles wide, with a whole last row; None when it has not been drawn yet.
    """

    name: str
    title: str
    note: str
    channels: int
    sheet: str | None
    columns: int = 16


@dataclass(frozen=True)
class Pick:
    """A channel (None: the whole layer) that was clicked.

    `more`: it comes to what is chosen, or goes if it is there already; else it stands alone.
    """

    layer: str
    channel: int | None
    more: bool


def channels(
    *,
    key: str,
    layers: Sequence[Layer],
    chosen: Sequence[tuple[str, int | None]],
    names: Mapping[str, Sequence[str]] = {},
) -> Pick | None:
    """Draw the layers; give what was picked since the last run, else None.

    Args:
        key: of the component; with the same key the open layer stays open.
        layers: in the order in which they are shown, each name once.
        chosen: layers and channels (None: the whole layer) that have a mark. The layer of the
            first is open at first.
        names: of a layer's channels, by the layer's name; they can be searched.
    """
    seen, said = f"{key}-seen", _said(key)
    _component(
        key=key,
        data={
            "layers": [asdict(layer) for layer in layers],
            "chosen": [[layer, channel] for layer, channel in chosen],
            "names": {layer: list(titles) for layer, titles in names.items()},
            "heard": said.get("move", 0),
        },
        on_picked_change=nothing,
    )
    # Only after the drawing: a run that ends there has not taken the pick, the next one does.
    if not said or said["move"] == st.session_state.get(seen):
        return None
    st.session_state[seen] = said["move"]
    return _pick(said, layers)


def _said(key: str) -> dict[str, Any]:
    """What the browser last said, with its number; empty if that cannot be."""
    state = st.session_state.get(key)
    said = state.get("picked") if state else None
    return said if isinstance(said, dict) and type(said.get("move")) is int else {}


def _pick(said: dict[str, Any], layers: Sequence[Layer]) -> Pick | None:
    """What was said, if there is such a channel."""
    layer = next((layer for layer in layers if layer.name == said.get("layer")), None)
    channel, more = said.get("channel"), said.get("more")
    if layer is None or type(more) is not bool:
        return None
    if channel is not None and (type(channel) is not int or not 0 <= channel < layer.channels):
        return None
    return Pick(layer.name, channel, more)


_component = component("channels")
