"""The stage: the map, and beside it the image that was clicked with its neighbours."""

from typing import Any

import streamlit as st
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import neighbours, runs
from core.images import contact_sheet, to_png
from core.images import scatter as drawn
from core.inference import clusters, latent
from core.inference.clusters import Clusters
from core.inference.encoding import shape_of
from core.inference.maps import LatentMap, has_frames
from core.models.autoencoders import Autoencoder
from core.neighbours import Metric
from core.runs import Run
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.projecting import PIXELS
from pages.ui import cached, live, pictures
from pages.ui.assets import frames_url, thumbnails_url
from pages.ui.explorer import yours
from pages.ui.explorer.scene import Scene, choose
from pages.ui.explorer.standing import Standing, moved, remember, standing
from pages.ui.frame import csv_button
from pages.ui.map import Classes, Scale, said, scatter
from pages.ui.names import class_title, dataset_title, model_names, source_name

KEY = "map"
COLOURINGS = ("Label", "Cluster", "Error", "Preserved")
NEAR = 12
TRUSTED = 0.95
LARGE = 1200
"""Pixels along the side of the map that can be taken away."""
SMALL = 60
"""Pixels that the picture of a neighbour is wide at least."""
TABS_OF_SELECTION = ("Selection", "Codes")


@st.fragment
def bench(found: LatentMap) -> None:
    """Map and detail; only this runs again when something is clicked."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scene = choose(found)
        colouring = st.segmented_control(
            "Colour", _colourings(scene), default="Label", required=True, key="colour",
            bind="query-params",
        )  # fmt: skip
        grouped = _ask_clusters(found) if colouring == "Cluster" else None
    st.session_state["scene"] = scene
    labels = scene.labels.numpy() if scene.class_names else None
    now = _moved(scene, standing(scene), labels)
    near = neighbours_of(scene, now.clicked)
    left, right = st.columns([2, 1], gap="large")
    with right:  # first, for after a click the map says nothing new, with many bytes
        detail(scene, now, near)
    with left:
        scatter(
            key=KEY,
            points=scene.points.numpy(),
            ids=found.ids.numpy(),
            labels=labels,
            class_names=scene.class_names,
            colours=_colours(scene, str(colouring), grouped),
            thumbnails=thumbnails_url(scene.dataset, found.config.split),
            shown=now.shown,
            clicked=now.clicked,
            neighbours=found.ids[near.ids[0]].tolist(),
            lasso=now.lasso,
            view=now.view,
            yours=yours.places(scene),
            frames=frames_url(found.run) if scene.is_map and has_frames(found) else None,
            decoder=_decoder(scene),
            alt=f"A map of {len(found.ids):,} images of {dataset_title(scene.dataset)}",
        )
        if grouped is not None:
            _agreement(scene, grouped)
        _quiet_line(scene)


def _moved(scene: Scene, before: Standing, labels: NDArray[Any] | None) -> Standing:
    """The standing after what the visitor did on the map, heard before anything is drawn."""
    news = said(
        KEY,
        points=scene.points.numpy(),
        ids=scene.found.ids.numpy(),
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
    drawn = _autoencoder(scene.found.config.source) is not None
    left_out = {"Error": not drawn, "Preserved": not scene.is_map}
    return [c for c in COLOURINGS if not left_out.get(c)]


def _ask_clusters(found: LatentMap) -> Clusters:
    method = st.segmented_control(
        "Clusters by", list(cached.CLUSTERINGS), default="k-means", required=True, key="method",
        bind="query-params",
    )  # fmt: skip
    space = st.segmented_control(
        "In", ["Codes", "Map"], default="Codes", required=True, key="space", bind="query-params",
        help="Among the codes, or among the points of the map.",
    )  # fmt: skip
    most = min(50, len(found.ids))
    title = "How many" if method == "k-means" else "Least size"
    size = st.number_input(
        title, 2, most, min(10 if method == "k-means" else 30, most),
        key=f"size-{method}", bind="query-params", width=120,
    )  # fmt: skip
    return cached.map_clusters(found, str(method), space == "Map", int(size))


def _colours(scene: Scene, colouring: str, grouped: Clusters | None) -> Classes | Scale:
    if grouped is not None:
        names = [f"Cluster {i + 1}" for i in range(grouped.number)]
        return Classes(grouped.labels.numpy(), names)
    if colouring == "Error" and (error := cached.map_error(scene.found)) is not None:
        top = float(error.quantile(0.98))
        return Scale(error.numpy(), "Reconstruction error", 0.0, top)
    if colouring == "Preserved":
        return Scale(scene.found.preserved.numpy(), "Neighbours kept", 0.0, 1.0)
    return Classes(scene.labels.numpy(), scene.class_names)


def _agreement(scene: Scene, grouped: Clusters) -> None:
    found = clusters.agreement(grouped.labels, scene.labels)
    noise = int((grouped.labels < 0).sum())
    parts = [f"{grouped.number} clusters"]
    if noise:
        parts.append(f"{noise:,} points in none")
    if grouped.reduced:
        parts.append("found among the first 20 principal components")
    if found is not None:
        parts.append(f"agreement with the classes (adjusted Rand index) {found:.2f}; 1 is perfect")
    st.caption("; ".join(parts) + ".")


def _decoder(scene: Scene) -> str | None:
    """Where the decoder is, if the map is the very plane of its codes."""
    run = runs.find(scene.found.config.source)
    if run is None or scene.axes != (0, 1) or scene.codes.values.shape[1] != 2:
        return None
    if cached.browser_refusal(run) or latent.class_names(run):
        return None
    return live.decoder_url(run)


def _quiet_line(scene: Scene) -> None:
    """How far to trust the map, how many images it shows, and its table."""
    found, trust = scene.found, scene.found.run.metrics().get("trustworthiness")
    with st.container(horizontal=True, vertical_alignment="center"):
        if scene.is_map and trust is not None:
            good = trust >= TRUSTED
            st.badge(
                f"trustworthiness {trust:.3f}",
                color="green" if good else "orange",
                icon=":material/check:" if good else ":material/warning:",
            )
        st.caption(sizes(found))
        st.space("stretch")
        st.download_button(
            "PNG", lambda: to_png(drawn(scene.points, scene.labels, LARGE)),
            f"{found.run.id}.png", "image/png", icon=":material/download:", on_click="ignore",
            key="png-map",
        )  # fmt: skip
        csv_button(lambda: cached.map_table(found), f"{found.run.id}-codes")


def sizes(found: LatentMap) -> str:
    """How many of how many images the map shows."""
    shown, everything = len(found.ids), found.run.metrics().get("n_all", len(found.ids))
    images = f"{found.config.split} images of {dataset_title(found.run.config().dataset)}"
    if shown < everything:
        return f"{shown:,} of {everything:,} {images}: a choice, always the same."
    return f"All {shown:,} {images}."


# ---- the clicked image


def neighbours_of(scene: Scene, clicked: int | None) -> neighbours.Nearest:
    """The nearest codes to that of an image, itself left out, by the metric that was chosen."""
    metric: Metric = "cosine" if st.session_state.get("metric") == "Cosine" else "euclidean"
    row = row_of(scene, clicked)
    codes = scene.codes.values
    k = min(NEAR, len(codes) - 1)
    return neighbours.nearest(codes, codes[row : row + 1], k, metric, torch.tensor([row]))


def row_of(scene: Scene, clicked: int | None) -> int:
    """The row of an image on the map."""
    return int(torch.eq(scene.found.ids, clicked or 0).nonzero()[0, 0])


def detail(scene: Scene, now: Standing, near: neighbours.Nearest) -> None:
    """The clicked image, what its code keeps of it, and whose codes are nearest."""
    decoded_here(scene)
    row = row_of(scene, now.clicked)
    label = int(scene.labels[row])
    title = f"Image {now.clicked:,}"
    if label >= 0:
        title = f"{title}: {class_title(scene.dataset, label)}"
    st.markdown(f"**{title}**")
    code, images = scene.codes
    items = [("Image", images.pixels[row], "")]
    items += reconstruction(scene, code[row : row + 1], images.labels[row : row + 1])
    pictures.cards(items, 100)
    st.segmented_control(
        "Nearest codes by", ["Euclidean", "Cosine"], default="Euclidean", required=True,
        key="metric", bind="query-params",
        help="Among the codes, not on the map: what the map should have kept.",
    )  # fmt: skip
    rows = near.ids[0]
    pictures.cards(
        [
            (near_title(scene, int(r)), images.pixels[r], f"at {float(d):.3g}")
            for r, d in zip(rows, near.distances[0], strict=True)
        ],
        SMALL,
    )
    st.caption(_kept(scene, row, label, rows))
    more = st.expander("Its code", key="its_code", on_change="rerun")
    if more.open:
        with more:
            # Not st.code: its highlighter is a megabyte and a half.
            st.markdown(f"`{', '.join(f'{v:.3g}' for v in code[row].tolist())}`")
            _elsewhere(scene, now)


def near_title(scene: Scene, row: int) -> str:
    """A neighbour's class, or its number where there are no classes."""
    label = int(scene.labels[row])
    if label < 0:
        return f"Image {int(scene.found.ids[row]):,}"
    return class_title(scene.dataset, label)


def _kept(scene: Scene, row: int, label: int, rows: Tensor) -> str:
    parts = []
    if label >= 0:
        same = int((scene.labels[rows] == label).sum())
        parts.append(f"{same} of {len(rows)} are of its class.")
    if scene.is_map:
        k = scene.found.run.metrics().get("k", NEAR)
        parts.append(f"The map kept {round(float(scene.found.preserved[row]) * k)} of its {k}.")
    return " ".join(parts)


def reconstruction(scene: Scene, code: Tensor, labels: Tensor) -> list[tuple[str, Tensor, str]]:
    """What the source's decoder draws of a code (1, d); nothing where it has none."""
    model = _autoencoder(scene.found.config.source)
    if model is None:
        return []
    drawn = latent.decode(model, code, labels if model.classes else None)
    return [("Reconstruction", drawn[0], f"from {code.shape[1]} numbers")]


def _autoencoder(source: str) -> Autoencoder | None:
    run = runs.find(source) if source != PIXELS else None
    if run is None or run.config().task != AUTOENCODING.name:
        return None
    return cached.autoencoder(run)


def decoded_here(scene: Scene) -> None:
    """The picture of an empty place that was clicked on a decoder's own plane."""
    name, place = st.session_state.get("decoded_at", ("", None))
    model = _autoencoder(scene.found.config.source)
    if name != scene.name or place is None or model is None or model.classes:
        return
    drawn = latent.decode(model, torch.tensor([place]))
    pictures.cards([("Decoded here", drawn[0], f"{place[0]:.2f}, {place[1]:.2f}")])
    st.download_button(
        "PNG", to_png(contact_sheet(drawn, 1, scale=10)), "decoded.png", "image/png",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def _elsewhere(scene: Scene, now: Standing) -> None:
    """A way to the page that can change the code."""
    run = runs.find(scene.found.config.source)
    if run is None or _autoencoder(run.id) is None or scene.found.config.split != "test":
        return
    if (name := _name_elsewhere(run)) is not None:
        st.page_link(
            "vae_sampler.py", label="Change it in the VAE sampler", icon=":material/tune:",
            query_params={"model": name, "first": str(now.clicked),
                          "dataset": dataset_title(scene.dataset)},
        )  # fmt: skip


def _name_elsewhere(run: Run) -> str | None:
    return model_names(cached.models(AUTOENCODING.name)).get(run.id)


def source_line(found: LatentMap) -> str:
    """What the codes of a map are."""
    numbers = found.run.metrics().get("code_numbers", 0)
    shape = "×".join(map(str, shape_of(found.config.source, found.run.config().dataset)))
    return f"Codes: {source_name(found.config.source)}, {numbers} numbers for images of {shape}."
