"""What a run says of itself: what was asked, what it was made from, how far it is."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["queued", "running", "done", "failed", "cancelled"]


class DataUsed(BaseModel):
    """What a run was trained on: the images' SHA-256, how many, their (C, H, W) as used, the number
    of their classes, and what these are called, for where the images are not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fingerprint: str
    n_train: int
    n_test: int
    shape: tuple[int, int, int]
    classes: int = 0
    class_names: tuple[str, ...] = ()


class RunConfig(BaseModel):
    """What was asked: enough to do the same again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    variant: str
    dataset: str
    config: dict[str, Any]
    data: DataUsed
    private: bool = False
    version: int = 1


class Status(BaseModel):
    """How far a run is. `queued_at` and `heartbeat` are seconds since 1970, `eta` seconds."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    state: State = "queued"
    stage: str = ""
    epoch: int = 0
    epochs: int = 0
    done: float = Field(0.0, ge=0, le=1)
    """Share of the training that is behind, by images."""
    images_per_second: float = 0.0
    eta: float | None = None
    heartbeat: float = 0.0
    queued_at: float = 0.0
    attempt: int = 0
    error: str = ""

    @property
    def active(self) -> bool:
        """Waiting or running."""
        return self.state in ("queued", "running")


class Question(BaseModel):
    """A validated question; `run_id` names the run that answers it."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    config: RunConfig
    given: dict[str, bytes] = {}
    """Files that the work begins with, by name: a picture, a mask."""
