"""The stage: the map, and beside it the image that was clicked with its neighbours."""

from typing import Any

import streamlit as st
from numpy.typing import NDArray

from core.images import scatter as drawn
from core.images import to_png
from core.inference import latent
from core.projection import clusters
from core.projection.clusters import Clusters
from core.projection.maps import LatentMap, has_frames
from core.runs import store
from pages.components import live
from pages.components.map import Classes, Scale, interactions, scatter
from pages.parts.latent_explorer import own_image
from pages.parts.latent_explorer.detail import autoencoder_of, detail, neighbours_of
from pages.parts.latent_explorer.scene import Scene, choose
from pages.parts.latent_explorer.view_state import ViewState, current_view, moved, remember
from pages.server.routes import frames_url, thumbnails_url
from pages.ui import cached
from pages.ui.names import dataset_title
from pages.ui.page_frame import csv_button

KEY = "map"
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
        colouring = st.segmented_control(
            "Colour",
            _colourings(scene),
            default="Label",
            required=True,
            key="colour",
            bind="query-params",
        )
        grouped = _choose_clusters(latent_map) if colouring == "Cluster" else None
    st.session_state["scene"] = scene
    labels = scene.labels.numpy() if scene.class_names else None
    now = _after_interaction(scene, current_view(scene), labels)
    nearest = neighbours_of(scene, now.clicked)
    left, right = st.columns([2, 1], gap="large")
    with right:  # first: after a click the map is unchanged, and large to send
        detail(scene, now, nearest)
    with left:
        scatter(
            key=KEY,
            points=scene.points.numpy(),
            ids=latent_map.ids.numpy(),
            labels=labels,
            class_names=scene.class_names,
            colours=_colours(scene, str(colouring), grouped),
            thumbnails=thumbnails_url(scene.dataset, latent_map.config.split),
            shown=now.shown,
            clicked=now.clicked,
            neighbours=latent_map.ids[nearest.ids[0]].tolist(),
            lasso=now.lasso,
            view=now.view,
            yours=own_image.places(scene),
            frames=frames_url(latent_map.run) if scene.is_map and has_frames(latent_map) else None,
            decoder=_decoder(scene),
            alt=f"A map of {len(latent_map.ids):,} images of {dataset_title(scene.dataset)}",
        )
        if grouped is not None:
            _agreement(scene, grouped)
        _quiet_line(scene)


def _after_interaction(scene: Scene, before: ViewState, labels: NDArray[Any] | None) -> ViewState:
    """The view state after the visitor's last interaction, read before anything is drawn."""
    news = interactions(
        KEY,
        points=scene.points.numpy(),
        ids=scene.latent_map.ids.numpy(),
        labels=labels,
        class_names=scene.class_names,
        clicked=before.clicked,
    )
    if news is None:
        return before
    after = moved(before, news)
    remember(scene, after)
    if news.place is not None:
        st.session_state["decoded_at"] = (scene.name, news.place)
    selected_else = (after.lasso, after.shown) != (before.lasso, before.shown)
    if selected_else and st.session_state.get("tab") in TABS_OF_SELECTION:
        st.rerun()  # they stand below, outside of this fragment
    return after


def _colourings(scene: Scene) -> list[str]:
    decodable = autoencoder_of(scene.latent_map.config.source) is not None
    left_out = {"Error": not decodable, "Preserved": not scene.is_map}
    return [c for c in COLOURINGS if not left_out.get(c)]


def _choose_clusters(latent_map: LatentMap) -> Clusters:
    method = st.segmented_control(
        "Clusters by",
        list(cached.CLUSTERINGS),
        default="k-means",
        required=True,
        key="method",
        bind="query-params",
    )
    space = st.segmented_control(
        "In",
        ["Codes", "Map"],
        default="Codes",
        required=True,
        key="space",
        bind="query-params",
        help="Among the codes, or among the points of the map.",
    )
    most = min(50, len(latent_map.ids))
    title = "How many" if method == "k-means" else "Least size"
    size = st.number_input(
        title,
        2,
        most,
        min(10 if method == "k-means" else 30, most),
        key=f"size-{method}",
        bind="query-params",
        width=120,
    )
    return cached.map_clusters(latent_map, str(method), space == "Map", int(size))


def _colours(scene: Scene, colouring: str, grouped: Clusters | None) -> Classes | Scale:
    if grouped is not None:
        names = [f"Cluster {i + 1}" for i in range(grouped.number)]
        return Classes(grouped.labels.numpy(), names)
    if colouring == "Error" and (error := cached.map_error(scene.latent_map)) is not None:
        top = float(error.quantile(0.98))
        return Scale(error.numpy(), "Reconstruction error", 0.0, top)
    if colouring == "Preserved":
        return Scale(scene.latent_map.preserved.numpy(), "Neighbours kept", 0.0, 1.0)
    return Classes(scene.labels.numpy(), scene.class_names)


def _agreement(scene: Scene, grouped: Clusters) -> None:
    agreement = clusters.agreement(grouped.labels, scene.labels)
    noise = int((grouped.labels < 0).sum())
    parts = [f"{grouped.number} clusters"]
    if noise:
        parts.append(f"{noise:,} points in none")
    if grouped.reduced:
        parts.append("found among the first 20 principal components")
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
        st.download_button(
            "PNG",
            lambda: to_png(drawn(scene.points, scene.labels, EXPORT_SIDE)),
            f"{latent_map.run.id}.png",
            "image/png",
            icon=":material/download:",
            on_click="ignore",
            key="png-map",
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
