"""Data sets as whole tensors: pictures with their corruptions, series and texts."""

from core.data.corruptions import CORRUPTIONS, Corruption, corrupt, corrupt_seeded
from core.data.dataset import DatasetInfo, Images, Progress, Split, fingerprint
from core.data.downloads import get
from core.data.editing import Copies, copies, edit, edit_classes, in_two_classes
from core.data.imported import Preview, import_classes, import_set, preview
from core.data.ownership import disown, own, owned, owners, visible
from core.data.sequences import SEQUENCES
from core.data.sets import (
    BUILT_IN,
    absence,
    available,
    data_fingerprint,
    forget,
    info,
    known,
    load,
    missing_sentence,
    names,
)

__all__ = [
    "BUILT_IN",
    "CORRUPTIONS",
    "SEQUENCES",
    "Copies",
    "Corruption",
    "DatasetInfo",
    "Images",
    "Preview",
    "Progress",
    "Split",
    "absence",
    "available",
    "copies",
    "corrupt",
    "corrupt_seeded",
    "data_fingerprint",
    "disown",
    "edit",
    "edit_classes",
    "fingerprint",
    "forget",
    "get",
    "import_classes",
    "import_set",
    "in_two_classes",
    "info",
    "known",
    "load",
    "missing_sentence",
    "names",
    "own",
    "owned",
    "owners",
    "preview",
    "visible",
]
