"""Streamlit's caches for functions of runs, maps and tensors."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from torch import Tensor

from core.projection.maps import LatentMap
from core.runs.store import Run

P = ParamSpec("P")
R = TypeVar("R")


def _key(run: Run) -> tuple[str, int]:
    return run.id, run.version()


KEYS: dict[type, Callable[[Any], Any]] = {
    Run: _key,
    LatentMap: lambda latent_map: _key(latent_map.run),
    Tensor: lambda tensor: tensor.numpy(),
}
"""What an argument counts as: of a run its id and its last change, of a tensor its values."""


def by_run(cache: Callable[..., Any], **options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """`st.cache_data` or `st.cache_resource` with its `options`, for such arguments."""
    decorate: Callable[[Callable[P, R]], Callable[P, R]] = cache(hash_funcs=KEYS, **options)
    return decorate
