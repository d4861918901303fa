"""The schemas of a run's files: its spec, its data, its status and its figures."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

State = Literal["queued", "running", "done", "failed", "cancelled"]
Name = Annotated[str, Field(max_length=200)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Side = Annotated[int, Field(ge=1, le=4096)]
Number = Annotated[float, Field(strict=True, ge=-1e15, le=1e15, allow_inf_nan=False)]
"""A figure: finite, and small enough for every table and chart."""
Numbers = list[Number]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]


VERSION = 2
"""Of `config.json` as it is written now. In the first, three things had the names that those of
the texts have today: see `todays_names`."""
CLASSIC_BEFORE = {"squeeze": False, "add_up": False}
"""Settings that the classic dream did not have: how it was made without them."""


class DataSpec(BaseModel):
    """What a run was trained on: the images' SHA-256, how many, their (C, H, W) as used, the number
    of their classes, and what these are called, for where the images are not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fingerprint: Name
    n_train: Count
    n_test: Count
    shape: tuple[Annotated[int, Field(ge=1, le=4)], Side, Side]
    classes: Annotated[int, Field(ge=0, le=100_000)] = 0
    class_names: tuple[str, ...] = ()
    others: dict[Name, Name] = {}
    """Further data sets that it was trained on, by name: the SHA-256 of their images."""

    @model_validator(mode="after")
    def _all_classes_have_names(self) -> Self:
        if self.class_names and len(self.class_names) != self.classes:
            raise ValueError(f"{len(self.class_names)} names for {self.classes} classes")
        return self


class RunSpec(BaseModel):
    """The request that a run answers: enough to reproduce it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Name
    variant: Name
    dataset: Name
    config: dict[str, Any]
    data: DataSpec
    private: bool = False
    version: int = VERSION

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_version(cls, values: Any) -> Any:
        first = isinstance(values, dict) and values.get("version") == 1
        return todays_names(values) if first else values


def todays_names(values: dict[str, Any]) -> dict[str, Any]:
    """Translate the spec of a run of the first version to today's names; its id stays.

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
    epoch: Count = 0
    epochs: Count = 0
    done: float = Field(0.0, ge=0, le=1)
    """Share of the training that is behind, by images."""
    images_per_second: Number = 0.0
    eta: Number | None = None
    heartbeat: Number = 0.0
    queued_at: Number = 0.0
    attempt: Count = 0
    error: str = ""

    @property
    def active(self) -> bool:
        """Waiting or running."""
        return self.state in ("queued", "running")


def _by_name(value: Any) -> Any:
    """A regression's is a single share, which its page reads by itself: no table of kinds."""
    return {} if isinstance(value, float) and 0 <= value <= 1 else value


class Figures(BaseModel):
    """The types of the figures in metrics.json that lists and pages read; others may stand beside
    them."""

    model_config = ConfigDict(extra="allow", frozen=True)

    psnr: Number = 0.0
    psnr_noisy: Number = 0.0
    ssim: Number = 0.0
    ssim_noisy: Number = 0.0
    mse: Number = 0.0
    loss: Number = 0.0
    kl: Number = 0.0
    reconstruction: Number = 0.0
    negative_elbo: Number = 0.0
    negative_iwae: Number = 0.0
    active_units: Number = 0.0
    fid: Number = 0.0
    steps: Count = 0
    guidance: Number = 0.0
    fid_by_steps: dict[str, Number] = Field(default_factory=dict)
    precision: Share = 0.0
    recall: Share = 0.0
    density: Number = 0.0
    coverage: Share = 0.0
    duplicates: Share = 0.0
    entropy: Number = 0.0
    spread: Number = 0.0
    asked_accuracy: Share = 0.0
    accuracy: Share = 0.0
    accuracy_low: Share = 0.0
    accuracy_high: Share = 0.0
    seen_accuracy: Share = 0.0
    unseen_accuracy: Share = 0.0
    unseen_low: Share = 0.0
    unseen_high: Share = 0.0
    sentence_accuracy: Share = 0.0
    bigram: dict[Name, Share] = {}
    most_frequent: Annotated[dict[Name, Share], BeforeValidator(_by_name)] = {}
    n_sentences: Count = 0
    n_texts: Count = 0
    n_unseen: Count = 0
    log_loss: Number = 0.0
    calibration_error: Number = 0.0
    temperature: Number = 0.0
    perplexity: Number = 0.0
    perplexities: dict[str, Number] = {}
    intervals: dict[str, Numbers] = {}
    trigram_zeros: Share = 0.0
    mixture_weight: Share | None = None
    validation_perplexity: Number | None = None
    contexts: list[dict[str, Number]] = []
    held_out: bool = True
    words: Count = 0
    trustworthiness: Number = 0.0
    preservation: Share = 0.0
    explained_variance: Number = 0.0
    knn_accuracy_map: Share | None = None
    knn_accuracy_codes: Share | None = None
    objective: Number = 0.0
    objective_before: Number = 0.0
    first_preview: Number = 0.0
    mase: Number = 0.0
    mase_spread: Number = 0.0
    rmse: Number = 0.0
    rmse_spread: Number = 0.0
    mase_one_step: Number = 0.0
    rmse_one_step: Number = 0.0
    interval_held: Share | None = None
    limits_held: Share | None = None
    band_low: Numbers = []
    band_high: Numbers = []
    baselines: list[dict[str, Any]] = []
    origins: Count = 0
    images_per_second: Number = 0.0
    seconds: Number = 0.0
    n_test: Count = 0
    n: Count = 0
    n_all: Count = 0
    n_data: Count = 0
    k: Count = 0
    code_numbers: Count = 0
    classes: Count = 0
    iwae_images: Count = 0
    iwae_samples: Count = 0
    code_mean: Numbers = []
    code_std: Numbers = []
    code_covariance: list[Numbers] = []
    kl_per_dimension: Numbers = []
    anomaly_quantiles: Numbers = []
    class_accuracy: list[Share] = []
    class_precision: list[Share] = []
    class_recall: list[Share] = []
    class_f1: list[Share] = []
    histogram: Numbers = []
    confusion: list[Numbers] = []
    sweep: list[dict[str, Number]] = []
    corruption: Name = ""
    device: Name = ""
    extractor: str = ""
    stages: list[str] = []
    fid_ab: Number = 0.0
    floor_ab: Number = 0.0
    cycle_error_ab: Number = 0.0
    moved_ab: Number = 0.0
    kept_ab: Share = 0.0
    kept_low_ab: Share = 0.0
    kept_high_ab: Share = 0.0
    kept_copy_ab: Share = 0.0
    ceiling_ab: Share = 0.0
    psnr_ab: Number = 0.0
    psnr_low_ab: Number = 0.0
    psnr_high_ab: Number = 0.0
    psnr_copy_ab: Number = 0.0
    psnr_matched_ab: Number = 0.0
    ssim_ab: Number = 0.0
    ssim_copy_ab: Number = 0.0
    ssim_matched_ab: Number = 0.0
    n_ab: Count = 0
    extractor_ab: str = ""
    confusion_ab: list[Numbers] = []
    hidden_ab: list[dict[str, Number]] = []
    fid_ba: Number = 0.0
    floor_ba: Number = 0.0
    cycle_error_ba: Number = 0.0
    moved_ba: Number = 0.0
    kept_ba: Share = 0.0
    kept_low_ba: Share = 0.0
    kept_high_ba: Share = 0.0
    kept_copy_ba: Share = 0.0
    ceiling_ba: Share = 0.0
    psnr_ba: Number = 0.0
    psnr_low_ba: Number = 0.0
    psnr_high_ba: Number = 0.0
    psnr_copy_ba: Number = 0.0
    psnr_matched_ba: Number = 0.0
    ssim_ba: Number = 0.0
    ssim_copy_ba: Number = 0.0
    ssim_matched_ba: Number = 0.0
    n_ba: Count = 0
    extractor_ba: str = ""
    confusion_ba: list[Numbers] = []
    hidden_ba: list[dict[str, Number]] = []


class RunRequest(BaseModel):
    """A validated request; `run_id` names the run that answers it."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    config: RunSpec
    given: dict[str, bytes] = {}
    """Files that the work begins with, by name: a picture, a mask."""
