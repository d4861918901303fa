"""Files are written whole or not at all."""

import csv
import errno
import hashlib
import io
import os
import re
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core import files
from core.files import read_json, replacing, write_bytes, write_json


def only(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_file_appears_whole_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "weights.bin"
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert only(path.parent) == ["weights.bin"]


def test_the_new_file_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    for durable in (True, False):
        write_json(path, {"durable": durable}, durable=durable)
        assert read_json(path) == {"durable": durable}
    assert only(tmp_path) == ["status.json"]


def test_the_old_file_is_there_while_the_new_one_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")
    with replacing(path) as temporary:
        temporary.write_bytes(b"half of the n")
        assert path.read_bytes() == b"old"
        assert temporary.parent == path.parent, "a rename is atomic within one file system only"


def test_the_old_file_survives_a_disk_that_fills_up_part_way(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")
    with pytest.raises(OSError, match="No space") as caught, replacing(path) as temporary:
        temporary.write_bytes(b"half of the n")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert only(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_the_old_file_survives_a_failure_at_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(f"core.files.os.{step}", full)
    with pytest.raises(OSError, match="No space"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert only(tmp_path) == ["file"]


def test_a_value_that_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"psnr": 20.0})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"psnr": float("nan")})
    assert read_json(path) == {"psnr": 20.0}
    assert only(tmp_path) == ["metrics.json"]


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_reading_json_that_is_absent_or_broken(tmp_path: Path) -> None:
    assert read_json(tmp_path / "absent.json") is None
    (tmp_path / "broken.json").write_text('{"half":')
    with pytest.raises(ValueError):
        read_json(tmp_path / "broken.json")


# ---- read once


class Opened:
    """How often a file was opened, however it is done."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        opened = io.open

        def counting(file: Any, *rest: Any, **more: Any) -> Any:
            self.count += str(file).endswith(name)
            return opened(file, *rest, **more)

        monkeypatch.setattr(io, "open", counting)
        monkeypatch.setattr("builtins.open", counting)


def test_what_has_not_changed_is_not_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, weights = tmp_path / "owners.json", tmp_path / "weights.bin"
    listed.write_text('["ann"]')
    weights.write_bytes(b"1234")
    seen = [Opened(path.name, monkeypatch) for path in (listed, weights)]
    for _ in range(5):
        assert files.read_json_cached(listed) == ["ann"]
        assert files.sha256(weights) == hashlib.sha256(b"1234").hexdigest()
    assert [one.count for one in seen] == [1, 1]
    assert files.read_json_cached(tmp_path / "none.json") is None


def test_another_content_of_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"1234")
    before = path.stat()
    files.sha256(path)
    path.write_bytes(b"5678")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert files.sha256(path) == hashlib.sha256(b"5678").hexdigest()
    files.write_json(path, ["ann"])
    assert files.read_json_cached(path) == ["ann"]
    files.write_json(path, ["bob"])
    assert files.read_json_cached(path) == ["bob"]


# ---- a key that nobody else reads


def test_all_who_start_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    path = tmp_path / "runs" / ".secret"
    ready = threading.Barrier(16)

    def begin(_: int) -> str:
        ready.wait()
        return files.shared_secret(path)

    with ThreadPoolExecutor(16) as pool:
        result = set(pool.map(begin, range(16)))
    assert len(result) == 1 and len(result.pop()) == 64
    assert [p.name for p in path.parent.iterdir()] == [".secret"]


def test_a_secret_is_never_readable_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes, write = [], os.fsync

    def look(handle: int) -> None:
        modes.extend(stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir())
        write(handle)

    monkeypatch.setattr(os, "fsync", look)
    old = os.umask(0)
    try:
        files.shared_secret(tmp_path / ".secret")
    finally:
        os.umask(old)
    modes.append(stat.S_IMODE((tmp_path / ".secret").stat().st_mode))
    assert modes == [0o600, 0o600]


@pytest.mark.parametrize("damaged", [b"", b"short\n", b"\xff" * 40])
def test_a_damaged_secret_is_no_key(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / ".secret"
    path.write_bytes(damaged)
    result = files.shared_secret(path)
    assert len(result) == 64 and files.shared_secret(path) == result


def test_a_secret_of_before_is_kept_and_closed(tmp_path: Path) -> None:
    path = tmp_path / ".secret"
    path.write_text("k" * 64)
    path.chmod(0o644)
    assert files.shared_secret(path) == "k" * 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def cells(content: bytes) -> list[list[str]]:
    """What a spreadsheet reads, once the byte order mark has told it that this is UTF-8."""
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content[3:].decode())))


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1:A9)", "'@SUM(A1:A9)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\n'=1"),
        ("＝1+1", "'＝1+1"),  # noqa: RUF001
        ("cat;=1+1", "cat;'=1+1"),
        ("-", "'-"),
        ("-0.5", "-0.5"),
        ("+1e-3", "+1e-3"),
        ("Kätzchen", "Kätzchen"),
        ("a=b, c", "a=b, c"),
        ('="x"', '\'="x"'),
        ("", ""),
    ],
)
def test_no_cell_of_a_table_is_a_formula(given: str, written: str) -> None:
    table = pd.DataFrame({given: [given], "as kind": pd.Categorical([given]), "other": [1]})
    assert cells(files.to_csv(table)) == [[written, "as kind", "other"], [written, written, "1"]]


def test_numbers_in_a_table_stay_numbers() -> None:
    table = pd.DataFrame({"a": [-1.5, None], "b": [-2, 3], "c": [True, False], "d": ["=1", None]})
    mixed = table.assign(e=[-1.25, "=1"])
    rows = cells(files.to_csv(mixed))[1:]
    assert rows == [["-1.5", "-2", "True", "'=1", "-1.25"], ["", "3", "False", "", "'=1"]]
    assert mixed["d"].tolist()[0] == "=1", "the table itself is as it was"


def test_only_one_function_makes_tables_for_spreadsheets() -> None:
    """The history of a run is a file format, read again by the lab."""
    root = Path(files.__file__).parent.parent
    sources = [root / "streamlit_app.py", *root.glob("core/**/*.py"), *root.glob("pages/**/*.py")]
    makers = [
        p.name for p in sources if re.search(r"(?<!files)\.to_csv\(|csv\.writer", p.read_text())
    ]
    assert sorted(makers) == ["files.py", "store.py"]
