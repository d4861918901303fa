"""How far to trust a map: its measures beside those of others, and what every reader must know."""

import pandas as pd
import streamlit as st
import torch

from core.runs.store import Run
from pages.parts.latent_explorer.scene import Scene
from pages.ui import charts
from pages.ui.downloads import csv_button
from pages.ui.figure_tables import Column, figure_table
from pages.ui.names import source_name
from pages.ui.run_choice import RunChoice

COLOUR_NOTE = "**The colours were not seen.** Labels paint the map; they did not make it."
PCA_NOTES = (
    "**A shadow, no map of neighbours.** Distances can only shrink: what is far apart here is far "
    "apart among the codes, what is near here may not be.",
    "**Most of the codes is not seen.** See how much of their variance the directions hold.",
    COLOUR_NOTE,
)
"""What every reader of a PCA map must know."""
NOTES = (
    "**Sizes mean little.** The method gives dense and loose clusters the same room.",
    "**Distances between clusters mean little.** The method only keeps who is near whom.",
    "**Shapes may be noise.** With a low perplexity even random points form clumps.",
    "**One map is no map.** Look at other seeds and perplexities before you believe a cluster.",
    "**Neighbours get lost.** Colour by “Preserved”: dark points stand beside strangers.",
    COLOUR_NOTE,
)


def panel(maps: RunChoice, scene: Scene) -> None:
    """Measures of all maps of this data set, and where on this one neighbours were lost."""
    table = pd.DataFrame([_row(maps, run) for run in maps.on(scene.dataset)])
    shares = ("Trustworthiness", "Kept", "kNN codes", "kNN map")
    figure_table(table, {name: Column("%.3f") for name in shares})
    csv_button(lambda: table, f"{scene.dataset}-maps")
    st.caption(
        "**Trustworthiness** falls when strangers become neighbours on the map (Venna and Kaski "
        "2001); **kept** is the share of each point's nearest codes that are near on the map; "
        "**kNN** is how often the ten nearest name the right class, among the codes and on the "
        "map. All of the points shown, themselves left out. Trustworthiness and kept hold a map "
        "against its own codes: they compare maps of the same codes only, and say nothing of how "
        "good the codes are."
    )
    left, right = st.columns(2, gap="large")
    with left:
        _histogram(scene)
    with right:
        notes = PCA_NOTES if scene.latent_map.run.spec().variant == "pca" else NOTES
        st.markdown("\n".join(f"- {note}" for note in notes))
        if (share := scene.latent_map.run.metrics().get("explained_variance")) is not None:
            st.caption(f"The directions shown hold {share:.0%} of the codes' variance.")


def _row(maps: RunChoice, run: Run) -> dict[str, object]:
    metrics = run.metrics()
    return {
        "Map": maps.short_name(run),
        "Codes": source_name(str(run.spec().config["source"])),
        "Trustworthiness": metrics.get("trustworthiness"),
        "Kept": metrics.get("preservation"),
        "kNN codes": metrics.get("knn_accuracy_codes"),
        "kNN map": metrics.get("knn_accuracy_map"),
        "k": metrics.get("k"),
        "Points": metrics.get("n_test"),
        "Seconds": metrics.get("seconds"),
    }


def _histogram(scene: Scene) -> None:
    """How the share of kept neighbours is spread, the classes that suffer most named."""
    kept, k = scene.latent_map.preserved, int(scene.latent_map.run.metrics()["k"])
    counts = torch.bincount((kept * k).round().long(), minlength=k + 1).tolist()
    shares = [i / k for i in range(k + 1)]
    colour = charts.colour(scene.latent_map.run)
    figure = charts.bars(shares, counts, colour, "share of neighbours kept", "points")
    figure.update_xaxes(tickformat=".0%")
    charts.show(figure, key="kept", height=280)
    names, labels = scene.class_names, scene.labels
    if len(names) < 2:
        return
    means = {n: float(kept[labels == i].mean()) for i, n in enumerate(names) if (labels == i).any()}
    worst, best = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    st.caption(
        f"Class {best} kept most of its neighbours ({means[best]:.0%}), class {worst} fewest "
        f"({means[worst]:.0%})."
    )
