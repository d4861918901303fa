"""The network that the tabs of the page Translation work with: one choice for all of them."""

from collections.abc import Sequence

import streamlit as st
from torch import Tensor

from core import data
from core.data import Images
from core.errors import LabError
from core.inference.translating import DIRECTIONS, sides_of_run
from core.runs.store import Run
from core.tasks.translation import TRANSLATION, same_classes
from pages.server.visitor import who
from pages.ui import cached, links
from pages.ui.names import pair_titles
from pages.ui.run_choice import RunChoice

NO_RUN = "No translation has been trained here yet. Train one under “Train your own”."

FIRST = (0, 3)
"""Test pictures of both sets that the page opens with."""


def network() -> Run | None:
    """Draw the choice, and give what is chosen; without any, say so and give None."""
    choice = RunChoice.of(TRANSLATION)
    if not choice.runs:
        st.info(NO_RUN)
        return None
    return choice.box("Network", opening_run(list(choice.runs.values())).id)


def opening_run(runs: Sequence[Run]) -> Run:
    """Of some runs, the best first, the one that the page opens with: one whose pictures are here,
    and whose class can be kept, before others."""

    def order(run: Run) -> tuple[bool, bool, bool, bool]:
        of, variant = sides_of_run(run), TRANSLATION.variant(run.spec().variant)
        here = all("test" in data.available(name) for name in of.names())
        cycle = bool(run.spec().config["cycle"])
        return not run.shipped, not here, variant.paired or not cycle, not same_classes(of)

    return min(runs, key=order)


def ways(run: Run) -> tuple[str, str]:
    """Both directions in words."""
    first, second = pair_titles(run)
    return f"{first} → {second}", f"{second} → {first}"


def direction(run: Run, key: str) -> int:
    """Ask for a direction: 0 begins with the first set."""
    choices = links.Choices(DIRECTIONS, DIRECTIONS[0])
    names = dict(zip(DIRECTIONS, ways(run), strict=True))
    return DIRECTIONS.index(links.box("Direction", choices, key=key, format_func=names.__getitem__))


def test_sides(run: Run) -> tuple[Images, Images] | None:
    """Test pictures of both sets; None where they are not here, or not for this visitor."""
    if not all(data.visible(name, who()) for name in sides_of_run(run).names()):
        return None
    try:
        return cached.translation_sides(run)
    except LabError:
        return None


def opening_rows(run: Run) -> list[tuple[Tensor, Tensor, Tensor]]:
    """What the page opens with, a row for each set: its test picture, translated, and back, each
    (1, C, H, W). Raises LabError where the pictures are not on this machine."""
    rows = []
    for side, first in enumerate(FIRST):
        picture, there, back = cached.translated(run, side, first, 1)
        rows.append((picture, there, back))
    return rows


def on_the_same_pair(run: Run, runs: Sequence[Run]) -> list[Run]:
    """Those of some runs that translate between the same sets, in the same size."""
    own, shape = sides_of_run(run), run.spec().data.shape
    return [one for one in runs if sides_of_run(one) == own and one.spec().data.shape == shape]
