"""Every variable has a default, bounds and a description, and a bad value names its variable."""

from pathlib import Path

import pytest

from core.errors import LabError
from core.settings import ROOT, Settings, settings

VARIABLES = [f"LATENT_LAB_{field.upper()}" for field in Settings.model_fields]
BAD_VALUES = [
    ("LATENT_LAB_ADMINISTRATORS", "ann@example.org, bob"),
    ("LATENT_LAB_SCHEDULER", "localhost:8786"),
    ("LATENT_LAB_SCHEDULER", "http://localhost:8786"),
    ("LATENT_LAB_TRAINING", "maybe"),
    ("LATENT_LAB_DOWNLOADS", "yes"),
    ("LATENT_LAB_MAX_QUEUE", "0"),
    ("LATENT_LAB_MAX_QUEUE", "many"),
    ("LATENT_LAB_MAX_EPOCHS", "-1"),
    ("LATENT_LAB_MAX_EPOCHS", "1.5"),
    ("LATENT_LAB_MAX_UPLOAD_MB", "0"),
    ("LATENT_LAB_MAX_UPLOAD_MB", "999999"),
    ("LATENT_LAB_MAX_IMAGE_PIXELS", "10"),
    ("LATENT_LAB_MAX_ARCHIVE_FILES", "0"),
    ("LATENT_LAB_THREADS", "-1"),
    ("LATENT_LAB_IDLE_MINUTES", "0"),
    ("LATENT_LAB_IDLE_MINUTES", "nan"),
    ("LATENT_LAB_IDLE_MINUTES", "inf"),
    ("LATENT_LAB_DATA", "~nobody-of-that-name/data"),
    ("LATENT_LAB_CHECKPOINTS", "~nobody-of-that-name/runs"),
]


@pytest.fixture
def environment(lab: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which none of the lab's variables is set."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    settings.cache_clear()
    return monkeypatch


def test_with_nothing_set_everything_has_its_default(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("XDG_CACHE_HOME", "/some/cache")
    result = settings()
    assert result.data == Path("/some/cache/latent-lab")
    assert result.checkpoints == ROOT / "checkpoints"
    assert result.runs == ROOT / "checkpoints" / "runs"
    assert (result.scheduler, result.secret) == ("", "")
    assert (result.training, result.downloads) == ("on", "on")
    assert result.max_upload_bytes == 32 * 2**20
    assert result.torch_threads >= 1


def test_each_variable_is_read(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = {
        "data": str(tmp_path / "d"),
        "checkpoints": str(tmp_path / "c"),
        "scheduler": "tcp://host:8786",
        "training": "off",
        "downloads": "off",
        "metrics": "on",
        "secret": "a long secret",
        "max_queue": "3",
        "max_jobs_each": "2",
        "max_running_each": "1",
        "max_disk_mb_each": "9",
        "max_session_mb": "8",
        "max_sessions": "4",
        "max_sessions_each": "2",
        "max_data_mb": "10",
        "heavy_at_once": "1",
        "keep_days": "30",
        "administrators": "ann@example.org",
        "max_epochs": "7",
        "max_disk_mb_anonymous": "5",
        "max_upload_mb": "2",
        "max_image_pixels": "10000",
        "max_archive_files": "50",
        "threads": "1",
        "idle_minutes": "0.5",
    }
    assert set(values) == set(Settings.model_fields), "a field that this test does not know"
    for name, value in values.items():
        environment.setenv(f"LATENT_LAB_{name.upper()}", value)
    result = settings()
    assert {name: str(getattr(result, name)) for name in values} == values
    assert result.torch_threads == 1
    assert result.looks_at_once == 1
    assert result.administrator_addresses == ("ann@example.org",)


def test_folders_are_made_absolute_and_the_home_is_filled_in(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.chdir(tmp_path)
    environment.setenv("HOME", str(tmp_path / "home"))
    environment.setenv("LATENT_LAB_DATA", "pictures")
    environment.setenv("LATENT_LAB_CHECKPOINTS", "~/models")
    assert settings().data == tmp_path / "pictures"
    assert settings().checkpoints == tmp_path / "home" / "models"


@pytest.mark.parametrize(("variable", "value"), BAD_VALUES)
def test_a_bad_value_names_its_variable(
    environment: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    environment.setenv(variable, value)
    with pytest.raises(LabError, match=f"not valid.*{variable}: "):
        settings()


def test_all_bad_values_are_named_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LATENT_LAB_MAX_QUEUE", "0")
    environment.setenv("LATENT_LAB_TRAINING", "maybe")
    with pytest.raises(LabError) as caught:
        settings()
    assert "LATENT_LAB_MAX_QUEUE" in str(caught.value)
    assert "LATENT_LAB_TRAINING" in str(caught.value)


def test_the_environment_is_read_once(environment: pytest.MonkeyPatch) -> None:
    first = settings()
    environment.setenv("LATENT_LAB_MAX_QUEUE", "3")
    assert settings() is first


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_field_has_a_description_that_fits_a_table(name: str) -> None:
    description = Settings.model_fields[name].description
    assert description, "core/README.md's table is made from it"
    assert 10 < len(description) < 100 and "\n" not in description
    assert not description.endswith(".") and "|" not in description
