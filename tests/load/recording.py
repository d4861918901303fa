"""What was seen: times and errors by action, and what the processes took."""

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import psutil

from tests.benchmarks.measuring import MIB, percentile

LONGEST = 120
"""Letters of a sentence that are told."""


class Record:
    """Milliseconds and errors by action; an error has a kind and what it says."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self.errors: dict[str, Counter[str]] = defaultdict(Counter)
        self.reconnects = self.resumed = 0
        self.bytes = 0

    def add(self, action: str, seconds: float) -> None:
        """One that went well."""
        self.times[action].append(1000 * seconds)

    def fail(self, action: str, kind: str, said: str = "", count: int = 1) -> None:
        """One or more that did not."""
        self.errors[action][f"{kind}: {said[:LONGEST]}" if said else kind] += count

    @property
    def failed(self) -> int:
        """Errors in all."""
        return sum(sum(kinds.values()) for kinds in self.errors.values())

    def rows(self) -> list[dict[str, Any]]:
        """A row for each action."""
        result = []
        for action in sorted({*self.times, *self.errors}):
            times, errors = self.times.get(action, []), self.errors.get(action, Counter())
            figures = {f"p{p}": percentile(times, p) for p in (50, 95, 99)} if times else {}
            result.append(
                {"action": action, "count": len(times), **figures, "errors": dict(errors)}
            )
        return result


@dataclass
class Processes:
    """The servers, and the workers that they have started, as they are looked at in turn.

    A process that ends between two looks is counted until the last of them.
    """

    pids: list[int]
    memory: list[dict[str, float]] = field(default_factory=list)
    _servers: list[psutil.Process] = field(default_factory=list)
    _seen: dict[int, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._servers = [psutil.Process(pid) for pid in self.pids]
        self._own = time.process_time()
        self._began = time.perf_counter()

    def begin(self) -> None:
        """CPU counts from here on."""
        self._seen.clear()
        self._own, self._began = time.process_time(), time.perf_counter()
        self.look()

    def look(self, name: str = "") -> dict[str, float]:
        """MiB of servers and workers now; kept, if it has a name."""
        servers = sum(self._take(p) for p in self._servers) / MIB
        workers = sum(self._take(c) for p in self._servers for c in _children(p)) / MIB
        result = {
            "seconds": round(time.perf_counter() - self._began, 1),
            "server_mib": round(servers, 1),
            "workers_mib": round(workers, 1),
        }
        if name:
            self.memory.append({"when": name, **result})  # type: ignore[dict-item]
        return result

    def cpu(self) -> dict[str, float]:
        """Percent of one core since `begin`; the generator is this process."""
        wall = time.perf_counter() - self._began
        used = {pid: last - first for pid, (first, last) in self._seen.items()}
        servers = sum(used.get(p.pid, 0) for p in self._servers)
        shares = {
            "server": servers,
            "workers": sum(used.values()) - servers,
            "generator": time.process_time() - self._own,
        }
        return {name: round(100 * seconds / wall, 1) for name, seconds in shares.items()}

    def _take(self, process: psutil.Process) -> int:
        """Note what it has used; its bytes."""
        try:
            with process.oneshot():
                times = process.cpu_times()
                used, size = times.user + times.system, process.memory_info().rss
        except psutil.Error:
            return 0
        first, _ = self._seen.get(process.pid, (used, used))
        self._seen[process.pid] = first, used
        return int(size)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def listeners(ports: Iterable[int]) -> list[int]:
    """The processes that listen on these ports, as far as this user may see them."""
    asked = set(ports)
    result: list[int] = []
    for process in psutil.process_iter():
        try:
            taken = {c.laddr.port for c in process.net_connections("tcp") if c.status == "LISTEN"}
        except psutil.Error:
            continue
        if taken & asked and process.pid != os.getpid():
            result.append(process.pid)
    return result


def report(result: dict[str, Any]) -> str:
    """The table, and what it was seen on."""
    where, cpu = result["machine"], result["cpu"]
    lines = [
        f"{where['cpu']}, {where['cores']} cores, load {where['load_before'][0]} before; "
        f"`{result['command']}`",
        "",
        "| action | count | p50 ms | p95 ms | p99 ms | errors |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_line(row) for row in result["actions"]),
        "",
        f"Server {cpu['server']:.0f} % of one core, its workers {cpu['workers']:.0f} %, this "
        f"generator {cpu['generator']:.0f} %, over {result['seconds']:.0f} s. "
        f"Received {result['received_mib']:.1f} MiB over the sockets.",
        f"Sockets that were lost and came back: {result['reconnects']}, "
        f"{result['resumed']} of them to the same session; moves lost with them: {_lost(result)}.",
        "Memory of the server, MiB: "
        + ", ".join(f"{m['when']} {m['server_mib']:.0f}" for m in result["memory"])
        + "; of its workers at most "
        + f"{max((m['workers_mib'] for m in result['memory']), default=0):.0f}.",
    ]
    if not result["processes"]:
        lines.append("The server's process was not found: its figures are missing.")
    elif result["growth_mib"] is not None:
        lines.append(f"It grew by {result['growth_mib']:+.1f} MiB {result['growth_of']}.")
    kinds = [(r["action"], k, n) for r in result["actions"] for k, n in r["errors"].items()]
    lines += ["", *(f"- {action}: {count} × {kind}" for action, kind, count in kinds)]
    return "\n".join(lines).rstrip()


def _lost(result: dict[str, Any]) -> int:
    return sum(row["errors"].get("disconnected", 0) for row in result["actions"])


def _line(row: dict[str, Any]) -> str:
    figures = [f"{row[p]:.0f}" if p in row else "–" for p in ("p50", "p95", "p99")]
    cells = [row["action"], str(row["count"]), *figures, str(sum(row["errors"].values()) or "–")]
    return f"| {' | '.join(cells)} |"
