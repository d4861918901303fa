"""The files of a run as they are read: each is validated, and kept until it changes.

Every fault is one of `FAULTS`; the store says whose file it is, and what to do.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pandas.api.types import is_integer_dtype, is_numeric_dtype
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open

from core import files
from core.runs.schema import Figures, RunSpec, Status
from core.runs.weights import check_scales

Model = TypeVar("Model", bound=BaseModel)
FAULTS = (ValueError, KeyError, OSError, SafetensorError)
"""Of a file that is missing or damaged; pandas' and pydantic's own are ValueErrors."""
MAX_HISTORY = 2**25
"""Bytes of a history that is read at all."""
MAX_NUMBER, MAX_DEPTH = 1e18, 32
"""Of the numbers in a run's files, and of lists within lists in its JSON."""


@lru_cache(maxsize=4096)
def config(path: Path, _changed: int) -> RunSpec:
    """Read `config.json`."""
    # A page asks dozens of times a run, and reading it anew was a tenth of a busy server's work.
    return _parsed(path / "config.json", RunSpec)


@lru_cache(maxsize=4096)
def status(path: Path, _stamp: files.Stamp) -> Status:
    """Read `status.json`."""
    return _parsed(path / "status.json", Status)


@lru_cache(maxsize=4096)
def metrics(path: Path, changed: int) -> dict[str, Any]:
    """Read `metrics.json`; empty where it never was written."""
    if not changed:
        return {}
    figures = _plain(files.read_json(path / "metrics.json"))
    Figures.model_validate(figures)
    return dict(figures)


@lru_cache(maxsize=256)
def history(path: Path, _changed: int, size: int | None) -> pd.DataFrame:
    """Read `history.csv`; without rows where there is none."""
    # The size too: two rows may be written within a tick of the file system's clock.
    if size is None:
        return pd.DataFrame({"epoch": pd.Series(dtype="int64")})
    if size > MAX_HISTORY:
        raise ValueError(f"{size} bytes")
    rows = pd.read_csv(path / "history.csv", float_precision="round_trip")
    numbers = rows.apply(lambda column: is_numeric_dtype(column) and column.dtype != bool)
    if not (numbers.all() and is_integer_dtype(rows["epoch"])):
        raise ValueError("text among the numbers")
    if not (rows.fillna(0).abs() <= MAX_NUMBER).all(axis=None):  # an empty cell is no fault
        raise ValueError("an infinite number")
    return rows


@lru_cache(maxsize=4096)
def check_history(path: Path, changed: int, size: int | None) -> None:
    """Cached apart: this is small and needed for every run in a list."""
    history(path, changed, size)


@lru_cache(maxsize=4096)
def check_weights(path: Path, _changed: int, _size: int) -> None:
    """Check the header of the weights; nothing but it is read."""
    with safe_open(path / "model.safetensors", "pt") as file:
        names = file.keys()
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
    check_scales(shapes)


def _parsed(path: Path, model: type[Model]) -> Model:
    return model.model_validate(_plain(files.read_json(path)))


def _plain(value: Any) -> Any:
    """Validate a value from a JSON file and return it.

    Raises:
        ValueError: it is nested beyond reason, or has numbers or letters that neither strict JSON
            nor a table can hold.
    """
    layer = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for item in layer:
            if isinstance(item, dict):
                deeper += [*item, *item.values()]
            elif isinstance(item, list):
                deeper += item
            elif isinstance(item, str):
                item.encode()  # half a surrogate pair is a UnicodeError, which is a ValueError
            elif item is not None and not -MAX_NUMBER <= item <= MAX_NUMBER:
                raise ValueError(f"{item} is too large, or no number")
        if not deeper:
            return value
        layer = deeper
    raise ValueError("nested too deeply")
