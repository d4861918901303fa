"""A series to bend, and a network that says what follows.

The network runs in the browser: nothing is sent while a point is dragged or a small network learns.
"""

from typing import Any

from core.data.sequences import Series
from core.inference.forecasts import browser_network
from core.runs.store import Run
from pages.components.component import component


def forecast(
    *, key: str, name: tuple[str, str], series: Series, dated: bool, network: tuple[str, Run],
    twin: Run | None = None,
) -> None:  # fmt: skip
    """Draw the bench.

    Args:
        name: id and title of the series; with the same id it stays as the hand has bent it.
        dated: whether its times say when.
        network: its title, and the run that forecasts at first.
        twin: the same network trained with the other scale, where there is one.
    """
    data: dict[str, Any] = {
        "series": {
            "id": name[0],
            "title": name[1],
            "values": series.values.tolist(),
            "times": series.times.tolist(),
            "dated": dated,
        },
        "network": {"title": network[0], "packed": browser_network(network[1])},
        "twin": None if twin is None else {"packed": browser_network(twin)},
    }
    _component(key=key, data=data)


_component = component("forecast")
