"""What nobody needs any more: old pictures of people, runs made of them, what is too much of the
runs of visitors who have not signed in, and leftovers."""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from core import audit_log, files, identity
from core.data import imported, ownership
from core.errors import LabError
from core.runs import store
from core.runs.store import Run
from core.settings import settings

DAY = 24 * 3600.0
LEFTOVERS = (".*.tmp", ".deleted-*")
"""What a killed process leaves: half-written files, folders whose removal had begun."""


class Cleaned(NamedTuple):
    """What was removed, and how much that was."""

    sets: list[str]
    runs: list[str]
    leftovers: int
    bytes: int


def clean(days: float, *, pretend: bool = False) -> Cleaned:
    """Remove what people brought more than `days` days ago, finished runs made of it that are as
    old, those runs of anonymous visitors that are too much for the disk, and leftovers older than
    a day.

    Args:
        days: 0 keeps sets and runs, however old.
        pretend: only say what would go.

    Raises:
        OSError: a folder cannot be written.
    """
    leftovers = [p for p in _leftovers() if time.time() - _changed(p) > DAY]
    if not pretend:
        store.mark_active(run.id for run in store.all_runs() if not run.shipped)
    ended = list(_ended_runs())
    old_runs = [run for run in ended if days and run.spec().private and _age(run) > days * DAY]
    old_runs += _too_much([run for run in ended if run not in old_runs])
    size = sum(files.size(path) for path in [*leftovers, *(run.path for run in old_runs)])
    old_sets = ownership.remove_old(days, pretend=True) if days else []
    size += sum(files.size(settings().data / "imported" / name) for name in old_sets)
    cleaned = Cleaned(old_sets, [run.id for run in old_runs], len(leftovers), size)
    if not pretend and any(cleaned):
        for path in leftovers:
            _remove(path)
        for run in old_runs:
            with suppress(LabError), store.store_lock():
                if not run.status().active:  # nobody has resumed it meanwhile
                    run.delete()
        if old_sets:
            ownership.remove_old(days)
        audit_log.note("cleaned", sets=len(old_sets), runs=len(old_runs), bytes=size)
    return cleaned


def _leftovers() -> Iterator[Path]:
    for folder in (settings().runs, settings().data):
        for pattern in LEFTOVERS:
            yield from folder.glob(pattern)
            yield from folder.glob(f"*/{pattern}")
            yield from folder.glob(f"*/*/{pattern}")
    for place in (settings().data / "imported").glob("*/"):
        if imported.NAME.fullmatch(place.name) and not (place / imported.RECORD).exists():
            yield place  # an import that ended before its record was written
    for run in _ended_runs():
        if run.status().state == "done" and (run.path / "resume.pt").exists():
            yield run.path / "resume.pt"  # of a worker that was killed at its very end


def _ended_runs() -> Iterator[Run]:
    for run in store.all_runs():
        try:
            if not run.shipped and run.spec() and not run.status().active:
                yield run
        except LabError:  # damaged: for its owner to mend or delete
            continue


def _too_much(ended: Iterable[Run]) -> list[Run]:
    """Return the least recently used runs of anonymous visitors that exceed the disk limit."""
    anonymous_runs = [
        run for run in ended if run.owners() and all(map(identity.anonymous, run.owners()))
    ]
    sizes = {run: files.size(run.path) for run in anonymous_runs}
    excess, excess_runs = sum(sizes.values()) - settings().max_disk_mb_anonymous * 2**20, []
    for run in sorted(anonymous_runs, key=_last_used):
        if excess <= 0:
            break
        excess_runs.append(run)
        excess -= sizes[run]
    return excess_runs


def _last_used(run: Run) -> float:
    """Return when it was last requested or worked on, in seconds since 1970."""
    return max(run.status().heartbeat, run.status().queued_at, _changed(run.path / "owners.json"))


def _age(run: Run) -> float:
    return time.time() - max(run.status().heartbeat, run.status().queued_at)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # gone meanwhile
        return time.time()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
