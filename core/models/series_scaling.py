"""From the values of a series to what a network reads, and back."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.models.recurrent import SEASON, Forecaster, State

MIN_SCALE = 1e-6
"""Of the size of the values: a constant series is divided by this instead of by nothing."""


@dataclass(frozen=True)
class Scaling:
    """How values become what a network reads: divided by a range, or as changes.

    Changes are of logarithms where all values are above zero, less their mean, over their
    standard deviation.
    """

    changes: bool
    logarithm: bool
    offset: float
    scale: float

    @classmethod
    def of(cls, values: Tensor, known: int, changes: bool, whole: bool = False) -> "Scaling":
        """Measure a series (T,).

        Args:
            known: steps that lie before the first that is to be forecast.
            whole: measure all of it, as the text does: what is to be forecast too.
        """
        seen = values if whole else values[:known]
        if not changes:
            return cls(False, False, 0.0, _size(float(seen.max() - seen.min()), values))
        logarithm = bool(values.min() > 0)
        moved = (seen.log() if logarithm else seen).diff()
        deviation = float(moved.std(correction=0)) if len(moved) > 1 else 0.0
        return cls(
            True,
            logarithm,
            float(moved.mean()) if len(moved) else 0.0,
            _size(deviation, torch.ones(1) if logarithm else values),
        )

    @property
    def first(self) -> int:
        """The step of the first number that `apply` gives."""
        return int(self.changes)

    def apply(self, values: Tensor) -> Tensor:
        """Return what a network reads, (…, T - first)."""
        if not self.changes:
            return values / self.scale
        moved = (values.log() if self.logarithm else values).diff()
        return (moved - self.offset) / self.scale

    def undo(self, last: Tensor, read: Tensor) -> Tensor:
        """Return the values (N, H) that follow on `last` (N,) if a network reads (N, H)."""
        if not self.changes:
            return read * self.scale
        sums = (read * self.scale + self.offset).cumsum(1)
        return last[:, None] * sums.exp() if self.logarithm else last[:, None] + sums


def _size(scale: float, values: Tensor) -> float:
    return max(scale, MIN_SCALE * max(1.0, float(values.abs().max())))


def inputs(model: Forecaster, scaled: Tensor, first: int) -> Tensor:
    """Return what a network is given at each step, (T - lags + 1, lags or lags + 2).

    Args:
        scaled: (T,).
        first: the step of its first number, for the season.
    """
    windows = scaled.float().unfold(0, model.lags, 1)
    following = torch.arange(len(windows)) + first + model.lags
    return _given(model, windows, following)


def season_of(steps: Tensor) -> Tensor:
    """Return sine and cosine of the season of steps (N,), (N, 2)."""
    angles = 2 * math.pi * (steps % SEASON).double() / SEASON
    return torch.stack([angles.sin(), angles.cos()], 1).float()


@torch.inference_mode()
def roll(
    model: Forecaster, scaling: Scaling, values: Tensor, origins: list[int], horizon: int
) -> Tensor:
    """Forecast from several steps on, each time fed with the forecasts themselves.

    Args:
        values: a series (T,); of each forecast only what lies before its origin is seen.
        origins: first steps that are forecast; `earliest` at least, T at most.
        horizon: steps that are forecast.

    Returns:
        Values, (len(origins), horizon, outputs of the network), float64.
    """
    given = inputs(model, scaling.apply(values), scaling.first)
    rows = [origin - earliest(model, scaling) for origin in origins]
    outputs, states = list[Tensor](), list[State]()
    state: State = None
    for row in given[: max(rows) + 1]:
        output, state = model(row[None, None], state)
        outputs.append(output[0, 0])
        states.append(state)
    outputs_ahead = [torch.stack([outputs[row] for row in rows])]
    state, windows = _joined([states[row] for row in rows]), given[rows][:, : model.lags]
    following = torch.tensor(origins)
    for _ in range(horizon - 1):
        windows = torch.cat([windows[:, 1:], outputs_ahead[-1][:, :1]], 1)
        following = following + 1
        output, state = model(_given(model, windows, following)[:, None], state)
        outputs_ahead.append(output[:, 0])
    read = torch.stack(outputs_ahead, 1).double()  # (origins, horizon, outputs)
    last = values[torch.tensor(origins) - 1]
    middle = scaling.undo(last, read[..., 0])
    before = torch.cat([last[:, None], middle[:, :-1]], 1).flatten()
    limits = [
        scaling.undo(before, read[..., k].reshape(-1, 1)).reshape(middle.shape)
        for k in range(1, read.shape[-1])
    ]
    return torch.stack([middle, *limits], -1)


def earliest(model: Forecaster, scaling: Scaling) -> int:
    """Return the first step that a network can forecast."""
    return model.lags + scaling.first


def _given(model: Forecaster, windows: Tensor, following: Tensor) -> Tensor:
    return torch.cat([windows, season_of(following)], 1) if model.seasonal else windows


def _joined(states: list[State]) -> State:
    if states[0] is None:
        return None
    if isinstance(states[0], Tensor):
        return torch.cat([s for s in states if isinstance(s, Tensor)], 1)
    pairs = [s for s in states if isinstance(s, tuple)]
    return torch.cat([h for h, _ in pairs], 1), torch.cat([c for _, c in pairs], 1)
