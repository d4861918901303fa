"""Files that are never half-written: to a temporary name, synced, renamed."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import secrets
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FORMULA = re.compile(r"(^|[;\t\n]\s*)(?=[=+\-@\t\n＝＋－＠])")  # noqa: RUF001

MAX_JSON = 2**26
"""Characters of a JSON file that is read at all."""


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends well.

    Args:
        durable: sync to the disk first; progress files, rewritten every second, go without.

    Raises:
        OSError: the folder cannot be written or the disk is full; `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if durable:
            with open(temporary, "rb+") as written:
                os.fsync(written.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes | memoryview, *, durable: bool = True) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path, durable=durable) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Write `value` as readable JSON to `path`, whole or not at all."""
    write_bytes(path, _json(value), durable=durable)


def overwrite_json(path: Path, value: Any) -> None:
    """`write_json` into the file that is there, for when there is no room for another.

    Raises:
        OSError: there is no room for this either; the file may be damaged.
    """
    content = _json(value)
    with open(path, "r+b", buffering=0) as file:
        file.write(content)
        file.truncate(len(content))
        os.fsync(file.fileno())


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()


def read_json(path: Path) -> Any:
    """The value in `path`, or None when there is no such file.

    Raises:
        ValueError: the file is not JSON, or is nested or large beyond reason.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(MAX_JSON + 1)
        if len(text) > MAX_JSON:
            raise ValueError(f"{path.name} is larger than {MAX_JSON >> 20} MiB")
        return json.loads(text)
    except FileNotFoundError:
        return None
    except RecursionError as error:
        raise ValueError(f"{path.name} is nested too deeply") from error


Stamp = tuple[int, int, int, int]


def stamp(path: Path) -> Stamp:
    """What changes whenever a file is written or replaced: a key for caches of what is in it.

    The time of the last change of the inode too, which no program can set back.

    Raises:
        OSError: there is no such file.
    """
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def read_json_cached(path: Path) -> Any:
    """`read_json`, opened once until the file changes; what it gives is not to be changed."""
    try:
        return _read_json(path, stamp(path))
    except FileNotFoundError:
        return None


@lru_cache(maxsize=4096)
def _read_json(path: Path, _stamp: Stamp) -> Any:
    return read_json(path)


def sha256(path: Path) -> str:
    """SHA-256 (hex) of a file, read once until the file changes. Raises OSError."""
    return _sha256(path, stamp(path))


@lru_cache(maxsize=256)
def _sha256(path: Path, _stamp: Stamp) -> str:
    with open(path, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def shared_secret(path: Path) -> str:
    """The key in `path`, which whoever comes first makes; nobody else may ever read the file.

    It is written whole under another name and then linked, so that processes that start at the
    same time agree on one.

    Raises:
        OSError: the folder cannot be written.
    """
    try:
        return _secret(path)
    except FileNotFoundError:
        damaged = False
    except ValueError:
        damaged = True
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(handle, "w", encoding="ascii") as out:
            out.write(secrets.token_hex(32))
            out.flush()
            os.fsync(out.fileno())
        if damaged:
            os.replace(temporary, path)
        else:
            with contextlib.suppress(FileExistsError):  # another was first: theirs is taken
                os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return _secret(path)


def _secret(path: Path) -> str:
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o600)
    key = path.read_text(encoding="ascii").strip()
    if len(key) < 32:
        raise ValueError(f"{path} holds no key")
    return key


def to_csv(table: "pd.DataFrame") -> bytes:
    """A table as a CSV file that a spreadsheet opens as it is meant, without the index.

    It begins with a byte order mark, by which a spreadsheet knows UTF-8. Text that a spreadsheet
    would calculate gets an apostrophe before its sign, also where one that parts cells by other
    signs than commas would see a cell begin: names that people give are never formulas. Numbers
    stay numbers.
    """
    safe = table.copy(deep=False)
    for i, kind in enumerate(table.dtypes):
        if kind.kind not in "biufc":
            safe.isetitem(i, [_harmless(value) for value in table.iloc[:, i]])
    safe.columns = [_harmless(name) for name in table.columns]
    text: str = safe.to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8-sig", "replace")


def _harmless(value: Any) -> Any:
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    lines = value.replace("\r\n", "\n").replace("\r", "\n")  # a bare \r would not be quoted
    return _FORMULA.sub(r"\1'", lines)


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; those that go meanwhile do not count."""
    total = 0
    for file in [path] if path.is_file() else path.rglob("*"):
        with contextlib.suppress(OSError):
            total += file.stat().st_size if file.is_file() else 0
    return total


class WrongContent(OSError):
    """What was downloaded is too large, too short or has another checksum."""


def download(
    url: str,
    target: Path,
    *,
    checksum: str,
    max_bytes: int,
    progress: Callable[[float], None] = lambda share: None,
) -> None:
    """Fetch `url` into `target`, whole and verified or not at all.

    Args:
        checksum: that the publisher gives, as "md5:…" or "sha256:…", maybe only its beginning;
            it guards against accidents.
        progress: called with the share done, 0 to 1.

    Raises:
        WrongContent: too large, cut short, or another file than promised.
        OSError: no network, or the disk.
    """
    try:
        _fetch(url, target, checksum, max_bytes, progress)
    except http.client.HTTPException as error:  # they are no OSErrors
        raise WrongContent(f"{target.name} was not sent whole ({error}).") from error


def _fetch(
    url: str, target: Path, checksum: str, max_bytes: int, progress: Callable[[float], None]
) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "latent-lab"})
    kind, _, wanted = checksum.partition(":")
    digest = hashlib.new(kind, usedforsecurity=False)
    with (
        urllib.request.urlopen(request, timeout=30) as response,
        replacing(target) as temporary,
        open(temporary, "wb") as out,
    ):
        size, seen = response.length or 0, 0
        while block := response.read(1 << 18):
            seen += len(block)
            if seen > max_bytes:
                raise WrongContent(f"{target.name} is larger than {max_bytes >> 20} MiB.")
            digest.update(block)
            out.write(block)
            progress(min(seen / size, 1.0) if size else 0.0)
        if not wanted or not digest.hexdigest().startswith(wanted):
            raise WrongContent(f"{target.name} does not have the published checksum.")
