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
    """Each field is the variable `LATENT_LAB_<FIELD>`; the README's table is made from it."""

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
    training: Literal["on", "off"] = Field("on", description="whether pages may start jobs")
    downloads: Literal["on", "off"] = Field("on", description="whether data may be downloaded")
    secret: str = Field(
        "", description="key that signs visitors' cookies; empty makes one and keeps it in `runs/`"
    )
    max_queue: int = Field(20, ge=1, le=1000, description="jobs waiting or running at most")
    max_epochs: int = Field(200, ge=1, le=10_000, description="epochs of one training at most")
    max_upload_mb: int = Field(32, ge=1, le=2048, description="one uploaded file at most, MiB")
    max_image_pixels: int = Field(
        40_000_000, ge=784, le=1_000_000_000, description="pixels of one uploaded picture at most"
    )
    max_archive_files: int = Field(
        20_000, ge=1, le=1_000_000, description="pictures in one uploaded archive at most"
    )
    threads: int = Field(
        0, ge=0, le=1024, description="torch's threads in a training; 0 takes every core"
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
