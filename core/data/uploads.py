"""Uploaded pictures: in a folder, in a zip, or by hand into named classes.

Archives are never extracted: entries are checked by name and size, and read one at a time.
"""

import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from core.data.class_folders import NO_PICTURES, Contents, Entry, Picture, by_number, placed
from core.data.encodings import FALLBACK, Reading, readings
from core.errors import BadUpload
from core.images import display_name
from core.settings import settings

IGNORED = ("__macosx", "thumbs.db", "desktop.ini", "$recycle.bin")
MAX_UNPACKED_RATIO = 16
"""How many times larger than `max_upload_bytes` the files of an archive may be in all."""
_SAMPLE_NAMES = 6
"""Number of names in the sample of a reading."""
_MAX_BYTES_PER_ENTRY = 400
"""Bytes of an archive's directory that an entry may take on average."""
_DIRECTORY_SIZE, _SIGNATURE, _LOCATION = 5, 0, 9  # places in what zipfile knows of the end


@contextmanager
def brought(source: Path, encoding: str = "") -> Iterator[Contents]:
    """The pictures of a folder or zip, to be read inside the block; their class and split are
    those that their folders give them.

    Args:
        encoding: of the names in a zip that does not say; empty takes the likeliest.

    Raises:
        BadUpload: harmful, damaged, too large or empty; some of it only when a picture is read.
        OSError: there is no such file.
    """
    if source.is_dir():
        yield placed(*_folder_entries(source))
        return
    with _opened(source) as archive:
        name_readings = _name_readings(archive, encoding)
        contents = placed(*_zip_entries(archive, name_readings[0].encoding))
        yield replace(contents, readings=name_readings if len(name_readings) > 1 else ())


def by_hand(pictures: Mapping[str, Sequence[tuple[str, bytes]]]) -> list[Picture]:
    """Pictures of named classes, sorted by class and name, their classes as they are shown.

    Raises:
        BadUpload: a class without a name or a picture, two of one name, or too many files.
    """
    groups: dict[str, list[Picture]] = {}
    for typed, files in pictures.items():
        group = class_name(typed)
        if group in groups:
            raise BadUpload(f"There are two classes called {group}: give one another name.")
        groups[group] = [
            Picture(f"{group}/{display_name(name)}", lambda content=content: content, group)  # type: ignore[misc]
            for name, content in sorted(files, key=lambda file: file[0])
            if not _ignored(PurePosixPath(PurePosixPath(name).name))
        ]
        if not groups[group]:
            raise BadUpload(f"The class {group} is empty: put pictures in it or remove it.")
    in_order = [picture for group in by_number(groups) for picture in groups[group]]
    if not in_order:
        raise BadUpload(NO_PICTURES)
    _check_count(len(in_order))
    return in_order


def class_name(typed: str) -> str:
    """What was typed, fit to be shown; its slashes become a sign that parts no path. Raises
    BadUpload where there is none."""
    plain = re.sub(r"[/\\]", "\N{DIVISION SLASH}", unicodedata.normalize("NFC", typed))
    if display_name(f".{plain}") == ".":
        raise BadUpload("A class has no name: give it one.")
    return display_name(plain)


# ---- folders and archives


def _opened(source: Path) -> zipfile.ZipFile:
    source.stat()  # a file that is not there is no fault of the archive
    try:
        _check_directory(source)
        return zipfile.ZipFile(source)
    except BadUpload:
        raise
    except Exception as error:  # a hostile directory makes it raise nearly anything
        raise BadUpload(
            f"{display_name(source.name)} is not a whole zip file. Pack the folder again."
        ) from error


def _check_directory(source: Path) -> None:
    """Count the entries before anything is made of them: what the archive says of their number
    may be a lie, so each is stepped over, as far as they may be many.

    Files of macOS that are ignored stand beside each picture, and folders are entries too.
    """
    max_entries = 2 * settings().max_archive_files + 1000
    with source.open("rb") as file:
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
        if not end:
            return  # zipfile says what is wrong
        size = end[_DIRECTORY_SIZE]
        start = end[_LOCATION] - size - (76 if end[_SIGNATURE] == b"PK\x06\x06" else 0)
        if size > max_entries * _MAX_BYTES_PER_ENTRY:
            _check_count(settings().max_archive_files + 1)
        file.seek(max(start, 0))
        directory, at, count = file.read(size), 0, 0
    while directory[at : at + 4] == b"PK\x01\x02" and len(directory) >= at + 46:
        at += 46 + sum(
            int.from_bytes(directory[i : i + 2], "little") for i in range(at + 28, at + 34, 2)
        )
        count += 1
        if count > max_entries:
            _check_count(count)


def _folder_entries(folder: Path) -> tuple[list[Entry], list[PurePosixPath]]:
    entries: list[Entry] = []
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
            entries.append(Entry(relative, path.read_bytes, lambda path=path: _head(path)))  # type: ignore[misc]
            _check_count(len(entries))
    return entries, folders


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(32)


def _zip_entries(
    archive: zipfile.ZipFile, encoding: str
) -> tuple[list[Entry], list[PurePosixPath]]:
    entries: list[Entry] = []
    total, folders = 0, []
    for member in archive.infolist():
        name = _name(member, encoding)
        path = _safe_path(member, name)
        if _ignored(path):
            continue
        if name.endswith("/"):
            folders.append(path)
            continue
        total += member.file_size
        if total > MAX_UNPACKED_RATIO * settings().max_upload_bytes:
            raise BadUpload("The archive would unpack to far more than is allowed here.")
        entries.append(
            Entry(
                path,
                lambda member=member, path=path: _read_member(archive, member, path),  # type: ignore[misc]
                lambda member=member, path=path: _read_member(archive, member, path, 32),  # type: ignore[misc]
            )
        )
        _check_count(len(entries))
    return sorted(entries, key=lambda entry: entry.path.parts), folders


def _name_readings(archive: zipfile.ZipFile, encoding: str) -> tuple[Reading, ...]:
    """Return readings of the names without a declared encoding; the requested one comes first."""
    raw = [_raw(member) for member in archive.infolist() if _declared_name(member) is None]
    parts = {p for name in raw if not name.startswith(b"__MACOSX/") for p in name.split(b"/")}
    candidates = readings(parts)
    folders = {p for name in raw for p in name.split(b"/")[:-1] if not p.isascii()}
    telling = sorted(folders or {p for p in parts if not p.isascii()})[:_SAMPLE_NAMES]
    candidates = [
        replace(one, sample=", ".join(display_name(p.decode(one.encoding)) for p in telling))
        for one in candidates
    ]
    if not encoding:
        return tuple(candidates)
    chosen = Reading(encoding, "")
    chosen = next((one for one in candidates if one.encoding == encoding), chosen)
    try:
        for name in raw:
            name.decode(encoding)
    except (LookupError, ValueError) as error:
        raise BadUpload(f"The names in it cannot be read as {display_name(encoding)}.") from error
    return (chosen, *(one for one in candidates if one != chosen))


def _raw(member: zipfile.ZipInfo) -> bytes:
    return member.orig_filename.encode(FALLBACK)


def _declared_name(member: zipfile.ZipInfo) -> str | None:
    """Return a name whose encoding the archive declares, by a flag or in an extra field."""
    if member.flag_bits & 0x800:
        return member.orig_filename
    extra, raw = member.extra, _raw(member)
    while len(extra) >= 4:
        kind, length = (int.from_bytes(extra[i : i + 2], "little") for i in (0, 2))
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if (
            kind == 0x7075
            and field[:1] == b"\1"
            and field[1:5] == zlib.crc32(raw).to_bytes(4, "little")
        ):
            try:
                return field[5:].decode()
            except UnicodeDecodeError:
                return None
    return raw.decode() if raw.isascii() else None


def _name(member: zipfile.ZipInfo, encoding: str) -> str:
    declared = _declared_name(member)
    name = _raw(member).decode(encoding, "replace") if declared is None else declared
    return name.partition("\0")[0].replace("\\", "/")


def _safe_path(member: zipfile.ZipInfo, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    displayed = display_name(name)
    empty = not path.parts and not name.endswith("/")  # a file called nothing, or "."
    outside = path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name)
    if empty or outside:
        raise BadUpload(f"The archive has an entry that points outside of it ({displayed}).")
    mode = member.external_attr >> 16
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or not stat.S_IFMT(mode)):
        raise BadUpload(f"The archive has a link or device ({displayed}); only files are taken.")
    if not name.endswith("/") and member.compress_type not in (
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
    ):  # others are unpacked without any bound on memory
        raise BadUpload(f"The archive is packed in an unusual way ({displayed}). Pack a plain zip.")
    if member.flag_bits & 0x1:
        raise BadUpload(f"The archive is encrypted ({displayed}). Pack it without a password.")
    return path


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: PurePosixPath, max_bytes: int = 0
) -> bytes:
    """Read at most `max_upload_bytes`, whatever the header claims, or only `max_bytes`."""
    limit = settings().max_upload_bytes
    try:
        with archive.open(member) as file:
            content = file.read(max_bytes or limit + 1)
    except Exception as error:  # each method of compression has errors of its own
        raise BadUpload(f"{display_name(path.name)} is damaged in the archive.") from error
    if len(content) > limit:
        raise BadUpload(f"{display_name(path.name)} unpacks to more than is allowed here.")
    return content


def _ignored(path: PurePosixPath) -> bool:
    return any(part.lower() in IGNORED or part.startswith(".") for part in path.parts)


def _check_count(n: int) -> None:
    if n > settings().max_archive_files:
        raise BadUpload(f"There are more than {settings().max_archive_files} files in it.")
