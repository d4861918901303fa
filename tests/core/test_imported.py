"""People's own pictures become a data set, and nothing in an archive can do harm."""

import io
import random
import stat
import struct
import subprocess
import sys
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core import data, files
from core.data import DatasetInfo, imported, uploads
from core.errors import BadUpload, DataMissing, UnknownName
from core.settings import settings

Files = Mapping[str, bytes]


def picture(seed: int, size: tuple[int, int] = (16, 12)) -> bytes:
    """A small PNG that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


PICTURES = [picture(seed) for seed in range(20)]
LOOSE = {f"{i:02d}.png": content for i, content in enumerate(PICTURES)}
CLASSES = {f"{'cat' if i < 10 else 'dog'}/{i:02d}.png": c for i, c in enumerate(PICTURES)}
SPLIT = {
    f"{'test' if i % 5 == 4 else 'train'}/{'cat' if i < 10 else 'dog'}/{i:02d}.png": c
    for i, c in enumerate(PICTURES)
}


def packed(path: Path, files: Files, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip with those entries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def unpacked(folder: Path, files: Files) -> Path:
    """A folder with those files."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def taken(source: Path, title: str = "Pets", size: int = 8, grey: bool = False) -> DatasetInfo:
    return data.import_set(source, title, size=size, grey=grey)


def refused(source: Path, match: str) -> None:
    """The source is refused with that sentence, and nothing was written anywhere."""
    around = source.parent.parent
    before = sorted(around.rglob("*"))
    with pytest.raises(BadUpload, match=match):
        taken(source)
    assert sorted(around.rglob("*")) == before
    assert imported.names() == []


@pytest.fixture
def archive(lab: Path) -> Path:
    """Where a test packs its archive."""
    (lab / "upload").mkdir()
    return lab / "upload" / "pets.zip"


@pytest.fixture
def limit(lab: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Sets one of the limits of uploads."""

    def set_limit(name: str, value: int) -> None:
        monkeypatch.setenv(f"LATENT_LAB_{name}", str(value))
        settings.cache_clear()

    return set_limit


# ---- what becomes of pictures


@pytest.mark.parametrize("source", ["folder", "zip"])
def test_a_folder_a_class(lab: Path, archive: Path, source: str) -> None:
    made = taken(
        unpacked(lab / "pets", CLASSES) if source == "folder" else packed(archive, CLASSES)
    )
    assert made.classes == ("cat", "dog") and made.shape == (3, 8, 8)
    assert made.title == "Pets" and made.private
    assert dict(made.splits) == {"train": 16, "test": 4}
    assert data.info(made.name) == made and data.available(made.name) == {"train", "test"}
    train, test = data.load(made.name, "train"), data.load(made.name, "test")
    assert train.pixels.shape == (16, 3, 8, 8) and train.pixels.dtype == torch.uint8
    assert train.labels.bincount().tolist() == [8, 8]
    assert test.labels.bincount().tolist() == [2, 2]
    assert data.names()[-1] == made.name


def test_pictures_without_folders_have_no_class(archive: Path) -> None:
    made = taken(packed(archive, LOOSE), grey=True)
    assert made.classes == () and made.shape == (1, 8, 8)
    assert dict(made.splits) == {"train": 16, "test": 4}
    labels = torch.cat([data.load(made.name, s).labels for s in ("train", "test")])
    assert labels.tolist() == [-1] * 20


def test_a_picture_keeps_its_pixels_and_its_label(archive: Path) -> None:
    squares = {
        f"{'red' if i % 2 else 'blue'}/{i}.png": solid((i, 0, 0) if i % 2 else (0, 0, i))
        for i in range(40, 60)
    }
    made = taken(packed(archive, squares))
    for split in ("train", "test"):
        pixels, labels = data.load(made.name, split)
        for one, label in zip(pixels, labels.tolist(), strict=True):
            assert made.classes[label] == ("red" if int(one[0].max()) else "blue")
            assert one.flatten(1).unique(dim=1).shape[1] == 1, "a flat colour stays one"


def solid(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (10, 10), colour).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("files", [LOOSE, CLASSES, SPLIT], ids=["loose", "classes", "split"])
@pytest.mark.parametrize("around", ["pets/", "a/b/"])
def test_folders_around_everything_are_seen_through(
    archive: Path, files: Files, around: str
) -> None:
    plain = taken(packed(archive, files))
    wrapped = taken(packed(archive, {f"{around}{n}": c for n, c in files.items()}))
    assert wrapped == plain


def test_folders_inside_a_class_belong_to_it(archive: Path) -> None:
    deeper = {n.replace("cat/", "cat/indoors/"): c for n, c in CLASSES.items()}
    assert taken(packed(archive, deeper)).classes == ("cat", "dog")


def test_given_splits_are_kept(archive: Path) -> None:
    made = taken(packed(archive, SPLIT))
    assert made.classes == ("cat", "dog")
    assert dict(made.splits) == {"train": 16, "test": 4}
    expected = [LOOSE[n.rpartition("/")[2]] for n in sorted(SPLIT) if n.startswith("test/")]
    test = data.load(made.name, "test").pixels
    for one, content in zip(test, expected, strict=True):
        alone = imported.to_tensor(imported.decode(content), (3, 8, 8))
        assert torch.equal(one, alone)


def test_given_splits_without_classes(archive: Path) -> None:
    files = {n.replace("cat/", "").replace("dog/", ""): c for n, c in SPLIT.items()}
    made = taken(packed(archive, files))
    assert made.classes == () and dict(made.splits) == {"train": 16, "test": 4}


def test_no_picture_is_in_both_splits(archive: Path) -> None:
    made = taken(packed(archive, CLASSES))
    seen = {p.numpy().tobytes() for p in data.load(made.name, "train").pixels}
    assert not any(p.numpy().tobytes() in seen for p in data.load(made.name, "test").pixels)


def test_the_same_pictures_give_the_same_set_however_they_come(lab: Path, archive: Path) -> None:
    first = taken(packed(archive, CLASSES))
    backwards = dict(reversed(CLASSES.items()))
    others = [
        taken(unpacked(lab / "folder", CLASSES)),
        taken(packed(archive, CLASSES, zipfile.ZIP_STORED)),
        taken(packed(archive, {**CLASSES, "__MACOSX/cat/._0.png": b"x", "cat/.DS_Store": b"x"})),
        taken(packed(archive, {**CLASSES, "Thumbs.db": b"x", ".git/config": b"x"})),
        taken(unpacked(lab / "again", backwards)),
    ]
    assert all(other == first for other in others)
    assert imported.names() == [first.name]


def test_another_size_channel_or_picture_makes_another_set(archive: Path) -> None:
    packed(archive, CLASSES)
    names = {taken(archive).name, taken(archive, size=10).name, taken(archive, grey=True).name}
    packed(archive, {**CLASSES, "cat/more.png": picture(99)})
    names.add(taken(archive).name)
    assert len(names) == 4 == len(imported.names())


@pytest.mark.parametrize(
    ("title", "start"),
    [
        ("My Cats & Dogs!", "my_cats_dogs-"),
        ("../../etc/passwd", "passwd-"),
        ("Кошки", "pictures-"),
        ("", "unnamed-"),
        ("x" * 500, "x" * 24 + "-"),
    ],
)
def test_a_title_makes_a_name_that_is_safe(archive: Path, title: str, start: str) -> None:
    made = taken(packed(archive, LOOSE), title=title)
    assert made.name.startswith(start) and imported.NAME.fullmatch(made.name)
    assert len(made.title) <= 60
    assert data.info(made.name) == made


def test_only_the_data_folder_is_written(lab: Path, archive: Path) -> None:
    packed(archive, CLASSES)
    before = {p for p in lab.rglob("*") if p.is_file()}
    made = taken(archive)
    after = {p for p in lab.rglob("*") if p.is_file()}
    folder = settings().data / "imported" / made.name
    assert after - before == {folder / "images.safetensors", folder / "set.json"}


def test_pictures_that_cannot_be_read_are_named_once_by_their_path(archive: Path) -> None:
    clean = taken(packed(archive, CLASSES))
    bad = {
        "dog/half.png": PICTURES[0][:60],
        "dog/empty.jpg": b"",
        "cat/empty.jpg": b"",
        "dog/page.svg": b"<svg onload='alert(1)'/>",
    }
    made = taken(packed(archive, {**CLASSES, **bad}))
    assert made.splits == clean.splits
    assert made.name != clean.name  # whoever brought no such files is not told of them
    assert "4 could not be read" in made.source
    assert made.left_out[:3] == (
        "cat/empty.jpg is empty",
        "dog/empty.jpg is empty",
        "dog/half.png is damaged or cut short",
    )
    assert made.left_out[3].startswith("dog/page.svg is an SVG drawing")


@pytest.mark.parametrize(
    "more",
    [
        {"readme.txt": b"hello", "LICENSE.pdf": b"%PDF-"},
        {"pets/cat/notes.txt": b"a good cat", "labels.csv": b"a,b"},
        {"annotations/00.xml": b"<a/>", "README": b"hello"},
        {"__MACOSX/pets/._cat": b"x", "pets/Desktop.ini": b"x", "pets/cat/THUMBS.DB": b"x"},
    ],
)
def test_files_that_are_no_pictures_change_nothing(archive: Path, more: Files) -> None:
    around = {f"pets/{name}": content for name, content in CLASSES.items()}
    made = taken(packed(archive, {**around, **more}))
    assert made == taken(packed(archive, CLASSES))
    assert made.left_out == () and made.source == "Your own pictures"


def test_a_picture_is_one_whatever_it_is_called(archive: Path) -> None:
    odd = {name.replace(".png", ".dat" if "1" in name else ""): c for name, c in CLASSES.items()}
    assert taken(packed(archive, odd)).splits == taken(packed(archive, CLASSES)).splits


def test_a_picture_that_would_fill_the_memory_is_left_out(
    archive: Path, limit: Callable[[str, int], None]
) -> None:
    limit("MAX_IMAGE_PIXELS", 1000)
    large = {"cat/large.png": picture(50, (40, 30))}
    made = taken(packed(archive, {**CLASSES, **large}))
    assert dict(made.splits) == {"train": 16, "test": 4}
    assert made.left_out[0].startswith("cat/large.png has more than")


def test_the_first_files_that_were_left_out_are_named(archive: Path) -> None:
    bad = {f"cat/deep/<b>{i:02d}*.png": b"" for i in range(25)}
    made = taken(packed(archive, {**CLASSES, **bad}))
    assert made.left_out == tuple(
        f"cat/deep/b{i:02d}.png is empty" for i in range(imported.MAX_LISTED)
    )
    record = files.read_json(settings().data / "imported" / made.name / "set.json")
    assert record["n_left_out"] == 25
    assert taken(packed(archive, CLASSES)).left_out == ()


def test_a_record_from_before_files_were_named_is_read(archive: Path) -> None:
    made = taken(packed(archive, CLASSES))
    path = settings().data / "imported" / made.name / "set.json"
    record = files.read_json(path)
    files.write_json(path, {k: v for k, v in record.items() if "left_out" not in k})
    data.forget()
    assert data.info(made.name) == made
    assert len(data.load(made.name, "train").labels) == 16


# ---- what names and folders mean


def in_encoding(path: Path, encoding: str, folders: Sequence[str], around: str = "") -> Path:
    """A zip whose folders are written in an encoding of which it says nothing; 10 pictures each."""
    entries = {
        f"{around}{folder}/{i}.png".encode(encoding): picture(100 * k + i)
        for k, folder in enumerate(folders)
        for i in range(10)
    }
    plain = {f"@{i:03d}".ljust(len(n), "x"): c for i, (n, c) in enumerate(entries.items())}
    content = packed(path, plain, zipfile.ZIP_STORED).read_bytes()
    for given, name in zip(plain, entries, strict=True):
        content = content.replace(given.encode(), name)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("encoding", "folders"),
    [
        ("utf-8", ["Ba\u0308r", "Ka\u0308tzchen"]),  # as macOS packs them
        ("utf-8", ["猫", "狗"]),
        ("gbk", ["猫", "狗"]),
        ("gbk", ["苹果", "香蕉", "橙子"]),
        ("big5", ["貓", "狗"]),
        ("shift_jis", ["犬", "猫"]),
        ("shift_jis", ["ソファ", "表"]),  # with the backslash as a second byte
        ("euc_kr", ["고양이", "강아지"]),
        ("cp437", ["Bär", "Kätzchen"]),
        ("cp850", ["Vögel", "Größe"]),
        ("cp1252", ["niño", "niña"]),
        ("cp852", ["kočka", "kůň"]),
        ("cp866", ["кошка", "собака"]),
        ("cp1251", ["Кошки", "Собаки"]),
        ("cp737", ["γάτα", "σκύλος"]),
        ("cp862", ["כלב", "חתול"]),
    ],
)
def test_names_are_read_in_the_likeliest_encoding(
    archive: Path, encoding: str, folders: list[str]
) -> None:
    in_encoding(archive, encoding, folders, "zip/")
    composed = [unicodedata.normalize("NFC", folder) for folder in folders]
    seen = data.preview(archive)
    assert sorted(seen.classes) == sorted(composed)
    assert bool(seen.readings) == (encoding != "utf-8"), "only what is in doubt is asked"
    assert set(taken(archive).classes) == set(composed)


def test_another_reading_can_be_chosen(archive: Path) -> None:
    in_encoding(archive, "gbk", ["猫", "狗"])
    offered = {one.encoding: one.sample for one in data.preview(archive).readings}
    assert next(iter(offered.values())) == "狗, 猫" and "cp949" in offered
    other = data.preview(archive, "cp949")
    assert other.readings[0].encoding == "cp949" and "챔" in other.classes
    made = data.import_set(archive, "Pets", size=8, grey=False, encoding="cp949")
    assert set(made.classes) == set(other.classes)
    for wrong in ("utf-8", "no-such", "ascii"):
        with pytest.raises(BadUpload, match="cannot be read as"):
            data.preview(archive, wrong)


def test_a_field_of_the_archive_says_how_a_name_is_read(archive: Path) -> None:
    """Info-ZIP's: a name in UTF-8 beside the other, with the other's checksum."""
    with zipfile.ZipFile(archive, "w") as opened:
        for i, content in enumerate(PICTURES):
            raw, name = f"c{i}.png".encode(), f"{'猫狗'[i % 2]}/{i}.png".encode()
            field = b"\1" + struct.pack("<I", zlib.crc32(raw)) + name
            entry = zipfile.ZipInfo(raw.decode())
            entry.extra = struct.pack("<HH", 0x7075, len(field)) + field
            opened.writestr(entry, content)
    assert set(taken(archive).classes) == {"猫", "狗"}


def test_numbers_sort_as_numbers(archive: Path) -> None:
    wanted = ["-1", "0.5", "2", "10", "room 2", "room 10", "x" + "9" * 5, "x1" + "0" * 5]
    made = taken(packed(archive, {f"{c}/{i}.png": picture(i) for c in wanted for i in range(2)}))
    assert list(made.classes) == wanted
    assert list(by_hand(grouped("10", "9", "1")).classes) == ["1", "9", "10"]


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Train", "Test"), ("training", "testing"), ("train", "valid"), ("train", "val"),
        ("TRAINING_SET", "test_set"), ("train_images", "valid_images"), ("seg_train", "seg_test"),
        ("trainset", "testset"), ("train2017", "val2017"), ("train", "dev"),
        ("seg_train/seg_train", "seg_test/seg_test"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("inside", [False, True])
def test_folders_called_like_splits_are_splits(
    archive: Path, train: str, test: str, inside: bool
) -> None:
    names = {"train": train, "test": test}
    renamed = {}
    for path, content in SPLIT.items():
        split, group, name = path.split("/")
        at = f"{group}/{names[split]}" if inside else f"{names[split]}/{group}"
        renamed[f"pets/{at}/{name}"] = content
    packed(archive, {**renamed, "pets/readme.md": b"text"})
    shown = (train.split("/")[0], test.split("/")[0])
    assert data.preview(archive).remarks == ("“{}” for training, “{}” for testing.".format(*shown),)
    made = taken(archive)
    assert made.classes == ("cat", "dog") and made == taken(packed(archive, SPLIT))


def test_pictures_for_validation_are_learnt_from_where_others_are_for_testing(
    archive: Path,
) -> None:
    more = {f"val/{c}/{i}.png": picture(200 + i) for c in ("cat", "dog") for i in range(3)}
    packed(archive, {**SPLIT, **more})
    assert data.preview(archive).remarks == ("“train” and “val” for training, “test” for testing.",)
    assert dict(taken(archive).splits) == {"train": 22, "test": 4}


def test_test_pictures_without_a_class_are_left_out(archive: Path) -> None:
    """As competitions pack them."""
    loose = {f"test/{i}.png": picture(200 + i) for i in range(5)}
    packed(archive, {**{f"train/{n}": c for n, c in CLASSES.items()}, **loose})
    assert data.preview(archive).remarks == ("5 pictures in “test” have no class: left out.",)
    assert dict(taken(archive).splits) == {"train": 16, "test": 4}


def test_something_beside_the_splits(archive: Path) -> None:
    refused(packed(archive, {**SPLIT, "sample/a.png": picture(99)}), "the folder sample lies")
    refused(packed(archive, {**SPLIT, "a.png": picture(99)}), "testing pictures lie")


def test_a_class_that_is_only_tested(archive: Path) -> None:
    bird = {f"test/bird/{i}.png": picture(99 + i) for i in range(2)}
    refused(packed(archive, {**SPLIT, **bird}), "class bird has no pictures for training")
    other_case = {n.replace("test/cat", "test/Cat"): c for n, c in SPLIT.items()}
    assert taken(packed(archive, other_case)).classes == ("cat", "dog")


@pytest.mark.parametrize("other", ["cafe\u0301", "café ", "café\u200b", " café", "caf\u00e9\u00a0"])
def test_folders_that_look_alike_are_one_class(archive: Path, other: str) -> None:
    folders = {"café": range(4), other: range(4, 9), "thé": range(9, 20)}
    packed(archive, {f"{g}/{i}.png": PICTURES[i] for g, rows in folders.items() for i in rows})
    seen = data.preview(archive)
    assert dict(seen.classes) == {"café": 9, "thé": 11}
    assert seen.remarks == ("2 folders look alike and are taken for one: café.",)
    assert taken(archive).classes == ("café", "thé")


@pytest.mark.parametrize("names", [("C", "C$"), ("C*", "C"), ("x" * 70, f"{'x' * 50}y{'x' * 19}")])
def test_different_folders_that_would_be_shown_alike(archive: Path, names: tuple[str, str]) -> None:
    packed(archive, {f"{g}/{i}.png": picture(i) for g in names for i in range(8)})
    refused(archive, "Two folders would both be shown as")


# ---- pictures brought by hand


def by_hand(
    pictures: Mapping[str, Sequence[tuple[str, bytes]]], title: str = "Pets"
) -> DatasetInfo:
    return data.import_classes(pictures, title, size=8, grey=False)


def grouped(*names: str) -> dict[str, list[tuple[str, bytes]]]:
    """Classes of those names, ten pictures each."""
    return {
        name: [(f"{i:02d}.png", picture(1000 * k + i)) for i in range(10)]
        for k, name in enumerate(names)
    }


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


# ---- what is refused


def test_only_files_that_are_no_pictures(archive: Path) -> None:
    texts = {f"{i}.txt": b"text" for i in range(12)}
    refused(packed(archive, texts), "There are no pictures in it. The 12 files")


def test_too_few_pictures(archive: Path) -> None:
    few = dict(list(LOOSE.items())[:9])
    refused(packed(archive, few), "There are 9 pictures in it; 10 are needed")


def test_nothing_at_all(lab: Path, archive: Path) -> None:
    refused(packed(archive, {}), "There are no pictures in it")
    refused(packed(archive, {"__MACOSX/._a.png": b"x", ".DS_Store": b"x"}), "no pictures in it")
    (lab / "upload" / "folder").mkdir()
    refused(lab / "upload" / "folder", "There are no pictures in it")


@pytest.mark.parametrize("around", ["", "pets/"])
def test_an_empty_class(lab: Path, archive: Path, around: str) -> None:
    files = {f"{around}{n}": c for n, c in CLASSES.items()}
    refused(packed(archive, {**files, f"{around}bird/": b""}), "The folder bird has no pictures")
    folder = unpacked(lab / "upload" / "folder", files)
    (folder / around / "bird").mkdir()
    refused(folder, "The folder bird has no pictures")


def test_a_class_without_a_picture(archive: Path) -> None:
    refused(packed(archive, {**CLASSES, "bird/a.txt": b"none"}), "folder bird has no pictures")
    refused(packed(archive, {**CLASSES, "bird/1.png": b"none"}), "class bird has 0 pictures")
    refused(packed(archive, {**CLASSES, "bird/1.png": picture(30)}), "class bird has 1 pictures")


@pytest.mark.parametrize("empty", ["train", "test"])
def test_a_split_without_a_picture(archive: Path, empty: str) -> None:
    files = {n: b"no picture" if n.startswith(empty) else c for n, c in SPLIT.items()}
    files |= {f"{'train' if empty == 'test' else 'test'}/cat/{i}.png": picture(i) for i in range(9)}
    refused(packed(archive, files), f"no pictures in {empty}")


def test_pictures_in_folders_and_beside_them(archive: Path) -> None:
    mixed = {**CLASSES, "beside.png": picture(30)}
    refused(packed(archive, mixed), "use one way for all")
    refused(packed(archive, {f"pets/{n}": c for n, c in mixed.items()}), "use one way for all")


@pytest.mark.parametrize(
    "name",
    [
        "../outside.png",
        "cat/../../outside.png",
        "..\\outside.png",
        "cat\\..\\..\\outside.png",
        "/etc/outside.png",
        "//server/share/outside.png",
        "\\\\server\\outside.png",
        "C:\\outside.png",
        "c:/outside.png",
        "C:outside.png",
    ],
)
def test_an_entry_that_points_outside(archive: Path, name: str) -> None:
    refused(packed(archive, {**CLASSES, name: PICTURES[0]}), "points outside of it")


@pytest.mark.parametrize("name", [".", "./", "cat/./", "///"])
def test_an_entry_with_a_strange_name(archive: Path, name: str) -> None:
    packed(archive, {**CLASSES, name: b""})
    try:
        made = taken(archive)
    except BadUpload:
        assert imported.names() == []
    else:
        assert made.classes == ("cat", "dog")


def test_an_entry_without_a_name(archive: Path) -> None:
    content = packed(archive, {**CLASSES, "X": b""}, zipfile.ZIP_STORED).read_bytes()
    # The name's length in both headers becomes 0 and its letter an extra field of 1 byte.
    for magic, at in ((b"PK\x03\x04", 26), (b"PK\x01\x02", 28)):
        start = content.rindex(magic)
        content = content[: start + at] + struct.pack("<HH", 0, 1) + content[start + at + 4 :]
    archive.write_bytes(content)
    refused(archive, "points outside of it")


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK]
)
def test_a_link_or_device(archive: Path, kind: int) -> None:
    packed(archive, CLASSES)
    with zipfile.ZipFile(archive, "a") as opened:
        entry = zipfile.ZipInfo("cat/link.png")
        entry.create_system = 3
        entry.external_attr = (kind | 0o777) << 16
        opened.writestr(entry, "/etc/passwd")
    refused(archive, "has a link or device")


def test_a_link_in_a_folder(lab: Path, archive: Path) -> None:
    folder = unpacked(lab / "upload" / "folder", CLASSES)
    (lab / "secret.png").write_bytes(picture(77))
    (folder / "cat" / "link.png").symlink_to(lab / "secret.png")
    refused(folder, "link.png is a link; only real files are taken")
    (folder / "cat" / "link.png").unlink()
    (folder / "bird").symlink_to(lab)
    refused(folder, "bird is a link")


def patched(archive: Path, magic: bytes, at: int, value: bytes, which: int = 0) -> Path:
    """The archive with bytes of one header, found by its magic, replaced."""
    content, start = archive.read_bytes(), -1
    for _ in range(which + 1):
        start = content.index(magic, start + 1)
    start += at
    archive.write_bytes(content[:start] + value + content[start + len(value) :])
    return archive


def test_an_encrypted_archive(archive: Path) -> None:
    packed(archive, CLASSES)
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        patched(archive, magic, at, b"\x01\x00")
    refused(archive, "is encrypted")


def test_an_entry_that_unpacks_to_more_than_an_upload(
    archive: Path, limit: Callable[[str, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit("MAX_UPLOAD_MB", 1)
    packed(archive, {**CLASSES, "cat/bomb.png": bytes(2 * 2**20)})
    assert archive.stat().st_size < 2**20
    read, asked = zipfile.ZipExtFile.read, []

    def noting(self: zipfile.ZipExtFile, n: int = -1) -> bytes:
        asked.append(n)
        return read(self, n)

    monkeypatch.setattr(zipfile.ZipExtFile, "read", noting)
    refused(archive, "bomb.png unpacks to more than is allowed")
    assert asked and all(0 < n <= 2**20 + 1 for n in asked), "the rest is never unpacked"


def test_an_archive_that_unpacks_to_far_more_than_an_upload(
    archive: Path, limit: Callable[[str, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit("MAX_UPLOAD_MB", 1)
    monkeypatch.setattr(uploads, "MAX_UNPACKED_RATIO", 4)

    def never(*args: object) -> bytes:
        raise AssertionError("nothing may be unpacked")

    monkeypatch.setattr(uploads, "_read_member", never)
    packed(archive, {f"{i}.png": bytes(2**20) for i in range(5)})
    assert archive.stat().st_size < 2**20
    refused(archive, "would unpack to far more than is allowed")


@pytest.mark.parametrize("claimed", [0, 10, 2**32 - 2])
def test_a_header_that_lies_about_the_size(
    archive: Path, limit: Callable[[str, int], None], claimed: int
) -> None:
    limit("MAX_UPLOAD_MB", 1)
    packed(archive, {"bomb.png": bytes(3 * 2**20), **LOOSE})
    for magic, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        patched(archive, magic, at, struct.pack("<I", claimed))
    refused(archive, "is damaged in the archive|far more than is allowed")


def test_more_memory_than_a_set_may_take(archive: Path, limit: Callable[[str, int], None]) -> None:
    limit("MAX_DATA_MB", 4)
    packed(archive, LOOSE)  # 20 pictures of 512 × 512 × 3 bytes are 15 MiB
    with pytest.raises(BadUpload, match="smaller size or fewer pictures"):
        taken(archive, size=512)
    assert imported.names() == []


def test_too_many_files(lab: Path, archive: Path, limit: Callable[[str, int], None]) -> None:
    limit("MAX_ARCHIVE_FILES", 19)
    refused(packed(archive, LOOSE), "There are more than 19 files in it")
    refused(unpacked(lab / "upload" / "folder", CLASSES), "There are more than 19 files in it")


@pytest.mark.parametrize("claimed", [None, 10])
def test_entries_are_counted_before_anything_is_made_of_them(
    archive: Path,
    limit: Callable[[str, int], None],
    monkeypatch: pytest.MonkeyPatch,
    claimed: int | None,
) -> None:
    limit("MAX_ARCHIVE_FILES", 10)
    packed(archive, {f"__MACOSX/{i}": b"" for i in range(1100)}, zipfile.ZIP_STORED)
    if claimed is not None:
        patched(archive, b"PK\x05\x06", 8, struct.pack("<HH", claimed, claimed))

    def never(*_: object) -> None:
        raise AssertionError("no entry may be read")

    monkeypatch.setattr(zipfile, "ZipInfo", never)
    refused(archive, "There are more than 10 files in it")


def test_a_directory_that_is_too_large_for_its_entries(
    archive: Path, limit: Callable[[str, int], None]
) -> None:
    limit("MAX_ARCHIVE_FILES", 10)
    entries = {f"__MACOSX/{i:060000d}": b"" for i in range(10)}
    refused(packed(archive, entries), "There are more than 10 files in it")


def test_importing_takes_the_memory_of_its_pictures_once(lab: Path, archive: Path) -> None:
    """In a process of its own, whose peak is the import's."""
    flat = {f"{'ab'[i % 2]}/{i}.png": solid((i, 0, 0)) for i in range(128)}
    packed(archive, flat)
    code = """if True:
        import resource, sys
        from pathlib import Path
        from core import data
        peaks = []
        for size in (8, 512):
            data.import_set(Path(sys.argv[1]), "flat", size=size, grey=False)
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        print((peaks[1] - peaks[0]) * 1024 / (128 * 3 * 512 * 512))
    """
    done = subprocess.run(
        [sys.executable, "-c", code, str(archive)], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 1.2


def test_what_is_no_zip(lab: Path, archive: Path) -> None:
    whole = packed(archive, CLASSES).read_bytes()
    for content in (b"", b"PK\x03\x04", PICTURES[0], b"Rar!\x1a\x07\x00", whole[: len(whole) // 2]):
        archive.write_bytes(content)
        refused(archive, "pets.zip is not a whole zip file")


@pytest.mark.parametrize("claimed", [0, 2**31, 2**32 - 16])
@pytest.mark.parametrize("field", [10, 12, 16], ids=["entries", "size", "place"])
def test_a_directory_that_lies_about_itself(archive: Path, field: int, claimed: int) -> None:
    packed(archive, CLASSES)
    value = struct.pack("<H", claimed & 0xFFFF) if field == 10 else struct.pack("<I", claimed)
    patched(archive, b"PK\x05\x06", field, value)
    try:
        assert taken(archive).classes == ("cat", "dog")
    except BadUpload:
        assert imported.names() == []


def test_a_method_of_compression_that_nobody_knows(archive: Path) -> None:
    packed(archive, CLASSES)
    for magic, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        patched(archive, magic, at, b"\x63\x00")
    refused(archive, "packed in an unusual way")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_of_compression_without_a_bound_on_memory(archive: Path, method: int) -> None:
    """Python unpacks all that it has read of these at once: 5 kB may be 100 MB."""
    refused(packed(archive, CLASSES, method), r"packed in an unusual way \(00.png\)")


def test_an_entry_whose_packed_bytes_are_damaged(archive: Path) -> None:
    text = {"long.png": bytes(random.Random(0).choices(b"abc ", k=5000)), **LOOSE}
    content = packed(archive, text).read_bytes()
    archive.write_bytes(content[:60] + bytes(b ^ 0xFF for b in content[60:400]) + content[400:])
    refused(archive, "is damaged in the archive")


def test_a_name_that_is_no_text(archive: Path) -> None:
    packed(archive, {**LOOSE, "é.png": PICTURES[0]})
    content = archive.read_bytes().replace("é".encode(), b"\xff\xfe")
    archive.write_bytes(content)
    refused(archive, "is not a whole zip file")


def test_whatever_is_damaged_the_answer_is_a_sentence(archive: Path) -> None:
    whole, chance = packed(archive, CLASSES).read_bytes(), random.Random(0)
    directory = whole.index(b"PK\x01\x02")
    sentences = 0
    for attempt in range(150):
        content = bytearray(whole)
        start = directory if attempt % 2 else 0  # the directory is where the danger lies
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(start, len(content))] = chance.randrange(256)
        archive.write_bytes(content[: chance.randint(directory, len(content))])
        try:
            taken(archive)
        except BadUpload as sentence:
            assert str(sentence).endswith((".", "needed"))
            sentences += 1
    assert sentences > 50


@pytest.mark.parametrize("size", [7, 513, 0, -1])
def test_a_size_that_is_not_possible(archive: Path, size: int) -> None:
    with pytest.raises(BadUpload, match="choose from 8 to 512"):
        taken(packed(archive, LOOSE), size=size)


# ---- what lies in the data folder afterwards


def test_a_damaged_set_is_told_to_be_imported_again(archive: Path) -> None:
    made = taken(packed(archive, CLASSES))
    path = settings().data / "imported" / made.name / "images.safetensors"
    for content in (b"", path.read_bytes()[:100], b"\x80\x04pickle"):
        path.write_bytes(content)
        data.forget()
        with pytest.raises(DataMissing, match="are damaged: import them again"):
            data.load(made.name, "train")
    taken(archive)
    data.forget()
    assert len(data.load(made.name, "train").labels) == 16


@pytest.mark.parametrize("record", [b"", b"{}", b"null", b"[1]", b'{"title": 1, "shape": 3}'])
def test_a_set_whose_record_is_damaged_is_unknown(archive: Path, record: bytes) -> None:
    made = taken(packed(archive, CLASSES))
    (settings().data / "imported" / made.name / "set.json").write_bytes(record)
    with pytest.raises(UnknownName):
        data.info(made.name)


def test_a_set_that_another_process_imports_is_found(lab: Path, archive: Path) -> None:
    made = taken(packed(archive, CLASSES))
    folder = settings().data / "imported" / made.name
    folder.rename(lab / "elsewhere")
    with pytest.raises(UnknownName):
        data.info(made.name)
    (lab / "elsewhere").rename(folder)  # as another process would have put it there
    assert data.info(made.name) == made


def test_other_people_s_sets_are_not_listed_in_an_error(archive: Path) -> None:
    made = taken(packed(archive, CLASSES))
    with pytest.raises(UnknownName) as caught:
        data.info("pets-00000000")
    assert made.name not in str(caught.value)


def test_a_name_is_never_a_path(lab: Path, archive: Path) -> None:
    made = taken(packed(archive, CLASSES))
    for name in (f"../imported/{made.name}", f"{made.name}/", "..", f"{made.name}\0"):
        assert imported.info(name) is None
