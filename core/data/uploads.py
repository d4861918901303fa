"""Uploaded pictures: in a folder, in a zip, or by hand into named classes.

Archives are never extracted: entries are checked by name and size, and read one at a time.
"""

import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from core.data.dataset import Split
from core.data.encodings import FALLBACK, Reading, readings
from core.errors import BadUpload
from core.images import display_name
from core.settings import settings

IGNORED = ("__macosx", "thumbs.db", "desktop.ini", "$recycle.bin")
MAX_UNPACKED_RATIO = 16
"""How many times larger than `max_upload_bytes` the files of an archive may be in all."""
NOTHING = "There are no pictures in it."
PICTURES = frozenset(
    [
        *("png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "dib", "gif", "tif", "tiff"),
        *("avif", "heic", "heif", "svg", "psd", "raw", "dng", "cr2", "cr3", "nef", "arw", "orf"),
        *(
            "rw2",
            "raf",
            "jp2",
            "j2k",
            "jxl",
            "ico",
            "ppm",
            "pgm",
            "pbm",
            "pnm",
            "tga",
            "exr",
            "hdr",
        ),
    ]
)
"""Suffixes of pictures, including formats that cannot be read here: these are reported."""
Role = Literal["train", "test", "valid"]
_ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "eval"), "valid"),
}
_MEANT_BESIDE = frozenset(
    ["set", "data", "dataset", "images", "image", "img", "imgs", "pictures", "photos", "split"]
)
"""Words that a split's folder may have beside: “test set”, “train_images”."""
_BEGINS = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|BM.{4}\0\0|RIFF.{4}WEBP|II[*+]\0|MM\0[*+]"
    rb"|.{4}ftyp(?:avi|hei|hev|mif|msf)",
    re.DOTALL,
)
"""First bytes of the picture formats that can be read here."""
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
_SAMPLED = 6
"""Number of names in the sample of a reading."""
_EACH_ENTRY = 400
"""Bytes of an archive's directory that an entry may take on average."""
_DIRECTORY_SIZE, _SIGNATURE, _LOCATION = 5, 0, 9  # places in what zipfile knows of the end


@dataclass(frozen=True)
class Entry:
    """A file: its path inside the folder or archive, and how to read so many bytes of it."""

    path: PurePosixPath
    read: Callable[[], bytes]
    head: Callable[[], bytes]


@dataclass(frozen=True)
class Picture:
    """A picture file and what is known of it; None where nobody gave a class or a split."""

    name: str
    """Its path inside the folder or zip, or its name."""
    read: Callable[[], bytes]
    group: str | None
    split: Split | None = None


@dataclass(frozen=True)
class Contents:
    """The pictures of an upload, and remarks on them for the preview before an import."""

    pictures: list[Picture]
    remarks: tuple[str, ...] = ()
    """Sentences on how the folders were understood."""
    readings: tuple[Reading, ...] = ()
    """Possible readings of the names, the chosen one first; empty if they are certain."""


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
        yield _placed(*_folder_entries(source))
        return
    with _opened(source) as archive:
        name_readings = _name_readings(archive, encoding)
        contents = _placed(*_zip_entries(archive, name_readings[0].encoding))
        yield replace(contents, readings=name_readings if len(name_readings) > 1 else ())


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
            Picture(f"{group}/{display_name(name)}", lambda content=content: content, group)  # type: ignore[misc]
            for name, content in sorted(files, key=lambda file: file[0])
            if not _ignored(PurePosixPath(PurePosixPath(name).name))
        ]
        if not groups[group]:
            raise BadUpload(f"The class {group} is empty: put pictures in it or remove it.")
    in_order = [picture for group in by_number(groups) for picture in groups[group]]
    if not in_order:
        raise BadUpload(NOTHING)
    _check_count(len(in_order))
    return in_order


def by_number(names: Iterable[str]) -> list[str]:
    """Sort names naturally: numbers by their value, also inside a name."""

    def key(name: str) -> tuple[float, list[tuple[int, str]], str]:
        number = float(name.replace(",", ".")) if _NUMBER.fullmatch(name) else float("inf")
        digits = (part.lstrip("0") for part in re.split(r"(\d+)", name))
        return number, [(len(d) if i % 2 else 0, d) for i, d in enumerate(digits)], name

    return sorted(names, key=key)


def _class_name(typed: str) -> str:
    """What was typed, fit to be shown; its slashes become a sign that parts no path."""
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
        if size > max_entries * _EACH_ENTRY:
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
    telling = sorted(folders or {p for p in parts if not p.isascii()})[:_SAMPLED]
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


# ---- what the folders mean


def _is_picture(entry: Entry) -> bool:
    """Recognise a picture by its suffix, or else by its first bytes."""
    suffix = entry.path.suffix.lower().lstrip(".")
    return suffix in PICTURES or _BEGINS.match(entry.head()) is not None


def _placed(entries: Sequence[Entry], folders: Sequence[PurePosixPath]) -> Contents:
    """With the class and the split that each picture's folders give it.

    Files that are no pictures change nothing: folders around all pictures are seen through.
    """
    if not entries:
        raise BadUpload(NOTHING)
    pictures = [entry for entry in entries if _is_picture(entry)]
    if not pictures:
        raise BadUpload(f"{NOTHING} The {len(entries):,} files in it are of other kinds.")
    spelled = _Spelling()
    places = [spelled(entry.path.parts[:-1]) for entry in pictures]
    others = {
        spelled(f) for f in {*(f.parts for f in folders), *(e.path.parts[:-1] for e in entries)}
    }
    while len(around := {place[:1] for place in places}) == 1 and spelled.one_way(*around):
        places = [place[1:] for place in places]
        others = {folder[1:] for folder in others if folder[:1] in around}
    given = _given(places)
    splits: Sequence[Split | None] = [None] * len(places)
    taken: Sequence[bool] = [True] * len(places)
    remarks = list(spelled.remarks())
    if given is not None:
        roles, places, at, depth = given
        others = {f[:at] + f[at + depth :] for f in others if len(f) > at}
        splits, taken, split_remarks = _used(roles, places)
        places = _as_in_training(places, splits)
        remarks = [*split_remarks, *remarks]
    groups = [place[0] if place else None for place in places]
    _check_groups({g for g in groups if g is not None}, {f[0] for f in others if f})
    placed = zip(pictures, groups, splits, taken, strict=True)
    return Contents(
        [Picture(_shown_path(e.path), e.read, g, split) for e, g, split, keep in placed if keep],
        tuple(remarks),
    )


Place = tuple[str, ...]
"""The folders that a picture lies in, from the outermost."""


def _given(
    places: Sequence[Place],
) -> tuple[list[tuple[Role, str]], list[Place], int, int] | None:
    """The role of each picture's split and what its folder is called, the folders without it, how
    deep it lies, and how many folders it takes; None where the folders are no splits.

    Splits lie above the classes, or in each class.

    Raises:
        BadUpload: something lies beside the folders of the splits.
    """
    for at in (0, 1):
        names = {place[at] if len(place) > at else "" for place in places}
        roles = {name: _role(name) for name in names}
        plain = {role for role, beside in filter(None, roles.values()) if not beside}
        if None not in roles.values() and len({beside for _, beside in roles.values()}) == 1:  # type: ignore[misc]
            if {"train"} < {role for role, _ in roles.values()}:  # type: ignore[misc]
                split_folders = [(roles[place[at]][0], place[at]) for place in places]  # type: ignore[index]
                rest, depth = [p[:at] + p[at + 1 :] for p in places], 1
                if at == 0:  # a split's folder within itself, as some tools pack it
                    same = [
                        bool(r) and _role(r[0]) == roles[n]
                        for r, (_, n) in zip(rest, split_folders, strict=True)
                    ]
                    if all(same):
                        rest, depth = [r[1:] for r in rest], 2
                return split_folders, rest, at, depth
        elif at == 0 and {"train"} < plain:
            odd = next(name for name, role in roles.items() if role is None)
            what = f"the folder {display_name(odd)} lies" if odd else "pictures lie"
            raise BadUpload(
                f"Beside the folders for training and testing {what}: put everything into one of "
                "them, or take it out."
            )
    return None


def _role(name: str) -> tuple[Role, frozenset[str]] | None:
    """What the pictures of a folder called like a split are for, and other words of its name."""
    words = [word for word in re.split(r"[\W_\d]+", name.casefold()) if word]
    words += [w[: -len(end)] for w in words for end in _MEANT_BESIDE if w.endswith(end)]
    named = [word for word in words if word in _ROLES]
    if len({_ROLES[word] for word in named}) != 1:
        return None
    joined = {word for word in words if any(word.startswith(role) for role in named)}
    return _ROLES[named[0]], frozenset(words) - set(named) - joined - _MEANT_BESIDE - {""}


def _used(
    roles: Sequence[tuple[Role, str]], places: Sequence[Place]
) -> tuple[list[Split | None], list[bool], list[str]]:
    """The split of each picture, whether it is taken, and what was made of the splits.

    A split for validation is for testing where there is no other; where there is one it is learnt
    from, because what a training checks itself with is taken from its own pictures.
    """
    called: dict[Role, dict[str, None]] = {}
    classless: dict[Role, bool] = {}
    for (role, name), place in zip(roles, places, strict=True):
        called.setdefault(role, {})[name] = None
        classless[role] = classless.get(role, True) and not place
    remarks = []
    dropped = {role for role in called if classless[role] and not classless["train"]}
    for role in dropped:
        n = sum(of == role for of, _ in roles)
        remarks.append(f"{n:,} pictures in {_listed(called.pop(role))} have no class: left out.")
    order: tuple[Role, Role] = ("test", "valid")
    tests = [role for role in order if role in called][:1]
    purposes: dict[Role, Split] = {r: "test" if r in tests else "train" for r in called}
    if tests:
        learnt = [n for role, names in called.items() if role not in tests for n in names]
        tested = _listed(called[tests[0]])
        remarks.insert(0, f"{_listed(learnt)} for training, {tested} for testing.")
    splits = [purposes.get(role) if tests else None for role, _ in roles]
    return splits, [role not in dropped for role, _ in roles], remarks


def _listed(names: Iterable[str]) -> str:
    return " and ".join(f"“{display_name(name)}”" for name in sorted(names))


def _as_in_training(places: Sequence[Place], splits: Sequence[Split | None]) -> list[Place]:
    """Classes spelled as the training pictures' folders are: “Cat” and “cat” are one class."""
    located = zip(places, splits, strict=True)
    known = {p[0].casefold(): p[0] for p, split in located if p and split == "train"}
    return [(known.get(p[0].casefold(), p[0]), *p[1:]) if p else p for p in places]


def _check_groups(groups: set[str], folders: set[str]) -> None:
    """Raise BadUpload for a class without pictures, or two that are shown alike."""
    if not groups:
        return
    known = {group.casefold() for group in groups}
    for folder in by_number(f for f in folders if f.casefold() not in known):
        raise BadUpload(
            f"The folder {display_name(folder)} has no pictures: put some in it or remove it."
        )
    displayed: dict[str, str] = {}
    for group in by_number(groups):
        name = display_name(group)
        if name in displayed:
            raise BadUpload(
                f"Two folders would both be shown as “{name}”: names are cut after 60 letters, and "
                "the signs [ ] < > * ` $ : are not shown. Give one of them another name."
            )
        displayed[name] = group


class _Spelling:
    """Folder names made alike that look alike: “é” as one sign or two, blanks, invisible signs."""

    def __init__(self) -> None:
        self.spellings: dict[str, set[str]] = {}

    def __call__(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._one(part) for part in parts)

    def _one(self, part: str) -> str:
        spaced = "".join(
            " " if unicodedata.category(c)[0] in "ZC" and c.isspace() else c for c in part
        )
        plain = "".join(c for c in spaced if unicodedata.category(c)[0] != "C")
        name = " ".join(unicodedata.normalize("NFC", plain).split()) or "unnamed"
        self.spellings.setdefault(name, set()).add(part)
        return name

    def one_way(self, place: Place) -> bool:
        """Whether there is such a folder, and only one is called so: then it is around all."""
        return bool(place) and len(self.spellings[place[0]]) == 1

    def remarks(self) -> list[str]:
        """A sentence for each name that folders share."""
        return [
            f"{len(parts)} folders look alike and are taken for one: {display_name(name)}."
            for name, parts in self.spellings.items()
            if len(parts) > 1
        ]


def _shown_path(path: PurePosixPath) -> str:
    return "/".join(display_name(part) for part in path.parts)
