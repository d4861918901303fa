"""Series and texts: what they are, where they are looked for, and loading them whole.

A sequence has one split, its whole: what is learnt from and what is kept back is up to the task,
since each cuts it where its source does.
"""

import csv
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.data.dataset import DatasetInfo
from core.errors import DataMissing
from core.settings import settings

SHIPPED = Path(__file__).parent / "shipped"
MAX_TEXT_BYTES = 64 * 2**20
"""Bytes that an unpacked corpus may have at most."""
BROWN_ARCHIVES = ("brown.zip", "brown-corpus.tgz")
"""The corpus as NLTK has it, and as a package of plain files."""


class Series(NamedTuple):
    """Numbers in the order of time: `values` and `times` (decimal years), float64 (T,)."""

    values: Tensor
    times: Tensor


class Text(NamedTuple):
    """A text as its UTF-8 bytes, uint8 (N,): a sentence a line, words between blanks, each with its
    tag after a slash where it has one; an empty line stands between two texts of a corpus."""

    characters: Tensor

    def __str__(self) -> str:
        return self.characters.numpy().tobytes().decode()


Sequence = Series | Text

SEQUENCES = {
    d.name: d
    for d in (
        DatasetInfo(
            "air-passengers",
            "Airline passengers",
            (1, 1, 1),
            (),
            "none needed: facts",
            "Thousands of passengers a month, 1949 to 1960, Box and Jenkins 1976",
            {"train": 144},
            medium="series",
        ),
        DatasetInfo(
            "co2",
            "CO₂ on Mauna Loa",
            (1, 1, 1),
            (),
            "none needed: facts",
            "Parts per million, monthly, 1959 to 1997, NOAA",
            {"train": 468},
            medium="series",
        ),
        DatasetInfo(
            "nottem",
            "Temperatures at Nottingham",
            (1, 1, 1),
            (),
            "none needed: facts",
            "Degrees Fahrenheit, monthly means, 1920 to 1939, Anderson 1976",
            {"train": 240},
            by_hand="nottem.csv, with the columns time and value, in the folder monthly",
            medium="series",
        ),
        DatasetInfo(
            "sunspots",
            "Sunspots",
            (1, 1, 1),
            (),
            "none needed: facts",
            "Relative numbers, monthly means, from 1749 on, Zurich and SIDC",
            {"train": 3_177},
            by_hand="sunspot.month.csv, with the columns time and value, in the folder monthly",
            medium="series",
        ),
        DatasetInfo(
            "sonnet",
            "Sonnet",
            (1, 1, 1),
            (),
            "public domain",
            "Shakespeare's second sonnet, 1609",
            {"train": 14},
            medium="text",
        ),
        DatasetInfo(
            "two-sentences",
            "Two sentences",
            (1, 1, 1),
            ("DET", "NN", "V"),
            "none needed",
            "Two tagged sentences of the text",
            {"train": 2},
            medium="text",
        ),
        DatasetInfo(
            "brown",
            "Brown corpus",
            (1, 1, 1),
            (),
            "redistribution permitted",
            "A million words of American English of 1961, tagged, Francis and Kučera 1979",
            {"train": 57_340},
            "bdf8b4294e266ed35c717527f73da214a761cba816fe97dde0412a3c8768e189",
            medium="text",
        ),
    )
}
_SERIES_FILES = {
    "air-passengers": SHIPPED / "air-passengers.csv",
    "co2": SHIPPED / "co2.csv",
    "nottem": Path("monthly/nottem.csv"),
    "sunspots": Path("monthly/sunspot.month.csv"),
}
"""Relative ones lie in the data folder."""
_TEXT_FILES = {"sonnet": SHIPPED / "sonnet.txt", "two-sentences": SHIPPED / "two-sentences.txt"}


def source(name: str) -> Path | None:
    """Return the file of a sequence, or None where it is not on this machine."""
    if name == "brown":
        places = [settings().data / archive for archive in BROWN_ARCHIVES]
    else:
        places = [settings().data / (_SERIES_FILES | _TEXT_FILES)[name]]
    return next((p for p in places if p.is_file()), None)


def load(name: str) -> Sequence:
    """One sequence as a whole; never from the network. Raises DataMissing."""
    path = source(name)
    if path is None:
        raise DataMissing(f"{SEQUENCES[name].title} is not in {settings().data}.")
    return _load(name, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _load(name: str, path: Path, _changed: int) -> Sequence:
    try:
        if name == "brown":
            return _text("\n\n".join(_brown_texts(path)))
        if name in _TEXT_FILES:
            return _text(path.read_text("utf-8"))
        return _series(path.read_text("utf-8"))
    except (OSError, ValueError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise DataMissing(f"{path} is damaged: delete it and fetch {name} again.") from error


def series(name: str) -> Series:
    """A series. Raises DataMissing."""
    loaded = load(name)
    assert isinstance(loaded, Series)
    return loaded


def text(name: str) -> Text:
    """A text. Raises DataMissing."""
    loaded = load(name)
    assert isinstance(loaded, Text)
    return loaded


def _text(written: str) -> Text:
    return Text(torch.frombuffer(bytearray(written.encode()), dtype=torch.uint8))


def _series(written: str) -> Series:
    """The last two columns, time and value, under a line of names. Raises ValueError."""
    rows = list(csv.reader(io.StringIO(written)))[1:]
    numbers = np.array([[float(cell) for cell in row[-2:]] for row in rows if row])
    if numbers.ndim != 2 or len(numbers) < 2 or not np.isfinite(numbers).all():
        raise ValueError("no series")
    times, values = torch.from_numpy(numbers.T.copy())
    return Series(values, times)


def _brown_texts(path: Path) -> Iterator[str]:
    """The 500 texts in the order of their names: a sentence a line, tags as they are written.

    Raises ValueError where it is not the whole corpus.
    """
    sentences = 0
    texts = sorted((n, c) for n, c in _members(path) if re.fullmatch(r"c[a-r]\d\d", n))
    for _, content in texts:
        lines = [" ".join(line.split()) for line in content.decode("ascii").splitlines()]
        lines = [line for line in lines if line]
        sentences += len(lines)
        yield "\n".join(lines)
    if (len(texts), sentences) != (500, SEQUENCES["brown"].splits["train"]):
        raise ValueError(f"{len(texts)} texts with {sentences} sentences")


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Base names and contents of an archive's files. Raises ValueError for too much of them."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            kept = [info for info in archive.infolist() if not info.is_dir()]
            _check_size(sum(info.file_size for info in kept))
            for info in kept:
                yield info.filename.rsplit("/", 1)[-1], archive.read(info)
        return
    with tarfile.open(path) as tar:
        members = [member for member in tar if member.isfile()]
        _check_size(sum(member.size for member in members))
        for member in members:
            if (opened := tar.extractfile(member)) is not None:
                yield member.name.rsplit("/", 1)[-1], opened.read()


def _check_size(size: int) -> None:
    if size > MAX_TEXT_BYTES:
        raise ValueError("too large")
