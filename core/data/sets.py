"""The data sets: what they are, where they are looked for, and loading them whole."""

import contextlib
import gzip
import threading
import zlib
from collections import defaultdict
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from cachetools import LRUCache
from torch.nn import functional as F

from core.data import archives, imported, sequences
from core.data.dataset import DatasetInfo, Images, Split, fingerprint
from core.errors import DataMissing, UnknownName
from core.settings import settings

SHIPPED = Path(__file__).parent / "shipped"
DEBIAN = Path("/usr/share/datasets")
DIGIT_CLASSES = tuple("0123456789")
FASHION_CLASSES = (
    "T-shirt",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Boot",
)
CIFAR_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

BUILT_IN = {
    d.name: d
    for d in (
        DatasetInfo(
            "mnist",
            "MNIST",
            (1, 28, 28),
            DIGIT_CLASSES,
            "CC BY-SA 3.0",
            "Handwritten digits, LeCun, Cortes and Burges",
            {"train": 60_000, "test": 10_000},
            "a29846c00097402e1385927dd0ea6f27c46f6f30d6200a16d7ddb1cca3b8f0ba",
        ),
        DatasetInfo(
            "fashion-mnist",
            "Fashion-MNIST",
            (1, 28, 28),
            FASHION_CLASSES,
            "MIT",
            "Clothes, Zalando Research, Xiao et al. 2017",
            {"train": 60_000, "test": 10_000},
            "36e93975cb25501bc3e132a9a5fe42f63d34ddb52d69c648bdc2f8483fe26dcd",
        ),
        DatasetInfo(
            "digits",
            "Digits",
            (1, 28, 28),
            DIGIT_CLASSES,
            "CC BY 4.0",
            "Handwritten digits of 8×8 pixels enlarged, UCI, with scikit-learn",
            {"train": 1_437, "test": 360},
        ),
        DatasetInfo(
            "cifar10",
            "CIFAR-10",
            (3, 32, 32),
            CIFAR_CLASSES,
            "none stated; for research",
            "Photographs, Krizhevsky 2009",
            {"train": 50_000, "test": 10_000},
        ),
        DatasetInfo(
            "faces",
            "Faces",
            (1, 64, 64),
            (),
            "none stated; for research",
            "Labeled Faces in the Wild, Huang et al. 2007, cropped to the face",
            {"train": 10_330, "test": 2_464},
        ),
        DatasetInfo(
            "cats-dogs",
            "Cats and dogs",
            (3, 256, 256),
            ("cat", "dog"),
            "none stated; for research",
            "Photographs out of Asirra, Elson et al. 2007",
            {"train": 1_281, "test": 321},
            by_hand="cats-vs-dogs.zip, with the folders cat and dog,",
        ),
    )
}
TEST_SAMPLES = {"cifar10": (SHIPPED / "cifar10-test-sample.zip", 1000)}
"""Of sets that do not ship whole: some test images, each class with its share, and their number."""
_IDX_FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_guard = threading.Lock()


def names() -> list[str]:
    """The built-in sets, series and texts, then those made from people's own pictures."""
    return [*BUILT_IN, *sequences.SEQUENCES, *imported.names()]


def known(name: str) -> DatasetInfo | None:
    """The record of a data set; None where there is none of that name.

    Where only some of its test images are here, it says how many.
    """
    built_in = BUILT_IN.get(name)
    if built_in is not None and available(name) == {"test"} and name in TEST_SAMPLES:
        return replace(built_in, splits={**built_in.splits, "test": TEST_SAMPLES[name][1]})
    return built_in or sequences.SEQUENCES.get(name) or imported.info(name)


def info(name: str) -> DatasetInfo:
    """The record of a data set. Raises UnknownName with the known ones."""
    dataset = known(name)
    if dataset is None:
        known_names = BUILT_IN | sequences.SEQUENCES
        raise UnknownName("data set", name, known_names)  # other people's own sets are not listed
    return dataset


def available(name: str) -> set[Split]:
    """The splits that can be loaded now, without a network; nothing is decoded."""
    if name in sequences.SEQUENCES:
        return {"train"} if sequences.source(name) else set()
    if name not in BUILT_IN:
        info(name)
    if name == "digits" or name not in BUILT_IN:
        return {"train", "test"}
    if name in _IDX_FOLDERS:
        splits: tuple[Split, ...] = ("train", "test")
        kinds = ("images-idx3", "labels-idx1")
        return {s for s in splits if all(_idx_file(name, s, kind) for kind in kinds)}
    if archives.source(name) is not None:
        return {"train", "test"}
    return {"test"} if name in TEST_SAMPLES else set()


def load(name: str, split: Split) -> Images:
    """One split of a set of pictures as a whole; never from the network.

    Raises:
        UnknownName: no such set.
        DataMissing: it is not on this machine; the message says how to get it.
    """
    info(name)  # only names that there are get a lock
    key = (name, split, str(settings().data))
    with _locks[name]:  # two sessions that ask at once decode once; other sets do not wait
        with _guard:
            images = _kept().get(key)
        if images is None:
            images = _load(name, split)
            with _guard, contextlib.suppress(ValueError):  # larger than all that may be kept
                _kept()[key] = images
        return images


@lru_cache(maxsize=1)
def _kept() -> LRUCache[tuple[str, str, str], Images]:
    """The splits that were read last."""
    return LRUCache(settings().max_data_mb * 2**20, lambda images: images.pixels.nbytes)


def _load(name: str, split: Split) -> Images:
    if split not in available(name):
        raise DataMissing(missing_sentence(name, split))
    assert name not in sequences.SEQUENCES, "they are loaded by `sequences.load`"
    if name == "digits":
        return _digits()[split]
    if name in _IDX_FOLDERS:
        pixels = _read_idx(_found_idx(name, split, "images-idx3"), dimensions=3)
        labels = _read_idx(_found_idx(name, split, "labels-idx1"), dimensions=1)
        return Images(pixels[:, None], labels.long())
    if name in BUILT_IN and archives.source(name) is None:
        return archives.folders(TEST_SAMPLES[name][0], split)[split]
    if name in BUILT_IN:
        return archives.load(name)[split]
    return imported.load(name)[split]


def data_fingerprint(name: str) -> str:
    """SHA-256 of both splits, of the test images where there are no others, or of a sequence.

    Raises DataMissing."""
    return _fingerprint(name, str(settings().data))


@lru_cache(maxsize=32)
def _fingerprint(name: str, folder: str) -> str:
    if name in sequences.SEQUENCES:
        return fingerprint(sequences.load(name))
    splits: tuple[Split, ...] = ("train", "test")
    here = available(name) or set(splits)
    return fingerprint(*(load(name, split) for split in splits if split in here))


def missing_sentence(name: str, split: Split = "train") -> str:
    """Say that a set is not here, where to get it, and which there are."""
    known, folder = info(name), settings().data
    it = "it" if known.medium == "text" else "them"
    advice = (
        f"Put {known.by_hand} into {folder}."
        if known.by_hand
        else f"Fetch {it} with `python -m core data get {name}`, or put {it} in {folder}."
    )
    return absence(name, advice)


def absence(name: str, advice: str = "") -> str:
    """Say that a set is not here, what to do about it, and which of its kind there are."""
    known = info(name)
    same = [n for n in (*BUILT_IN, *sequences.SEQUENCES) if info(n).medium == known.medium]
    here = [n for n in same if "train" in available(n)]
    ready = ", ".join(n if advice else info(n).title for n in here)
    begin = {
        "pictures": "The training images of" if available(name) else "The images of",
        "series": "The numbers of",
        "text": "The text of",
    }[known.medium]
    be = "is" if known.medium == "text" else "are"
    parts = [f"{begin} {known.title} {be} not on this machine.", advice, f"Ready to use: {ready}."]
    return " ".join(part for part in parts if part)


def forget() -> None:
    """Drop what is held in memory, after a download or an import."""
    _kept.cache_clear()
    _fingerprint.cache_clear()


# ---- scikit-learn's digits


def _digits() -> dict[Split, Images]:
    """1,797 digits, 8×8 enlarged to 20×20 in 28×28 as MNIST's are; split by class, seeded."""
    # Here, because scikit-learn takes a second and a half that a cold server can do without.
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    small = torch.from_numpy(raw.images).float()[:, None] / 16
    large = F.interpolate(small, size=(20, 20), mode="bicubic", align_corners=False)
    pixels = F.pad((large.clamp(0, 1) * 255).round().byte(), (4, 4, 4, 4))
    labels = torch.from_numpy(raw.target).long()
    train, test = train_test_split(
        np.arange(len(labels)), test_size=0.2, random_state=0, stratify=raw.target
    )
    return {
        "train": Images(pixels[train], labels[train]),
        "test": Images(pixels[test], labels[test]),
    }


# ---- idx files (MNIST's own format)


def _idx_file(name: str, split: Split, kind: str) -> Path | None:
    prefix = {"train": "train", "test": "t10k"}[split]
    stem = f"{prefix}-{kind}-ubyte"
    raw = settings().data / _IDX_FOLDERS[name] / "raw"
    places = [
        raw / stem,
        raw / f"{stem}.gz",
        DEBIAN / name / f"{stem}.gz",
        SHIPPED / f"{name}-{stem}.gz",
    ]
    return next((p for p in places if p.is_file()), None)


def _found_idx(name: str, split: Split, kind: str) -> Path:
    path = _idx_file(name, split, kind)
    if path is None:
        raise DataMissing(missing_sentence(name, split))
    return path


def _read_idx(path: Path, dimensions: int) -> torch.Tensor:
    """uint8 tensor of an idx file, compressed or not. Raises DataMissing when it is damaged."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        header = np.frombuffer(content, ">i4", 1 + dimensions)
        shape = tuple(int(n) for n in header[1:])
        values = np.frombuffer(content, np.uint8, offset=4 * (1 + dimensions)).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataMissing(f"The file {path} is damaged: delete it and fetch it again.") from error
    return torch.from_numpy(values.copy())
