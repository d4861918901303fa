"""Pictures that people bring: in a folder, in a zip, or by hand into named classes.

Archives are never extracted: entries are checked by name and size, and read one at a time.
"""

import re
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.data.base import Split
from core.errors import BadUpload
from core.images import display_name
from core.settings import settings

IGNORED = ("__MACOSX", "Thumbs.db", "desktop.ini")
UNPACKED = 40
"""How many times larger than `max_upload_bytes` the pictures of an archive may be in all."""
NOTHING = "There are no pictures in it."


@dataclass(frozen=True)
class Entry:
    """A picture file: its path inside the folder or archive, and how to read it."""

    path: PurePosixPath
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Picture:
    """A picture file and what is known of it; None where nobody gave a class or a split."""

    name: str
    read: Callable[[], bytes]
    group: str | None
    split: Split | None = None


@contextmanager
def brought(source: Path) -> Iterator[list[Picture]]:
    """The pictures of a folder or zip, to be read inside the block; their class and split are
    those that their folders give them.

    Raises:
        BadUpload: harmful, damaged, too large or empty; some of it only when a picture is read.
        OSError: there is no such file.
    """
    if source.is_dir():
        yield _placed(_folder_entries(source))
        return
    with _opened(source) as archive:
        yield _placed(_zip_entries(archive))


def by_hand(pictures: Mapping[str, Sequence[tuple[str, bytes]]]) -> list[Picture]:
    """Pictures of named classes, sorted by class and name, their classes as they are shown.

    Raises:
        BadUpload: a class without a name or a picture, two of one name, or too many files.
    """
    groups: dict[str, list[Picture]] = {}
    for typed, files in pictures.items():
        group = _class_name(typed)
        if group in groups:
            raise BadUpload(f"There are two classes called {group}: give one another name.")
        groups[group] = [
            Picture(name, lambda content=content: content, group)  # type: ignore[misc]
            for name, content in sorted(files, key=lambda file: file[0])
            if not _ignored(PurePosixPath(PurePosixPath(name).name))
        ]
        if not groups[group]:
            raise BadUpload(f"The class {group} is empty: put pictures in it or remove it.")
    found = [picture for group in sorted(groups) for picture in groups[group]]
    if not found:
        raise BadUpload(NOTHING)
    _check_count(len(found))
    return found


def _class_name(typed: str) -> str:
    """What was typed, fit to be shown; its slashes become a sign that parts no path."""
    plain = re.sub(r"[/\\]", "\N{DIVISION SLASH}", typed)
    if display_name(f".{plain}") == ".":
        raise BadUpload("A class has no name: give it one.")
    return display_name(plain)


# ---- folders and archives


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
        raise BadUpload(NOTHING)
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


def _placed(entries: list[Entry]) -> list[Picture]:
    """With the class and the split that each entry's folders give it."""
    entries = _seen_through(entries)
    given = {e.path.parts[0] for e in entries} == {"train", "test"}
    found = []
    for entry in entries:
        folders = entry.path.parts[1 if given else 0 : -1]
        split = entry.path.parts[0] if given else None
        group = folders[0] if folders else None
        found.append(Picture(entry.path.name, entry.read, group, split))  # type: ignore[arg-type]
    return found
