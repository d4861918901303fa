"""Classes of pictures that are brought one by one become a data set."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core import data
from core.data import imported
from core.errors import BadUpload
from core.settings import settings
from tests.core.imports import CLASSES, by_hand, grouped, picture, taken, unpacked


def test_by_hand_the_same_pictures_give_the_same_set(lab: Path) -> None:
    first = taken(unpacked(lab / "pets", CLASSES))
    pictures = {
        group: [(n.partition("/")[2], c) for n, c in CLASSES.items() if n.startswith(group)]
        for group in ("dog", "cat")
    }
    assert by_hand(pictures) == first
    shuffled = {group: result[::-1] for group, result in pictures.items()}
    shuffled["cat"].append((".DS_Store", b"x"))
    assert by_hand(shuffled) == first


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("train", "test"), ("test", "train")),
        (("train",), ("train",)),
        (("AC/DC", "DC"), ("AC|DC", "DC")),
        (("a\\b", "a"), ("a", "a|b")),
        (("../../etc/passwd", "/"), ("..|..|etc|passwd", "|")),
        ((".hidden", "..", "__MACOSX"), ("..", ".hidden", "__MACOSX")),
        (("  my \n cats ", "dogs\t"), ("dogs", "my cats")),
        (("<b>[cat](x)</b>", "$dog$"), ("bcat(x)|b", "dog")),
        (("Кошка", "C:"), ("C", "Кошка")),
        (("x" * 99, "unnamed"), ("unnamed", "x" * 43 + "…" + "x" * 16)),
    ],
)
def test_a_class_may_be_called_anything(
    lab: Path, names: tuple[str, ...], shown: tuple[str, ...]
) -> None:
    made = by_hand(grouped(*names))
    assert made.classes == tuple(c.replace("|", "\N{DIVISION SLASH}") for c in shown)
    assert sum(made.splits.values()) == 10 * len(names)
    train, test = (data.load(made.name, s).labels.bincount().tolist() for s in ("train", "test"))
    assert (train, test) == ([8] * len(names), [2] * len(names))
    assert {p.name for p in (settings().data / "imported").iterdir()} == {made.name}


@pytest.mark.parametrize("name", ["", "  ", "\n", "*", "\u202e", "[]"])
def test_a_class_without_a_name(lab: Path, name: str) -> None:
    with pytest.raises(BadUpload, match="A class has no name"):
        by_hand(grouped("cat", name))
    assert imported.names() == []


@pytest.mark.parametrize("other", [" cat", "cat*", "c\u200bat", "cat\n"])
def test_two_classes_of_one_name(lab: Path, other: str) -> None:
    with pytest.raises(BadUpload, match="There are two classes called cat"):
        by_hand(grouped("cat", other))


def test_a_file_s_name_is_never_a_path(lab: Path) -> None:
    pictures = grouped("cat", "dog")
    pictures["cat"] = [(f"../../{name}", content) for name, content in pictures["cat"]]
    pictures["dog"].append(("/etc/passwd", b"root"))
    made = by_hand(pictures)
    assert made.left_out[0].startswith("dog/passwd is not a picture")
    assert len(made.left_out) == 1 and "1 could not be read" in made.source
    assert dict(made.splits) == {"train": 16, "test": 4}


def test_by_hand_too_little_is_refused(lab: Path, limit: Callable[[str, int], None]) -> None:
    few = {group: result[:4] for group, result in grouped("cat", "dog").items()}
    for pictures, sentence in (
        ({}, "There are no pictures in it"),
        ({**grouped("cat"), "dog": []}, "The class dog is empty"),
        ({**grouped("cat"), "dog": [("Thumbs.db", b"x")]}, "The class dog is empty"),
        ({**grouped("cat"), "dog": [("a.png", picture(1))]}, "class dog has 1 pictures"),
        ({**grouped("cat"), "dog": [("a.txt", b"x")]}, "class dog has 0 pictures"),
        (few, "There are 8 pictures in it; 10 are needed"),
    ):
        with pytest.raises(BadUpload, match=sentence):
            by_hand(pictures)
    with pytest.raises(BadUpload, match="choose from 8 to 512"):
        data.import_classes(grouped("cat"), "Pets", size=7, grey=False)
    limit("MAX_ARCHIVE_FILES", 19)
    with pytest.raises(BadUpload, match="more than 19 files"):
        by_hand(grouped("cat", "dog"))
    assert imported.names() == []
