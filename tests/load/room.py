"""The room in which everybody moves: when each move is due, and what became of it.

The moves of a visitor are due at fixed moments, however long the server takes for the one before
(an open loop), and a move's time counts from when it was due. So a server that stalls for two
seconds is charged with every move that was due meanwhile, where one that measures from sending
would count a single slow one (the "coordinated omission"). A visitor has one move under way at
most; the others wait their turn and their waiting counts. Those that have not had it some time
after the end are errors.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.load.recording import Record
from tests.load.session import LOST, Disconnected, Said, Session

GRACE = 10.0
"""Seconds after the end in which moves that were due before may yet be made."""
ARRIVAL = 1.0
"""Seconds over which the visitors arrive."""


class Unchanged(Exception):
    """An answer came, and did not bring what was asked for."""


Move = Callable[[], Awaitable[object]]
"""Makes a move; gives what kind of move it was, a text, where there are several."""


@dataclass
class Room:
    """Everybody's plan.

    Args:
        urls: of the servers.
        rate: moves a second of those who move sliders.
        seconds: that everybody moves for, once all have arrived.
        seed: of every choice.
    """

    urls: list[str]
    rate: float
    seconds: float
    seed: int
    record: Record = field(default_factory=Record)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    started = 0.0

    @property
    def end(self) -> float:
        """When the last moves are due."""
        return self.started + self.seconds

    def begin(self) -> None:
        """All are here, or will not come."""
        self.started = time.perf_counter()
        self.begun.set()

    def session(self, number: int, page: str, query: dict[str, str] | None = None) -> Session:
        """A visitor; visitors are spread over the servers."""
        first = number % len(self.urls)
        return Session([*self.urls[first:], *self.urls[:first]], page, query)

    def left(self, session: Session) -> None:
        """Count what somebody has met who goes."""
        self.record.reconnects += session.reconnects
        self.record.resumed += session.resumed
        self.record.bytes += session.received

    async def paced(
        self, session: Session, action: str, move: Move, rng: random.Random, rate: float
    ) -> None:
        """Make moves at their moments until the end."""
        due = self.started + rng.random() / rate
        while due < self.end:
            await session.rest(due)
            if time.perf_counter() > self.end + GRACE:
                left = 1 + int((self.end - due) * rate)
                self.record.fail(action, "late", "its turn did not come before the end", left)
                return
            await self.timed(action, move, due)
            due += 1 / rate

    async def timed(self, action: str, move: Move, due: float | None = None) -> bool:
        """Make one move and record it; whether it went well."""
        began = time.perf_counter() if due is None else due
        try:
            kind = await move()
        except Exception as error:  # whatever it is, it is told and the others go on
            self.record.fail(action, *_named(error))
            return False
        self.record.add(kind if isinstance(kind, str) else action, time.perf_counter() - began)
        return True


def _named(error: Exception) -> tuple[str, str]:
    """The kind of an error, and what it says."""
    if isinstance(error, Said):
        return "sentence on the page", str(error)
    if isinstance(error, Unchanged):
        return "unchanged", str(error)
    if isinstance(error, TimeoutError):
        return "timeout", ""
    if isinstance(error, (Disconnected, *LOST)):
        return "disconnected", ""
    return "exception", f"{type(error).__name__}: {error}"
