"""Forecasts without a network: what any other has to be better than."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from core.models.recurrent import SEASON

Values = np.ndarray
Forecast = Callable[[Values, int], Values]
"""From what is known (T,) and a number of steps to as many values."""
STARTS = ((0.3, 0.05, 0.3), (0.5, 0.01, 0.5), (0.8, 0.05, 0.05))
"""Smoothing of level, trend and season that the fit begins with."""


def persistence(known: Values, steps: int) -> Values:
    """What was last, again."""
    return np.repeat(known[-1:], steps)


def seasonal_naive(known: Values, steps: int) -> Values:
    """What was a year before, again; with less than a year, what was last."""
    if len(known) < SEASON:
        return persistence(known, steps)
    return np.asarray(known[-SEASON:][np.arange(steps) % SEASON])


@dataclass(frozen=True)
class HoltWinters:
    """Exponential smoothing of level, trend and season (Holt 1957, Winters 1960).

    The smoothing is chosen once, on what is known at first, by the squared error one step ahead;
    later forecasts carry level, trend and season on. It begins with the means of the first two
    years, and the mean deviation of each month in them from their line.
    """

    multiplied: bool
    smoothing: tuple[float, float, float]
    error: float
    """Mean squared error one step ahead on what it was fitted to."""

    @classmethod
    def fitted(cls, known: Values, multiplied: bool) -> "HoltWinters":
        """Choose the smoothing on a series of two years at least; `multiplied` needs values above
        zero."""

        def error(smoothing: Values) -> float:
            errors = _smoothed(known, tuple(smoothing), multiplied)[0]
            return float(np.mean(errors**2))

        fits = [
            minimize(error, start, method="L-BFGS-B", bounds=[(1e-4, 0.9999)] * 3)
            for start in STARTS
        ]
        best = min(fits, key=lambda one: float(one.fun))
        level, trend, season = (float(x) for x in best.x)
        return cls(multiplied, (level, trend, season), float(best.fun))

    def __call__(self, known: Values, steps: int) -> Values:
        """Forecast the steps after what is known."""
        _, level, trend, season = _smoothed(known, self.smoothing, self.multiplied)
        ahead = np.arange(1, steps + 1)
        seasons = season[(len(known) + ahead - 1) % SEASON]
        line = level + ahead * trend
        return np.asarray(line * seasons if self.multiplied else line + seasons)


def holt_winters(known: Values) -> Forecast:
    """Return the better of the two kinds on what is known; seasonal-naive below two years."""
    if len(known) < 2 * SEASON:
        return seasonal_naive
    kinds = [HoltWinters.fitted(known, False)]
    if known.min() > 0:
        kinds.append(HoltWinters.fitted(known, True))
    return min(kinds, key=lambda one: one.error)


def _smoothed(
    known: Values, smoothing: tuple[float, ...], multiplied: bool
) -> tuple[Values, float, float, Values]:
    """Errors one step ahead from the second year on, and level, trend and season at the end."""
    a, b, g = smoothing
    trend = float(known[SEASON : 2 * SEASON].mean() - known[:SEASON].mean()) / SEASON
    middle = float(known[:SEASON].mean())
    line = middle + trend * (np.arange(2 * SEASON) - (SEASON - 1) / 2)
    ratio = known[: 2 * SEASON] / line if multiplied else known[: 2 * SEASON] - line
    season = ratio.reshape(2, SEASON).mean(0)
    season = season / season.mean() if multiplied else season - season.mean()
    level = middle + trend * (SEASON - 1) / 2
    errors = np.empty(len(known) - SEASON)
    seasons = season.tolist()
    for i, value in enumerate(known[SEASON:].tolist()):
        month, before = i % SEASON, level
        expected = (
            (level + trend) * seasons[month] if multiplied else level + trend + seasons[month]
        )
        errors[i] = value - expected
        clean = value / seasons[month] if multiplied else value - seasons[month]
        level = a * clean + (1 - a) * (level + trend)
        trend = b * (level - before) + (1 - b) * trend
        now = value / level if multiplied else value - level
        seasons[month] = g * now + (1 - g) * seasons[month]
    return errors, level, trend, np.array(seasons)
