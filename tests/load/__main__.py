"""`python -m tests.load --sessions 50 --seconds 60`: a class at once, and what it meets.

Sessions over Streamlit's own socket on the real pages, in one process. Only a server on this
machine may be loaded. Without `--url` one is started, with runs of its own. Ends with 1 when
anything went wrong, and with 2 when it is asked for something that it does not do.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import random
import shlex
import sys
import time
from copy import copy
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.measuring import MIB, machine
from tests.benchmarks.server import HEALTH, Server, pages, started, wait_ready
from tests.load.actors import Actor, Smallest
from tests.load.asking import ACTORS, VISIT, asked_for
from tests.load.beside import comparison, in_turns
from tests.load.recording import Processes, listeners, report
from tests.load.room import ARRIVAL, Room

SMALLEST = "tests/load/smallest.py"
EVERYBODY = ACTORS | {"smallest": Smallest}
LOOKS = 10
"""Looks at the memory over the whole time."""
AT_ONCE, FIRST_VISITS = 4, 50
"""Visits at a time, and those after which the memory is measured first."""
STAY = 0.5
"""Seconds that somebody looks at a page before leaving."""


def main(arguments: list[str]) -> int:
    """Run the test asked for; 1 when anything went wrong, else 0."""
    asked = asked_for(arguments)
    where, command = machine(), shlex.join(["python", "-m", "tests.load", *arguments])
    with contextlib.ExitStack() as stack:
        if asked.url:
            pids = listeners([urlsplit(url).port or 80 for url in asked.url])
        else:
            server = stack.enter_context(started())
            wait_ready(server)
            asked.url, pids = [server.url], [server.process.pid]
        gc.freeze()  # the libraries, which the collector need not go through again and again
        if asked.beside:
            result = _beside(asked, pids, stack.enter_context(started(SMALLEST)))
        else:
            result = asyncio.run(_loop(asked, pids))
    result |= {"machine": where, "command": command, "mix": asked.mix, "processes": len(pids)}
    print(report(result))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return int(result["failed"] > 0)


def _beside(asked: argparse.Namespace, pids: list[int], page: Server) -> dict[str, Any]:
    """The same on the smallest page, in turns; gives the last turn on the lab's pages."""
    wait_ready(page, HEALTH)
    smallest = copy(asked)
    smallest.url, smallest.visits = [page.url], 0
    smallest.mix = {"smallest": sum(asked.mix.values())}
    turns = in_turns(
        lambda: asyncio.run(_loop(smallest, [page.process.pid])),
        lambda: asyncio.run(_loop(asked, pids)),
    )
    print(comparison(turns) + "\n")
    failed = sum(turn["failed"] for result in turns.values() for turn in result)
    return turns["lab"][-1] | {"failed": failed, "turns": turns}


async def _loop(asked: argparse.Namespace, pids: list[int]) -> dict[str, Any]:
    """Everybody arrives, moves, and leaves; then come the short visits."""
    room = Room(asked.url, asked.rate, asked.seconds, asked.seed)
    seen = Processes(pids)
    seen.look("before anybody")
    cpu, seconds, growth = {}, 0.0, (None, "")
    if asked.mix:
        cpu = await _class(room, seen, [name for name, n in asked.mix.items() for _ in range(n)])
        sizes = [look["server_mib"] for look in seen.memory[1:]]
        growth = round(sizes[-1] - sizes[len(sizes) // 2], 1), "in the second half"
        seconds = asked.seconds
    if asked.visits:
        visited, seconds, growth = await _visits(room, seen, asked.visits, asked.settle)
        cpu = cpu or visited
    return {
        "actions": room.record.rows(),
        "failed": room.record.failed,
        "reconnects": room.record.reconnects,
        "resumed": room.record.resumed,
        "received_mib": room.record.bytes / MIB,
        "cpu": cpu,
        "seconds": seconds,
        "memory": seen.memory,
        "growth_mib": growth[0],
        "growth_of": growth[1],
        "samples_ms": dict(room.record.times),
    }


async def _class(room: Room, seen: Processes, names: list[str]) -> dict[str, float]:
    """Everybody at once; gives what the processors did from the first move to the last."""
    here = [asyncio.Event() for _ in names]
    people = [asyncio.create_task(_person(room, i, name, here[i])) for i, name in enumerate(names)]
    for event in here:
        await event.wait()
    seen.begin()
    room.begin()
    seen.look("start")
    for i in range(1, LOOKS + 1):
        await asyncio.sleep(max(0, room.started + room.seconds * i / LOOKS - time.perf_counter()))
        seen.look(f"{100 * i // LOOKS} %")
    cpu = seen.cpu()
    for person in people:
        await person
    return cpu


async def _person(room: Room, number: int, name: str, here: asyncio.Event) -> None:
    """One of the class, from the door to the door."""
    try:
        await asyncio.sleep(ARRIVAL * random.Random(number).random())
        if name == VISIT:
            here.set()
            await room.begun.wait()
            while time.perf_counter() < room.end:
                number += 1
                await _visit(room, number)
            return
        actor = EVERYBODY[name](room, number)
        session = room.session(number, actor.page, actor.query)
        if not await room.timed(f"open /{actor.page}", session.__aenter__):
            return
        try:
            brings = type(actor).prepare is not Actor.prepare
            name = f"files of /{actor.page}"
            if brings and not await room.timed(name, lambda: actor.prepare(session)):
                return
            here.set()
            await room.begun.wait()
            await actor.visit(session)
        finally:
            room.left(session)
            await session.leave()
    finally:
        here.set()


async def _visit(room: Room, number: int) -> None:
    """Come, look at a page, leave; each a new visitor on the next page."""
    every = pages()
    page = every[number % len(every)]
    session = room.session(number, page.strip("/"))
    if await room.timed(f"visit {page}", session.__aenter__):
        await asyncio.sleep(STAY)
        room.left(session)
        await session.leave()


async def _visits(
    room: Room, seen: Processes, count: int, settle: float
) -> tuple[dict[str, float], float, tuple[float, str]]:
    """Some at a time; gives processors, seconds, and how the memory grew after the first ones."""
    numbers, left = iter(range(count)), count
    first = min(FIRST_VISITS, count)
    seen.begin()

    async def come_and_go() -> None:
        nonlocal left
        for number in numbers:
            await _visit(room, number)
            left -= 1
            if count - left == first:
                seen.look(f"after {first} visits")

    await asyncio.gather(*(come_and_go() for _ in range(AT_ONCE)))
    cpu, last = seen.cpu(), seen.look(f"after {count} visits")
    if settle:
        await asyncio.sleep(settle)
        last = seen.look(f"{settle:g} s later")
    early = next(look for look in seen.memory if look["when"] == f"after {first} visits")
    growth = round(last["server_mib"] - early["server_mib"], 1)
    return cpu, last["seconds"], (growth, f"after the first {first} visits")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
