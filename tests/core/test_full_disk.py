"""A disk that fills up while something is made, by a small one of its own; needs the right to mount
it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.__main__ import main
from core.errors import DISK_FULL
from core.jobs import queue
from core.jobs.scheduler import Cluster
from core.runs import store
from core.runs.store import Run
from core.settings import settings
from core.training import make_request
from tests.core.support import TRAIN

EPOCHS = ["--epochs", "2"]


def mounted(*words: str) -> bool:
    try:
        return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def disk(
    lab: Path, one_strength: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int], None]]:
    """The folder of runs on a disk of its own, whose size in KiB can be set."""
    folder = lab / "checkpoints"
    folder.mkdir()
    if not mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)):
        pytest.skip("only an administrator can mount a small disk")
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")

    def resize(size: int) -> None:
        assert mounted("-o", f"remount,size={size}k", str(folder))

    yield resize
    subprocess.run(["umount", "-l", str(folder)], check=True)


def made() -> Run:
    (result,) = store.all_runs()
    return result


@pytest.mark.parametrize("room", [64, 4000])
def test_a_training_on_a_disk_that_fills_up_says_so_and_is_resumed(
    disk: Callable[[int], None], room: int, capsys: pytest.CaptureFixture[str]
) -> None:
    disk(room)
    assert main([*TRAIN, *EPOCHS]) == 3
    told = capsys.readouterr().err
    assert DISK_FULL in told and "Traceback" not in told
    status = made().status()
    assert status.state == "failed" and status.error == DISK_FULL
    assert not list(made().path.glob(".*.tmp"))
    disk(32_000)
    assert main([*TRAIN, *EPOCHS]) == 0
    assert made().status().state == "done" and len(made().history()) == 2


def test_a_disk_without_any_room_is_a_sentence_too(
    disk: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    (settings().runs).mkdir()
    with pytest.raises(OSError, match="No space"), open(settings().runs / "ballast", "wb") as file:
        file.write(bytes(2**20))
    assert main([*TRAIN, *EPOCHS]) == 3
    assert capsys.readouterr().err.strip() == DISK_FULL


def test_a_run_of_the_queue_fails_with_the_sentence(
    disk: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "submit", lambda self, run, lane: queue.work(run.id))
    disk(1500)
    values = {"epochs": 2, "train_images": 64}
    run = queue.submit(make_request("denoising", "linear", "digits", values), "ann")
    assert run.status().state == "failed" and run.status().error == DISK_FULL
    with open(run.path / "ballast", "wb") as ballast, pytest.raises(OSError, match="No space"):
        ballast.write(bytes(2**22))
        ballast.flush()
    run.update(state="queued", attempt=run.status().attempt + 1)
    queue.work(run.id)
    assert run.status().state == "failed" and run.status().error == DISK_FULL
    assert queue.tend() == 0
    (run.path / "ballast").unlink()
    disk(32_000)
    queue.resume(run, "ann")
    assert run.status().state == "done"
