"""Whose the sets are that people brought: who may use them, and when they go.

A set that was added by the command line has no owners file: it is nobody's, and stays.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock

from core import actions, files
from core.data import imported, sets
from core.errors import DataMissing
from core.settings import settings

OWNERS = "owners.json"


def own(name: str, who: str, instead_of: str = "") -> None:
    """Make somebody an owner of an imported set; of one that it was made from, no longer.

    Raises:
        OSError: the data folder cannot be written.
    """
    with _lock():
        _set(name, [*_others(name, who), who])
        if instead_of not in ("", name):
            _set(instead_of, _others(instead_of, who))
        _sweep()
    actions.note("brought", set=name[-8:])  # the rest of its name is what somebody calls it


def disown(name: str, who: str) -> None:
    """Take somebody off a set's owners; a set that is nobody's any more is removed.

    Raises:
        OSError: the data folder cannot be written.
    """
    with _lock():
        if who in owners(name):
            _set(name, _others(name, who))
        _sweep()


def owners(name: str) -> list[str]:
    """Those who brought a set; empty for one of the command line."""
    return _read(name) or []


def owned(who: str) -> list[str]:
    """The sets of somebody, by the time at which they were brought."""
    mine = [name for name in imported.names() if who in owners(name)]
    return sorted(mine, key=_brought)


def disk_used(who: str) -> float:
    """MiB of the sets of somebody."""
    return sum(files.size(imported.place(name)) for name in owned(who)) / 2**20


def remove_old(days: float, pretend: bool = False) -> list[str]:
    """Remove what people brought more than `days` days ago; gives the sets.

    What others were made from goes with the last of them.

    Args:
        pretend: only say which.

    Raises:
        OSError: the data folder cannot be written.
    """
    limit = time.time() - days * 24 * 3600
    old = [name for name in imported.names() if _read(name) and _brought(name) < limit]
    if old and not pretend:
        with _lock():
            for name in old:
                _set(name, [])
            _sweep()
    return old


def _sweep() -> None:
    """Remove what is nobody's and what no other set is made from."""
    needed = set()
    for name in imported.names():
        if _read(name) != []:
            with contextlib.suppress(DataMissing):
                needed.add(imported.origin(name)[0])
    for name in imported.names():
        if _read(name) == [] and name not in needed:
            place = imported.place(name)
            doomed = place.with_name(f".deleted-{name}-{time.time_ns()}")
            place.rename(doomed)  # gone at once for everybody
            shutil.rmtree(doomed, ignore_errors=True)
            sets.forget()
            actions.note("removed", set=name[-8:])


def _brought(name: str) -> float:
    try:
        return (imported.place(name) / imported.RECORD).stat().st_mtime
    except OSError:  # it goes just now
        return 0.0


def _others(name: str, who: str) -> list[str]:
    return [one for one in owners(name) if one != who]


def _read(name: str) -> list[str] | None:
    try:
        found = files.read_json(imported.place(name) / OWNERS)
    except (OSError, ValueError):  # damaged: kept, and nobody's
        return None
    return [str(one) for one in found] if isinstance(found, list) else None


def _set(name: str, who: list[str]) -> None:
    files.write_json(imported.place(name) / OWNERS, who)


@contextmanager
def _lock() -> Iterator[None]:
    folder = settings().data / "imported"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock", timeout=30):
        yield
