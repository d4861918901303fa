"""Data sets as whole uint8 tensors, and ways to spoil them."""

from core.data.base import DatasetInfo, Images, Progress, Split, fingerprint
from core.data.corruptions import CORRUPTIONS, Corruption, corrupt, corrupt_seeded
from core.data.downloads import get
from core.data.imported import import_set
from core.data.sets import (
    BUILT_IN,
    available,
    data_fingerprint,
    forget,
    info,
    load,
    missing_sentence,
    names,
)

__all__ = [
    "BUILT_IN",
    "CORRUPTIONS",
    "Corruption",
    "DatasetInfo",
    "Images",
    "Progress",
    "Split",
    "available",
    "corrupt",
    "corrupt_seeded",
    "data_fingerprint",
    "fingerprint",
    "forget",
    "get",
    "import_set",
    "info",
    "load",
    "missing_sentence",
    "names",
]
