"""Finished maps: opened, replayed, added to, and other views of their codes."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.errors import LabError, RunBroken
from core.inference.codes import PIXELS, Codes
from core.metrics import neighbours
from core.metrics.neighbours import Strangeness
from core.projection.methods import PROJECTING, ProjectionConfig, principal
from core.runs import store
from core.runs.query import finished
from core.runs.store import Run

NEIGHBOURS = 12
"""k of trustworthiness and preservation."""
UNLIKE = 10
"""An image is as strange as its distance to so many neighbours is unusual."""
ROUND = 4


@dataclass(frozen=True)
class LatentMap:
    """A finished map: `points` (N, 2 or 3), the data set's numbers of its images `ids` (N,), the
    share of its neighbours that each point kept `preserved` (N,), and the distance of its code to
    its tenth neighbour `reach` (N,)."""

    run: Run
    points: Tensor
    ids: Tensor
    preserved: Tensor
    reach: Tensor
    tensors: Mapping[str, Tensor]

    @property
    def config(self) -> ProjectionConfig:
        """What the map was asked."""
        spec = self.run.spec()
        return PROJECTING.config(spec.variant, spec.config)


def maps(dataset: str | None = None) -> list[Run]:
    """Finished maps, shipped ones first."""
    return finished(PROJECTING, dataset)


def open_map(run: Run) -> LatentMap:
    """A finished map. Raises RunBroken when its files are damaged."""
    tensors, k = run.weights(), run.metrics().get("k", NEIGHBOURS)
    try:
        kept = (tensors["preserved"].float() * k).round() / k  # half precision keeps no thirds
        return LatentMap(
            run,
            tensors["points"],
            tensors["ids"].long(),
            kept,
            tensors["reach"],
            tensors,
        )
    except KeyError as error:
        raise RunBroken(f"The run {run.id} is no map: {error} is missing.") from error


def frames(run: Run) -> bytes:
    """The snapshots of a map, for the browser; little-endian.

    uint32 F, N, D; F iterations as uint32; F × D pairs of float32, the lowest and highest
    coordinate; F × N × D coordinates as uint16 between them.

    Raises:
        LabError: the map came out at once and has none.
    """
    tensors = run.weights()
    found = tensors["frames"].float().numpy()
    if not len(found):
        raise LabError("This map came out at once: there is nothing to replay.")
    low, high = found.min(1), found.max(1)
    span = np.maximum(high - low, 1e-12)
    whole = ((found - low[:, None]) / span[:, None] * 65535).round().astype("<u2")
    bounds = np.stack([low, high], axis=-1).astype("<f4")
    steps = tensors["iterations"].numpy().astype("<u4")
    header = struct.pack("<3I", *found.shape)
    return b"".join((header, steps.tobytes(), bounds.tobytes(), whole.tobytes()))


def has_source(found: LatentMap) -> bool:
    """Whether what its codes are of is still here."""
    return found.config.source == PIXELS or store.find(found.config.source) is not None


def has_history(run: Run) -> bool:
    """Whether a map was found by descent, step by step."""
    return not run.history().empty


def has_frames(found: LatentMap) -> bool:
    """Whether there is an optimisation to replay."""
    return len(found.tensors["frames"]) > 1


def table(found: LatentMap, codes: Codes, error: Tensor | None) -> pd.DataFrame:
    """A row a point: `Enc. Variable i` or `Pixel i`, `label`, `index`, error, place on the map."""
    name = "Pixel" if found.config.source == PIXELS else "Enc. Variable"
    columns: dict[str, Any] = {
        f"{name} {i}": column.numpy().round(ROUND) for i, column in enumerate(codes.values.T)
    }
    columns["label"], columns["index"] = codes.images.labels.numpy(), found.ids.numpy()
    if error is not None:
        columns["reconstruction error"] = error.numpy().round(6)
    for axis, column in zip("xyz", found.points.T, strict=False):
        columns[axis] = column.numpy().round(ROUND)
    columns["preserved"] = found.preserved.numpy().round(ROUND)
    return pd.DataFrame(columns)


# ---- adding to


def place(found: LatentMap, codes: Tensor, new: Tensor) -> Tensor:
    """Where new codes (M, d) lie on a finished map, (M, D); no point of it moves."""
    put = PROJECTING.variant(found.run.spec().variant).place
    return put(found.tensors, codes, new, found.config).float()


def strangeness(found: LatentMap, codes: Tensor, new: Tensor) -> Strangeness:
    """How far new codes (M, d) lie from everything on the map, against the points themselves."""
    k = min(UNLIKE, len(codes) - 1)
    return neighbours.strangeness(codes, new, k, found.reach, found.config.metric)


def coordinates(codes: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Two or three numbers of the codes as they are, (N, len(axes)). Raises LabError."""
    if len(axes) not in (2, 3) or not all(0 <= a < codes.shape[1] for a in axes):
        raise LabError(f"Choose two or three of the numbers 0 to {codes.shape[1] - 1}.")
    return codes[:, list(axes)]


class Axis(NamedTuple):
    """A view along one's own direction: 0 across is the middle of the first selection, 1 that of
    the second; up goes the direction of most variance at right angles to it, to the same scale."""

    origin: Tensor
    across: Tensor
    up: Tensor

    def coordinates(self, codes: Tensor) -> Tensor:
        """Where codes (N, d) lie, (N, 2)."""
        return (codes - self.origin) @ torch.stack([self.across, self.up], 1)


def axis(codes: Tensor, start: Tensor, end: Tensor) -> Axis:
    """From the middle of some codes to that of others.

    Args:
        codes: all of them, (N, d).
        start, end: the rows of both selections.

    Raises:
        LabError: a selection is empty, or both have the same middle.
    """
    if not len(start) or not len(end):
        raise LabError("Choose some points for both ends of the axis.")
    origin = codes[start].mean(0)
    way = codes[end].mean(0) - origin
    squared = float(way @ way)
    if squared < 1e-12:
        raise LabError("Both selections have the same middle: there is no way between them.")
    across = way / squared
    rest = codes - codes.mean(0)
    rest = rest - (rest @ across)[:, None] * way
    up = principal(rest, 1)[0][:, 0]
    return Axis(origin, across, up / math.sqrt(squared))
