"""The tabs that translate while one draws: both ways and back, also with noise between."""

import random
from collections.abc import Mapping

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data import Images
from core.data.set_pairs import SKETCH
from core.inference.translating import DIRECTIONS, sides_of_run
from core.runs.store import Run
from pages.components.translation import Engine, Side, Taken, translation, translator_url
from pages.parts.translation import server_answers
from pages.parts.translation.choice import FIRST, network, test_sides
from pages.ui import cached, inputs, links, sending
from pages.ui.names import pair_titles
from pages.ui.widgets import segmented

TEST, SHEET, UPLOAD = "Test pictures", "Empty sheets", "Upload"
DIGITS = ("mnist", "digits")
LIGHT = 128
"""Mean brightness from which on a set's pictures are dark on light."""
NOT_HERE = (
    "The pictures of this pair are not on this machine: draw on the sheets, or bring a picture."
)
SERVER = "The server translates instead, one picture after the other."
PRESS = (
    "Draw on either first picture. Press a translation, and it can be sent to another page. PSNR "
    "says how near the way back is to its picture: +10 dB is a tenth of the squared error."
)


def panel() -> None:
    """Both ways, and the way back of each."""
    _tab(hides=False)


def hidden_panel(run: Run) -> None:
    """The same with noise on the translation."""
    _stage_of(run, hides=True)


def _tab(hides: bool) -> None:
    run = network()
    if run is not None:
        _stage_of(run, hides)


def _stage_of(run: Run, hides: bool) -> None:
    """The stage, and below it what stands there."""
    stage, below = st.container(), st.container()
    with below:
        sides = _sides(run)
    with stage:
        st.fragment(_stage)(run, sides, hides)


def _stage(run: Run, sides: tuple[Side, Side], hides: bool) -> None:
    """Only this runs again when a picture is pressed."""
    shape = run.spec().data.shape
    refused = cached.browser_refusal(run)
    if refused:
        st.info(f"{refused} {SERVER}")
        engine = Engine(None, server_answers.address(run), shape)
    else:
        engine = Engine(translator_url(run), None, shape)
    taken = translation(
        key="translation-hidden" if hides else "translation",
        engine=engine,
        sides=sides,
        hides=hides,
    )
    pictures = _pictures(sides, taken)
    with st.container(horizontal=True, vertical_alignment="center"):
        if pictures:
            sending.send_to(pictures)
        st.caption(PRESS)


def _pictures(sides: tuple[Side, Side], taken: Taken | None) -> Mapping[str, Tensor]:
    """What can be sent away: what was pressed, and what the rows begin with."""
    own = {
        f"{side.what} of {side.title}": _chw(side.picture)
        for side in sides
        if side.picture is not None
    }
    if taken is None:
        return own
    first, second = sides[taken.direction].title, sides[1 - taken.direction].title
    what = {
        "there": f"From {first} to {second}",
        "back": f"From {first} to {second} and back",
        "lost": f"From {first} to {second}, with noise, and back",
    }[taken.which]
    return {what: _chw(taken.pixels)} | own


def _chw(pixels: NDArray[np.uint8]) -> Tensor:
    image = torch.from_numpy(pixels.copy())
    return image[None] if image.ndim == 2 else image.permute(2, 0, 1)


def shown(pixels: Tensor) -> NDArray[np.uint8]:
    """A picture uint8 (C, H, W) as (H, W) or (H, W, 3)."""
    return np.ascontiguousarray(pixels.permute(1, 2, 0).squeeze(2).numpy())


# ---- what stands on the stage


def _sides(run: Run) -> tuple[Side, Side]:
    """What both rows begin with; test pictures by their numbers, until another is brought."""
    here = test_sides(run)
    kinds = [TEST, SHEET, UPLOAD] if here else [SHEET, UPLOAD]
    if not here:
        st.caption(NOT_HERE)
    source = segmented("Begin with", sending.sources(kinds), "translate_source")
    if here and source != SHEET:
        rows = []
        for side, place in enumerate(st.columns(2)):
            with place, st.container(horizontal=True, vertical_alignment="bottom"):
                rows.append(_number(run, here[side], side))
        sides = [_test(run, here, side, rows[side]) for side in range(2)]
    else:
        sides = [_empty(run, here, side) for side in range(2)]
    if source in (UPLOAD, sending.HERE):
        own = _own(run, source)
        if own is not None:
            side, pixels, what = own
            sides[side] = sides[side]._replace(picture=shown(pixels), what=what, digits=False)
    return sides[0], sides[1]


def _number(run: Run, images: Images, side: int) -> int:
    """The number of a set's test picture, with a button that draws another."""
    count, key = len(images.labels), f"translate_{'ab'[side]}"
    number = inputs.choose_index(pair_titles(run)[side], count, key=key, default=FIRST[side])
    st.button(
        "Another", icon=":material/casino:", on_click=_another, args=(key, count), key=f"{key}_any"
    )
    return number


def _another(key: str, count: int) -> None:
    st.session_state[key] = random.randrange(count)


def _test(run: Run, here: tuple[Images, Images], side: int, row: int) -> Side:
    picture = shown(here[side].pixels[row])
    return _empty(run, here, side)._replace(picture=picture, what=f"test picture {row:,}")


def _empty(run: Run, here: tuple[Images, Images] | None, side: int) -> Side:
    """A sheet as light as the set's pictures are."""
    pair = sides_of_run(run)
    name = (pair.source, pair.target)[side]
    light = name == SKETCH if here is None else _light(here[side])
    digits = name in DIGITS and run.spec().data.shape[0] == 1
    return Side(pair_titles(run)[side], None, light=light, digits=digits)


def _light(images: Images) -> bool:
    return float(images.pixels[:100].float().mean()) > LIGHT


def _own(run: Run, source: str) -> tuple[int, Tensor, str] | None:
    """Of which set a picture that was brought is to be, the picture, and what it is."""
    choices = links.Choices(DIRECTIONS, DIRECTIONS[0])
    names = dict(zip(DIRECTIONS, pair_titles(run), strict=True))
    side = links.box(
        "It stands for a picture of", choices, key="translate_as", format_func=names.__getitem__
    )
    pixels = inputs.own_pixels(source, 1, run.spec().data.shape)
    if pixels is None:
        return None
    return DIRECTIONS.index(side), pixels[0], inputs.own_title(source)
