"""Data sets made from people's own pictures: a folder or a zip, one folder a class (or none).

Archives are never extracted: entries are checked by name and size, and read one at a time.
"""

import math
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from safetensors import SafetensorError

from core import files
from core.data.archives import Splits, read_splits, write_splits
from core.data.base import DatasetInfo, Images, fingerprint
from core.errors import BadUpload, DataMissing
from core.images import decode, display_name, to_tensor
from core.settings import settings

NAME = re.compile(r"[a-z0-9_]+-[0-9a-f]{8}")
IGNORED = ("__MACOSX", "Thumbs.db", "desktop.ini")
UNPACKED = 40
"""How many times larger than `max_upload_bytes` the pictures of an archive may be in all."""
MINIMUM = 10
"""Fewer pictures cannot be split into training and test."""


@dataclass(frozen=True)
class Entry:
    """A picture file: its path inside the folder or archive, and how to read it."""

    path: PurePosixPath
    read: Callable[[], bytes]


def names() -> list[str]:
    """Imported sets, by name."""
    folder = settings().data / "imported"
    found = sorted(folder.glob("*/set.json")) if folder.is_dir() else []
    return [p.parent.name for p in found if NAME.fullmatch(p.parent.name)]


def info(name: str) -> DatasetInfo | None:
    """The record of an imported set, or None."""
    if not NAME.fullmatch(name):
        return None
    return _info(settings().data / "imported" / name)


def _info(folder: Path) -> DatasetInfo | None:
    try:
        record = files.read_json(folder / "set.json")
        return DatasetInfo(
            folder.name,
            str(record["title"]),
            tuple(record["shape"]),
            tuple(record["classes"]),
            "the owner's",
            str(record["source"]),
            record["splits"],
            private=True,
        )
    except (ValueError, KeyError, TypeError):
        return None


def load(name: str) -> Splits:
    """Both splits of an imported set. Raises DataMissing when its file is damaged."""
    path = settings().data / "imported" / name / "images.safetensors"
    try:
        return read_splits(path)
    except (OSError, SafetensorError, KeyError) as error:
        raise DataMissing(f"The images of {name} are damaged: import them again.") from error


def import_set(source: Path, title: str, *, size: int, grey: bool) -> DatasetInfo:
    """Make a data set of a folder or zip of pictures.

    One folder a class, or no folders and no classes; a single folder around everything is seen
    through; `train/` and `test/` on top are taken as the splits, otherwise a fifth of each class
    is kept for testing. Files that are not pictures are left out and counted in the record.

    Args:
        size: side of the square that each picture is cropped and scaled to, 8 to 512 pixels.
        grey: one channel instead of three.

    Returns:
        Its record; the same pictures give the same set.

    Raises:
        BadUpload: harmful, damaged, too large, empty, or too few pictures.
        OSError: the data folder cannot be written.
    """
    if not 8 <= size <= 512:
        raise BadUpload(f"A size of {size} pixels is not possible: choose from 8 to 512.")
    shape = (1 if grey else 3, size, size)
    if source.is_dir():
        return _store(_seen_through(_folder_entries(source)), title, shape)
    with _opened(source) as archive:
        return _store(_seen_through(_zip_entries(archive)), title, shape)


# ---- what is in it


def _opened(source: Path) -> zipfile.ZipFile:
    source.stat()  # a file that is not there is no fault of the archive
    try:
        return zipfile.ZipFile(source)
    except Exception as error:  # a hostile directory makes it raise nearly anything
        raise BadUpload(
            f"{display_name(source.name)} is not a whole zip file. Pack the folder again."
        ) from error


def _folder_entries(folder: Path) -> list[Entry]:
    found: list[Entry] = []
    folders = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise BadUpload(f"{display_name(path.name)} is a link; only real files are taken.")
        relative = PurePosixPath(path.relative_to(folder).as_posix())
        if _ignored(relative):
            continue
        if path.is_dir():
            folders.append(relative)
        elif path.is_file():
            found.append(Entry(relative, path.read_bytes))
            _check_count(len(found))
    _check_classes(found, folders)
    return found


def _zip_entries(archive: zipfile.ZipFile) -> list[Entry]:
    found: list[Entry] = []
    total, folders = 0, []
    for member in archive.infolist():
        path = _safe_path(member)
        if _ignored(path):
            continue
        if member.is_dir():
            folders.append(path)
            continue
        total += member.file_size
        if total > UNPACKED * settings().max_upload_bytes:
            raise BadUpload("The archive would unpack to far more than is allowed here.")
        found.append(Entry(path, lambda member=member: _read_member(archive, member)))  # type: ignore[misc]
        _check_count(len(found))
    _check_classes(found, folders)
    return found


def _safe_path(member: zipfile.ZipInfo) -> PurePosixPath:
    name = member.filename.replace("\\", "/")
    path = PurePosixPath(name)
    shown = display_name(name)
    nowhere = not path.parts and not name.endswith("/")  # a file called nothing, or "."
    outside = path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name)
    if nowhere or outside:
        raise BadUpload(f"The archive has an entry that points outside of it ({shown}).")
    mode = member.external_attr >> 16
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or not stat.S_IFMT(mode)):
        raise BadUpload(f"The archive has a link or device ({shown}); only files are taken.")
    if member.flag_bits & 0x1:
        raise BadUpload(f"The archive is encrypted ({shown}). Pack it without a password.")
    return path


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """At most one upload's bytes, whatever the header claims."""
    limit = settings().max_upload_bytes
    try:
        with archive.open(member) as file:
            content = file.read(limit + 1)
    except Exception as error:  # each method of compression has errors of its own
        raise BadUpload(f"{display_name(member.filename)} is damaged in the archive.") from error
    if len(content) > limit:
        raise BadUpload(f"{display_name(member.filename)} unpacks to more than is allowed here.")
    return content


def _ignored(path: PurePosixPath) -> bool:
    return any(part in IGNORED or part.startswith(".") for part in path.parts)


def _check_count(n: int) -> None:
    if n > settings().max_archive_files:
        raise BadUpload(f"There are more than {settings().max_archive_files} files in it.")


def _check_classes(found: list[Entry], folders: list[PurePosixPath]) -> None:
    if not found:
        raise BadUpload("There are no pictures in it.")
    parents = {parent for entry in found for parent in entry.path.parents}
    if empty := [folder for folder in folders if folder not in parents]:
        raise BadUpload(
            f"The folder {display_name(empty[0].name)} is empty: put pictures in it or remove it."
        )


def _seen_through(entries: list[Entry]) -> list[Entry]:
    """Without folders that are around everything."""
    while len({e.path.parts[0] for e in entries}) == 1 and all(
        len(e.path.parts) > 1 for e in entries
    ):
        entries = [Entry(PurePosixPath(*e.path.parts[1:]), e.read) for e in entries]
    return entries


# ---- from entries to tensors


def _store(entries: list[Entry], title: str, shape: tuple[int, int, int]) -> DatasetInfo:
    if len(entries) * math.prod(shape) > UNPACKED * settings().max_upload_bytes:
        raise BadUpload(
            f"{len(entries)} pictures of {shape[1]} pixels are more than the memory may hold "
            "here. Choose a smaller size or fewer pictures."
        )
    given = {e.path.parts[0] for e in entries} == {"train", "test"}
    if given:
        parts = [e.path.parts for e in entries]
        in_train = [p[0] == "train" for p in parts]
        entries = [Entry(PurePosixPath(*e.path.parts[1:]), e.read) for e in entries]
    folders = sorted({e.path.parts[0] for e in entries if len(e.path.parts) > 1})
    classes = tuple(display_name(f) for f in folders)
    pixels, labels, kept, skipped = [], [], [], 0
    for i, picture in enumerate(_pictures(entries, shape)):
        if picture is None:
            skipped += 1
            continue
        folder = entries[i].path.parts[0] if len(entries[i].path.parts) > 1 else None
        pixels.append(picture)
        labels.append(folders.index(folder) if folder is not None else -1)
        kept.append(i)
    _check_enough(labels, classes, skipped)
    everything = Images(torch.stack(pixels), torch.tensor(labels))
    chosen = np.array([in_train[i] for i in kept]) if given else _chosen(labels)
    for part, n in (("train", chosen.sum()), ("test", (~chosen).sum())):
        if not n:
            raise BadUpload(f"There are no pictures in {part}.")
    splits: Splits = {
        "train": Images(*(t[torch.from_numpy(chosen)] for t in everything)),
        "test": Images(*(t[torch.from_numpy(~chosen)] for t in everything)),
    }
    return _write(splits, title, shape, classes, skipped)


def _pictures(entries: list[Entry], shape: tuple[int, int, int]) -> Iterator[torch.Tensor | None]:
    for entry in entries:
        content = entry.read()
        try:
            yield to_tensor(decode(content, entry.path.name), shape)
        except BadUpload:
            yield None


def _check_enough(labels: list[int], classes: tuple[str, ...], skipped: int) -> None:
    if len(labels) < MINIMUM:
        rest = f" {skipped} files are not pictures that can be read." if skipped else ""
        raise BadUpload(f"There are {len(labels)} pictures in it; {MINIMUM} are needed.{rest}")
    if -1 in labels and classes:
        raise BadUpload("Some pictures lie in folders and some beside them: use one way for all.")
    for i, name in enumerate(classes):
        if labels.count(i) < 2:
            raise BadUpload(f"The class {name} has {labels.count(i)} pictures; two are needed.")


def _chosen(labels: list[int]) -> np.ndarray:
    """Four fifths of each class for training, seeded; True where training."""
    several = len(set(labels)) > 1 and len(labels) >= 5 * len(set(labels))
    from sklearn.model_selection import train_test_split  # here: see core.data.sets

    train, _ = train_test_split(
        np.arange(len(labels)),
        test_size=0.2,
        random_state=0,
        stratify=labels if several else None,
    )
    return np.isin(np.arange(len(labels)), train)


def _write(
    splits: Splits,
    title: str,
    shape: tuple[int, int, int],
    classes: tuple[str, ...],
    skipped: int,
) -> DatasetInfo:
    title = display_name(title)
    slug = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:24] or "pictures"
    name = f"{slug}-{fingerprint(splits['train'], splits['test'])[:8]}"
    folder = settings().data / "imported" / name
    left_out = f"; {skipped} files were not pictures" if skipped else ""
    record = {
        "title": title,
        "shape": shape,
        "classes": classes,
        "source": f"Your own pictures{left_out}",
        "splits": {s: len(i.labels) for s, i in splits.items()},
    }
    write_splits(folder / "images.safetensors", splits)
    files.write_json(folder / "set.json", record)  # last: now the set can be found
    found = _info(folder)
    assert found is not None
    return found
