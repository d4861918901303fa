"""Edits of uploaded data sets: other classes, pictures left out, and duplicates.

An edited set is a record only: the imported set that it comes from, and what is different in it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from core.data import imported, owner_file, sets, uploads
from core.data.archives import Splits
from core.data.dataset import DatasetInfo, Images, Split
from core.data.imported import DROPPED, Edits
from core.errors import LabError

SPLITS: tuple[Split, ...] = ("train", "test")
Changes = Mapping[Split, Mapping[int, int]]
"""Row of a split → the number of its new class, or -1 to leave the picture out."""
Copies = list[list[tuple[Split, int]]]
"""Groups of pictures, each by its split and row."""


def edit(
    name: str, changes: Changes, *, names: Mapping[int, str] = MappingProxyType({}), owner: str = ""
) -> DatasetInfo:
    """Make a data set of an imported one by giving pictures another class, or dropping them.

    Edits of an edited set are kept as edits of the imported one, so no pixels are copied. A class
    of which nothing is left disappears, and the classes after it move up.

    Args:
        name: an imported or edited set.
        changes: row of a split → number of a class in `info(name).classes`, or -1 to drop it.
        names: number of a class there → its new name.
        owner: who alone may see the new set, from its first moment on.

    Returns:
        The record of the new set, which has the title of the old; the same edits give the same
        set, and edits that change nothing, or take all others back, give the one that there is.

    Raises:
        UnknownName: no such set.
        DataMissing: its pictures are not here any more.
        BadUpload: too little would be left, by the measure of an import.
        LabError: not an imported set, or a row or class that it does not have.
    """
    dataset = sets.info(name)
    if not dataset.private:
        raise LabError(f"{dataset.title} is not a set of your own pictures: it cannot be edited.")
    base, before = imported.origin(name)
    root = imported.load(base)
    after = _composed(root, before, changes, dataset)
    renamed = [names.get(i, c) for i, c in enumerate(dataset.classes)]
    left = _numbers(root, after)
    classes = [c for c, n in zip(renamed, _numbers(root, before), strict=True) if n in left]
    unchanged = after == {split: before.get(split, {}) for split in SPLITS}
    if unchanged and tuple(classes) == dataset.classes:
        return dataset
    if not any(after.values()) and tuple(classes) == sets.info(base).classes:
        return sets.info(base)
    splits = imported.edited(root, after)
    imported.check_enough([n for s in SPLITS for n in splits[s].labels.tolist()], classes)
    imported.check_splits(splits)
    return _written(dataset, base, after, classes, splits, owner)


def edit_classes(name: str, typed: Sequence[str | None], *, owner: str = "") -> DatasetInfo:
    """Make a data set of an imported one by renaming, merging or dropping its classes.

    Args:
        typed: a name for each class in `info(name).classes`: classes of one name become one, and
            None drops a class with its pictures.
        owner: as in `edit`.

    Returns:
        As `edit`.

    Raises:
        BadUpload: an empty name, or what `edit` raises.
    """
    dataset = sets.info(name)
    titles = [text if text is None else uploads.class_name(text) for text in typed]
    numbers: dict[str, int] = {}
    for k, title in enumerate(titles):
        if title is not None and (title not in numbers or title == dataset.classes[k]):
            numbers[title] = k  # where one of them had that name already, the others join it
    moved = {
        k: DROPPED if title is None else numbers[title]
        for k, title in enumerate(titles)
        if title is None or numbers[title] != k
    }
    changes = {}
    for split in SPLITS:
        labels = sets.load(name, split).labels.tolist()
        changes[split] = {row: moved[k] for row, k in enumerate(labels) if k in moved}
    return edit(name, changes, names={k: title for title, k in numbers.items()}, owner=owner)


def _left(images: Images, edits: Mapping[int, int]) -> dict[int, int]:
    """Row of the root → its class there after some edits, of the pictures that are left."""
    numbers = dict(enumerate(images.labels.tolist())) | dict(edits)
    return {row: number for row, number in numbers.items() if edits.get(row) != DROPPED}


def _numbers(root: Splits, edits: Edits) -> list[int]:
    """The root's numbers of the classes that are left after some edits, ascending."""
    left = {n for split in SPLITS for n in _left(root[split], edits.get(split, {})).values()}
    return sorted(n for n in left if n >= 0)


def _composed(root: Splits, before: Edits, changes: Changes, of: DatasetInfo) -> Edits:
    """Edits of the root that do what `changes` do to it after the edits `before`."""
    numbers = _numbers(root, before)
    if unknown := sorted(set(changes) - set(SPLITS)):
        raise LabError(f"{of.title} has no split {unknown[0]}, only train and test.")
    after: Edits = {}
    for split in SPLITS:
        edits = dict(before.get(split, {}))
        rows = list(_left(root[split], edits))
        for row, number in changes.get(split, {}).items():
            _check_change(of, split, row, number, len(rows))
            at = rows[row]
            edits[at] = DROPPED if number == DROPPED else numbers[number]
            if edits[at] != DROPPED and edits[at] == int(root[split].labels[at]):
                del edits[at]
        after[split] = dict(sorted(edits.items()))
    return after


def _check_change(of: DatasetInfo, split: Split, row: int, number: int, n: int) -> None:
    if not 0 <= row < n:
        raise LabError(f"{of.title} has no picture {row} in {split}: there are {n}, from 0.")
    if number != DROPPED and not 0 <= number < len(of.classes):
        raise LabError(f"{of.title} has no class {number}: there are {len(of.classes)}, from 0.")


def _written(
    dataset: DatasetInfo,
    base: str,
    edits: Edits,
    classes: Sequence[str],
    splits: Splits,
    owner: str,
) -> DatasetInfo:
    """The record of the edited set; that of an imported one of the same pictures, if there is."""
    name = imported.set_name(dataset.title, splits, classes, dataset.left_out)
    existing = imported.info(name)
    if existing is not None and imported.has_pixels(name):
        return existing
    numbers = [number for rows in edits.values() for number in rows.values()]
    dropped = numbers.count(DROPPED)
    source = "Your own pictures"
    if numbers:
        source += f", {len(numbers) - dropped} of them relabelled, {dropped} dropped"
    more = {"left_out": dataset.left_out, "base": base, "edits": edits}
    if owner:
        owner_file.claim(imported.place(name), imported.RECORD, owner)
    return imported.write_record(name, dataset.title, classes, source, splits, more)


def copies(images: Mapping[Split, Images]) -> Copies:
    """Groups of pictures with exactly the same pixels, across the splits.

    Returns:
        Groups of two or more, in the order of their first picture; training pictures come before
        those for testing, and rows ascend.
    """
    groups: dict[bytes, list[tuple[Split, int]]] = {}
    for split in SPLITS:
        if split in images:
            for row, pixels in enumerate(images[split].pixels.contiguous().numpy()):
                digest = hashlib.sha256(pixels.data).digest()
                groups.setdefault(digest, []).append((split, row))
    return [group for group in groups.values() if len(group) > 1]


def in_two_classes(group: Sequence[tuple[Split, int]], images: Mapping[Split, Images]) -> bool:
    """Whether pictures of one group, as `copies` gives it, have different classes."""
    return len({int(images[split].labels[row]) for split, row in group}) > 1
