"""Forecasting: what comes next in a series."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageDraw
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from core.data import DatasetInfo, Images
from core.data.sequences import series
from core.errors import LabError
from core.metrics import forecast_errors as errors
from core.models.classical_forecasts import Forecast, holt_winters, persistence, seasonal_naive
from core.models.recurrent import (
    SEASON,
    Forecaster,
    LinearForecast,
    RecurrentForecast,
    SeasonalForecast,
)
from core.models.series_scaling import Scaling, earliest, inputs, roll
from core.runs.schema import DataSpec, RunSpec
from core.runs.store import Run
from core.tasks.base import Descent, Experiment, Learner, TaskConfig, constant
from core.tasks.family import Shape, by_name, number
from core.tasks.sequence_tasks import WHOLE, SequenceTask, SequenceVariant

LAGS = 2
"""Months that the text's network sees at a step."""
TRAIN_SHARE = 0.7
"""Share of a series that is learnt from: its beginning."""
HORIZON = SEASON
"""Steps of a free-running forecast: a year."""
MAX_ORIGINS = 120
"""Forecasts that errors are taken from; more are thinned out evenly."""
LEAST_STEPS = 5 * SEASON
"""Of a series to learn from: ends of it are forecast a year ahead, from two years on."""
LIMIT = (1 - errors.BAND) / 2
"""Share of values that are to lie below the lower limit, and above the upper one."""


class ForecastingConfig(TaskConfig):
    """Settings of a forecast."""

    lags: int = number(LAGS, (1, 36), "Lags", "past steps that it is given at each step")
    hidden: int = number(4, (1, 32), "Units", "of each recurrent layer")
    layers: int = number(2, (1, 5), "Layers", "recurrent layers")
    scaling: Literal["training", "whole"] = Field(
        "training",
        title="Scaled by",
        description="what the scale is taken from: the part to learn from, or the whole series, "
        "with what is to be forecast",
    )
    clip: float = number(
        0.0, (0, 100), "Clip gradients at", "their largest norm; 0 clips none", step=0.1
    )
    penalty: float = number(
        0.0, (0, 1000), "Ridge penalty", "on the weights, not the biases", step=0.5
    )


@dataclass(frozen=True, kw_only=True)
class ForecastVariant(SequenceVariant):
    """A network that says what comes next."""

    network: Callable[[ForecastingConfig], Forecaster]
    changes: bool = True
    """Whether it reads changes, of logarithms where that can be, and not the values."""
    solved: bool = False
    """Whether its weights are computed and not descended to."""


ForecastingExperiment = Experiment[ForecastingConfig, ForecastVariant, Forecaster]


class ForecastingLearner(Descent):
    """One step on the squared error over a whole sequence, and on the limits where it has some."""

    def __init__(self, experiment: ForecastingExperiment) -> None:
        config = experiment.config
        super().__init__(experiment.model, Adam, config.learning_rate, constant)
        self.forecaster, self.penalty = experiment.model, config.penalty
        self.max_gradient = config.clip

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        seen, following = images
        outputs, _ = self.forecaster(seen)
        loss = F.mse_loss(outputs[..., 0], following)
        whole = loss + sum(_pinball(outputs, following))
        for weights in self.forecaster.penalised():
            whole = whole + self.penalty * weights.square().sum() / following.shape[1]
        self.descend(whole, progress)
        return {"loss": loss.item()}


def _pinball(outputs: Tensor, following: Tensor) -> list[Tensor]:
    """The loss of each limit, least where the wanted share lies below (Koenker, Bassett 1978)."""
    shares = (LIMIT, 1 - LIMIT)[: outputs.shape[-1] - 1]
    over = [following - outputs[..., k + 1] for k in range(len(shares))]
    return [torch.maximum(q * e, (q - 1) * e).mean() for q, e in zip(shares, over, strict=True)]


class RidgeLearner(Learner):
    """Computes the weights at once: least squares with a penalty on all but the bias."""

    def __init__(self, experiment: ForecastingExperiment) -> None:
        super().__init__(experiment.model, {})
        self.penalty = experiment.config.penalty

    @torch.no_grad()
    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        seen, following = images
        assert isinstance(self.model, LinearForecast)
        loss = F.mse_loss(self.model(seen)[0][..., 0], following).item()
        features = torch.cat([seen[0], torch.ones_like(seen[0, :, :1])], 1).double()
        ridge = self.penalty * torch.eye(features.shape[1], dtype=torch.float64)
        ridge[-1, -1] = 0
        products = features.T @ features + ridge.to(features)
        # As the least norm where a constant series leaves the weights undetermined.
        weights = torch.linalg.pinv(products, hermitian=True) @ (features.T @ following[0].double())
        self.model.linear.weight[0] = weights[:-1].float()
        self.model.linear.bias[0] = weights[-1].float()
        return {"loss": loss}


def _cells(kind: str, config: ForecastingConfig) -> Forecaster:
    return RecurrentForecast(kind, config.lags, config.hidden, config.layers)


def _of_shape(shape: Shape) -> Forecaster:
    raise LabError("Networks that forecast are built from their settings.")


PUBLISHED = {"epochs": 1000, "batch_size": 1, "learning_rate": 1e-2, "scaling": "whole"}
WHAT = "A series divided by its range; two months in, one out; the first 70 % as one sequence; "
SETUP = "squared error, Adam 1e-2, 1,000 steps."
ONE_SEQUENCE = WHOLE | {"batch_size"}
"""Settings that say nothing where there is one sequence."""


class Forecasting(SequenceTask[ForecastingConfig, ForecastVariant, Forecaster]):
    """What comes next in a monthly series."""

    name = "forecasting"
    kind = "forecast"
    title = "Forecasts"
    medium = "series"
    config_class = ForecastingConfig
    headline = "mase"
    lower_is_better = True
    variants = by_name(
        ForecastVariant(
            "lstm_forecast",
            "LSTM",
            "Two layers of four units, fed with the truth, trained as in the text.",
            _of_shape,
            PUBLISHED,
            network=partial(_cells, "lstm"),
            changes=False,
            fixed=ONE_SEQUENCE | {"penalty"},
            source="LSTM(2 → 4, two layers), Lin 4-1; Adam",
            text=WHAT + "LSTM(2 → 4, two layers), Lin 4-1; " + SETUP,
            differs="Nothing; the range is of the whole series, as there, which tells it of the "
            "future. `scaling=training` does not.",
            quick=True,
            dataset="air-passengers",
        ),
        ForecastVariant(
            "gru",
            "GRU",
            "The text's forecast with gated recurrent units: three quarters of the weights.",
            _of_shape,
            PUBLISHED,
            network=partial(_cells, "gru"),
            changes=False,
            fixed=ONE_SEQUENCE | {"penalty"},
            source="GRU(2 → 4, two layers), Lin 4-1; Adam",
            differs="Ours: the set-up of `lstm_forecast` with the GRU that the text describes.",
            quick=True,
            dataset="air-passengers",
        ),
        ForecastVariant(
            "rnn",
            "RNN",
            "The text's forecast with plain recurrent units: a quarter of the weights.",
            _of_shape,
            PUBLISHED,
            network=partial(_cells, "rnn"),
            changes=False,
            fixed=ONE_SEQUENCE | {"penalty"},
            source="RNN(2 → 4, two layers), Lin 4-1; Adam",
            differs="Ours: the set-up of `lstm_forecast` with the plain cell that the text "
            "describes.",
            quick=True,
            dataset="air-passengers",
        ),
        ForecastVariant(
            "linear_lags",
            "Linear on 12 lags",
            "A weighted sum of the last twelve changes, computed at once.",
            _of_shape,
            {"epochs": 1, "batch_size": 1, "lags": SEASON, "penalty": 3.0},
            network=lambda config: LinearForecast(config.lags),
            solved=True,
            fixed=ONE_SEQUENCE | {"hidden", "layers", "clip", "learning_rate"},
            source="Ridge regression on changes of the logarithm",
            differs="Ours: ridge regression on the last twelve changes, of the logarithm where "
            "all values are above zero; scaled by what it learns from.",
            quick=True,
            dataset="air-passengers",
        ),
        ForecastVariant(
            "lstm_seasonal",
            "Seasonal LSTM",
            "Two years of changes in a weighted sum, which an LSTM corrects; with limits.",
            _of_shape,
            {
                "epochs": 300,
                "batch_size": 1,
                "learning_rate": 1e-2,
                "lags": 2 * SEASON,
                "hidden": 8,
                "layers": 1,
                "clip": 1.0,
                "penalty": 10.0,
            },
            network=lambda config: SeasonalForecast(config.lags, config.hidden, config.layers),
            fixed=ONE_SEQUENCE,
            source="Lin 24-1 + LSTM(4 → 8), on changes of the logarithm; Adam",
            differs="Ours: changes of the logarithm, scaled by what it learns from; a weighted "
            "sum of 24 of them, and an LSTM on the newest, the one a year before and the season; "
            "squared error with a ridge penalty, and the pinball loss of two limits. Lags and "
            "penalty were chosen with the last 30 % in sight, which flatters it; the penalty "
            "leaves next to nothing of what the LSTM adds.",
            quick=True,
            dataset="air-passengers",
        ),
    )

    def describe(
        self, variant: str, config: ForecastingConfig, info: DatasetInfo, fingerprint: str
    ) -> tuple[DataSpec, dict[str, bytes]]:
        n = info.splits["train"]
        if n < LEAST_STEPS:
            raise LabError(
                f"{info.title} has {n} steps: a forecast needs {LEAST_STEPS} at least, five years."
            )
        start = first_test(n)
        used = DataSpec(
            fingerprint=fingerprint, n_train=start - LAGS, n_test=n - start, shape=(1, 1, LAGS)
        )
        return used, {}

    def build_for(self, spec: RunSpec, config: ForecastingConfig) -> Forecaster:
        return self.variant(spec.variant).network(config)

    def training(self, run: Run) -> Images:
        spec, config = run.spec(), self.config_of(run)
        values = series(spec.dataset).values
        model, scaling = self.build_for(spec, config), self.scaling(spec.variant, config, values)
        read = scaling.apply(values[: first_test(len(values))]).float()
        seen = inputs(model, read, scaling.first)[:-1]
        return Images(seen[None], read[None, model.lags :])

    def testing(self, run: Run) -> Images:
        values = series(run.spec().dataset).values.float()[None]
        return Images(values, values)

    def scaling(self, variant: str, config: ForecastingConfig, values: Tensor) -> Scaling:
        """How a run's network reads a series (T,)."""
        changes = self.variant(variant).changes
        return Scaling.of(values, first_test(len(values)), changes, config.scaling == "whole")

    def learner(self, experiment: ForecastingExperiment, data: Images | None = None) -> Learner:
        kind = RidgeLearner if experiment.variant.solved else ForecastingLearner
        return kind(experiment)

    def validate(
        self, experiment: ForecastingExperiment, images: Images, held: Images
    ) -> dict[str, float]:
        experiment.check("reading the series")
        values, scaling, given = self._given(experiment, images)
        with torch.no_grad():
            outputs, _ = experiment.model(given[None, :-1])
        experiment.check("measuring")
        start = earliest(experiment.model, scaling)
        came = scaling.apply(values).float()[start - scaling.first :].to(outputs)
        missed = (outputs[0, :, 0] - came)[first_test(len(values)) - start :]
        return {"val_loss": float(missed.square().mean())}

    def evaluate(self, experiment: ForecastingExperiment, images: Images) -> dict[str, Any]:
        """Errors a step and a year ahead over rolling origins in the last 30 %, beside those of
        three forecasts without a network, and how often limits hold."""
        values = _series(images)
        numbers, start = values.numpy(), first_test(len(values))
        figures: dict[str, Any] = {}
        methods: dict[str, Forecast] = {
            "persistence": persistence,
            "seasonal_naive": seasonal_naive,
        }
        experiment.check("fitting Holt-Winters")
        methods["holt_winters"] = holt_winters(numbers[:start])
        rows = []
        for name, method in methods.items():
            experiment.check(f"measuring {name.replace('_', ' ')}")
            rows.append({"name": name, **measured(partial(_each, method), numbers, 2 * SEASON)})
        experiment.check("measuring")
        model, scaling = experiment.model.cpu(), self._scaling(experiment, values)

        def forecast(known: np.ndarray, origins: Sequence[int], horizon: int) -> np.ndarray:
            return roll(model, scaling, values, list(origins), horizon)[..., 0].numpy()

        figures |= measured(forecast, numbers, max(earliest(model, scaling), 2 * SEASON))
        origins = list(range(start, len(numbers)))
        following = roll(model, scaling, values, origins, 1)[:, 0].numpy()
        if following.shape[1] > 1:
            figures["limits_held"] = errors.held(following[:, 1], following[:, 2], numbers[start:])
        figures["weights"] = sum(p.numel() for p in model.parameters())
        return {**figures, "baselines": rows, "n_test": len(numbers) - start}

    def render(self, experiment: ForecastingExperiment, images: Images) -> np.ndarray:
        """The series, and a year forecast from where the part to learn from ends."""
        values = _series(images)
        start = first_test(len(values))
        forecast = roll(
            experiment.model.cpu(), self._scaling(experiment, values), values, [start], HORIZON
        )
        return picture(values.numpy(), start, forecast[0, :, 0].numpy())

    def _scaling(self, experiment: ForecastingExperiment, values: Tensor) -> Scaling:
        return self.scaling(experiment.variant.name, experiment.config, values)

    def _given(
        self, experiment: ForecastingExperiment, images: Images
    ) -> tuple[Tensor, Scaling, Tensor]:
        values = _series(images)
        scaling = self._scaling(experiment, values)
        given = inputs(experiment.model, scaling.apply(values), scaling.first)
        return values, scaling, given.to(images.pixels.device)


def first_test(n: int) -> int:
    """Return the first step of a series that is not learnt from, where the text has it."""
    return LAGS + int((n - LAGS) * TRAIN_SHARE)


def _series(images: Images) -> Tensor:
    return images.pixels[0].double().cpu()


Rolled = Callable[[np.ndarray, Sequence[int], int], np.ndarray]
"""From a series, the first steps of forecasts and their length to the forecasts (N, H)."""


def _each(method: Forecast, values: np.ndarray, origins: Sequence[int], horizon: int) -> np.ndarray:
    return np.stack([method(values[:origin], horizon) for origin in origins])


def measured(forecast: Rolled, values: np.ndarray, from_step: int) -> dict[str, Any]:
    """Return the errors of a forecast over rolling origins, with their spread.

    Limits are where its own errors lay a year ahead in the part that is learnt from.

    Args:
        from_step: the first that it can forecast.
    """
    n, start = len(values), first_test(len(values))
    unit, ratio = errors.naive_error(values[:start], SEASON), bool(values.min() > 0)
    origins = thinned(range(start, n - HORIZON + 1))
    year, came = forecast(values, origins, HORIZON), errors.futures(values, origins, HORIZON)
    single = forecast(values, range(start, n), 1)[:, 0]
    scaled, squared = errors.mase(year, came, unit), errors.rmse(year, came)
    figures: dict[str, Any] = {
        "mase": float(scaled.mean()),
        "mase_spread": float(scaled.std()),
        "rmse": float(squared.mean()),
        "rmse_spread": float(squared.std()),
        "mase_one_step": float(np.abs(single - values[start:]).mean() / unit),
        "rmse_one_step": float(np.sqrt(((single - values[start:]) ** 2).mean())),
        "origins": len(origins),
    }
    before = thinned(range(from_step, start - HORIZON + 1))
    if before:
        learnt = forecast(values, before, HORIZON)
        band = errors.band(learnt, errors.futures(values, before, HORIZON), ratio)
        if band is not None:
            figures["interval_held"] = errors.held(*band.around(year, ratio), came)
            figures |= {"band_low": band.low.tolist(), "band_high": band.high.tolist()}
    return figures


def thinned(origins: range) -> list[int]:
    """Return at most `MAX_ORIGINS` of them, evenly, the first and the last included."""
    count = min(len(origins), MAX_ORIGINS)
    if count < 2:
        return list(origins)
    return [origins[round(i * (len(origins) - 1) / (count - 1))] for i in range(count)]


WIDTH, HEIGHT, SCALE = 360, 160, 2
INK, ACCENT, PALE = (110, 110, 118), (218, 96, 32), (228, 228, 232)


def picture(
    values: np.ndarray, start: int, forecast: np.ndarray, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> np.ndarray:
    """Draw a series (T,) with a forecast (H,) from a step on, uint8 (height, width, 3)."""
    sheet = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), "white")
    draw = ImageDraw.Draw(sheet)
    shown = range(max(0, start - 6 * SEASON), min(len(values), start + 2 * SEASON))
    finite = forecast[np.isfinite(forecast)]
    inside = np.concatenate([values[shown.start : shown.stop], finite])
    low, high = float(inside.min()), float(inside.max())
    room = 8 * SCALE

    def place(step: int, value: float) -> tuple[float, float]:
        across = (step - shown.start) / max(1, len(shown) - 1)
        up = (value - low) / ((high - low) or 1.0)
        return (
            room + across * (sheet.width - 2 * room),
            sheet.height - room - min(max(up, -1.0), 2.0) * (sheet.height - 2 * room),
        )

    edge = place(start, low)[0]
    draw.rectangle((edge, 0, sheet.width, sheet.height), fill=(246, 246, 249))
    draw.line((edge, 0, edge, sheet.height), fill=PALE, width=SCALE)
    draw.line([place(t, values[t]) for t in shown], fill=INK, width=SCALE, joint="curve")
    if len(finite) == len(forecast):
        points = [place(start - 1, values[start - 1])]
        points += [place(start + h, value) for h, value in enumerate(forecast)]
        draw.line(points, fill=ACCENT, width=2 * SCALE, joint="curve")
    return np.asarray(sheet.resize(size, Image.Resampling.BOX))


FORECASTING = Forecasting()
