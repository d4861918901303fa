"""Maps, and what is made of them."""

from collections.abc import Callable

import pandas as pd
import streamlit as st
from torch import Tensor

from core import data
from core.inference import codes as encoding
from core.inference.codes import Codes
from core.jobs import queue
from core.metrics import neighbours
from core.projection import clusters, maps
from core.projection.clusters import Clusters
from core.projection.maps import LatentMap
from core.runs.store import Run
from core.tasks import TASKS
from pages.server.visitor import who
from pages.ui.cached.by_run import by_run
from pages.ui.cached.networks import models
from pages.ui.concurrency import check_visitor, heavy

CLUSTERINGS: dict[str, Callable[[Tensor, int], Clusters]] = {
    "k-means": clusters.kmeans,
    "HDBSCAN": clusters.hdbscan,
}


@by_run(st.cache_resource, max_entries=16, show_spinner="Opening the map")
def latent_map(run: Run) -> LatentMap:
    """A finished map."""
    return maps.open_map(run)


@heavy(by_run(st.cache_resource, max_entries=4, show_spinner="Encoding the images"))
def map_codes(shown: LatentMap) -> Codes:
    """The codes of a map's points, and the images as their source sees them."""
    config = shown.config
    images = encoding.chosen_images(shown.run.spec().dataset, config.split, shown.ids)
    return encoding.encode(config.source, images, check_visitor)


@by_run(st.cache_resource, max_entries=16, show_spinner=False)
def map_labels(shown: LatentMap) -> Tensor:
    """The class of each point in the data set, -1 where there is none."""
    return data.load(shown.run.spec().dataset, shown.config.split).labels[shown.ids]


@heavy(by_run(st.cache_resource, max_entries=8, show_spinner="Drawing the images again"))
def map_error(shown: LatentMap) -> Tensor | None:
    """The reconstruction error of each point; None where its source draws nothing."""
    return encoding.reconstruction_error(shown.config.source, map_codes(shown))


@heavy(by_run(st.cache_resource, max_entries=16, show_spinner="Looking for clusters"))
def map_clusters(shown: LatentMap, method: str, on_map: bool, size: int) -> Clusters:
    """Clusters of a map's points, on the map or among the codes."""
    return CLUSTERINGS[method](_space(shown, on_map), size)


@by_run(st.cache_resource, max_entries=16, show_spinner=False)
def map_medoids(shown: LatentMap, method: str, on_map: bool, size: int) -> Tensor:
    """The row of the most typical point of each of these clusters."""
    shown_labels = map_clusters(shown, method, on_map, size)
    return clusters.medoids(_space(shown, on_map), shown_labels)


def _space(shown: LatentMap, on_map: bool) -> Tensor:
    return shown.points if on_map else map_codes(shown).values


@heavy(by_run(st.cache_data, max_entries=4, show_spinner="Writing the table"))
def map_table(shown: LatentMap) -> pd.DataFrame:
    """A row a point: its code, class, number, error and place."""
    codes = map_codes(shown)
    return maps.table(shown, codes, map_error(shown))


@by_run(st.cache_data, max_entries=64, show_spinner=False)
def stability(chosen: tuple[Run, ...]) -> float:
    """The share of neighbours that points keep from one map to another."""
    return neighbours.stability([latent_map(run).points for run in chosen], maps.NEIGHBOURS)


def encoders() -> list[Run]:
    """Finished runs of this visitor and of all whose networks put images into codes."""
    runs = [run for name, one in TASKS.items() if one.encodes for run in models(name)]
    return [run for run in runs if queue.entitled(run, who())]
