"""Maps, and what is made of them."""

from collections.abc import Callable

import pandas as pd
import streamlit as st
from torch import Tensor

from core import data
from core.inference import codes as encoding
from core.inference.codes import Codes
from core.metrics import neighbours
from core.projection import clusters, maps
from core.projection.clusters import Clusters
from core.projection.maps import LatentMap
from core.runs import store
from core.runs.store import Run
from core.tasks import TASKS
from pages.ui.cached.networks import models
from pages.ui.concurrency import check_visitor, heavy

CLUSTERINGS: dict[str, Callable[[Tensor, int], Clusters]] = {
    "k-means": clusters.kmeans,
    "HDBSCAN": clusters.hdbscan,
}


@st.cache_resource(max_entries=16, show_spinner="Opening the map")
def _map(run_id: str, version: int) -> LatentMap:
    return maps.open_map(store.open_run(run_id))


def latent_map(run: Run) -> LatentMap:
    """A finished map."""
    return _map(run.id, run.version())


@heavy(st.cache_resource(max_entries=4, show_spinner="Encoding the images"))
def _map_codes(run_id: str, version: int) -> Codes:
    found = _map(run_id, version)
    config = found.config
    images = encoding.chosen_images(found.run.spec().dataset, config.split, found.ids)
    return encoding.encode(config.source, images, check_visitor)


def map_codes(found: LatentMap) -> Codes:
    """The codes of a map's points, and the images as their source sees them."""
    return _map_codes(found.run.id, found.run.version())


@st.cache_resource(max_entries=16, show_spinner=False)
def _map_labels(run_id: str, version: int) -> Tensor:
    found = _map(run_id, version)
    return data.load(found.run.spec().dataset, found.config.split).labels[found.ids]


def map_labels(found: LatentMap) -> Tensor:
    """The class of each point in the data set, -1 where there is none."""
    return _map_labels(found.run.id, found.run.version())


@heavy(st.cache_resource(max_entries=8, show_spinner="Drawing the images again"))
def _map_error(run_id: str, version: int) -> Tensor | None:
    found = _map(run_id, version)
    return encoding.reconstruction_error(found.config.source, _map_codes(run_id, version))


def map_error(found: LatentMap) -> Tensor | None:
    """The reconstruction error of each point; None where its source draws nothing."""
    return _map_error(found.run.id, found.run.version())


@heavy(st.cache_resource(max_entries=16, show_spinner="Looking for clusters"))
def _clusters(run_id: str, version: int, method: str, on_map: bool, size: int) -> Clusters:
    found = _map(run_id, version)
    space = found.points if on_map else _map_codes(run_id, version).values
    return CLUSTERINGS[method](space, size)


def map_clusters(found: LatentMap, method: str, on_map: bool, size: int) -> Clusters:
    """Clusters of a map's points, on the map or among the codes."""
    return _clusters(found.run.id, found.run.version(), method, on_map, size)


@heavy(st.cache_data(max_entries=4, show_spinner="Writing the table"))
def _map_table(run_id: str, version: int) -> pd.DataFrame:
    found = _map(run_id, version)
    codes = _map_codes(run_id, version)
    return maps.table(found, codes, _map_error(run_id, version))


def map_table(found: LatentMap) -> pd.DataFrame:
    """A row a point: its code, class, number, error and place."""
    return _map_table(found.run.id, found.run.version())


@st.cache_data(max_entries=64, show_spinner=False)
def stability(chosen: tuple[tuple[str, int], ...]) -> float:
    """The share of neighbours that points keep from one map, (id, version), to another."""
    return neighbours.stability([_map(*one).points for one in chosen], maps.NEIGHBOURS)


def encoders() -> list[Run]:
    """Finished runs that this visitor may see whose networks put images into codes."""
    return [run for name, one in TASKS.items() if one.encodes for run in models(name)]
