"""The run store: a run is a directory, the same for shipped runs and for those made here.

config.json, model.safetensors, history.csv, metrics.json, samples/epoch-000.png (or .webp, in
colour) …, status.json, and while it is not done resume.pt. A dream has picture.png, guide.png and
mask.png to begin with, and dream.png, film.mp4 or channels-<layer>.webp to show. `owners.json`
names the owners; it is never shown or exported. `note.json` is what an owner has written about the
run; it is shown to those who may see the run, and never exported. Nor is `shared.json`, the hash of
a link's token.
"""

import hashlib
import io
import json
import re
import shutil
import time
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from core import files, images
from core.errors import LabError, Refused, RunBroken, disk_is_full
from core.runs import reading
from core.runs.schema import RunSpec, Status
from core.runs.weights import packed, unpacked
from core.settings import SHIPPED, settings

Content = TypeVar("Content")
SAMPLE = re.compile(r"epoch-[0-9]{3,9}\.(png|webp)")
MAX_NOTE = 1000
"""Characters of a note."""
RUN_ID = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)+-[0-9a-f]{8}")
EXPORTED = (
    "config.json",
    "model.safetensors",
    "history.csv",
    "metrics.json",
    "status.json",
    "picture.png",
    "guide.png",
    "mask.png",
    "dream.png",
    "film.mp4",
)


@dataclass(frozen=True)
class Run:
    """One run directory. Reading never changes it; writing is for whoever holds its lock."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def shipped(self) -> bool:
        return self.path.parent == SHIPPED

    # ---- reading

    def spec(self) -> RunSpec:
        """Return the request that the run answers; it never changes. Raises RunBroken."""
        return self._sound("config.json", reading.config, self._changed("config.json"))

    def status(self) -> Status:
        """Raises RunBroken."""
        return self._sound("status.json", _status)

    def metrics(self) -> dict[str, Any]:
        """The figures on the test split; empty until the run is done. Raises RunBroken."""
        return dict(self._sound("metrics.json", reading.metrics, self._changed("metrics.json")))

    def history(self) -> pd.DataFrame:
        """A row an epoch, all columns numbers; empty before the first is over. Raises RunBroken."""
        return self._sound("history.csv", reading.history, *self._history_version()).copy()

    def _history_version(self) -> tuple[int, int | None]:
        path = self.path / "history.csv"
        return self._changed("history.csv"), path.stat().st_size if path.exists() else None

    def samples(self) -> dict[int, Path]:
        """Return the sample sheets by epoch, in order. Raises RunBroken."""
        kept = (self.path / "samples").glob("epoch-*")
        sheets = sorted(path for path in kept if path.suffix in (".png", ".webp"))
        for path in sheets:
            if not SAMPLE.fullmatch(path.name):
                raise self._broken(f"samples/{path.name[:80]}")
        return {int(p.stem.removeprefix("epoch-")): p for p in sheets}

    def check(self) -> None:
        """Validate every file of the run; of the weights only the header is read.

        Raises:
            RunBroken: something is damaged; the message names it.
        """
        self.spec()
        self.status()
        self.metrics()
        self.samples()
        self._sound("history.csv", reading.check_history, *self._history_version())
        if size := self._size("model.safetensors"):
            changed = self._changed("model.safetensors")
            self._sound("model.safetensors", reading.check_weights, changed, size)

    def _size(self, name: str) -> int:
        try:
            return (self.path / name).stat().st_size
        except OSError:
            return 0

    def weights(self) -> dict[str, Tensor]:
        """Load the final weights from safetensors: nothing in the file is executed.

        Raises:
            RunBroken: missing, truncated or not safetensors.
        """
        try:
            return unpacked(load_file(self.path / "model.safetensors"))
        except (OSError, SafetensorError, ValueError) as error:
            raise self._broken("model.safetensors") from error

    def weights_fingerprint(self) -> str:
        """Return the SHA-256 of the weights, for runs that start from them. Raises RunBroken."""
        try:
            return files.sha256(self.path / "model.safetensors")
        except OSError as error:
            raise self._broken("model.safetensors") from error

    def version(self) -> int:
        """Changes whenever the status does: a key for caches. Of a shipped run it is the same on
        every machine."""
        return _shipped_version(self.path) if self.shipped else self._changed("status.json")

    def archive(self) -> bytes:
        """Return the run as a zip, without owners and resume state."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            sheets = [*self.samples().values(), *sorted(self.path.glob("channels-*.webp"))]
            for path in [*(self.path / name for name in EXPORTED), *sheets]:
                if path.exists():
                    archive.write(path, f"{self.id}/{path.relative_to(self.path)}")
        return buffer.getvalue()

    def _changed(self, name: str) -> int:
        """Return when a file was written, or 0; shipped files never change and are cached."""
        return _shipped_at(self.path / name) if self.shipped else written_at(self.path / name)

    def _sound(self, name: str, read: Callable[..., Content], *version: Any) -> Content:
        try:
            return read(self.path, *version)
        except reading.FAULTS as error:
            raise self._broken(name) from error

    def _broken(self, name: str) -> RunBroken:
        return RunBroken(
            f"The run {self.id} cannot be read: its {name} is missing or damaged. "
            + ("Restore it from the repository." if self.shipped else "Delete it and train anew.")
        )

    # ---- writing

    def update(self, **changes: Any) -> Status:
        """Change fields of the status and renew the heartbeat."""
        status = self.status().model_copy(update={**changes, "heartbeat": round(time.time(), 3)})
        state_changes = "state" in changes
        if state_changes and status.active and not self.shipped:
            _mark(self)
        path = self.path / "status.json"
        try:
            files.write_json(path, status.model_dump(), durable=state_changes)
        except OSError as error:
            if not disk_is_full(error):
                raise
            # A full disk keeps what is there: in its own block a file can be written still.
            files.overwrite_json(path, status.model_dump())
        return status

    def write_weights(self, state: Mapping[str, Tensor], half: bool = False) -> None:
        tensors = {k: v.detach().cpu().contiguous() for k, v in state.items()}
        if half:
            tensors = packed(tensors)
        # Not by safetensors itself, and the same below: a full disk is to be an OSError.
        files.write_bytes(self.path / "model.safetensors", save(tensors))

    def write_history(self, rows: list[dict[str, float]]) -> None:
        text = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
        files.write_bytes(self.path / "history.csv", text.encode())

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        files.write_json(self.path / "metrics.json", metrics)

    def write_sample(self, epoch: int, picture: bytes) -> None:
        name = f"epoch-{epoch:03d}.{images.kind(picture)}"
        files.write_bytes(self.path / "samples" / name, picture)

    def write_resume(self, state: Mapping[str, Any]) -> None:
        content = io.BytesIO()
        torch.save(dict(state), content)
        files.write_bytes(self.path / "resume.pt", content.getbuffer())

    def read_resume(self) -> dict[str, Any] | None:
        """Return the saved training state, or None if it is missing or damaged."""
        try:
            state = torch.load(self.path / "resume.pt", weights_only=True, map_location="cpu")
        except Exception:  # its parser raises nearly anything on a damaged file
            return None
        return state if isinstance(state, dict) else None

    def forget_resume(self) -> None:
        (self.path / "resume.pt").unlink(missing_ok=True)

    # ---- one writer

    @contextmanager
    def lock(self, timeout: float = 1) -> Iterator[None]:
        """Hold the run; the lock falls with the process, so a killed one never blocks it.

        Args:
            timeout: seconds; a moment of patience, for `alive` takes the lock to look.

        Raises:
            Refused: another process holds the lock.
        """
        try:
            with FileLock(self.path / ".lock", timeout=timeout):
                yield
        except Timeout as error:
            raise Refused(f"The run {self.id} is being trained already.") from error

    def alive(self) -> bool:
        """Whether a process holds the lock."""
        if not (self.path / ".lock").exists():
            return False
        try:
            with FileLock(self.path / ".lock", timeout=0):
                return False
        except (Timeout, OSError):
            return True

    def request_cancel(self) -> None:
        """Request a stop, which takes effect at the next training step."""
        (self.path / "cancel").touch()

    def cancel_requested(self) -> bool:
        return (self.path / "cancel").exists()

    def forget_cancel(self) -> None:
        (self.path / "cancel").unlink(missing_ok=True)

    # ---- owners

    def owners(self) -> list[str]:
        """Return the visitors who requested this run."""
        try:
            owners = files.read_json_cached(self.path / "owners.json")
        except (OSError, ValueError):
            return []
        return [str(o) for o in owners] if isinstance(owners, list) else []

    def set_owners(self, owners: list[str]) -> None:
        files.write_json(self.path / "owners.json", owners)

    # ---- notes

    def note(self) -> str:
        """Return what an owner has written about the run, as plain text; empty without."""
        try:
            note = files.read_json_cached(self.path / "note.json")
        except (OSError, ValueError):
            return ""
        return plain_text(note)[:MAX_NOTE] if isinstance(note, str) else ""

    def set_note(self, text: str) -> None:
        """Keep a note; an empty one removes it. Raises LabError if it is too long."""
        text = plain_text(text)
        if len(text) > MAX_NOTE:
            raise LabError(f"A note has {MAX_NOTE:,} characters at most; this one {len(text):,}.")
        if text:
            files.write_json(self.path / "note.json", text)
        else:
            (self.path / "note.json").unlink(missing_ok=True)

    # ---- the end

    def delete(self) -> None:
        """Remove the directory.

        Raises:
            Refused: it is shipped, or in use.
        """
        if self.shipped:
            raise Refused("Shipped runs are part of the lab and cannot be deleted.")
        with self.lock():
            doomed = self.path.with_name(f".deleted-{self.id}-{time.time_ns()}")
            self.path.rename(doomed)  # gone at once for everybody else
            (self.path.parent / QUEUE / self.id).unlink(missing_ok=True)
        shutil.rmtree(doomed, ignore_errors=True)


def plain_text(text: str) -> str:
    """A text without invisible signs, but for the ends of its lines."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c == "\n" or unicodedata.category(c)[0] != "C").strip()


def written_at(path: Path) -> int:
    """Return when a file was written, in nanoseconds; 0 if there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


_shipped_at = lru_cache(maxsize=1024)(written_at)


def _status(path: Path) -> Status:
    return reading.status(path, files.stamp(path / "status.json"))


@lru_cache(maxsize=1024)
def _shipped_version(path: Path) -> int:
    try:
        return int(files.sha256(path / "status.json")[:12], 16)
    except OSError:
        return 0


def run_id(
    kind: str, variant: str, dataset: str, changed: Mapping[str, Any], fingerprints: list[str]
) -> str:
    """`<kind>-<variant>-<dataset>-<8 hex>`: the same for the same request on the same data.

    Args:
        changed: the config's fields that are not at their default.
        fingerprints: SHA-256 of the data and of every other input.
    """
    canonical = json.dumps([changed, sorted(fingerprints)], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:8]
    return f"{kind}-{variant}-{dataset}-{digest}"


def all_runs() -> list[Run]:
    """Return every run, the shipped ones first, by name."""
    folders = (SHIPPED, settings().runs)
    return [Run(folder / name) for folder in folders for name in _names(folder)]


def _names(folder: Path) -> tuple[str, ...]:
    """Return the sorted ids of runs in a folder, which is listed only after a change."""
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:
        return ()
    cached = _listed.get(folder)
    if cached is not None and cached[0] == changed:
        return cached[1]
    names = tuple(sorted(p.name for p in folder.iterdir() if RUN_ID.fullmatch(p.name)))
    if time.time_ns() - changed > CLOCK_TICK:
        _listed[folder] = changed, names
    return names


_listed: dict[Path, tuple[int, tuple[str, ...]]] = {}
CLOCK_TICK = 2 * 10**9
"""Nanoseconds for which a folder's time of change may stay the same though it changes again."""


# ---- those that wait or work
#
# Each has a marker, an empty file `.queue/<run id>`: looking at the queue costs as much as the
# queue is long, however many finished runs lie beside it. It is written before a run becomes
# active, by whoever makes it so, and taken away under the store lock once the run is not.


def marked() -> list[Run]:
    """Return the runs that have a marker: all active ones, and some that have just ended.

    What is new in the folder is looked at once by each process, and all of it when the markers are
    gone: another version of the lab may have put it there, or a copy been restored.
    """
    folder = settings().runs
    names, index = _names(folder), folder / QUEUE
    if _searched.get(folder) is not names or not index.is_dir():
        before = _searched.get(folder, ()) if index.is_dir() else ()
        mark_active(set(names).difference(before))
        _searched[folder] = names
    try:
        return [Run(folder / p.name) for p in sorted(index.iterdir()) if RUN_ID.fullmatch(p.name)]
    except OSError:
        return []


def mark_active(names: Iterable[str]) -> None:
    """Create the missing markers of active runs."""
    for name in sorted(names):
        run = Run(settings().runs / name)
        with suppress(LabError, OSError):  # damaged; or the folder may only be read
            if run.status().active:
                _mark(run)
    with suppress(OSError):
        (settings().runs / QUEUE).mkdir(exist_ok=True)


def forget_ended(runs: Iterable[Run]) -> None:
    """Remove the markers of runs that are not active; does nothing while the store is locked."""
    ended = list(runs)
    if not ended:
        return
    with suppress(LabError, OSError), store_lock(timeout=0):
        for run in ended:
            if not _active(run):
                (settings().runs / QUEUE / run.id).unlink(missing_ok=True)


def _active(run: Run) -> bool:
    try:
        return run.status().active
    except RunBroken:
        return False


def _mark(run: Run) -> None:
    marker = run.path.parent / QUEUE / run.id
    if not marker.exists():
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()


_searched: dict[Path, tuple[str, ...]] = {}
QUEUE = ".queue"


def find(run_id: str) -> Run | None:
    """Return the run with this id, shipped or local, or None."""
    if not RUN_ID.fullmatch(run_id):
        return None
    for folder in (SHIPPED, settings().runs):
        if (folder / run_id / "config.json").exists():
            return Run(folder / run_id)
    return None


def open_run(run_id: str) -> Run:
    """Return the run with this id. Raises LabError if there is none."""
    run = find(run_id)
    if run is None:
        raise LabError(
            f"There is no run called {run_id[:80]!r}. `python -m core runs` lists those there are."
        )
    return run


@contextmanager
def store_lock(timeout: float = 30) -> Iterator[None]:
    """Held while a run is created, queued or withdrawn, so that two requests give one run.

    Args:
        timeout: seconds to wait for it.

    Raises:
        LabError: the folder of runs cannot be written.
    """
    folder = settings().runs
    lock = FileLock(folder / ".store.lock", timeout=timeout)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise Refused("The queue is busy just now. Try again in a moment.") from error
    except OSError as error:
        raise LabError(
            f"Nothing can be trained: the folder of runs cannot be written ({error.strerror}). "
            "Set LATENT_LAB_CHECKPOINTS to a folder that can."
        ) from error
    try:
        yield
    finally:
        lock.release()


def create(run_id: str, config: RunSpec, given: Mapping[str, bytes] | None = None) -> Run:
    """Create the directory of a new run in state `queued`; call it under `store_lock`.

    Args:
        given: files that the work begins with, by name.
    """
    run = Run(settings().runs / run_id)
    _mark(run)
    folder = run.path if run.path.exists() else run.path.with_name(f".{run_id}.tmp")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (given or {}).items():
        files.write_bytes(folder / name, content)
    files.write_json(folder / "status.json", Status(queued_at=time.time()).model_dump())
    files.write_json(folder / "config.json", config.model_dump())  # last: now the run exists
    if folder != run.path:
        folder.rename(run.path)  # whole at once: others list the runs meanwhile
    return run
