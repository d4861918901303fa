"""The live latent instrument: the browser decodes, and every move of the hand redraws at once.

Nothing is sent while something is dragged; what is let go comes back once.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

import streamlit as st

from core.errors import LabError
from core.inference.latent import CODE_COLUMN, MAX_CODE, checked_code
from core.inference.outliers import MIN_OUTSIDE_SHARE, Spread, State
from core.runs.store import Run
from pages.components.component import component, nothing
from pages.server import base_path

HEAT = (0.0, 1.5)
FAILURES = "live-failures"
FAILURES_KEPT = 16


@dataclass(frozen=True)
class Dimension:
    """One slider: its place in the code, its range, and what stands beside it.

    Double click and Reset bring it to `centre`, Random draws around it with `spread`: 0 and 1 for
    a VAE, mean and standard deviation of the codes for a plain autoencoder.
    """

    index: int
    title: str
    low: float
    high: float
    note: str = ""
    dead: bool = False
    centre: float = 0.0
    spread: float = 1.0


class Position(NamedTuple):
    """Where the hand is."""

    code: list[float]
    """The numbers by index; one may lie outside of its slider's range. Released ones have three
    decimals."""
    label: int | None = None
    """The class, for a conditional model."""
    temperature: float = 1.0
    """Of Random, 0 to 1.5: the spread of the draws."""
    pad: tuple[int, int] | None = None
    """Indices of the numbers across and up the pad; by default the first two shown."""


@dataclass(frozen=True)
class Decoder:
    """A decoder for the browser, and what is known of it."""

    url: str
    """Where the bytes of `core.inference.browser_decoder` are; `data:` addresses work too."""
    class_names: Sequence[str] = ()
    """A small picture and a button each; empty for a model without classes."""
    base: Sequence[float] | None = None
    """With `basis`, the latent that one starts from; by default the middle, zeros."""
    basis: Sequence[Sequence[float]] | None = None
    """Directions, as many as a code has numbers, each as long as a latent of the decoder: the
    browser then decodes base + code · basis. Whoever changes either gives the code to begin with
    there: what the hand did before is forgotten."""
    spread: Spread | None = None
    """Where codes lie; whether the hand is among them is then said beside the pad."""


@dataclass(frozen=True)
class Original:
    """An image that stands beside the picture while the code is its own, of a VAE the mean of its
    posterior; without a `png` only the code is known."""

    png: str | None
    """A data URL."""
    code: Sequence[float] | None
    sigma: Sequence[float] | None = None
    """Of a VAE the standard deviations of its posterior, which the pad then shows."""


def decoder_url(run: Run) -> str:
    """Where the browser finds a finished run's decoder."""
    return base_path.address(f"/api/decoders/{run.id}/{run.version()}")


def failure(decoder_url: str) -> str | None:
    """Why this visitor's browser could not run a decoder, as a sentence; None if it did not say.

    Ask before drawing the instrument, and give the visitor Streamlit's own sliders instead.
    """
    sentence: str | None = st.session_state.get(FAILURES, {}).get(decoder_url)
    return sentence


def latent(
    *,
    key: str,
    decoder: Decoder,
    dimensions: Sequence[Dimension],
    position: Position,
    original: Original | None = None,
    name: str = "latent",
) -> Position | None:
    """Draw the instrument; give where the visitor has let go since the last run, else None.

    Keep what is given back and pass it in the next run. To go somewhere else, pass another code or
    label: the browser moves there, unless the visitor has moved on in the meantime. In a fragment
    only that runs again.

    Args:
        key: of the component; one for all models of a page.
        dimensions: the sliders in the order in which they are shown, all numbers of the code once.
            Six are in view, the others folded; `dead` ones are folded apart.
        name: of the files in which the picture and its numbers can be taken away.

    Raises:
        ValueError: a basis of other sizes, or a base without one.
    """
    code, pad, original = position.code, position.pad, original or Original(None, None)
    directions = _directions(len(code), decoder.base, decoder.basis)
    space = sha256(json.dumps([decoder.url, directions]).encode()).hexdigest()
    if pad is None and len(dimensions) > 1:
        pad = (dimensions[0].index, dimensions[1].index)
    seen = f"{key}-seen"
    result = _component(
        key=key,
        data={
            "decoder": decoder.url,
            "space": space,
            **directions,
            "code": [float(v) for v in code],
            "label": (position.label or 0) if decoder.class_names else None,
            "seen": st.session_state.get(seen, 0),
            "dimensions": [dict(vars(d)) for d in dimensions],
            "class_names": list(decoder.class_names),
            "pad": None if pad is None else list(pad),
            "original": original.png,
            "original_code": None if original.code is None else [float(v) for v in original.code],
            "original_sigma": None
            if original.sigma is None
            else [float(v) for v in original.sigma],
            "temperature": position.temperature,
            "limit": MAX_CODE,
            "spread": None if decoder.spread is None else _spread(decoder.spread),
            "name": name,
            "column": CODE_COLUMN,
        },
        on_released_change=nothing,
        on_failed_change=partial(_note_failure, key),
    )
    said = result.get("released")
    if not isinstance(said, dict) or said.get("move") == st.session_state.get(seen, 0):
        return None
    st.session_state[seen] = said.get("move")
    if said.get("space") != space:  # let go just before another model or base was chosen
        return None
    return _checked(said, len(code), len(decoder.class_names))


def ordinary(spread: Spread) -> dict[State, tuple[str, str]]:
    """What is said of a code in each state: a badge, and why, its {share} to be filled in."""
    of = "the prior" if spread.prior else "a Gaussian that fits the codes"
    name = "the prior" if spread.prior else "the codes"
    holes = "" if spread.prior else " The codes may leave holes there all the same."
    return {
        "inside": (f"inside {name}", f"Of the draws from {of} {{share}} lie nearer in.{holes}"),
        "outside": (
            f"outside {name}",
            f"Of the draws from {of} fewer than one in a thousand lies so far out: expect "
            "nonsense.",
        ),
        "near": (
            "too near to the middle",
            f"Of the draws from {of} fewer than one in a thousand lies as near to its middle: the "
            "decoder hardly knows it.",
        ),
        "mean": (
            "code of the image",
            "The mean of its posterior. Means lie nearer to the middle than draws from the prior, "
            "so they are not compared with these.",
        ),
    }


def share_text(share: float) -> str:
    """A share as the instrument says it: neither none nor all of them where it is not so."""
    percent = math.floor(100 * share + 0.5)  # as in the browser; Python rounds halves to even
    return f"{percent}%" if 1 <= percent <= 99 else "fewer than 1%" if percent < 1 else "over 99%"


def _floats(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else [float(v) for v in values]


def _spread(spread: Spread) -> dict[str, Any]:
    """For the browser, which says it while the hand moves."""
    root = None if spread.root is None else spread.root.tolist()
    gaussian = {"centre": spread.centre.tolist(), "root": root, "degrees": spread.degrees}
    rare = {"rare": MIN_OUTSIDE_SHARE, "hollow": spread.hollow, "prior": spread.prior}
    return gaussian | rare | {"said": dict(ordinary(spread))}


def _directions(
    count: int, base: Sequence[float] | None, basis: Sequence[Sequence[float]] | None
) -> dict[str, Any]:
    """Base and basis for the browser; nothing where each slider is one number of the code."""
    if basis is None:
        if base is not None:
            raise ValueError("a base goes with a basis")
        return {}
    rows = [[float(v) for v in row] for row in basis]
    start = [0.0 for _ in rows[0]] if base is None else [float(v) for v in base]
    if len(rows) != count or any(len(row) != len(start) for row in rows):
        raise ValueError(f"{count} directions of {len(start)} numbers each are needed")
    return {"base": start, "basis": rows}


def _checked(said: dict[str, Any], latent: int, classes: int) -> Position | None:
    """What a browser says may be anything."""
    try:
        code = checked_code([float(v) for v in said["code"]], latent)[0].tolist()
        label = int(said["label"]) if classes else None
        temperature = min(max(float(said["temperature"]), HEAT[0]), HEAT[1])
        axes = tuple(int(i) for i in said["pad"])
    except (LabError, KeyError, TypeError, ValueError, OverflowError):
        return None
    if label is not None and not 0 <= label < classes:
        return None
    if any(not 0 <= i < latent for i in axes):
        return None
    pad = (axes[0], axes[1]) if len(axes) == 2 else None
    return Position([round(v, 3) for v in code], label, temperature, pad)


def _note_failure(key: str) -> None:
    """Remember, before the page is drawn, that the browser gave up a decoder."""
    said = st.session_state[key].get("failed")
    if isinstance(said, dict):
        known: dict[str, str] = st.session_state.setdefault(FAILURES, {})
        known[str(said.get("decoder"))] = str(said.get("sentence"))[:300]
        while len(known) > FAILURES_KEPT:
            del known[next(iter(known))]


_component = component("live")
