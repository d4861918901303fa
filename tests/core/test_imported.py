"""People's own pictures become a data set."""

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from core import data, files
from core.data import imported
from core.errors import BadUpload, DataMissing, UnknownName
from core.settings import settings
from tests.core.imports import (
    CLASSES,
    LOOSE,
    PICTURES,
    SPLIT,
    Files,
    by_hand,
    grouped,
    packed,
    picture,
    refused,
    solid,
    taken,
    unpacked,
)

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
