"""`python -m tests.benchmarks [names…] [--json FILE] [--quick]`: figures beside what is asked."""

import argparse
import json
import logging
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.cluster import cluster
from tests.benchmarks.dreams import dreams
from tests.benchmarks.gans import gans
from tests.benchmarks.live import live
from tests.benchmarks.maps import maps
from tests.benchmarks.measuring import Row, machine
from tests.benchmarks.quality import quality
from tests.benchmarks.server import server
from tests.benchmarks.sizes import sizes
from tests.benchmarks.speed import throughput, time_to_quality
from tests.benchmarks.surgery import surgery
from tests.benchmarks.transfer import transfer

BENCHMARKS: dict[str, Callable[[bool], Iterator[Row]]] = {
    function.__name__: function
    for function in (
        throughput,
        time_to_quality,
        quality,
        server,
        live,
        gans,
        maps,
        transfer,
        dreams,
        cluster,
        sizes,
        surgery,
    )
}
HELD = {True: "yes", False: "**no**", None: "–"}


def main(arguments: list[str]) -> int:
    """Run the benchmarks asked for; 1 when a figure does not hold, else 0."""
    asked = _parsed(arguments)
    where = machine()
    command = shlex.join(["python", "-m", "tests.benchmarks", *arguments])
    rows = [row for name in asked.names or BENCHMARKS for row in measured(name, asked.quick)]
    print(report(rows, where, command))
    if asked.json:
        result = {"machine": where, "command": command, "rows": [asdict(row) for row in rows]}
        asked.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return int(any(row.held is False for row in rows))


def measured(name: str, quick: bool) -> list[Row]:
    """The rows of one benchmark; one that breaks becomes a row, and spoils no other."""
    print(f"{name} …", file=sys.stderr, flush=True)
    began, rows = time.perf_counter(), []
    try:
        for row in BENCHMARKS[name](quick):
            rows.append(row)
    except Exception as error:
        logging.exception("%s broke off", name)
        rows.append(Row(name, "", f"broke off: {type(error).__name__}: {error}", False))
    print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def report(rows: list[Row], where: dict[str, Any], command: str) -> str:
    """The table in Markdown, with the notes below and the machine above."""
    lines = [
        f"{where['cpu']}, {where['cores']} cores, torch {where['torch']}, "
        f"{where['threads']} threads, load {where['load_before'][0]} before; `{command}`",
        "",
        "| benchmark | asked | seen | held |",
        "| --- | --- | --- | --- |",
        *(_line(row.benchmark, row.asked, row.seen, HELD[row.held]) for row in rows),
        "",
        *(f"- {row.benchmark}: {row.note}" for row in rows if row.note),
    ]
    return "\n".join(lines).rstrip()


def _line(*cells: str) -> str:
    """One line of the table, whatever is in its cells."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"all, or some of: {', '.join(BENCHMARKS)}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample there")
    parser.add_argument("--quick", action="store_true", help="few samples: does it work at all?")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in BENCHMARKS]:
        parser.error(f"unknown: {', '.join(unknown)}. Known: {', '.join(BENCHMARKS)}.")
    return asked


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
