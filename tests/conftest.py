"""What every test may ask for, and how the tests are shared out among two processes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from core.settings import settings

TOGETHER = ("tests/browser/", "tests/hosting/")
"""Folders whose files stay in one process: they share a server, and browsers must not compete."""
SLOWEST = (*TOGETHER, "tests/core/test_jobs.py", "tests/test_load.py", "tests/core/test_tasks.py")
"""What is begun first, so that no process is left with it alone at the end."""


class ByFile(LoadScopeScheduling):
    """Gives a process a file or one of the folders at a time, the slowest first."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)

    def _assign_work_unit(self, node: WorkerController) -> None:
        slowest = next((scope for scope in SLOWEST if scope in self.workqueue), None)
        if slowest is not None:
            self.workqueue.move_to_end(slowest, last=False)
        super()._assign_work_unit(node)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes for whole folders, none beside pytest's own for single files."""
    return 2 if any(Path(argument).is_dir() for argument in config.args) else 0


def pytest_xdist_setupnodes() -> None:
    """Processes side by side have a core each."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    return ByFile(config, log)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A lab of its own: data sets and runs lie under the folder that is given back."""
    monkeypatch.setenv("LATENT_LAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LATENT_LAB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.fixture(autouse=True)
def never_nicer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that is carried out in this process leaves the tests after it their priority."""
    monkeypatch.setattr(os, "nice", lambda step: 10, raising=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for a browser or another process gets a second chance when the wait ran out.

    A machine that is busy with something else makes a wait run out; what is compared at once is
    not asked for again. The summary counts what was run twice.
    """
    ran_out = ["TimeoutError", "with timeout"]  # the second as Playwright's `expect` says it
    for item in items:
        if any(item.iter_markers("browser")) or any(item.iter_markers("cluster")):
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=ran_out))
