"""Work that can be stopped: it calls a check between its pieces, and the check raises."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Check = Callable[[str], None]
"""Called between pieces of work with the name of the stage; raises `Cancelled` to stop it."""
T = TypeVar("T")


def silent(stage: str) -> None:
    """A check that never raises."""


def watched(items: Iterable[T], check: Check, stage: str) -> Iterator[T]:
    """Go through the items, with a check before each."""
    for item in items:
        check(stage)
        yield item
