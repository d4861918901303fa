"""Forecasts of any series by a finished run, and its network as the browser takes it."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.data import Images
from core.errors import LabError
from core.metrics import forecast_errors as errors
from core.models.recurrent import Forecaster, RecurrentForecast, SeasonalForecast
from core.models.series_scaling import Scaling, earliest, roll
from core.runs.store import Run
from core.tasks import load_model
from core.tasks.forecasting import FORECASTING, thinned

MAX_HORIZON = 120
"""Steps of a forecast: ten years."""


class Outlook(NamedTuple):
    """A free-running forecast, (H,) each; limits are None where errors are too few."""

    values: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None


def network(run: Run) -> Forecaster:
    """Return a run's network. Raises LabError if it forecasts nothing."""
    if run.spec().task != FORECASTING.name:
        raise LabError(f"{run.id} forecasts nothing: choose a run of {FORECASTING.title}.")
    model = load_model(run)
    assert isinstance(model, Forecaster)
    return model


def scaling_for(run: Run, values: Tensor) -> Scaling:
    """How a run's network reads a series: measured on its first 70 %, as if it learnt from it."""
    return FORECASTING.scaling(run.spec().variant, FORECASTING.config_of(run), values)


def outlook(run: Run, values: Tensor, horizon: int) -> Outlook:
    """Forecast what follows on a series (T,).

    Limits hold where the network's errors so many steps ahead lay in the series itself.

    Raises:
        LabError: too short a series, or steps out of bounds.
    """
    if not 1 <= horizon <= MAX_HORIZON:
        raise LabError(f"A forecast has 1 to {MAX_HORIZON} steps.")
    model, scaling = network(run), scaling_for(run, values)
    start = earliest(model, scaling)
    if len(values) < start:
        raise LabError(f"This network sees {start} steps: the series has {len(values)}.")
    forecast = roll(model, scaling, values, [len(values)], horizon)[0, :, 0].numpy()
    if not np.isfinite(forecast).all():
        raise LabError("The forecast grows beyond all bounds: this network cannot go on from here.")
    before, numbers = thinned(range(start, len(values) - horizon + 1)), values.numpy()
    if not before:
        return Outlook(forecast, None, None)
    learnt = roll(model, scaling, values, before, horizon)[..., 0].numpy()
    ratio = bool(numbers.min() > 0)
    band = errors.band(learnt, errors.futures(numbers, before, horizon), ratio)
    return Outlook(forecast, *(band.around(forecast, ratio) if band else (None, None)))


def browser_network(run: Run) -> dict[str, Any]:
    """Return a run's network in numbers and lists: kind, what it reads, weights by name."""
    model, spec = network(run), run.spec()
    kind = "linear"
    if isinstance(model, RecurrentForecast):
        kind = {torch.nn.RNN: "rnn", torch.nn.GRU: "gru", torch.nn.LSTM: "lstm"}[type(model.cells)]
    elif isinstance(model, SeasonalForecast):
        kind = "seasonal"
    return {
        "kind": kind,
        "lags": model.lags,
        "layers": getattr(getattr(model, "cells", None), "num_layers", 0),
        "hidden": getattr(getattr(model, "cells", None), "hidden_size", 0),
        "changes": FORECASTING.variant(spec.variant).changes,
        "whole": FORECASTING.config_of(run).scaling == "whole",
        "weights": {
            name: {"shape": list(tensor.shape), "data": [float(x) for x in tensor.flatten()]}
            for name, tensor in model.state_dict().items()
        },
    }


def measured_on(run: Run, values: Tensor) -> dict[str, Any]:
    """Return a run's figures on any series, as if it had learnt from its first 70 %."""
    chosen = FORECASTING.experiment(run.spec().variant, FORECASTING.config_of(run), network(run))
    return FORECASTING.evaluate(chosen, Images(values[None], values[None]))


def from_step(run: Run, values: Tensor, origin: int, horizon: int) -> np.ndarray:
    """Forecast a series (T,) from one of its steps on, free-running, (H,)."""
    rolled = roll(network(run), scaling_for(run, values), values, [origin], horizon)
    return np.asarray(rolled[0, :, 0])
