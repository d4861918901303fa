"""What batch norm does inside one batch: the same noise among different other samples."""

import streamlit as st

from core.inference import generators
from pages.components import picks
from pages.parts.gan_gallery.stage import KEY, Scene, go
from pages.ui import cached, pictures
from pages.ui.downloads import png_button
from pages.ui.pictures import Row
from pages.ui.widgets import number

SHOWN = 8
PICKS = "norm-picks"


def copies_text(places: bool) -> str:
    """What a batch of copies does to a picture.

    Args:
        places: all norms are over maps, which vary from place to place.
    """
    if places:
        return (
            "In a batch of copies each map still varies from place to place: a picture is left, in "
            "which every map has the same mean and contrast, whatever the noise."
        )
    return (
        "In a batch of copies the first norm, over single numbers, finds no variance: it takes all "
        "that the noise has brought away, and what is left is one picture for every noise."
    )


@st.fragment
def panel(scene: Scene) -> None:
    """Draw eight latents with running statistics, among other samples, and among copies."""
    model = cached.generator(scene.run)
    if not generators.has_batch_norm(model):
        st.info(
            "This generator has no batch norm: each picture is drawn alone, whatever the batch. "
            "Choose a DCGAN above."
        )
        return
    seed = number("Seed of the other samples", 0, generators.MAX_SEED, 0, "strangers", width=200)
    drawn = generators.drawn(model, SHOWN, scene.seed, scene.label, scene.truncation)
    if (index := picks.picked(PICKS, SHOWN)) is not None:
        go(scene, drawn.latents[index], drawn.label(index))
    comparison = generators.batch_norm_views(model, drawn.latents, seed, drawn.labels)
    names = [f"Sample {i + 1}" for i in range(SHOWN)]
    kept = "Kept statistics (eval): alone or not, always the same"
    rows = [Row(kept, comparison.kept, names=names)]
    for i, batch in enumerate(comparison.batches):
        apart = (batch - comparison.kept).abs().mean()
        rows.append(
            Row(
                f"Batch {i + 1} of {generators.BATCH_SIZE}, with other samples (train)",
                batch,
                f"{255 * float(apart):.0f} grey levels away on average",
            )
        )
    apart = (comparison.copies - comparison.kept).abs().mean()
    rows.append(
        Row(
            f"A batch of {generators.BATCH_SIZE} copies of itself (train)",
            comparison.copies,
            f"{255 * float(apart):.0f} grey levels away on average",
        )
    )
    picks.show(pictures.rows_html(rows), key=PICKS, stage=KEY)
    st.caption(
        "Click a picture of the first row to put it on the stage. "
        "In training, batch norm takes mean and variance from the batch, so a picture depends on "
        f"its company. {copies_text(generators.varies_by_position(model))} Afterwards it uses "
        "statistics that were kept, and each picture stands for itself."
    )
    png_button(lambda: pictures.rows_png(rows), f"{scene.run.id}-batch-norm", "png-norm")
