"""A wall of pictures that come out of noise, drawn in the browser by a diffusion's network.

Nothing is sent while it plays, while a control is dragged or a picture is looked at. What all
controls say stands in the address; here it is read, and brought within its bounds.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import streamlit as st
import torch
from torch import Tensor

from core.images import Shape
from core.inference.noise_walls import WallSettings
from core.models.sampling import Sampling
from pages.components.component import component, news, nothing, picture_said

WIDE, NARROW = (5, 4), (4, 3)
"""Columns and rows of the wall on a desk, and on a phone."""
COUNT = WIDE[0] * WIDE[1]
"""Pictures at most."""
ANY, EACH = "any", "each"
"""Classes that may be asked for beside one: none is told to the network, or each in turn."""
SAMPLERS = ("euler", "heun", "ddim")
"""The last draws noise anew, as much as η says."""
SHOWN = ("noisy", "guess")
MAX_STEPS, MAX_GUIDANCE, MAX_SEED = 100, 4.0, 9999
FAILURES = "diffusion-wall-failures"
FAILURES_KEPT = 16


class Controls(NamedTuple):
    """What stands in the address, by these names."""

    asked: str = EACH
    """`ANY`, `EACH`, or the number of a class."""
    steps: int = 20
    sampler: str = SAMPLERS[0]
    eta: float = 1.0
    guidance: float = 0.3
    noise: int = 0
    """The seed."""
    at: float | None = None
    """Where time stands, from 1 (noise) to 0 (picture); None plays once."""
    show: str = SHOWN[0]
    picture: int = 0
    """The one whose path is shown."""
    other: int | None = None
    """The one to which a row leads from there."""
    mix: float = 0.5
    """Where between the two."""


class Network(NamedTuple):
    """A network that draws."""

    url: str
    """Where its packed weights are."""
    name: str
    """Of the files in which pictures can be taken away."""
    shape: Shape
    process: str
    """By its name in `pages/components/diffusion/sampling.js`."""
    classes: Sequence[str] = ()
    """Their names; empty where it is told none."""


class Sent(NamedTuple):
    """A picture, uint8 (C, H, W), that is to be opened on another page."""

    page: str
    pixels: Tensor


def read(values: Mapping[str, str], classes: int) -> Controls:
    """The controls that an address gives; what is missing, or no number, is as at first, and what
    is out of bounds is brought to the nearest that can be."""
    usual = Controls()
    first = EACH if classes else ANY
    at, other = values.get("at"), values.get("other")
    return Controls(
        asked=_asked(values.get("asked", first), classes),
        steps=round(_number(values.get("steps"), (1, MAX_STEPS), usual.steps)),
        sampler=_one_of(values.get("sampler"), SAMPLERS),
        eta=_number(values.get("eta"), (0, 1), usual.eta),
        guidance=_number(values.get("guidance"), (0, MAX_GUIDANCE), usual.guidance),
        noise=round(_number(values.get("noise"), (0, MAX_SEED), usual.noise)),
        at=None if at is None else _number(at, (0, 1), 0),
        show=_one_of(values.get("show"), SHOWN),
        picture=round(_number(values.get("picture"), (0, COUNT - 1), usual.picture)),
        other=None if other is None else round(_number(other, (0, COUNT - 1), 1)),
        mix=_number(values.get("mix"), (0, 1), usual.mix),
    )


def _number(text: str | None, bounds: tuple[float, float], otherwise: float) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return otherwise
    return min(max(value, bounds[0]), bounds[1]) if math.isfinite(value) else otherwise


def _one_of(text: str | None, known: Sequence[str]) -> str:
    return next((one for one in known if one == text), known[0])


def _asked(text: str, classes: int) -> str:
    if not classes or text == ANY:
        return ANY
    return text if text in {str(i) for i in range(classes)} else EACH


def drawing(controls: Controls, classes: int) -> WallSettings:
    """What is drawn with the controls as they are, for the server."""
    each = {ANY: [-1] * COUNT, EACH: [i % max(classes, 1) for i in range(COUNT)]}
    labels = each.get(controls.asked) or [int(controls.asked)] * COUNT
    how = Sampling(
        controls.steps,
        2 if controls.sampler == "heun" else 1,
        controls.eta if controls.sampler == "ddim" else 0.0,
        controls.guidance,
    )
    return WallSettings(tuple(labels), controls.noise, how)


def failure(url: str) -> str | None:
    """Why this visitor's browser could not run a network, as a sentence; None if it did not say.

    Ask before drawing the wall, and have the server draw instead.
    """
    sentence: str | None = st.session_state.get(FAILURES, {}).get(url)
    return sentence


def wall(
    *,
    key: str,
    network: Network,
    controls: Controls,
    invited: str | None,
    takers: Mapping[str, str],
) -> Sent | None:
    """Draw the wall; give the picture that the visitor has sent to another page since the last run.

    Args:
        key: of the component, one for all networks.
        controls: at first; after that they are the hand's.
        invited: a class to ask for, whenever it is another than before.
        takers: titles of pages that take a picture, by their addresses.
    """
    sent = _checked(news(key, "sent"), network.shape, takers)
    _component(
        key=key,
        data={
            **network._asdict(),
            "classes": list(network.classes),
            "controls": controls._asdict(),
            "usual": read({}, len(network.classes))._asdict(),
            "invited": invited,
            "takers": dict(takers),
            "wide": WIDE,
            "narrow": NARROW,
        },
        on_sent_change=nothing,
        on_failed_change=partial(_note_failure, key),
    )
    return sent


def _checked(said: Mapping[str, Any], shape: Shape, takers: Mapping[str, str]) -> Sent | None:
    """What a browser says may be anything."""
    channels, height, width = shape
    pixels = picture_said(said, (height, width, channels))
    if pixels is None or said.get("page") not in takers:
        return None
    return Sent(str(said["page"]), torch.from_numpy(pixels.copy()).permute(2, 0, 1).contiguous())


def _note_failure(key: str) -> None:
    """Remember, before the page is drawn, that the browser gave up a network."""
    said = st.session_state[key].get("failed")
    if isinstance(said, dict):
        known: dict[str, str] = st.session_state.setdefault(FAILURES, {})
        known[str(said.get("url"))[:300]] = str(said.get("sentence"))[:300]
        while len(known) > FAILURES_KEPT:
            del known[next(iter(known))]


_component = component("diffusion_wall")
