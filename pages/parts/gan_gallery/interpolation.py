"""Ways through the space: between two seeds, and a walk that comes back, as a moving picture."""

import streamlit as st
import torch

from core.images import to_gif
from core.inference import generators
from pages.components import picks
from pages.parts.gan_gallery.stage import KEY, Scene, go
from pages.ui import cached, pictures
from pages.ui.downloads import download, png_button
from pages.ui.pictures import Row
from pages.ui.widgets import number

STEPS = 11
FRAMES = 12
"""Of a walk, from one stop to the next."""


@st.fragment
def panel(scene: Scene) -> None:
    """From the stage's seed to another, straight and on the arc; then round and back."""
    run, model = scene.run, cached.generator(scene.run)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        other = number("To seed", 0, generators.MAX_SEED, 1, "to_seed", width=130)
        steps = st.slider("Pictures", 5, 21, STEPS, 2, key="steps", bind="query-params", width=220)
        stops = st.slider(
            "Stops of the walk", 2, 12, 5, key="stops", bind="query-params", width=220
        )
    first, second = (
        generators.drawn(model, 1, seed, scene.label, scene.truncation).latents[0]
        for seed in (scene.seed, other)
    )
    paths = {
        path: generators.between(model, first, second, steps, path) for path in ("lerp", "slerp")
    }
    both = torch.cat([paths["lerp"], paths["slerp"]])
    if (index := picks.picked("between-picks", len(both))) is not None:
        go(scene, both[index], scene.label)
    rows = [
        Row(
            name,
            generators.draw(model, paths[path], scene.label),
            _lengths(paths[path]),
            names=[f"{name}, {i + 1}" for i in range(steps)],
        )
        for name, path in (("Straight line (lerp)", "lerp"), ("Arc (slerp)", "slerp"))
    ]
    picks.show(pictures.rows_html(rows), key="between-picks", stage=KEY)
    st.caption("Click a picture to put it on the stage.")
    frames = scene.truncation * generators.walk(model, scene.seed, stops, FRAMES)
    small = scene.run.spec().data.shape[1] <= 28
    gif = to_gif(generators.draw(model, frames, scene.label), 70, 8 if small else 4)
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    with left:
        pictures.sheet_image(gif, f"A walk past {stops} samples and back")
    with right:
        st.caption(
            f"A closed walk past the first {stops} samples of seed {scene.seed}, at one speed: "
            "the last frame flows into the first."
        )
        with st.container(horizontal=True):
            download("GIF", gif, f"{run.id}-walk.gif")
            png_button(lambda: pictures.rows_png(rows), f"{run.id}-between", "png-between")


def _lengths(latents: torch.Tensor) -> str:
    norms = latents.norm(dim=1)
    return f"length {norms[0]:.1f}, {norms[len(norms) // 2]:.1f} half-way, {norms[-1]:.1f}"
