"""Features of a backbone over any images: computed once, and kept by what the images are.

They lie in one small database a backbone, in the folder of runs. A picture's key is the hash of its
pixels, so that dropping one or adding some computes nothing twice, and what was computed before a
cancellation is kept.
"""

import hashlib
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.cancellation import Check, silent
from core.models.backbones import fingerprint
from core.models.pretrained import FeatureNet
from core.settings import settings

BATCH = 4
MAX_CACHED = 50_000
"""Pictures whose features a backbone keeps; the oldest go first. About 130 MB at 1,280 numbers."""
LOCK_TIMEOUT = 30.0
"""Seconds to wait while another process writes."""

log = logging.getLogger(__name__)


def features(
    name: str,
    pixels: Tensor,
    net: FeatureNet,
    check: Check = silent,
) -> Tensor:
    """Return the features of pictures, from the cache of a backbone where possible.

    Args:
        name: of the backbone.
        pixels: uint8 (N, 3, H, W).
        net: the network, which looks at those that are missing.
        check: called between batches.

    Returns:
        float32 (N, width), rounded to half precision, whether they were kept or not.

    Raises:
        DataMissing: the backbone's weights are not here.
    """
    keys = [_key(picture) for picture in pixels]
    with _kept(name) as store:
        rows_by_key = store.read(keys)
        missing = [i for i, key in enumerate(keys) if key not in rows_by_key]
        for start in range(0, len(missing), BATCH):
            check(f"looking at picture {start + 1} of {len(missing)} with {name}")
            rows = missing[start : start + BATCH]
            fresh = computed(net, pixels[rows])
            store.write([(keys[i], row) for i, row in zip(rows, fresh, strict=True)])
            rows_by_key |= {keys[i]: row for i, row in zip(rows, fresh, strict=True)}
    return torch.from_numpy(np.stack([rows_by_key[key] for key in keys])).float()


def known(name: str, pixels: Tensor) -> int:
    """Of how many pictures (N, 3, H, W) the features are kept."""
    with _kept(name) as store:
        return len(store.read([_key(picture) for picture in pixels]))


@torch.inference_mode()
def computed(net: FeatureNet, pixels: Tensor) -> np.ndarray:
    """Features, float16 (N, width), of uint8 pixels (N, 3, H, W)."""
    device = next(net.parameters()).device
    rows: np.ndarray = net(pixels.to(device).float() / 255).cpu().half().numpy()
    return rows


def _key(picture: Tensor) -> bytes:
    digest = hashlib.sha256(str(tuple(picture.shape)).encode())
    digest.update(picture.contiguous().numpy().data)
    return digest.digest()


class _Store:
    """Rows of numbers by key. Without a database (a full or read-only disk) it keeps nothing."""

    def __init__(self, database: sqlite3.Connection | None) -> None:
        self.database = database

    def read(self, keys: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        if self.database is None:
            return {}
        rows_by_key: dict[bytes, np.ndarray] = {}
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self.database.execute(
                f"SELECT key, row FROM features WHERE key IN ({marks})", part
            )
            rows_by_key |= {key: np.frombuffer(row, np.float16) for key, row in rows}
        return rows_by_key

    def write(self, rows: list[tuple[bytes, np.ndarray]]) -> None:
        if self.database is None:
            return
        try:
            with self.database:
                self.database.executemany(
                    "INSERT OR IGNORE INTO features (key, row) VALUES (?, ?)",
                    [(key, row.tobytes()) for key, row in rows],
                )
                self.database.execute(
                    "DELETE FROM features WHERE id <= (SELECT MAX(id) FROM features) - ?",
                    (MAX_CACHED,),
                )
        except sqlite3.Error as error:
            log.warning("features are not kept: %s", error)
            self.database = None


@contextmanager
def _kept(name: str) -> Iterator[_Store]:
    """The features that are kept of a backbone with the weights that it has now."""
    path = settings().runs / ".features" / f"{name}-{fingerprint(name)[:8]}.sqlite"
    try:
        database = _opened(path)
    except (sqlite3.Error, OSError) as error:
        log.warning("features are not kept: %s", error)
        yield _Store(None)
        return
    with closing(database):
        yield _Store(database)


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=LOCK_TIMEOUT)
    database.execute(
        "CREATE TABLE IF NOT EXISTS features "
        "(id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB UNIQUE, row BLOB)"
    )
    return database
