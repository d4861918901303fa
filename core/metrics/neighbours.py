"""Neighbours among codes, and how far a map of them is to be trusted: tensors in, numbers out."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from core.cancellation import Check, silent
from core.errors import LabError

Metric = Literal["euclidean", "cosine"]

QUERIES_AT_A_TIME = 250
"""Rows that are compared with all others at a time: 20 MB at 10,000 points."""
MAX_DIRECT_QUERIES = 16
"""Maximum number of queries that are answered without a copy of all codes."""
VOTERS = 10


class Nearest(NamedTuple):
    """Neighbours (Q, k), the nearest first: row numbers int64, and distances float32."""

    ids: Tensor
    distances: Tensor


class Strangeness(NamedTuple):
    """Of each query (Q,): the distance to its k-th nearest, and the share 0..1 of a set's own
    points whose k-th nearest is nearer."""

    distances: Tensor
    shares: Tensor


class Measures(NamedTuple):
    """How far a map keeps neighbours, each 0 to 1 over all its points; `preserved` (N,) for each
    point; accuracies are None where labels say nothing."""

    trustworthiness: float
    preservation: float
    preserved: Tensor
    codes_accuracy: float | None
    map_accuracy: float | None


def checked(codes: Tensor) -> Tensor:
    """Codes (N, d) as float32. Raises LabError for another shape and for numbers that are none."""
    if codes.ndim != 2 or not codes.numel():
        raise LabError("There are no codes here: a row of numbers an image is needed.")
    finite = codes.detach().float()
    if not bool(torch.isfinite(finite).all()):
        raise LabError("Some codes are not finite numbers: check the model that they come from.")
    return finite


def largest_k(count: int) -> int:
    """Return the largest k for which trustworthiness is defined over `count` points, or 0."""
    return max(0, (count - 1) // 2)


# ---- neighbours


def nearest(
    codes: Tensor,
    queries: Tensor,
    k: int,
    metric: Metric = "euclidean",
    exclude: Tensor | None = None,
    check: Check = silent,
) -> Nearest:
    """The k nearest codes of each query, by comparing it with all of them.

    Args:
        codes: (N, d).
        queries: (Q, d).
        k: 1 to N, or to N - 1 with `exclude`.
        metric: "cosine" is 1 - cos, 0 to 2; a row of zeros is 1 away from everything.
        exclude: (Q,), the queries' own row numbers, which are left out; their duplicates are not.

    Raises:
        LabError: k is out of range, or a number is none.
    """
    max_k = len(codes) - (exclude is not None)
    if not 1 <= k <= max_k:
        raise LabError(f"{len(codes)} points are too few for {k} neighbours each.")
    parts = [
        _smallest(apart, k)
        for _, apart in _blocks(checked(codes), checked(queries), metric, exclude, check)
    ]
    return Nearest(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _blocks(
    codes: Tensor, queries: Tensor, metric: Metric, exclude: Tensor | None, check: Check
) -> Iterator[tuple[slice, Tensor]]:
    """Rows of the queries, and their distances to all codes, (rows, N); to `exclude` infinite."""
    direct = len(queries) <= MAX_DIRECT_QUERIES
    if not direct:  # in float64, in which differences of float32 numbers outlast the cancellation
        codes, queries = codes.double(), queries.double()
    if metric == "cosine":
        codes, queries = F.normalize(codes, dim=1), F.normalize(queries, dim=1)
    elif not direct:
        origin = codes.mean(0)  # far from zero, squares would drown the differences
        codes, queries = codes - origin, queries - origin
        squares = codes.square().sum(1)
    for start in range(0, len(queries), QUERIES_AT_A_TIME):
        check(f"comparing {start:,} of {len(queries):,}")
        rows = slice(start, start + QUERIES_AT_A_TIME)
        block = queries[rows]
        if metric == "cosine":
            apart = 1 - block @ codes.T
        elif direct:
            apart = torch.stack([(codes - one).square().sum(1).sqrt() for one in block])
        else:
            apart = torch.addmm(squares + block.square().sum(1)[:, None], block, codes.T, alpha=-2)
            apart = apart.clamp_min_(0).sqrt_()
        if exclude is not None:
            apart.scatter_(1, exclude[rows, None], torch.inf)
        yield rows, apart


def _smallest(apart: Tensor, k: int) -> Nearest:
    distances, ids = apart.topk(k, dim=1, largest=False)
    return Nearest(ids, distances.float())


def kth_distances(
    codes: Tensor, k: int, metric: Metric = "euclidean", check: Check = silent
) -> Tensor:
    """The distance (N,) of each code (N, d) to its k-th nearest other. Raises LabError."""
    return nearest(codes, codes, k, metric, torch.arange(len(codes)), check).distances[:, -1]


def strangeness(
    codes: Tensor, queries: Tensor, k: int, known: Tensor, metric: Metric = "euclidean"
) -> Strangeness:
    """How unlike everything in a set each query (Q, d) is (Ramaswamy, Rastogi and Shim 2000).

    Args:
        codes: (N, d), the set.
        known: its `kth_distances` by the same k and metric, (N,).
    """
    distances = nearest(codes, queries, k, metric).distances[:, -1].contiguous()
    nearer = torch.searchsorted(known.sort().values, distances)
    return Strangeness(distances, nearer / len(known))


# ---- what a map keeps


def measure(
    codes: Tensor,
    points: Tensor,
    labels: Tensor,
    k: int,
    metric: Metric = "euclidean",
    check: Check = silent,
) -> Measures:
    """How far the neighbours of codes (N, d) are those of their points on a map (N, 2 or 3).

    Trustworthiness is that of Venna and Kaski (2001): strangers among a point's k nearest on the
    map count by how far down they are among its codes' neighbours. Preservation is the share of the
    k nearest codes that are among the k nearest on the map. Accuracies are of the class that most
    of the ten nearest have, the point itself left out.

    Raises:
        LabError: k is not from 1 to `largest_k`, or a number is none.
    """
    n = len(points)
    if not 1 <= k <= largest_k(n):
        raise LabError(f"{n} points are too few to measure {k} neighbours each.")
    count, own = min(max(k, VOTERS), n - 1), torch.arange(n)
    pairs = zip(
        _blocks(checked(codes), checked(codes), metric, own, check),
        _blocks(checked(points), checked(points), "euclidean", own, check),
        strict=True,
    )
    penalty, shares, in_codes, on_map = 0.0, [], [], []
    for (_, apart), (_, apart_on_map) in pairs:
        near_codes, near_points = (_smallest(a, count).ids for a in (apart, apart_on_map))
        for place in near_points.T[:k]:
            rank = (apart < apart.gather(1, place[:, None])).sum(1) + 1
            penalty += float((rank - k).clamp_min(0).sum())
        shares.append(_shared(near_codes[:, :k], near_points[:, :k]))
        in_codes.append(near_codes)
        on_map.append(near_points)
    preserved = torch.cat(shares)
    return Measures(
        1 - 2 / (n * k * (2 * n - 3 * k - 1)) * penalty,
        float(preserved.mean()),
        preserved,
        _accuracy(torch.cat(in_codes)[:, :VOTERS], labels),
        _accuracy(torch.cat(on_map)[:, :VOTERS], labels),
    )


def stability(maps: Sequence[Tensor], k: int) -> float:
    """The share of its k nearest that a point keeps from one map of the same points to another.

    Args:
        maps: two or more, (N, 2 or 3) each; the mean over all pairs is given.

    Raises:
        LabError: there are fewer, or they have other numbers of points.
    """
    if len(maps) < 2 or len({len(points) for points in maps}) > 1:
        raise LabError("Two maps or more of the same points are needed.")
    own = torch.arange(len(maps[0]))
    neighbour_ids = [nearest(points, points, k, exclude=own).ids for points in maps]
    shares = [_shared(a, b).mean() for a, b in combinations(neighbour_ids, 2)]
    return float(torch.stack(shares).mean())


def _shared(a: Tensor, b: Tensor) -> Tensor:
    """The share (N,) of each row of `a` (N, k) that is anywhere in that of `b`."""
    return (a[:, :, None] == b[:, None, :]).any(2).float().mean(1)


def _accuracy(neighbour_ids: Tensor, labels: Tensor) -> float | None:
    """How often most of the neighbours (N, m) are of a point's class; of equal votes the nearest's.

    None with one class, or an unknown one (-1): it would say nothing.
    """
    if not 0 <= int(labels.min()) < int(labels.max()):
        return None
    votes = F.one_hot(labels[neighbour_ids], int(labels.max()) + 1)
    # A nearer neighbour weighs a trifle more: that decides a draw, and nothing else.
    weights = 1 - torch.arange(neighbour_ids.shape[1]) / 1000
    winners = (votes * weights[None, :, None]).sum(1).argmax(1)
    return float((winners == labels).float().mean())
