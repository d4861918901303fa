"""How much the repository carries."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from core.settings import ROOT, SHIPPED
from tests.benchmarks.measuring import MIB, Row, at_most

ASKED_ALL, ASKED_ONE, ASKED_TREE = 130, 12, 145
"""MiB of all shipped runs, of one run, and of everything that Git tracks."""


def sizes(quick: bool) -> Iterator[Row]:
    """Bytes of the shipped checkpoints and of the tracked tree; quick or not is the same."""
    result = {
        path.parent.name: _bytes(_files(path.parent)) for path in SHIPPED.glob("*/config.json")
    }
    each = {f"{name} bytes": [float(size)] for name, size in result.items()}
    yield at_most(
        "size of all shipped checkpoints",
        _bytes(_files(SHIPPED)) / MIB,
        ASKED_ALL,
        "MiB",
        f"{len(result)} runs",
        each,
    )
    if result:
        largest = max(result, key=lambda name: result[name])
        yield at_most("size of the largest run", result[largest] / MIB, ASKED_ONE, "MiB", largest)
    tracked = _tracked()
    if tracked is None:
        yield Row("size of the tracked tree", f"≤ {ASKED_TREE} MiB", "this is no Git repository")
        return
    yield at_most(
        "size of the tracked tree",
        _bytes(tracked) / MIB,
        ASKED_TREE,
        "MiB",
        f"{len(tracked)} files of `git ls-files`",
    )


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _bytes(files: list[Path]) -> int:
    return sum(path.stat().st_size for path in files)


def _tracked() -> list[Path] | None:
    """The tracked files that are there; None without Git."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]
