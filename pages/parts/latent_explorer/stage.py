"""The stage: the map, and beside it the image that was clicked with its neighbours."""

from typing import NamedTuple

import streamlit as st
import torch
from torch import Tensor

from core.images import scatter as drawn
from core.images import to_png
from core.inference import codes as encoding
from core.inference import latent
from core.projection import clusters
from core.projection.clusters import Clusters
from core.projection.maps import LatentMap, has_frames
from core.runs import store
from pages.components import live, picks
from pages.components.map import Classes, Drawing, Scale, ViewState, interactions, scatter
from pages.parts.latent_explorer import own_image
from pages.parts.latent_explorer.detail import PICKS, autoencoder_of, detail, neighbours_of
from pages.parts.latent_explorer.scene import Scene, choose
from pages.parts.latent_explorer.view_state import current_view, remember, select
from pages.server.run_files import frames_url
from pages.server.thumbnails import thumbnails_url
from pages.ui import cached, pictures
from pages.ui.downloads import csv_button, png_button
from pages.ui.names import dataset_title
from pages.ui.widgets import number, segmented

KEY, MEDOID_PICKS = "map", "medoid-picks"
COLOURINGS = ("Label", "Cluster", "Error", "Preserved")
MIN_TRUSTED = 0.95
EXPORT_SIDE = 1200
"""Side length in pixels of the exported map."""
TABS_OF_SELECTION = ("Selection", "Codes")


@st.fragment
def bench(latent_map: LatentMap) -> None:
    """Map and detail; only this runs again when something is clicked."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scene = choose(latent_map)
        colouring = segmented("Colour", _colourings(scene), "colour")
        grouped = _choose_clusters(scene) if colouring == "Cluster" else None
    st.session_state["scene"] = scene
    now = _after_interaction(scene, current_view(scene))
    nearest = neighbours_of(scene, now.clicked)
    shown = {PICKS: nearest.ids[0]}
    if grouped is not None:
        shown[MEDOID_PICKS] = grouped.medoids
    for key, rows in shown.items():
        if (index := picks.picked(key, len(rows))) is not None:
            now = select(scene, int(rows[index]))
            nearest = neighbours_of(scene, now.clicked)
    left, right = st.columns([2, 1], gap="large")
    with right:  # first: after a click the map is unchanged, and large to send
        detail(scene, now, nearest)
    with left:
        drawing = Drawing(
            colours=_colours(scene, colouring, grouped),
            thumbnails=thumbnails_url(scene.dataset, latent_map.config.split),
            alt=f"A map of {len(latent_map.ids):,} images of {dataset_title(scene.dataset)}",
            neighbours=latent_map.ids[nearest.ids[0]].tolist(),
            own_places=own_image.places(scene),
            frames=frames_url(latent_map.run) if scene.is_map and has_frames(latent_map) else None,
            decoder=_decoder(scene),
        )
        scatter(KEY, scene.map_points, now, drawing)
        if grouped is not None:
            _describe(scene, grouped)
        _quiet_line(scene)


def _after_interaction(scene: Scene, before: ViewState) -> ViewState:
    """The view state after the visitor's last interaction, read before anything is drawn."""
    after = interactions(KEY, scene.map_points, before.clicked)
    if after is None:
        return before
    if after.place is not None:
        st.session_state["decoded_at"] = (scene.name, after.place)
    if after.clicked is None:
        after = after._replace(clicked=before.clicked)
    remember(scene, after)
    selected_else = (after.lasso, after.shown) != (before.lasso, before.shown)
    if selected_else and st.session_state.get("tab") in TABS_OF_SELECTION:
        st.rerun()  # they stand below, outside of this fragment
    return after


def _colourings(scene: Scene) -> list[str]:
    decodable = autoencoder_of(scene.latent_map.config.source) is not None
    left_out = {"Error": not decodable, "Preserved": not scene.is_map}
    return [c for c in COLOURINGS if not left_out.get(c)]


class Grouped(NamedTuple):
    """Clusters, with the row of each one's medoid, its most typical image, and their names."""

    clusters: Clusters
    medoids: Tensor
    names: list[str]


def _choose_clusters(scene: Scene) -> Grouped:
    latent_map = scene.latent_map
    method = segmented("Clusters by", list(cached.CLUSTERINGS), "method")
    space = segmented(
        "In", ["Codes", "Map"], "space", help="Among the codes, or among the points of the map."
    )
    most = min(50, len(latent_map.ids))
    title = "How many" if method == "k-means" else "Least size"
    size = number(
        title, 2, most, min(10 if method == "k-means" else 30, most), f"size-{method}", width=120
    )
    chosen = (latent_map, method, space == "Map", size)
    grouped, medoids = cached.map_clusters(*chosen), cached.map_medoids(*chosen)
    names = [f"Like #{int(latent_map.ids[row])}" for row in medoids]
    return Grouped(grouped, medoids, names)


def _colours(scene: Scene, colouring: str, grouped: Grouped | None) -> Classes | Scale:
    if grouped is not None:
        return Classes(grouped.clusters.labels.numpy(), grouped.names)
    if colouring == "Error" and (error := cached.map_error(scene.latent_map)) is not None:
        top = float(error.quantile(0.98))
        return Scale(error.numpy(), "Reconstruction error", 0.0, top)
    if colouring == "Preserved":
        return Scale(scene.latent_map.preserved.numpy(), "Neighbours kept", 0.0, 1.0)
    return Classes(scene.labels.numpy(), scene.class_names)


def _describe(scene: Scene, grouped: Grouped) -> None:
    """The medoid of each cluster, and how well the clusters agree with the classes."""
    labels = grouped.clusters.labels
    counts = torch.bincount(labels[labels >= 0], minlength=grouped.clusters.number).tolist()
    images = encoding.chosen_images(
        scene.dataset, scene.latent_map.config.split, scene.latent_map.ids[grouped.medoids]
    ).pixels
    cards = [
        (name, image, f"{count:,} images")
        for name, image, count in zip(grouped.names, images, counts, strict=True)
    ]
    names = [f"Select {scene.image_title(int(row))}" for row in grouped.medoids]
    html = pictures.cards_html(cards, least=64, names=names)
    picks.show(html, key=MEDOID_PICKS, stage=KEY)
    agreement = clusters.agreement(labels, scene.labels)
    noise = int((labels < 0).sum())
    parts = [f"{grouped.clusters.number} clusters, named by their medoids"]
    if noise:
        parts.append(f"{noise:,} points in none")
    if grouped.clusters.reduced:
        parts.append("computed from the first 20 principal components")
    if agreement is not None:
        parts.append(
            f"agreement with the classes (adjusted Rand index) {agreement:.2f}; 1 is perfect"
        )
    st.caption("; ".join(parts) + ".")


def _decoder(scene: Scene) -> str | None:
    """The URL of the decoder, if the map is the plane of its two-number codes; else None."""
    run = store.find(scene.latent_map.config.source)
    if run is None or scene.axes != (0, 1) or scene.codes.values.shape[1] != 2:
        return None
    if cached.browser_refusal(run) or latent.class_names(run):
        return None
    return live.decoder_url(run)


def _quiet_line(scene: Scene) -> None:
    """How far to trust the map, how many images it shows, and its table."""
    latent_map, trust = scene.latent_map, scene.latent_map.run.metrics().get("trustworthiness")
    with st.container(horizontal=True, vertical_alignment="center"):
        if scene.is_map and trust is not None:
            good = trust >= MIN_TRUSTED
            st.badge(
                f"trustworthiness {trust:.3f}",
                color="green" if good else "orange",
                icon=":material/check:" if good else ":material/warning:",
            )
        st.caption(sizes(latent_map))
        st.space("stretch")
        png_button(
            lambda: to_png(drawn(scene.points, scene.labels, EXPORT_SIDE)),
            latent_map.run.id,
            "png-map",
        )
        csv_button(lambda: cached.map_table(latent_map), f"{latent_map.run.id}-codes")


def sizes(latent_map: LatentMap) -> str:
    """How many of how many images the map shows."""
    shown, everything = (
        len(latent_map.ids),
        latent_map.run.metrics().get("n_all", len(latent_map.ids)),
    )
    images = f"{latent_map.config.split} images of {dataset_title(latent_map.run.spec().dataset)}"
    if shown < everything:
        return f"{shown:,} of {everything:,} {images}: a choice, always the same."
    return f"All {shown:,} {images}."
