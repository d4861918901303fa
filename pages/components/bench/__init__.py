"""A bench: something that learns in milliseconds, played in the browser.

Settings, steps and forks stay there; the server is told nothing while it plays. What a bench is
made of is said at the top of `bench.js`.
"""

from collections.abc import Mapping
from typing import Any

from pages.components.component import component


def bench(name: str, *, key: str, data: Mapping[str, Any] | None = None) -> None:
    """Draw a bench.

    Args:
        name: of its module in `benches/`.
        key: of the component; with the same key everything stays as the hand left it.
        data: what the server has for it, such as data sets.
    """
    _component(key=key, data={"bench": name, **(data or {})})


_component = component("bench")
