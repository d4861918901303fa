"""What translators make of the pictures of their sets."""

import streamlit as st

from core.data import Images
from core.data.set_pairs import one_side
from core.inference.translating import DIRECTIONS, Trip, trip
from core.models.translation_nets import Translator
from core.runs.store import Run
from core.tasks.translation import TRANSLATION
from pages.ui.cached.by_run import by_run
from pages.ui.cached.networks import model_of
from pages.ui.concurrency import heavy


@by_run(st.cache_resource, max_entries=8, show_spinner="Reading the pictures")
def translation_sides(run: Run) -> tuple[Images, Images]:
    """Test pictures of both sets of a translation in its shape; of sketches the i-th of one is
    that of the i-th of the other. Raises LabError where they are not on this machine."""
    pairs = TRANSLATION.testing(run)
    return one_side(pairs, 0), one_side(pairs, 1)


def translator(run: Run) -> Translator:
    """A finished translation's network."""
    return model_of(run, Translator)


@heavy(by_run(st.cache_resource, max_entries=64, show_spinner="Translating"))
def translated(run: Run, side: int, first: int, count: int) -> Trip:
    """Test pictures from the `first` on of set 0 or 1, translated and back. Raises LabError."""
    pixels = translation_sides(run)[side].pixels[first : first + count]
    return trip(translator(run), pixels, DIRECTIONS[side])
