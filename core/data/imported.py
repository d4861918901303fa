"""Data sets made from uploaded pictures: how they are created, listed and loaded.

A set that was made by editing another (`core.data.editing`) has no pixels of its own, only edits.
"""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError

from core import files
from core.data import owner_file, uploads
from core.data.archives import Splits, read_splits, write_splits
from core.data.class_folders import Picture, by_number
from core.data.dataset import DatasetInfo, Images, Split, fingerprint
from core.data.encodings import Reading
from core.errors import BadUpload, DataMissing
from core.images import decode, display_name, to_tensor
from core.settings import settings

NAME = re.compile(r"[a-z0-9_]+-[0-9a-f]{8}")
IMAGES, RECORD = "images.safetensors", "set.json"
MIN_PICTURES = 10
"""Fewer pictures cannot be split into training and test."""
MAX_LISTED = 20
"""Maximum number of left-out pictures that a record names."""
DROPPED = -1
"""The class that an edit gives to a picture to leave it out."""

Edits = dict[Split, dict[int, int]]
"""Row of a split of the imported set → another of its classes, or `DROPPED`."""


def names() -> list[str]:
    """Return the names of imported sets, sorted."""
    folder = settings().data / "imported"
    records = sorted(folder.glob(f"*/{RECORD}")) if folder.is_dir() else []
    return [p.parent.name for p in records if NAME.fullmatch(p.parent.name)]


def info(name: str) -> DatasetInfo | None:
    """Return the record of an imported set, or None."""
    if not NAME.fullmatch(name):
        return None
    try:
        record = files.read_json(place(name) / RECORD)
        return DatasetInfo(
            name,
            str(record["title"]),
            tuple(record["shape"]),
            _distinct(record["classes"]),
            "the owner's",
            str(record["source"]),
            record["splits"],
            private=True,
            left_out=tuple(map(str, record.get("left_out", ()))),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Make the names of classes unique; older sets may have two that look alike."""
    counts: Counter[str] = Counter()
    unique = []
    for name in map(str, names):
        counts[name] += 1
        unique.append(f"{name} ({counts[name]})" if counts[name] > 1 else name)
    return tuple(unique)


def place(name: str) -> Path:
    """Return the folder of an imported set."""
    return settings().data / "imported" / name


def load(name: str) -> Splits:
    """Load both splits of an imported or edited set.

    Raises:
        DataMissing: its files are damaged, or the set that it was made from is gone.
    """
    base, edits = origin(name)
    try:
        if base != name:
            return edited(load(base), edits)
        return read_splits(place(name) / IMAGES)
    except (OSError, SafetensorError, KeyError) as error:
        raise DataMissing(f"The images of {name} are damaged: import them again.") from error
    except IndexError as error:
        raise DataMissing(f"The changes in {name} are damaged: make them again.") from error


def has_pixels(name: str) -> bool:
    """Whether a set has pictures of its own, not only edits of another's."""
    return (place(name) / IMAGES).is_file()


def origin(name: str) -> tuple[str, Edits]:
    """The set whose pixels a set shows, itself if it was never edited, and the edits since.

    Raises:
        DataMissing: the record is damaged, or there are edits and no set that they are of.
    """
    try:
        record = files.read_json(place(name) / RECORD)
        base = str(record.get("base", name))
        edits: Edits = {
            split: {int(row): int(number) for row, number in rows.items()}
            for split, rows in record.get("edits", {}).items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataMissing(f"The record of {name} is damaged: import it again.") from error
    if base != name and info(base) is None:
        raise DataMissing(
            f"{name} was made from pictures that are not here any more ({base}): "
            "import them again, under the same title."
        )
    return base, edits


def edited(splits: Splits, edits: Edits) -> Splits:
    """The splits after some edits; classes without a picture are gone, those after them move up.

    Raises:
        IndexError: an edit of a row that is not there.
    """
    left = {split: _edited(images, edits.get(split, {})) for split, images in splits.items()}
    numbers = torch.cat([images.labels for images in left.values()]).unique()
    if (numbers < 0).any():  # without classes
        return left
    return {s: Images(i.pixels, torch.searchsorted(numbers, i.labels)) for s, i in left.items()}


def _edited(images: Images, edits: Mapping[int, int]) -> Images:
    if not edits:
        return images
    rows, numbers = torch.tensor(list(edits.items())).unbind(1)
    labels = images.labels.index_put((rows,), numbers)
    dropped = rows[numbers == DROPPED]
    if not len(dropped):
        return Images(images.pixels, labels)
    remaining = torch.ones_like(labels, dtype=torch.bool).index_fill(0, dropped, False)
    return Images(images.pixels[remaining], labels[remaining])


def import_set(
    source: Path, title: str, *, size: int, grey: bool, owner: str = "", encoding: str = ""
) -> DatasetInfo:
    """Make a data set of a folder or zip of pictures.

    One folder a class, or no folders and no classes; a single folder around all pictures is seen
    through. Folders called like `train/`, `valid/` and `test/`, above the classes or in each, are
    the splits; otherwise a fifth of each class is kept for testing. Pictures for validation are
    for testing where there are no others, and else for training: a training takes its
    `validation_share` from its own pictures. Pictures that cannot be read are left out and named
    in the record; other files change nothing.

    Args:
        size: side of the square that each picture is cropped and scaled to, 8 to 512 pixels.
        grey: one channel instead of three.
        owner: who alone may see it, from its first moment on; nobody by the command line.
        encoding: of the names in a zip that does not say; empty takes the likeliest.

    Returns:
        Its record; the same pictures give the same set.

    Raises:
        BadUpload: harmful, damaged, too large, empty, or too few pictures.
        OSError: the data folder cannot be written.
    """
    shape = _shape(size, grey)
    with uploads.brought(source, encoding) as contents:
        return _store(contents.pictures, title, shape, owner)


@dataclass(frozen=True)
class Preview:
    """The classes and remarks that an import of a folder or zip would have."""

    classes: Mapping[str, int]
    """How many pictures each class has; all under an empty name where there are no classes."""
    remarks: tuple[str, ...]
    """Sentences on how its folders were understood."""
    readings: tuple[Reading, ...]
    """Possible readings of its names, the chosen one first; empty if they are certain."""


def preview(source: Path, encoding: str = "") -> Preview:
    """Look through a folder or zip before it is imported; no picture is decoded.

    Args:
        encoding: as in `import_set`.

    Raises:
        BadUpload: harmful, damaged, too large or empty.
        OSError: there is no such file.
    """
    with uploads.brought(source, encoding) as contents:
        counts = Counter(p.group or "" for p in contents.pictures)
        classes = {display_name(g) if g else "": counts[g] for g in by_number(counts)}
        return Preview(classes, contents.remarks, contents.readings)


def import_classes(
    pictures: Mapping[str, Sequence[tuple[str, bytes]]],
    title: str,
    *,
    size: int,
    grey: bool,
    owner: str = "",
) -> DatasetInfo:
    """Make a data set of pictures that were brought by hand into named classes.

    The name of a class is text to be shown, never a path: “train” is a class like any other.
    Everything else is as in `import_set`, and the same pictures give the same set.

    Args:
        pictures: class → name and content of each file.
        size: side of the square that each picture is cropped and scaled to, 8 to 512 pixels.
        grey: one channel instead of three.
        owner: as in `import_set`.

    Raises:
        BadUpload: a class without a name or a picture, two of one name, or too few pictures.
        OSError: the data folder cannot be written.
    """
    shape = _shape(size, grey)
    return _store(uploads.by_hand(pictures), title, shape, owner)


def _shape(size: int, grey: bool) -> tuple[int, int, int]:
    if not 8 <= size <= 512:
        raise BadUpload(f"A size of {size} pixels is not possible: choose from 8 to 512.")
    return (1 if grey else 3, size, size)


# ---- from pictures to tensors


def _store(
    pictures: Sequence[Picture], title: str, shape: tuple[int, int, int], owner: str
) -> DatasetInfo:
    max_pictures = settings().max_data_mb * 2**20 // math.prod(shape)
    if len(pictures) > max_pictures:
        raise BadUpload(
            f"{len(pictures):,} pictures of {shape[1]} pixels are too many: the memory here may "
            f"hold {max_pictures:,}. Choose a smaller size or fewer pictures."
        )
    groups = by_number({p.group for p in pictures if p.group is not None})
    numbers: dict[str | None, int] = {group: i for i, group in enumerate(groups)}
    classes = tuple(display_name(g) for g in groups)
    pixels = torch.empty(len(pictures), *shape, dtype=torch.uint8)  # the only copy there ever is
    pictures_kept: list[Picture] = []
    left_out = []
    for picture in pictures:
        content = picture.read()
        try:
            pixels[len(pictures_kept)] = to_tensor(decode(content, picture.name), shape)
        except BadUpload as error:
            left_out.append(_reason(picture.name, error))
            continue
        pictures_kept.append(picture)
    labels = [numbers.get(picture.group, -1) for picture in pictures_kept]
    check_enough(labels, classes, len(left_out))
    given = pictures_kept[0].split is not None
    chosen = np.array([p.split == "train" for p in pictures_kept]) if given else _chosen(labels)
    splits = _parted(pixels[: len(pictures_kept)], torch.tensor(labels), chosen)
    check_splits(splits)
    if missing := set(labels) - set(splits["train"].labels.tolist()):
        raise BadUpload(f"The class {classes[min(missing)]} has no pictures for training.")
    source = "Your own pictures"
    if left_out:
        source += f"; {len(left_out)} could not be read"
    title = display_name(title)
    name = set_name(title, splits, classes, left_out)
    if owner:  # before anything of it is there
        owner_file.claim(place(name), RECORD, owner)
    write_splits(place(name) / IMAGES, splits)
    unread = {"left_out": left_out[:MAX_LISTED], "n_left_out": len(left_out)}
    return write_record(name, title, classes, source, splits, unread)


def _reason(path: str, error: BadUpload) -> str:
    """Return why a picture was left out, with its path: “cat/a.png is empty”."""
    display_path = "/".join(display_name(part) for part in path.split("/"))
    sentence = str(error).replace(f"“{display_name(path)}”", display_path)
    return re.split(r"\. (?=[A-Z])", sentence)[0].removesuffix(".")


def _parted(pixels: torch.Tensor, labels: torch.Tensor, chosen: np.ndarray) -> Splits:
    """The chosen rows for training, the others for testing, in place: rows are moved, each once,
    and the splits are parts of the same memory."""
    order = np.concatenate([np.flatnonzero(chosen), np.flatnonzero(~chosen)])
    rows, moved = pixels.numpy(), np.zeros(len(order), dtype=bool)
    for start in range(len(order)):
        if moved[start] or order[start] == start:
            continue
        first, at = rows[start].copy(), start
        while order[at] != start:
            rows[at] = rows[order[at]]
            moved[at], at = True, order[at]
        rows[at], moved[at] = first, True
    n = int(chosen.sum())
    sorted_labels = labels[torch.from_numpy(order)]
    return {
        "train": Images(pixels[:n], sorted_labels[:n]),
        "test": Images(pixels[n:], sorted_labels[n:].clone()),
    }


def check_enough(labels: Sequence[int], classes: Sequence[str], skipped: int = 0) -> None:
    """Raise BadUpload when pictures with those labels are too few for a set.

    Args:
        skipped: how many could not be read; the sentence says so.
    """
    if len(labels) < MIN_PICTURES:
        rest = f" {skipped} cannot be read." if skipped else ""
        raise BadUpload(f"There are {len(labels)} pictures in it; {MIN_PICTURES} are needed.{rest}")
    if -1 in labels and classes:
        raise BadUpload("Some pictures lie in folders and some beside them: use one way for all.")
    for i, name in enumerate(classes):
        if labels.count(i) < 2:
            raise BadUpload(f"The class {name} has {labels.count(i)} pictures; two are needed.")


def check_splits(splits: Splits) -> None:
    """Raise BadUpload when a split is empty."""
    for split, images in splits.items():
        if not len(images.labels):
            raise BadUpload(f"There are no pictures in {split}.")


def _chosen(labels: list[int]) -> np.ndarray:
    """Four fifths of each class for training, seeded, and one picture at least for testing; True
    where training."""
    drawn, every = np.random.default_rng(0), np.array(labels)
    chosen = np.ones(len(labels), dtype=bool)
    for label in np.unique(every):
        rows = drawn.permutation(np.flatnonzero(every == label))
        chosen[rows[: max(1, round(len(rows) / 5))]] = False
    return chosen


def set_name(
    title: str, splits: Splits, classes: Sequence[str], left_out: Sequence[str] = ()
) -> str:
    """Return the name of a set: a slug of its title, and a digest of its record.

    So nobody is shown what others called their files: those who brought the same share the record.
    """
    slug = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:24] or "pictures"
    digested = [fingerprint(splits["train"], splits["test"]), title, *classes, "", *left_out]
    return f"{slug}-{hashlib.sha256(json.dumps(digested).encode()).hexdigest()[:8]}"


def write_record(
    name: str,
    title: str,
    classes: Sequence[str],
    source: str,
    splits: Splits,
    more: Mapping[str, Any],
) -> DatasetInfo:
    """Write the record of a set; it comes last, after the images, and makes the set visible."""
    record = {
        "title": title,
        "shape": tuple(splits["train"].pixels.shape[1:]),
        "classes": list(classes),
        "source": source,
        "splits": {s: len(i.labels) for s, i in splits.items()},
        **more,
    }
    files.write_json(place(name) / RECORD, record)
    dataset = info(name)
    assert dataset is not None
    return dataset
