"""How far forecasts are from what came."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Values = np.ndarray
BAND = 0.8
"""Share of values that are to lie within the limits of a forecast."""
LEAST_ERRORS = 10
"""Errors that limits are taken from, at least."""


class Band(NamedTuple):
    """Limits by horizon, of what comes over its forecast where all values are above zero, else
    less it; (H,) each."""

    low: Values
    high: Values

    def around(self, forecasts: Values, ratio: bool) -> tuple[Values, Values]:
        """Return the limits of forecasts (…, H)."""
        if ratio:
            return forecasts * self.low, forecasts * self.high
        return forecasts + self.low, forecasts + self.high


def naive_error(known: Values, season: int) -> float:
    """Return the mean absolute error of the seasonal rule on what is known, the unit of MASE."""
    lag = season if len(known) > season else 1
    error = float(np.abs(known[lag:] - known[:-lag]).mean())
    return error or 1.0  # a series that repeats itself exactly: errors in its own unit


def mase(forecasts: Values, came: Values, unit: float) -> Values:
    """Mean absolute scaled error of each forecast (N, H) (Hyndman and Koehler 2006), (N,)."""
    return np.asarray(np.abs(forecasts - came).mean(1) / unit)


def rmse(forecasts: Values, came: Values) -> Values:
    """Root of the mean squared error of each forecast (N, H), (N,)."""
    return np.asarray(np.sqrt(((forecasts - came) ** 2).mean(1)))


def band(forecasts: Values, came: Values, ratio: bool) -> Band | None:
    """Return the limits between which the middle errors of forecasts (N, H) lay, by horizon; None
    where they are too few."""
    if len(forecasts) < LEAST_ERRORS or (ratio and forecasts.min() <= 0):
        return None
    errors = came / forecasts if ratio else came - forecasts
    low, high = np.quantile(errors, [(1 - BAND) / 2, (1 + BAND) / 2], axis=0)
    return Band(low, high)


def held(low: Values, high: Values, came: Values) -> float:
    """Return the share of values within their limits."""
    return float(((low <= came) & (came <= high)).mean())


def futures(values: Values, origins: Sequence[int], horizon: int) -> Values:
    """Return what came after each origin, (N, H)."""
    return np.stack([values[origin : origin + horizon] for origin in origins])
