"""Latent explorer: a map of a whole data set that can be read, questioned and walked."""

from functools import partial

import streamlit as st

from core.projection import maps
from core.projection.maps import LatentMap
from core.projection.methods import PROJECTING
from pages.parts.latent_explorer import (
    explained,
    map_form,
    own_image,
    perplexities,
    selection,
    stability,
    stage,
    trust,
)
from pages.parts.latent_explorer.scene import Scene
from pages.ui import cached
from pages.ui.page_frame import needs, opening, tabs
from pages.ui.run_choice import RunChoice

opening("latent_explorer")
choice = RunChoice.of(PROJECTING, key="map_of", noun="map")
latent_map: LatentMap | None = None
scene: Scene | None = None
if choice.runs:
    first = next((i for i, run in choice.runs.items() if maps.has_history(run)), None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = choice.box("Map", default=first, width=460)
        perplexities.slider(choice, chosen)
    latent_map = cached.latent_map(chosen)
    if maps.has_source(latent_map):
        stage.bench(latent_map)
        scene = st.session_state["scene"]
    else:
        st.error("The network whose codes this map shows was deleted. Choose another map.")
        latent_map = None
else:
    st.info("There is no map yet. Make one below: the digits are always here.")

tabs(
    {
        "Selection": needs(scene, selection.panel),
        "Trust": needs(scene, partial(trust.panel, choice)),
        "Your image": needs(scene, own_image.panel),
        "Seeds": needs(scene, stability.panel),
        "Codes": needs(scene, selection.codes),
        "Make a map": partial(map_form.panel, choice.use),
        "What is happening": partial(explained.explanation, latent_map),
    }
)
