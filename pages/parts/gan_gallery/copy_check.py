"""Did it memorise? A search for copies of training images among samples."""

import streamlit as st

from core.inference import generators
from pages.components import picks
from pages.parts.gan_gallery.stage import KEY, Scene, go
from pages.ui import cached, copy_search, pictures
from pages.ui.downloads import png_button

SHOWN = 6
PICKS = "copy-picks"


def panel(scene: Scene) -> None:
    """A row a sample: itself, then the real images nearest to it."""
    run = scene.run
    drawn = generators.drawn(cached.generator(run), SHOWN, scene.seed, None, scene.truncation)
    if (index := picks.picked(PICKS, SHOWN)) is not None:
        go(scene, drawn.latents[index], drawn.label(index))
    if not (rows := copy_search.search(run, drawn.images)):
        return
    picks.show(pictures.rows_html(rows), key=PICKS, stage=KEY)
    st.caption("Click a sample to put it on the stage.")
    png_button(lambda: pictures.rows_png(rows), f"{run.id}-nearest", "png-nearest")
