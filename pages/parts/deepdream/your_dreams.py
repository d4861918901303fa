"""A visitor's own finished dreams: a click puts one on the stage again, with its settings."""

import streamlit as st

from core.dreaming import dream_runs
from core.dreaming.config import ATLAS
from core.dreaming.starting_pictures import MADE, OWN
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.jobs import queue
from core.runs import store
from core.runs.store import Run
from pages.components import picks
from pages.parts.deepdream.controls import KINDS_OF_DREAM
from pages.parts.deepdream.recipe_panel import CHOSEN_RECIPE
from pages.parts.deepdream.stage import KEY, OPENED, SHOWN
from pages.server.run_files import sheet_url
from pages.server.visitor import who
from pages.ui import cached
from pages.ui.errors import errors_shown
from pages.ui.names import PICTURES
from pages.ui.pictures import Choice, choices_html

PICKS = "dream-picks"
MAX_SHOWN = 24
"""The newest dreams, at most."""


def own() -> list[Run]:
    """The finished dreams of this visitor, the newest first."""
    runs = [
        run
        for run in cached.models(DREAMING.name)
        if run.spec().variant != ATLAS and run.samples() and queue.mine(run, who())
    ]
    return sorted(runs, key=lambda run: run.status().queued_at, reverse=True)[:MAX_SHOWN]


def panel() -> None:
    """Show the dreams as pictures to click on."""
    runs = own()
    if not runs:
        st.info("Your finished dreams will be collected here.")
        return
    if (run_id := picks.picked_name(PICKS, [run.id for run in runs])) is not None:
        _open(run_id)
    columns = "repeat(auto-fill, minmax(8.5rem, 1fr))"
    choices = {run.id: _choice(run) for run in runs}
    shown = st.session_state.get(SHOWN)
    picks.show(choices_html("Your dreams", choices, shown, columns=columns), key=PICKS, stage=KEY)


def _choice(run: Run) -> Choice:
    spec = run.spec()
    title, layers = KINDS_OF_DREAM[spec.variant], str(spec.config["layers"])
    if DREAMING.needs_picture(spec.variant):
        title = f"{title}: {PICTURES.get(spec.dataset, spec.dataset)}"
    return Choice(sheet_url(run, max(run.samples())), f"{layers}. {title}", layers)


def _open(run_id: str) -> None:
    """Set every control to those of a dream, and put it on the stage until one is changed."""
    with errors_shown():
        run = store.open_run(run_id)
        if not queue.visible(run, who()):
            raise LabError("This dream is somebody else's.")
        recipe = dream_runs.recipe_of(run)
        if recipe.source == MADE:  # its network and seed are not part of a recipe
            recipe = recipe.model_copy(update={"source": OWN})
        st.session_state[CHOSEN_RECIPE] = recipe
        st.session_state[OPENED] = run_id
        st.rerun()  # the controls and the stage are above
