"""Forecasting: what comes next in a series."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from core.data import DatasetInfo, Images
from core.data.sequences import series
from core.models.recurrent import LSTMForecast
from core.runs.schema import DataSpec
from core.runs.store import Run
from core.tasks.base import Descent, Experiment, TaskConfig, constant
from core.tasks.family import by_name
from core.tasks.sequences import SequenceTask, SequenceVariant

LAGS = 2
"""Months that the text's network sees at a step."""
TRAIN_SHARE = 0.7
"""Share of a series that is learnt from: its beginning."""


class ForecastingConfig(TaskConfig):
    """Settings of a forecast."""


class ForecastVariant(SequenceVariant):
    """A network that says what comes next."""


ForecastingExperiment = Experiment[ForecastingConfig, ForecastVariant, nn.Module]


class ForecastingLearner(Descent):
    """One step on the squared error over a whole sequence."""

    def __init__(self, experiment: ForecastingExperiment) -> None:
        super().__init__(experiment.model, Adam, experiment.config.learning_rate, constant)

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        seen, following = images
        loss = F.mse_loss(self.model(seen), following)
        self.descend(loss, progress)
        return {"loss": loss.item()}


class Forecasting(SequenceTask[ForecastingConfig, ForecastVariant, nn.Module]):
    """What comes next in a monthly series."""

    name = "forecasting"
    kind = "forecast"
    title = "Forecasts"
    medium = "series"
    config_class = ForecastingConfig
    headline = "rmse"
    lower_is_better = True
    variants = by_name(
        ForecastVariant(
            "lstm_forecast",
            "LSTM",
            "Two layers of four units, fed with the truth, trained as in the text.",
            lambda shape: LSTMForecast(LAGS),
            {"epochs": 1000, "batch_size": 1, "learning_rate": 1e-2},
            source="LSTM(2 → 4, two layers), Lin 4-1; Adam",
            text="A series divided by its range; two months in, one out; the first 70 % as one "
            "sequence; LSTM(2 → 4, two layers), Lin 4-1; squared error, Adam 1e-2, 1,000 steps.",
            differs="Nothing.",
            quick=True,
            dataset="air-passengers",
        ),
    )

    def describe(
        self, variant: str, config: ForecastingConfig, info: DatasetInfo, fingerprint: str
    ) -> tuple[DataSpec, dict[str, bytes]]:
        n = info.splits["train"] - LAGS
        n_train = int(n * TRAIN_SHARE)
        used = DataSpec(
            fingerprint=fingerprint, n_train=n_train, n_test=n - n_train, shape=(1, 1, LAGS)
        )
        return used, {}

    def training(self, run: Run) -> Images:
        spec = run.spec()
        seen, following = _windows(series(spec.dataset).values)
        return Images(seen[None, : spec.data.n_train], following[None, : spec.data.n_train])

    def testing(self, run: Run) -> Images:
        seen, following = _windows(series(run.spec().dataset).values)
        return Images(seen[None], following[None])

    def learner(
        self, experiment: ForecastingExperiment, data: Images | None = None
    ) -> ForecastingLearner:
        return ForecastingLearner(experiment)

    def validate(
        self, experiment: ForecastingExperiment, images: Images, held: Images
    ) -> dict[str, float]:
        seen, following = images
        start = int(seen.shape[1] * TRAIN_SHARE)
        with torch.no_grad():
            errors = (experiment.model(seen) - following)[:, start:]
        return {"val_loss": float(errors.square().mean())}

    def evaluate(self, experiment: ForecastingExperiment, images: Images) -> dict[str, Any]:
        experiment.check("forecasting")
        figures = self.validate(experiment, images, images)
        return {"rmse": figures["val_loss"] ** 0.5, "n_test": images.labels.shape[1]}

    def render(self, experiment: ForecastingExperiment, images: Images) -> np.ndarray:
        return np.zeros((28, 28), np.uint8)


def _windows(values: Tensor) -> tuple[Tensor, Tensor]:
    """Divide a series by its range and cut it: what is seen (T, LAGS), and what follows (T,)."""
    scaled = (values / (values.max() - values.min())).float()
    return scaled.unfold(0, LAGS, 1)[:-1], scaled[LAGS:]


FORECASTING = Forecasting()
