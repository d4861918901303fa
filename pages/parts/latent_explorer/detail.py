"""The image that was clicked: what its code keeps of it, and whose codes are nearest."""

import streamlit as st
import torch
from torch import Tensor

from core.images import contact_sheet, to_png
from core.inference import latent
from core.inference.codes import PIXELS, shape_of
from core.metrics import neighbours
from core.metrics.neighbours import Metric
from core.models.autoencoders import Autoencoder
from core.projection.maps import LatentMap
from core.runs import store
from core.tasks.autoencoding import AUTOENCODING
from pages.components import picks
from pages.components.map import ViewState
from pages.parts.latent_explorer.scene import Scene
from pages.ui import cached, pictures, sending
from pages.ui.downloads import png_button
from pages.ui.names import dataset_title, source_name
from pages.ui.widgets import segmented

NEIGHBOURS = 12
PICKS = "neighbour-picks"
MIN_WIDTH = 60
"""Minimum width in pixels of a neighbour's picture."""


def neighbours_of(scene: Scene, clicked: int | None) -> neighbours.Nearest:
    """The nearest codes to that of an image, itself left out, by the metric that was chosen."""
    metric: Metric = "cosine" if st.session_state.get("metric") == "Cosine" else "euclidean"
    row = row_of(scene, clicked)
    codes = scene.codes.values
    k = min(NEIGHBOURS, len(codes) - 1)
    return neighbours.nearest(codes, codes[row : row + 1], k, metric, torch.tensor([row]))


def row_of(scene: Scene, clicked: int | None) -> int:
    """The row of an image on the map."""
    return int(torch.eq(scene.latent_map.ids, clicked or 0).nonzero()[0, 0])


def detail(scene: Scene, now: ViewState, near: neighbours.Nearest) -> None:
    """The clicked image, what its code keeps of it, and whose codes are nearest."""
    decoded_here(scene)
    row = row_of(scene, now.clicked)
    st.markdown(f"**{scene.image_title(row)}**")
    code, images = scene.codes
    items = [("Image", images.pixels[row], "")]
    items += reconstruction(scene, code[row : row + 1], images.labels[row : row + 1])
    pictures.cards(items, 100)
    title = f"{scene.image_title(row)} ({dataset_title(scene.dataset)})"
    whats = {"Image": title, "Reconstruction": f"{title}, reconstructed"}
    sending.send_to({whats[name]: picture for name, picture, _ in items})
    segmented(
        "Nearest codes by",
        ["Euclidean", "Cosine"],
        "metric",
        help="Among the codes, not on the map: what the map should have kept.",
    )
    rows = near.ids[0]
    shown = [
        (near_title(scene, int(r)), images.pixels[r], f"at {float(d):.3g}")
        for r, d in zip(rows, near.distances[0], strict=True)
    ]
    names = [f"Select {scene.image_title(int(r))}" for r in rows]
    cards = pictures.cards_html(shown, MIN_WIDTH, names=names)
    picks.show(cards, key=PICKS, stage="map")
    st.caption(_neighbours_text(scene, row, rows))
    more = st.expander("Its code", key="its_code", on_change="rerun")
    if more.open:
        with more:
            # Not st.code: its highlighter is a megabyte and a half.
            st.markdown(f"`{', '.join(f'{v:.3g}' for v in code[row].tolist())}`")
            _sampler_link(scene, now)


def near_title(scene: Scene, row: int) -> str:
    """A neighbour's class, or its number where it has none."""
    label = int(scene.labels[row])
    return scene.class_title(label) if label >= 0 else scene.image_title(row)


def _neighbours_text(scene: Scene, row: int, rows: Tensor) -> str:
    parts, label = [], scene.labels[row]
    if label >= 0:
        same = int((scene.labels[rows] == label).sum())
        parts.append(f"{same} of {len(rows)} are of its class.")
    if scene.is_map:
        k = scene.latent_map.run.metrics().get("k", NEIGHBOURS)
        parts.append(
            f"The map kept {round(float(scene.latent_map.preserved[row]) * k)} of its {k}."
        )
    return " ".join(parts)


def reconstruction(scene: Scene, code: Tensor, labels: Tensor) -> list[tuple[str, Tensor, str]]:
    """What the source's decoder draws of a code (1, d); nothing where it has none."""
    model = autoencoder_of(scene.latent_map.config.source)
    if model is None:
        return []
    drawn = latent.decode(model, code, labels if model.classes else None)
    return [("Reconstruction", drawn[0], f"from {code.shape[1]} numbers")]


def autoencoder_of(source: str) -> Autoencoder | None:
    """The source's network, where it can draw what its codes mean."""
    run = store.find(source) if source != PIXELS else None
    if run is None or run.spec().task != AUTOENCODING.name:
        return None
    return cached.autoencoder(run)


def decoded_here(scene: Scene) -> None:
    """The picture of an empty place that was clicked on a decoder's own plane."""
    name, place = st.session_state.get("decoded_at", ("", None))
    model = autoencoder_of(scene.latent_map.config.source)
    if name != scene.name or place is None or model is None or model.classes:
        return
    drawn = latent.decode(model, torch.tensor([place]))
    pictures.cards([("Decoded here", drawn[0], f"{place[0]:.2f}, {place[1]:.2f}")])
    png_button(to_png(contact_sheet(drawn, 1, scale=10)), "decoded")


def _sampler_link(scene: Scene, now: ViewState) -> None:
    """A link to the page on which the code can be changed."""
    run = store.find(scene.latent_map.config.source)
    if run is None or autoencoder_of(run.id) is None or scene.latent_map.config.split != "test":
        return
    if any(known.id == run.id for known in cached.models(AUTOENCODING.name)):
        st.page_link(
            "vae_sampler.py",
            label="Change it in the VAE sampler",
            icon=":material/tune:",
            query_params={"model": run.id, "first": str(now.clicked), "dataset": scene.dataset},
        )


def source_line(latent_map: LatentMap) -> str:
    """A sentence that describes the codes of a map."""
    numbers = latent_map.run.metrics().get("code_numbers", 0)
    shape = "×".join(map(str, shape_of(latent_map.config.source, latent_map.run.spec().dataset)))
    return (
        f"Codes: {source_name(latent_map.config.source)}, {numbers} numbers for images of {shape}."
    )
