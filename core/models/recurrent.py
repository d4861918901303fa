"""Recurrent networks."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

CELLS: dict[str, type[nn.RNN] | type[nn.GRU] | type[nn.LSTM]] = {
    "rnn": nn.RNN,
    "gru": nn.GRU,
    "lstm": nn.LSTM,
}
"""By name; for the same sizes their weights are as 1 : 3 : 4."""
State = Tensor | tuple[Tensor, Tensor] | None
"""Of a network between two steps: (layers, N, hidden) each; an LSTM has two, none is zeros."""
SEASON = 12
"""Steps of a year."""


class Forecaster(nn.Module, ABC):
    """A network that reads a series step by step.

    Input (N, T, inputs), output (N, T, outputs): first what comes after each step, then, where
    there are three, the limits between which it lies four times in five.
    """

    lags: int
    """Numbers of the past that it is given at each step, the newest last."""
    seasonal: bool = False
    """Whether sine and cosine of the season that is to come follow on them."""

    @abstractmethod
    def forward(self, series: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the outputs, and the state after the last step."""

    def penalised(self) -> list[Tensor]:
        """The weights that a ridge penalty holds near zero."""
        return []


class RecurrentForecast(Forecaster):
    """Cells (lags → hidden, several layers) and one linear layer on each of their outputs."""

    def __init__(self, cell: str = "lstm", lags: int = 2, hidden: int = 4, layers: int = 2):
        super().__init__()
        self.lags = lags
        self.cells = CELLS[cell](lags, hidden, layers, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, series: Tensor, state: State = None) -> tuple[Tensor, State]:
        states, last = self.cells(series, state)  # (N, T, hidden)
        return self.out(states), last


class LinearForecast(Forecaster):
    """A weighted sum of what was seen."""

    def __init__(self, lags: int = SEASON) -> None:
        super().__init__()
        self.lags = lags
        self.linear = nn.Linear(lags, 1)

    def forward(self, series: Tensor, state: State = None) -> tuple[Tensor, State]:
        return self.linear(series), None

    def penalised(self) -> list[Tensor]:
        return [self.linear.weight]


class SeasonalForecast(Forecaster):
    """A weighted sum of past changes, and an LSTM that corrects it.

    The LSTM sees the newest change, the one a year before what is to come, and the season. Limits
    are read from its state without changing it.
    """

    seasonal = True

    def __init__(self, lags: int = 2 * SEASON, hidden: int = 8, layers: int = 1) -> None:
        super().__init__()
        self.lags = lags
        self.linear = _zeros(lags, 1)
        self.cells = nn.LSTM(4, hidden, layers, batch_first=True)
        self.out = _zeros(hidden, 1)
        self.limits = _zeros(hidden, 2)

    def forward(self, series: Tensor, state: State = None) -> tuple[Tensor, State]:
        past, season = series[..., : self.lags], series[..., self.lags :]
        newest, year = past[..., -1:], past[..., -min(SEASON, self.lags)].unsqueeze(-1)
        states, last = self.cells(torch.cat([newest, year, season], -1), state)
        middle = self.linear(past) + self.out(states)
        widths = nn.functional.softplus(self.limits(states.detach()))
        low, high = (middle.detach() + sign * widths for sign in (-1, 1))
        return torch.cat([middle, low[..., :1], high[..., 1:]], -1), last

    def penalised(self) -> list[Tensor]:
        cells = [w for name, w in self.cells.named_parameters() if name.startswith("weight")]
        return [self.linear.weight, self.out.weight, *cells]


def _zeros(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
