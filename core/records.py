"""What a run says of itself: what was asked, what it was made from, how far it is."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

State = Literal["queued", "running", "done", "failed", "cancelled"]


VERSION = 2
"""Of `config.json` as it is written now. In the first, three things had the names that those of
the texts have today: see `todays_names`."""
CLASSIC_BEFORE = {"squeeze": False, "add_up": False}
"""Settings that the classic dream did not have: how it was made without them."""


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
    version: int = VERSION

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_version(cls, values: Any) -> Any:
        first = isinstance(values, dict) and values.get("version") == 1
        return todays_names(values) if first else values


def todays_names(values: dict[str, Any]) -> dict[str, Any]:
    """What a run of the first version asked for, as it is called now; its id stays.

    The classifier with Adam was `cnn`, the head of four layers `published`, and the classic dream
    was not squeezed and its gradient did not add up.
    """
    task, variant, config = (values.get(name) for name in ("task", "variant", "config"))
    if (task, variant) == ("recognition", "cnn"):
        return {**values, "variant": "cnn_strong"}
    if not isinstance(config, dict):
        return values
    if task == "transfer" and config.get("head") == "published":
        return {**values, "config": {**config, "head": "mlp"}}
    if (task, variant) == ("dreaming", "classic"):
        return {**values, "config": {**CLASSIC_BEFORE, **config}}
    return values


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
