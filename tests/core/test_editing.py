"""Single pictures get another class or are dropped, and no pixel is written twice."""

import io
import json
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core import data
from core.data import DatasetInfo, Images, Split, editing, imported
from core.data.editing import DROPPED, Changes
from core.errors import BadUpload, DataMissing, LabError, UnknownName
from core.settings import settings

GROUPS = ("bird", "cat", "dog")
Pixels = dict[bytes, str]


def picture(seed: int) -> bytes:
    """A small PNG that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def brought(per_class: int, groups: Iterable[str]) -> dict[str, list[tuple[str, bytes]]]:
    """As many files of each class, none twice."""
    return {
        group: [(f"{i}.png", picture(100 * k + i)) for i in range(per_class)]
        for k, group in enumerate(groups)
    }


def made(per_class: int = 6) -> DatasetInfo:
    """A set of three classes with as many pictures of each."""
    return data.import_classes(brought(per_class, GROUPS), "Pets", size=8, grey=False)


def splits(info: DatasetInfo) -> dict[Split, Images]:
    return {split: data.load(info.name, split) for split in editing.SPLITS}


def classes_of(info: DatasetInfo) -> Pixels:
    """Each picture's pixels → the name of its class."""
    return {
        pixels.numpy().tobytes(): info.classes[label]
        for images in splits(info).values()
        for pixels, label in zip(images.pixels, images.labels.tolist(), strict=True)
    }


def rows(info: DatasetInfo, split: Split, group: str) -> list[int]:
    """The rows of a class in a split."""
    labels = data.load(info.name, split).labels
    return (labels == info.classes.index(group)).nonzero().flatten().tolist()


def folder(info: DatasetInfo) -> Path:
    return settings().data / "imported" / info.name


def pixel(info: DatasetInfo, split: Split, row: int) -> bytes:
    return data.load(info.name, split).pixels[row].numpy().tobytes()


@pytest.fixture
def pets(lab: Path) -> DatasetInfo:
    """18 pictures of three classes; 15 to train with, 3 to test."""
    data.forget()
    return made()


# ---- what an edit does


def test_a_picture_gets_another_class_and_another_is_dropped(pets: DatasetInfo) -> None:
    cat, dog = rows(pets, "train", "cat")[0], rows(pets, "test", "dog")[0]
    expected = classes_of(pets)
    expected[pixel(pets, "train", cat)] = "dog"
    del expected[pixel(pets, "test", dog)]
    changed = data.edit(pets.name, {"train": {cat: 2}, "test": {dog: DROPPED}})
    assert classes_of(changed) == expected
    assert changed.title == pets.title and changed.classes == pets.classes and changed.private
    assert changed.source == "Your own pictures, 1 of them relabelled, 1 dropped"
    assert dict(changed.splits) == {"train": pets.splits["train"], "test": pets.splits["test"] - 1}
    assert {s: len(i.labels) for s, i in splits(changed).items()} == dict(changed.splits)
    assert changed.name.startswith("pets-") and changed.name != pets.name
    assert data.info(changed.name) == changed and changed.name in data.names()


def test_the_set_that_was_edited_is_as_it_was(pets: DatasetInfo) -> None:
    before = {p: p.read_bytes() for p in folder(pets).iterdir()}
    data.edit(pets.name, {"train": {0: DROPPED, 1: 2}})
    assert {p: p.read_bytes() for p in folder(pets).iterdir()} == before
    assert data.info(pets.name) == pets


def test_an_edited_set_is_a_record_without_pixels(pets: DatasetInfo) -> None:
    changed = data.edit(pets.name, {"train": {3: DROPPED}})
    assert [p.name for p in folder(changed).iterdir()] == ["set.json"]
    record = json.loads((folder(changed) / "set.json").read_text())
    assert record["base"] == pets.name and record["edits"] == {"train": {"3": -1}, "test": {}}


def test_pictures_keep_their_split_and_order(pets: DatasetInfo) -> None:
    changed = data.edit(pets.name, {"train": {5: DROPPED, 0: DROPPED}})
    kept = [i for i in range(15) if i not in (0, 5)]
    assert torch.equal(splits(changed)["train"].pixels, splits(pets)["train"].pixels[kept])
    assert torch.equal(splits(changed)["test"].pixels, splits(pets)["test"].pixels)


@pytest.mark.parametrize("way", ["dropped", "relabelled"])
def test_a_class_of_which_nothing_is_left_disappears(pets: DatasetInfo, way: str) -> None:
    number = DROPPED if way == "dropped" else 2
    changes: Changes = {s: dict.fromkeys(rows(pets, s, "cat"), number) for s in editing.SPLITS}
    changed = data.edit(pets.name, changes)
    assert changed.classes == ("bird", "dog")
    labels = torch.cat([i.labels for i in splits(changed).values()])
    assert labels.bincount().tolist() == ([6, 6] if way == "dropped" else [6, 12])
    before = classes_of(pets)
    for pixels, group in classes_of(changed).items():
        assert group == ("dog" if before[pixels] == "cat" else before[pixels])


def test_pictures_without_classes_can_be_dropped_only(lab: Path) -> None:
    source = lab / "loose"
    source.mkdir()
    for i in range(12):
        (source / f"{i:02d}.png").write_bytes(picture(i))
    loose = data.import_set(source, "Loose", size=8, grey=True)
    changed = data.edit(loose.name, {"train": {0: DROPPED}})
    assert changed.classes == () and changed.splits["train"] == loose.splits["train"] - 1
    assert data.load(changed.name, "train").labels.unique().tolist() == [-1]
    again = data.edit(changed.name, {"train": {0: DROPPED}})
    assert torch.equal(
        data.load(again.name, "train").pixels, data.load(loose.name, "train").pixels[2:]
    )
    with pytest.raises(LabError, match="no class 0"):
        data.edit(loose.name, {"train": {0: 0}})


def test_the_files_that_were_left_out_are_still_named(lab: Path) -> None:
    pictures = {
        g: [(f"{i}.png", picture(i + 50 * k)) for i in range(6)] for k, g in enumerate("ab")
    }
    pictures["a"].append(("notes.txt", b"text"))
    result = data.import_classes(pictures, "Pets", size=8, grey=False)
    assert data.edit(result.name, {"train": {0: DROPPED}}).left_out == result.left_out
    assert result.left_out[0].startswith("a/notes.txt is not a picture")


# ---- the same, nothing, and one after another


def test_the_same_edits_give_the_same_set(pets: DatasetInfo) -> None:
    first = data.edit(pets.name, {"train": {4: 1, 2: DROPPED}, "test": {1: 0}})
    again = data.edit(pets.name, {"test": {1: 0}, "train": {2: DROPPED, 4: 1}})
    assert first == again and len(imported.names()) == 2


def test_no_change_gives_the_set_itself(pets: DatasetInfo) -> None:
    same = dict(enumerate(data.load(pets.name, "train").labels.tolist()))
    for changes in ({}, {"train": {}}, {"train": same}):
        assert data.edit(pets.name, changes) == pets
    changed = data.edit(pets.name, {"train": {0: DROPPED}})
    assert data.edit(changed.name, {}) == changed
    assert len(imported.names()) == 2


def test_a_change_that_is_taken_back_gives_the_imported_set(pets: DatasetInfo) -> None:
    row = rows(pets, "train", "cat")[0]
    changed = data.edit(pets.name, {"train": {row: 0}})
    assert data.edit(changed.name, {"train": {row: 1}}) == pets
    assert (folder(pets) / "images.safetensors").is_file()


def test_edits_of_an_edited_set_are_edits_of_the_imported_one(pets: DatasetInfo) -> None:
    first = data.edit(pets.name, {"train": {0: DROPPED, 3: 2}, "test": {0: DROPPED}})
    second = data.edit(first.name, {"train": {0: DROPPED, 5: 0}, "test": {0: 0}})
    once: Changes = {"train": {0: DROPPED, 1: DROPPED, 3: 2, 6: 0}, "test": {0: DROPPED, 1: 0}}
    assert data.edit(pets.name, once) == second
    assert imported.origin(second.name)[0] == pets.name
    shutil.rmtree(folder(first))
    data.forget()
    assert len(data.load(second.name, "train").labels) == 13, "the set between is not needed"


def test_numbers_are_those_of_the_set_that_is_edited(pets: DatasetInfo) -> None:
    gone: Changes = {s: dict.fromkeys(rows(pets, s, "bird"), DROPPED) for s in editing.SPLITS}
    two = data.edit(pets.name, gone)
    assert two.classes == ("cat", "dog")
    cat = rows(two, "train", "cat")[1]
    expected = classes_of(two) | {pixel(two, "train", cat): "dog"}
    assert classes_of(data.edit(two.name, {"train": {cat: 1}})) == expected


@pytest.mark.parametrize("seed", range(4))
def test_a_chain_of_random_edits_does_what_it_does_to_a_list(lab: Path, seed: int) -> None:
    info, chance = made(per_class=10), np.random.default_rng(seed)
    expected = classes_of(info)
    for _ in range(4):
        changes: dict[Split, dict[int, int]] = {}
        for split in editing.SPLITS:
            n = info.splits[split]
            for row in chance.choice(n, n // 6, replace=False).tolist():
                number = int(chance.integers(-1, len(info.classes)))
                changes.setdefault(split, {})[row] = number
                if number == DROPPED:
                    del expected[pixel(info, split, row)]
                else:
                    expected[pixel(info, split, row)] = info.classes[number]
        info = data.edit(info.name, changes)
        assert classes_of(info) == expected


def test_an_edit_that_leads_to_an_imported_set_leaves_that_its_pixels(lab: Path) -> None:
    def given(n: int) -> DatasetInfo:
        source = lab / f"given{n}"
        for i in range(n):
            split, group = "test" if i % 3 == 2 else "train", "ab"[i % 2]
            path = source / split / group / f"{i:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(i))
        return data.import_set(source, "Pets", size=8, grey=False)

    smaller, larger = given(12), given(13)  # the thirteenth is the last of `a` in training
    last = rows(larger, "train", "a")[-1]
    assert data.edit(larger.name, {"train": {last: DROPPED}}) == smaller
    assert (folder(smaller) / "images.safetensors").is_file()
    shutil.rmtree(folder(larger))
    data.forget()
    assert len(data.load(smaller.name, "train").labels) == 8


# ---- what is refused


def refused(name: str, changes: Changes, error: type[Exception], match: str) -> None:
    before = sorted(settings().data.rglob("*"))
    with pytest.raises(error, match=match):
        data.edit(name, changes)
    assert sorted(settings().data.rglob("*")) == before


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"train": {15: 0}}, "no picture 15 in train: there are 15"),
        ({"train": {-1: 0}}, "no picture -1 in train"),
        ({"test": {3: DROPPED}}, "no picture 3 in test"),
        ({"train": {0: 3}}, "no class 3: there are 3"),
        ({"train": {0: -2}}, "no class -2"),
        ({"valid": {0: 0}}, "no split valid"),
    ],
)
def test_a_row_a_class_or_a_split_that_is_not_there(
    pets: DatasetInfo, changes: Mapping[Split, Mapping[int, int]], match: str
) -> None:
    refused(pets.name, changes, LabError, match)


def test_a_row_that_was_dropped_is_not_there_any_more(pets: DatasetInfo) -> None:
    changed = data.edit(pets.name, {"train": {0: DROPPED}})
    refused(changed.name, {"train": {14: 0}}, LabError, "no picture 14 in train: there are 14")


def test_too_little_would_be_left(pets: DatasetInfo) -> None:
    everything: Changes = {"test": dict.fromkeys(range(3), DROPPED)}
    refused(pets.name, everything, BadUpload, "no pictures in test")
    nine: Changes = {"train": dict.fromkeys(range(9), DROPPED)}
    refused(pets.name, nine, BadUpload, "There are 9 pictures in it; 10 are needed")
    cats = [(s, row) for s in editing.SPLITS for row in rows(pets, s, "cat")][1:]
    one = {s: {row: 0 for of, row in cats if of == s} for s in editing.SPLITS}
    refused(pets.name, one, BadUpload, "The class cat has 1 pictures; two are needed")


def test_only_imported_sets_are_edited(pets: DatasetInfo) -> None:
    refused("mnist", {}, LabError, "MNIST is not a set of your own pictures")
    refused("pets-00000000", {}, UnknownName, "no data set called")
    refused(f"../imported/{pets.name}", {}, UnknownName, "no data set called")


def test_without_the_imported_set_there_is_a_sentence(pets: DatasetInfo) -> None:
    changed = data.edit(pets.name, {"train": {0: DROPPED}})
    shutil.rmtree(folder(pets))
    data.forget()
    sentence = "made from pictures that are not here any more.*import them again"
    with pytest.raises(DataMissing, match=sentence):
        data.load(changed.name, "train")
    refused(changed.name, {"train": {0: DROPPED}}, DataMissing, sentence)
    assert made().name == pets.name
    assert len(data.load(changed.name, "train").labels) == 14


@pytest.mark.parametrize(
    "edits", [{"train": {"99": 0}}, {"train": {"x": 0}}, {"train": 3}, [1], {"train": {"0": None}}]
)
def test_a_damaged_record_is_a_sentence(pets: DatasetInfo, edits: object) -> None:
    changed = data.edit(pets.name, {"train": {0: DROPPED}})
    path = folder(changed) / "set.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"edits": edits}))
    data.forget()
    with pytest.raises(DataMissing, match="damaged"):
        data.load(changed.name, "train")


# ---- copies


def images(values: list[int], labels: list[int]) -> Images:
    pixels = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 4, 4)
    return Images(pixels, torch.tensor(labels))


def test_copies_are_found_across_the_splits_in_order() -> None:
    both: dict[Split, Images] = {
        "test": images([9, 7, 5], [1, 0, 1]),
        "train": images([7, 5, 7, 8], [0, 0, 0, 1]),
    }
    groups = data.copies(both)
    assert groups == [
        [("train", 0), ("train", 2), ("test", 1)],
        [("train", 1), ("test", 2)],
    ]
    assert [data.in_two_classes(g, both) for g in groups] == [False, True]


def test_one_level_of_one_pixel_makes_another_picture() -> None:
    pixels = torch.zeros(3, 3, 8, 8, dtype=torch.uint8)
    pixels[1, 2, 7, 7] = 1
    assert data.copies({"train": Images(pixels, torch.zeros(3))}) == [[("train", 0), ("train", 2)]]
    assert data.copies({}) == []


def test_copies_in_an_imported_set(lab: Path) -> None:
    pictures = {
        g: [(f"{i}.png", picture(i + 50 * k)) for i in range(6)] for k, g in enumerate("ab")
    }
    pictures["b"].append(("again.png", picture(0)))
    both = splits(data.import_classes(pictures, "Pets", size=8, grey=False))
    (group,) = data.copies(both)
    assert len(group) == 2 and data.in_two_classes(group, both)


def test_copies_of_a_large_set_are_found_at_once() -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (1600, 3, 256, 256), dtype=torch.uint8, generator=generator)
    pixels[1599] = pixels[3]
    start = time.process_time()
    groups = data.copies({"train": Images(pixels, torch.zeros(1600))})
    assert time.process_time() - start < 1
    assert groups == [[("train", 3), ("train", 1599)]]


# ---- classes as a whole


def counts(info: DatasetInfo) -> dict[str, int]:
    """How many pictures each class has."""
    labels = [n for images in splits(info).values() for n in images.labels.tolist()]
    return {name: labels.count(k) for k, name in enumerate(info.classes)}


def test_classes_are_renamed_merged_and_dropped(lab):
    info = made()
    renamed = data.edit_classes(info.name, ["robin", "cat", "dog"])
    assert counts(renamed) == {"robin": 6, "cat": 6, "dog": 6}
    assert renamed.title == info.title and not imported.has_pixels(renamed.name)
    merged = data.edit_classes(renamed.name, ["robin", "dog", "dog"])
    assert counts(merged) == {"robin": 6, "dog": 12}
    assert counts(data.edit_classes(merged.name, ["pet", "pet"])) == {"pet": 18}
    dropped = data.edit_classes(renamed.name, [None, "cat", "hound"])
    assert counts(dropped) == {"cat": 6, "hound": 6}
    before = {p for p, c in classes_of(info).items() if c == "dog"}
    assert before == {p for p, c in classes_of(dropped).items() if c == "hound"}


def test_names_that_were_there_come_back_to_the_same_set(lab):
    info = made()
    renamed = data.edit_classes(info.name, ["robin", "cat", "dog"])
    assert data.edit_classes(renamed.name, list(renamed.classes)).name == renamed.name
    assert data.edit_classes(renamed.name, list(GROUPS)).name == info.name
    swapped = data.edit_classes(info.name, ["cat", "bird", "dog"])
    old, new = classes_of(info), classes_of(swapped)
    assert all(new[p] == {"bird": "cat", "cat": "bird"}.get(c, c) for p, c in old.items())


def test_a_renamed_class_keeps_its_name_when_pictures_are_edited(lab):
    renamed = data.edit_classes(made().name, ["robin", "cat", "dog"])
    edited = data.edit(renamed.name, {"train": {0: 1}})
    assert edited.classes == ("robin", "cat", "dog")
    back = data.edit(edited.name, {"train": {0: 0}})
    assert back.name == renamed.name


def test_a_class_without_a_name_is_refused(lab):
    info = made()
    with pytest.raises(BadUpload, match="no name"):
        data.edit_classes(info.name, ["", "cat", "dog"])
    with pytest.raises(BadUpload):
        data.edit_classes(info.name, [None, None, "dog"])
