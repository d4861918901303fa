"""Nothing in an archive of pictures can do harm: what is refused, and why."""

import random
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.data import imported, uploads
from core.errors import BadUpload
from tests.core.imports import (
    CLASSES,
    LOOSE,
    PICTURES,
    SPLIT,
    packed,
    picture,
    refused,
    solid,
    taken,
    unpacked,
)


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
