"""Recurrent networks."""

from torch import Tensor, nn


class LSTMForecast(nn.Module):
    """LSTM(inputs → hidden, several layers) and one linear layer on each of its outputs.

    Input (N, T, inputs), output (N, T): what comes after each step.
    """

    def __init__(self, inputs: int = 2, hidden: int = 4, layers: int = 2) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, layers, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, series: Tensor) -> Tensor:
        states, _ = self.lstm(series)  # (N, T, hidden)
        forecast: Tensor = self.out(states).squeeze(-1)
        return forecast
