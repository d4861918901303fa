"""What the folders of an upload mean: which files are pictures, their classes and their splits."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from core.data.dataset import Split
from core.data.encodings import Reading
from core.errors import BadUpload
from core.images import display_name

NO_PICTURES = "There are no pictures in it."
PICTURES = frozenset(
    [
        *("png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "dib", "gif", "tif", "tiff"),
        *("avif", "heic", "heif", "svg", "psd", "raw", "dng", "cr2", "cr3", "nef", "arw", "orf"),
        *("rw2", "raf", "jp2", "j2k", "jxl", "ico", "ppm", "pgm", "pbm", "pnm", "tga"),
        *("exr", "hdr"),
    ]
)
"""Suffixes of pictures, including formats that cannot be read here: these are reported."""
Role = Literal["train", "test", "valid"]
_ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "eval"), "valid"),
}
_NEUTRAL_WORDS = frozenset(
    ["set", "data", "dataset", "images", "image", "img", "imgs", "pictures", "photos", "split"]
)
"""Words that a split's folder may have beside: “test set”, “train_images”."""
_SIGNATURES = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|BM.{4}\0\0|RIFF.{4}WEBP|II[*+]\0|MM\0[*+]"
    rb"|.{4}ftyp(?:avi|hei|hev|mif|msf)",
    re.DOTALL,
)
"""First bytes of the picture formats that can be read here."""
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


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


def _is_picture(entry: Entry) -> bool:
    """Recognise a picture by its suffix, or else by its first bytes."""
    suffix = entry.path.suffix.lower().lstrip(".")
    return suffix in PICTURES or _SIGNATURES.match(entry.head()) is not None


def placed(entries: Sequence[Entry], folders: Sequence[PurePosixPath]) -> Contents:
    """With the class and the split that each picture's folders give it.

    Files that are no pictures change nothing: folders around all pictures are seen through.
    """
    if not entries:
        raise BadUpload(NO_PICTURES)
    pictures = [entry for entry in entries if _is_picture(entry)]
    if not pictures:
        raise BadUpload(f"{NO_PICTURES} The {len(entries):,} files in it are of other kinds.")
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
    kept = zip(pictures, groups, splits, taken, strict=True)
    return Contents(
        [Picture(_shown_path(e.path), e.read, g, split) for e, g, split, keep in kept if keep],
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
    words += [w[: -len(end)] for w in words for end in _NEUTRAL_WORDS if w.endswith(end)]
    named = [word for word in words if word in _ROLES]
    if len({_ROLES[word] for word in named}) != 1:
        return None
    joined = {word for word in words if any(word.startswith(role) for role in named)}
    return _ROLES[named[0]], frozenset(words) - set(named) - joined - _NEUTRAL_WORDS - {""}


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


def by_number(names: Iterable[str]) -> list[str]:
    """Sort names naturally: numbers by their value, also inside a name."""

    def key(name: str) -> tuple[float, list[tuple[int, str]], str]:
        number = float(name.replace(",", ".")) if _NUMBER.fullmatch(name) else float("inf")
        digits = (part.lstrip("0") for part in re.split(r"(\d+)", name))
        return number, [(len(d) if i % 2 else 0, d) for i, d in enumerate(digits)], name

    return sorted(names, key=key)
