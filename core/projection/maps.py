"""Finished maps: loading, snapshots, placing of new codes, and other views of the codes."""

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
from core.inference.codes import PIXELS, UNTRAINED, Codes
from core.metrics import neighbours
from core.metrics.neighbours import Strangeness
from core.projection.methods import PROJECTING, ProjectionConfig, principal
from core.runs import store
from core.runs.store import Run

NEIGHBOURS = 12
"""k of trustworthiness and preservation."""
STRANGENESS_K = 10
"""k of the neighbour whose distance measures how strange an image is."""
DECIMALS = 4


@dataclass(frozen=True)
class LatentMap:
    """A finished map: `points` (N, 2 or 3), the indices of its images in the data set `ids` (N,),
    the share of its neighbours that each point kept `preserved` (N,), and the distance of its code
    to its tenth neighbour `reach` (N,)."""

    run: Run
    points: Tensor
    ids: Tensor
    preserved: Tensor
    reach: Tensor
    tensors: Mapping[str, Tensor]

    @property
    def config(self) -> ProjectionConfig:
        """The settings of the map."""
        return PROJECTING.config_of(self.run)


def open_map(run: Run) -> LatentMap:
    """Load a finished map. Raises RunBroken if its files are damaged."""
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
    """Encode the snapshots of a map for the browser, little-endian.

    uint32 F, N, D; F iterations as uint32; F × D pairs of float32, the lowest and highest
    coordinate; F × N × D coordinates as uint16 between them.

    Raises:
        LabError: the map was computed in one step and has none.
    """
    tensors = run.weights()
    snapshots = tensors["frames"].float().numpy()
    if not len(snapshots):
        raise LabError("This map was computed in one step: there is nothing to replay.")
    low, high = snapshots.min(1), snapshots.max(1)
    span = np.maximum(high - low, 1e-12)
    quantised = ((snapshots - low[:, None]) / span[:, None] * 65535).round().astype("<u2")
    bounds = np.stack([low, high], axis=-1).astype("<f4")
    steps = tensors["iterations"].numpy().astype("<u4")
    header = struct.pack("<3I", *snapshots.shape)
    return b"".join((header, steps.tobytes(), bounds.tobytes(), quantised.tobytes()))


def has_source(latent_map: LatentMap) -> bool:
    """Whether the source of the map's codes is still here."""
    return latent_map.config.source in UNTRAINED or store.find(latent_map.config.source) is not None


def has_history(run: Run) -> bool:
    """Whether a map was computed by gradient descent, step by step."""
    return not run.history().empty


def has_frames(latent_map: LatentMap) -> bool:
    """Whether there is an optimisation to replay."""
    return len(latent_map.tensors["frames"]) > 1


def table(latent_map: LatentMap, codes: Codes, error: Tensor | None) -> pd.DataFrame:
    """A row a point: `Enc. Variable i` or `Pixel i`, `label`, `index`, error, place on the map."""
    name = "Pixel" if latent_map.config.source == PIXELS else "Enc. Variable"
    columns: dict[str, Any] = {
        f"{name} {i}": column.numpy().round(DECIMALS) for i, column in enumerate(codes.values.T)
    }
    columns["label"], columns["index"] = codes.images.labels.numpy(), latent_map.ids.numpy()
    if error is not None:
        columns["reconstruction error"] = error.numpy().round(6)
    for axis, column in zip("xyz", latent_map.points.T, strict=False):
        columns[axis] = column.numpy().round(DECIMALS)
    columns["preserved"] = latent_map.preserved.numpy().round(DECIMALS)
    return pd.DataFrame(columns)


# ---- placing new codes


def place(latent_map: LatentMap, codes: Tensor, new: Tensor) -> Tensor:
    """Place new codes (M, d) on a finished map, (M, D), without moving its points."""
    variant = PROJECTING.variant(latent_map.run.spec().variant)
    return variant.place(latent_map.tensors, codes, new, latent_map.config).float()


def strangeness(latent_map: LatentMap, codes: Tensor, new: Tensor) -> Strangeness:
    """How far new codes (M, d) lie from all codes of the map, relative to those codes."""
    k = min(STRANGENESS_K, len(codes) - 1)
    return neighbours.strangeness(codes, new, k, latent_map.reach, latent_map.config.metric)


def coordinates(codes: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return two or three dimensions of the codes, (N, len(axes)). Raises LabError."""
    if len(axes) not in (2, 3) or not all(0 <= a < codes.shape[1] for a in axes):
        raise LabError(f"Choose two or three of the numbers 0 to {codes.shape[1] - 1}.")
    return codes[:, list(axes)]


class Axis(NamedTuple):
    """A view along a chosen direction: `across` is 0 at the mean of the first selection and 1 at
    that of the second; `up` is the direction of most variance orthogonal to it, to the same scale.
    """

    origin: Tensor
    across: Tensor
    up: Tensor

    def coordinates(self, codes: Tensor) -> Tensor:
        """Project codes (N, d) to (N, 2)."""
        return (codes - self.origin) @ torch.stack([self.across, self.up], 1)


def axis(codes: Tensor, start: Tensor, end: Tensor) -> Axis:
    """Return the axis from the mean of some codes to that of others.

    Args:
        codes: all of them, (N, d).
        start, end: the rows of the two selections.

    Raises:
        LabError: a selection is empty, or both have the same mean.
    """
    if not len(start) or not len(end):
        raise LabError("Choose some points for both ends of the axis.")
    origin = codes[start].mean(0)
    difference = codes[end].mean(0) - origin
    squared = float(difference @ difference)
    if squared < 1e-12:
        raise LabError("Both selections have the same mean: there is no direction between them.")
    across = difference / squared
    rest = codes - codes.mean(0)
    rest = rest - (rest @ across)[:, None] * difference
    up = principal(rest, 1)[0][:, 0]
    return Axis(origin, across, up / math.sqrt(squared))
