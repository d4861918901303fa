"""Ownership of imported sets: who may see and use them, and when they are removed."""

import contextlib
import shutil
import time

from core import audit_log, files
from core.data import imported, owner_file, sets
from core.errors import DataMissing


def own(name: str, who: str, instead_of: str = "") -> None:
    """Make somebody an owner of an imported set; of one that it was made from, no longer.

    Of pictures that somebody brings they are the owner before the set is visible, by the
    `owner` of `import_set`.

    Raises:
        OSError: the data folder cannot be written.
    """
    new = who not in owners(name)
    with owner_file.lock():
        _set(name, [*_others(name, who), who])
        if instead_of not in ("", name):
            _set(instead_of, _others(instead_of, who))
        _sweep()
    if new:
        audit_log.note("brought", set=name[-8:])  # the rest is what somebody calls it


def disown(name: str, who: str) -> None:
    """Remove somebody from a set's owners; a set without owners is removed.

    Raises:
        OSError: the data folder cannot be written.
    """
    with owner_file.lock():
        if who in owners(name):
            _set(name, _others(name, who))
        _sweep()


def owners(name: str) -> list[str]:
    """Return the owners of a set; empty for one of the command line."""
    return owner_file.read(imported.place(name)) or []


def visible(name: str, who: str) -> bool:
    """Whether somebody may see the pictures of a set: its owners, or everybody if the command
    line added it."""
    set_owners = owner_file.read(imported.place(name))
    return set_owners is None or who in set_owners


def owned(who: str) -> list[str]:
    """Return the sets of somebody, by the time of their import."""
    mine = [name for name in imported.names() if who in owners(name)]
    return sorted(mine, key=_brought)


def disk_used(who: str) -> float:
    """Return the size of somebody's sets in MiB."""
    return sum(files.size(imported.place(name)) for name in owned(who)) / 2**20


def remove_old(days: float, pretend: bool = False) -> list[str]:
    """Remove sets that were imported more than `days` days ago; returns their names.

    A set that others were made from is removed with the last of them.

    Args:
        pretend: only return the names.

    Raises:
        OSError: the data folder cannot be written.
    """
    limit = time.time() - days * 24 * 3600
    brought = [name for name in imported.names() if owners(name)]
    old = [name for name in brought if _brought(name) < limit]
    if old and not pretend:
        with owner_file.lock():
            for name in old:
                _set(name, [])
            _sweep()
    return old


def _sweep() -> None:
    """Remove sets without owners that no other set is made from."""
    needed = set()
    for name in imported.names():
        if owner_file.read(imported.place(name)) != []:
            with contextlib.suppress(DataMissing):
                needed.add(imported.origin(name)[0])
    for name in imported.names():
        if owner_file.read(imported.place(name)) == [] and name not in needed:
            place = imported.place(name)
            doomed = place.with_name(f".deleted-{name}-{time.time_ns()}")
            place.rename(doomed)  # gone at once for everybody
            shutil.rmtree(doomed, ignore_errors=True)
            sets.forget()
            audit_log.note("removed", set=name[-8:])


def _brought(name: str) -> float:
    try:
        return (imported.place(name) / imported.RECORD).stat().st_mtime
    except OSError:  # it goes just now
        return 0.0


def _others(name: str, who: str) -> list[str]:
    return [one for one in owners(name) if one != who]


def _set(name: str, who: list[str]) -> None:
    owner_file.write(imported.place(name), who)
