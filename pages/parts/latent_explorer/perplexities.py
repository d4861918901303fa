"""Maps that were made with other perplexities: the same images, another idea of who is near."""

from typing import Any

import streamlit as st

from core.runs.schema import RunSpec
from core.runs.store import Run
from pages.ui.run_choice import RunChoice

KEY = "perplexity_shown"


def slider(choice: RunChoice, chosen: Run) -> None:
    """Move to another perplexity, where maps of these codes were made with several."""
    made = {_perplexity(run): run.id for run in choice.runs.values() if _alike(run, chosen)}
    if len(made) < 2:
        return
    st.session_state[KEY] = _perplexity(chosen)
    st.select_slider(
        "Perplexity",
        sorted(made),
        key=KEY,
        on_change=lambda: choice.use(made[st.session_state[KEY]]),
        width=260,
        help="About how many neighbours each point minds. Only maps that were made are here: "
        "“Make a map” makes others.",
    )


def _perplexity(run: Run) -> float:
    return float(run.spec().config["perplexity"])


def _alike(run: Run, other: Run) -> bool:
    """Whether two maps differ in their perplexity only."""
    mine, theirs = run.spec(), other.spec()
    return mine.variant == theirs.variant == "tsne" and _rest(mine) == _rest(theirs)


def _rest(spec: RunSpec) -> tuple[Any, ...]:
    config = {name: value for name, value in spec.config.items() if name != "perplexity"}
    return spec.dataset, spec.data.fingerprint, config
