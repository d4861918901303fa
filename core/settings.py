"""Every environment variable that the lab reads, in one validated class."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import LabError

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "checkpoints" / "shipped"


def _cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "latent-lab"


class Settings(BaseSettings):
    """Each field is the variable `LATENT_LAB_<FIELD>`; core/README.md's table is made from it."""

    model_config = SettingsConfigDict(
        env_prefix="LATENT_LAB_", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    data: Path = Field(
        default_factory=_cache_home, description="folder of data sets, and where downloads go"
    )
    checkpoints: Path = Field(
        ROOT / "checkpoints", description="folder whose `runs/` holds what is trained here"
    )
    scheduler: str = Field(
        "", description="address of a Dask scheduler (`tcp://host:8786`); empty starts a local one"
    )
    training: Literal["on", "off", "signed-in"] = Field(
        "on", description="whether pages may start jobs, or only for those who have signed in"
    )
    administrators: str = Field(
        "", description="e-mail addresses, with commas, of those who may cancel and delete any run"
    )
    downloads: Literal["on", "off"] = Field("on", description="whether data may be downloaded")
    metrics: Literal["on", "off"] = Field(
        "off", description="whether `/_stcore/metrics` has figures, to whoever reaches it"
    )
    secret: str = Field(
        "", description="key that signs visitors' cookies; empty makes one and keeps it in `runs/`"
    )
    max_queue: int = Field(100, ge=1, le=10_000, description="jobs waiting or running at most")
    max_jobs_each: int = Field(
        8, ge=1, le=10_000, description="jobs of one person waiting or running at most"
    )
    max_running_each: int = Field(
        1, ge=1, le=1000, description="jobs of one person at once, trainings and quick ones each"
    )
    max_disk_mb_each: int = Field(
        2048,
        ge=1,
        le=10_000_000,
        description="what one person may keep on disk, MiB",
    )
    max_disk_mb_anonymous: int = Field(
        10_240,
        ge=1,
        le=100_000_000,
        description="runs of all who have not signed in, MiB; those unasked for longest go first",
    )
    max_epochs: int = Field(200, ge=1, le=10_000, description="epochs of one training at most")
    max_upload_mb: int = Field(32, ge=1, le=2048, description="one uploaded file at most, MiB")
    max_session_mb: int = Field(
        256,
        ge=1,
        le=100_000,
        description="uploads, camera shots and files made for one open page, in memory, MiB",
    )
    max_sessions: int = Field(
        500, ge=1, le=100_000, description="pages open at once at most, in one server"
    )
    max_sessions_each: int = Field(
        20, ge=1, le=100_000, description="pages of one visitor open at once at most, in one server"
    )
    max_data_mb: int = Field(
        600,
        ge=1,
        le=1_000_000,
        description="data sets in a server's memory, and decoded ones on disk, at most, MiB",
    )
    max_image_pixels: int = Field(
        40_000_000, ge=784, le=1_000_000_000, description="pixels of one uploaded picture at most"
    )
    max_archive_files: int = Field(
        20_000, ge=1, le=1_000_000, description="pictures in one uploaded archive at most"
    )
    threads: int = Field(
        0, ge=0, le=1024, description="torch's threads in a training; 0 takes every core"
    )
    heavy_at_once: int = Field(
        0, ge=0, le=1024, description="long looks of pages at once; 0 leaves a core to the sliders"
    )
    keep_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="people's pictures, and runs made of them, go after so many days; 0 keeps them",
    )
    idle_minutes: float = Field(
        10, gt=0, le=1440, description="the local cluster ends after so many idle minutes"
    )

    @field_validator("data", "checkpoints")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        try:
            return value.expanduser().resolve()
        except RuntimeError as error:  # `~` of somebody who is not on this machine
            raise ValueError("is in a home folder that there is not") from error

    @field_validator("administrators")
    @classmethod
    def _addresses(cls, value: str) -> str:
        if wrong := [one for one in value.replace(",", " ").split() if "@" not in one]:
            raise ValueError(f"{wrong[0]} is no e-mail address")
        return value

    @field_validator("scheduler")
    @classmethod
    def _scheduler_address(cls, value: str) -> str:
        if value and not value.startswith(("tcp://", "tls://", "ucx://", "ws://", "wss://")):
            raise ValueError("is a Dask address such as tcp://host:8786")
        return value

    @property
    def runs(self) -> Path:
        """Where runs made here are written; the shipped ones lie in `SHIPPED`."""
        return self.checkpoints / "runs"

    @property
    def max_upload_bytes(self) -> int:
        """`max_upload_mb` in bytes."""
        return self.max_upload_mb * 1024 * 1024

    @property
    def administrator_addresses(self) -> tuple[str, ...]:
        """`administrators`, one by one, in small letters."""
        return tuple(self.administrators.lower().replace(",", " ").split())

    @property
    def looks_at_once(self) -> int:
        """`heavy_at_once`, or all cores but one."""
        return self.heavy_at_once or max(1, (os.cpu_count() or 2) - 1)

    @property
    def torch_threads(self) -> int:
        """Threads of a training, `threads` or every core."""
        return self.threads or os.cpu_count() or 1


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The configuration of this process, read from the environment once.

    Raises:
        LabError: a variable has a value that it may not have; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"LATENT_LAB_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()
        )
        raise LabError(f"The configuration is not valid. {faults}.") from error
