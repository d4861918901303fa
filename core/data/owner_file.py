"""The file beside a set's record that names its owners.

A set without one was added by the command line: it is everybody's, and stays.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from core import audit_log, files
from core.settings import settings

OWNERS = "owners.json"
UNREADABLE = "unreadable"
"""Owner of sets whose file is damaged, so that the pictures are shown to nobody."""


def read(folder: Path) -> list[str] | None:
    """Return the owners of the set in a folder; None if the command line added it."""
    try:
        owners = files.read_json_cached(folder / OWNERS)
    except (OSError, ValueError):
        return [UNREADABLE]
    if owners is None:
        return None
    return [str(one) for one in owners] if isinstance(owners, list) else [UNREADABLE]


def write(folder: Path, who: list[str]) -> None:
    """Raises OSError."""
    files.write_json(folder / OWNERS, who)


def claim(folder: Path, record: str, who: str) -> None:
    """Make somebody an owner of the set that is about to appear in a folder.

    To be called before anything of it is written: a set without an owner is shown to everybody.

    Args:
        record: the name of the record's file; a set that is everybody's already stays so.

    Raises:
        OSError: the data folder cannot be written.
    """
    with lock():
        before = read(folder)
        if before is None and (folder / record).exists():
            return
        if who in (before or []):
            return
        write(folder, [*(one for one in before or [] if one != UNREADABLE), who])
    audit_log.note("brought", set=folder.name[-8:])  # the rest is what somebody calls it


@contextmanager
def lock() -> Iterator[None]:
    """Hold the lock under which owners change."""
    folder = settings().data / "imported"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock", timeout=30):
        yield
