"""Latent explorer: a map of a whole data set that can be read, questioned and walked."""

import streamlit as st

from core.projection import maps
from core.projection.maps import LatentMap
from core.projection.methods import PROJECTING
from pages.parts.latent_explorer import (
    explained,
    map_form,
    own_image,
    selection,
    stability,
    stage,
    trust,
)
from pages.parts.latent_explorer.view_state import current_view
from pages.ui import cached, links
from pages.ui.names import map_names
from pages.ui.page_frame import title

title("Latent explorer", "Every image a point: see what lies together, and ask whether it should.")
made = {run.id: run for run in cached.models(PROJECTING.name)}
names = map_names(list(made.values()))


def use_map(run_id: str) -> None:
    """Put a map that was just made on the stage."""
    cached.forget_models()
    made.update({run.id: run for run in cached.models(PROJECTING.name)})
    st.session_state["map_of"] = run_id


latent_map: LatentMap | None = None
if made:
    first = next((i for i, run in made.items() if maps.has_history(run)), None)
    chosen = links.run_box("Map", made, names, key="map_of", noun="map", default=first, width=460)
    latent_map = cached.latent_map(chosen)
    if maps.has_source(latent_map):
        stage.bench(latent_map)
    else:
        st.error("The network whose codes this map shows was deleted. Choose another map.")
        latent_map = None
else:
    st.info("There is no map yet. Make one below: the digits are always here.")

tabs = ["Selection", "Trust", "Your image", "Seeds", "Codes", "Make a map"]
selected, trusted, own, seeded, codes, make, happening = st.tabs(
    [*tabs, "What is happening"], key="tab", bind="query-params"
)
if latent_map is not None:
    scene = st.session_state["scene"]
    if selected.open:
        with selected:
            selection.panel(scene, current_view(scene))
    if trusted.open:
        with trusted:
            trust.panel(scene, list(made.values()), names)
    if own.open:
        with own:
            own_image.panel(scene)
    if seeded.open:
        with seeded:
            stability.panel(scene)
    if codes.open:
        with codes:
            selection.codes(scene, current_view(scene))
if make.open:
    with make:
        map_form.panel(use_map)
if happening.open:
    with happening:
        explained.explanation(latent_map)
