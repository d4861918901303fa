"""Pictures of a forecast that are drawn on the server, by shipped networks."""

from base64 import b64encode

import numpy as np

from core.data.sequences import Series, series
from core.errors import LabError
from core.inference import forecasts
from core.runs.query import shipped
from core.runs.store import Run
from core.tasks.forecasting import FORECASTING, HORIZON, first_test, picture

SERIES = "air-passengers"
BEFORE, AFTER = 84, 48
"""Steps that the bench shows before and after what is forecast first."""
WIDTH, HEIGHT = 1000, 300
COVER = (700, 140)


def first_run() -> Run:
    """The run that the bench opens with. Raises LabError without one."""
    runs = shipped(FORECASTING, SERIES)
    if not runs:
        raise LabError("There is no shipped network that forecasts.")
    return min(runs, key=lambda run: float(run.metrics().get("mase", 1e9)))


def _forecast() -> tuple[Series, int, np.ndarray]:
    passengers = series(SERIES)
    start = first_test(len(passengers.values))
    return passengers, start, forecasts.from_step(first_run(), passengers.values, start, HORIZON)


def cover() -> np.ndarray:
    """A series with its forecast for a card, on black as other cards are, uint8 (H, W, 3)."""
    passengers, start, forecast = _forecast()
    return 255 - picture(passengers.values.numpy(), start, forecast, COVER)


def opening_picture() -> str:
    """The stage that the bench opens with, as the address of a picture that may be stretched."""
    passengers, start, forecast = _forecast()
    values = passengers.values.numpy()
    first = max(0, start - BEFORE)
    last = min(max(len(values), start + HORIZON), start + AFTER) - 1
    shown = np.concatenate([values[first : last + 1], forecast])
    low, high = float(shown.min()), float(shown.max())

    def line(numbers: np.ndarray, at: int, colour: str, width: float) -> str:
        across = WIDTH / (last - first)
        points = " ".join(
            f"{(at + i - first) * across:.1f},{HEIGHT * (high - v) / (high - low):.1f}"
            for i, v in enumerate(numbers)
        )
        return (
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" '
            'vector-effect="non-scaling-stroke"/>'
        )

    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'preserveAspectRatio="none">{line(values[start - 1 : last + 1], start - 1, "#8888", 1.5)}'
        f"{line(values[first:start], first, '#888', 1.6)}"
        f"{line(np.append(values[start - 1], forecast), start - 1, '#5673e0', 2.2)}</svg>"
    )
    return f"data:image/svg+xml;base64,{b64encode(drawn.encode()).decode()}"
