"""What tests of core share: a run that is trained once, an archive and limits of uploads."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.__main__ import main
from core.runs import store
from core.runs.store import Run
from core.settings import settings
from core.tasks import denoising
from tests.core.support import SHORT


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a denoiser that was trained for an epoch, with figures at one strength."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(denoising, "STRENGTHS", (0.5,))
        patch.setenv("LATENT_LAB_CHECKPOINTS", str(tmp_path_factory.mktemp("shelf")))
        settings.cache_clear()
        assert main(SHORT) == 0
        result = store.all_runs()[-1].path
    settings.cache_clear()
    return result


@pytest.fixture
def one_strength(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures at one strength of eleven, on one thread."""
    monkeypatch.setattr(denoising, "STRENGTHS", (0.5,))
    monkeypatch.setenv("LATENT_LAB_THREADS", "1")


@pytest.fixture
def trained(shelf: Path, one_strength: None, lab: Path) -> Run:
    """The denoiser in a lab of its own, to be used and spoilt."""
    return Run(Path(shutil.copytree(shelf, settings().runs / shelf.name)))


@pytest.fixture
def alone(lab: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab without shipped runs."""
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")
    return lab


@pytest.fixture
def archive(lab: Path) -> Path:
    """Where a test packs its archive."""
    (lab / "upload").mkdir()
    return lab / "upload" / "pets.zip"


@pytest.fixture
def limit(lab: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Sets one of the limits of uploads."""

    def set_limit(name: str, value: int) -> None:
        monkeypatch.setenv(f"LATENT_LAB_{name}", str(value))
        settings.cache_clear()

    return set_limit
