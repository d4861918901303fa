"""What every test may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import settings


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A lab of its own: data sets and runs lie under the folder that is given back."""
    monkeypatch.setenv("LATENT_LAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LATENT_LAB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()
