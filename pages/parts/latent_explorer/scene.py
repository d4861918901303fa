"""What is on the map: a finished projection, some numbers of the codes, or one's own axis."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import streamlit as st
import torch
from torch import Tensor

from core import data
from core.errors import LabError
from core.inference.codes import Codes
from core.projection import maps
from core.projection.maps import LatentMap
from pages.components.map import Points, inside
from pages.ui import cached
from pages.ui.names import class_title
from pages.ui.widgets import number, segmented

VIEWS = ("Map", "Numbers", "My axis")
ENDS = ("A", "B")


@dataclass(frozen=True)
class Scene:
    """Points (N, 2 or 3) of a map's images under a name of their own; `place` puts further codes
    (M, d) among them; `axes` are the numbers of the codes, where these are what is shown."""

    latent_map: LatentMap
    name: str
    points: Tensor
    place: Callable[[Tensor], Tensor]
    axes: tuple[int, ...] | None = None

    @cached_property
    def dataset(self) -> str:
        """The data set of the images."""
        return self.latent_map.run.spec().dataset

    @property
    def is_map(self) -> bool:
        """Whether it is the projection itself, which the run's metrics describe."""
        return self.name == self.latent_map.run.id

    @property
    def codes(self) -> Codes:
        """The codes of the points, and the images as their source sees them."""
        return cached.map_codes(self.latent_map)

    @cached_property
    def labels(self) -> Tensor:
        """The class of each point in the data set, -1 where there is none."""
        return cached.map_labels(self.latent_map)

    @cached_property
    def class_names(self) -> list[str]:
        """The class names of the data set."""
        return list(data.info(self.dataset).classes)

    @cached_property
    def map_points(self) -> Points:
        """The points as the map draws them."""
        labels = self.labels.numpy() if self.class_names else None
        return Points(self.points.numpy(), self.latent_map.ids.numpy(), labels, self.class_names)

    def class_title(self, label: int) -> str:
        """The name of a class; its number where it has none."""
        return class_title(self.dataset, label)

    def image_title(self, row: int) -> str:
        """The number of an image, and its class where it has one."""
        number, label = int(self.latent_map.ids[row]), int(self.labels[row])
        return f"Image {number:,}: {self.class_title(label)}" if label >= 0 else f"Image {number:,}"


def choose(latent_map: LatentMap) -> Scene:
    """Choose what is shown: the map itself, or another view of its codes."""
    view = segmented(
        "View",
        VIEWS,
        "shown_as",
        help="The map; single numbers of the codes; or the way from one selection to another.",
    )
    try:
        if view == "Numbers":
            return _numbers(latent_map)
        if view == "My axis":
            return _own_axis(latent_map)
    except LabError as error:
        st.info(str(error))
    return Scene(
        latent_map,
        latent_map.run.id,
        latent_map.points,
        lambda new: maps.place(latent_map, cached.map_codes(latent_map).values, new),
    )


def _numbers(latent_map: LatentMap) -> Scene:
    codes = cached.map_codes(latent_map).values
    last = codes.shape[1] - 1
    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        axes = [
            number(name, 0, last, min(i, last), f"number_{i}", width=110)
            for i, name in enumerate(("Across", "Up"))
        ]
        if last > 1 and st.toggle("Depth", key="deep", bind="query-params"):
            axes.append(number("Depth of", 0, last, 2, "number_2", width=110))
    chosen = tuple(axes)
    return Scene(
        latent_map,
        f"{latent_map.run.id} {chosen}",
        maps.coordinates(codes, chosen),
        lambda new: maps.coordinates(new, chosen),
        chosen,
    )


def _own_axis(latent_map: LatentMap) -> Scene:
    codes = cached.map_codes(latent_map)
    kept = {name: selection_called(name, latent_map) for name in ENDS}
    ends = {name: rows for name, rows in kept.items() if len(rows)}
    classes = list(data.info(latent_map.run.spec().dataset).classes)
    options = [*classes, *(f"Selection {name}" for name in ends)]
    if len(options) < 2:
        raise LabError("Lasso two regions and keep them as A and B: the axis goes between them.")
    labels = cached.map_labels(latent_map)

    def end(option: str) -> Tensor:
        if option in classes:
            return (labels == classes.index(option)).nonzero()[:, 0]
        return ends[option.removeprefix("Selection ")]

    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        chosen = [
            st.selectbox(
                name,
                options,
                index=min(i, len(options) - 1),
                key=f"end_{i}",
                width=150,
                bind="query-params",
            )
            for i, name in enumerate(("From", "To"))
        ]
    own = maps.axis(codes.values, end(chosen[0]), end(chosen[1]))
    name = f"{latent_map.run.id} {chosen} {[len(r) for r in ends.values()]}"
    return Scene(latent_map, name, own.coordinates(codes.values), own.coordinates)


def keep_selection(name: str, scene: Scene, rows: Tensor) -> None:
    """Remember a selection by its images' numbers, for an end of the axis."""
    kept = st.session_state.setdefault("selections", {})
    kept[name] = (scene.dataset, scene.latent_map.config.split, scene.latent_map.ids[rows].tolist())


def selection_called(name: str, latent_map: LatentMap) -> Tensor:
    """The rows of a kept selection on this map; none where it is of other images."""
    dataset, split, ids = st.session_state.get("selections", {}).get(name, ("", "", []))
    if (dataset, split) != (latent_map.run.spec().dataset, latent_map.config.split):
        return torch.zeros(0, dtype=torch.int64)
    return torch.isin(latent_map.ids, torch.tensor(ids)).nonzero()[:, 0]


def selected(
    scene: Scene, lasso: list[tuple[float, float]] | None, shown: list[int] | None
) -> Tensor:
    """The rows within the lasso, of the classes that are shown; none without a lasso."""
    if not lasso or scene.points.shape[1] != 2:
        return torch.zeros(0, dtype=torch.int64)
    mask = torch.from_numpy(inside(scene.points.numpy(), lasso))
    if shown:
        mask &= torch.isin(scene.labels, torch.tensor(shown))
    return mask.nonzero()[:, 0]
