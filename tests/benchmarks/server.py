"""The whole app in a server of its own, as a visitor with Chromium meets it."""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from core.settings import ROOT
from tests.benchmarks.browser import (
    CHROMIUM,
    PLACES,
    SLIDER_LABEL,
    WEBGL,
    chromium,
    first_paint,
    first_picture,
    picture_moves,
    visit,
)
from tests.benchmarks.measuring import MIB, Row, at_most, end, percentile
from tests.benchmarks.slider import slider_runs

READY = "/api/ready"
HEALTH = "/_stcore/health"
PICTURE_PAGE = "/denoiser"
NOT_PAGES = ("router", "home")
ASKED_START, ASKED_PICTURE = 8.0, 2.0
ASKED_MOVE, ASKED_SCRIPT = 120.0, 30.0
ASKED_MEMORY = 1.6 * 1024
STARTS, VISITS, MOVES = 3, 5, 30
QUICK_STARTS, QUICK_VISITS, QUICK_MOVES = 1, 1, 5
PATIENCE = 120.0


@dataclass(frozen=True)
class Server:
    """A running server; `began` is when its process was started (perf_counter seconds)."""

    url: str
    process: psutil.Process
    began: float


def server(quick: bool) -> Iterator[Row]:
    """Start, first picture, slider and memory."""
    if not (ROOT / "streamlit_app.py").exists():
        yield Row("server", "–", "there is no streamlit_app.py")
        return
    if not CHROMIUM.exists():
        yield Row("server: all that a browser sees", "–", f"left out: there is no {CHROMIUM}")
        yield _ready_only(QUICK_STARTS if quick else STARTS)
        return
    yield from _starts(QUICK_STARTS if quick else STARTS)
    with started() as running:
        wait_ready(running)
        yield _first_pictures(running, QUICK_VISITS if quick else VISITS)
        yield _slider(running, QUICK_MOVES if quick else MOVES)
        yield _script(running, QUICK_MOVES if quick else MOVES)
        yield _memory(running)


def _ready_only(count: int) -> Row:
    ready = []
    for _ in range(count):
        with started() as running:
            ready.append(wait_ready(running))
    return _ready_row(ready)


def _ready_row(ready: list[float]) -> Row:
    note = f"median of {len(ready)}; the files may be in the system's cache"
    return at_most(
        "server: start until ready",
        statistics.median(ready),
        ASKED_START,
        "s",
        f"until {READY} answers 200, {note}",
        {"seconds": ready},
    )


def _starts(count: int) -> Iterator[Row]:
    """Starts the server anew each time, with a browser that is open already and asks for the page
    as soon as somebody answers, which is when `streamlit run` opens one."""
    ready, home = [], []
    with chromium() as browser:
        for _ in range(count):
            with started() as running:
                ready.append(wait_ready(running))
            with started() as running:
                wait_ready(running, HEALTH)
                first_paint(browser, running.url)
                home.append(time.perf_counter() - running.began)
    yield _ready_row(ready)
    yield at_most(
        "server: start until home page",
        statistics.median(home),
        ASKED_START,
        "s",
        f"until its heading is painted and its script has ended, median of {len(home)}",
        {"seconds": home},
    )


def _first_pictures(running: Server, count: int) -> Row:
    """A new visitor each time, with nothing in the browser's cache; the first visit warms up."""
    with chromium() as browser:
        result = [first_picture(browser, running.url + PICTURE_PAGE) for _ in range(count + 1)]
    return at_most(
        f"server: first picture of {PICTURE_PAGE}, warm",
        statistics.median(result[1:]),
        ASKED_PICTURE,
        "s",
        f"median of {count} new visitors after one whose {result[0]:.2f} s do not count",
        {"seconds": result[1:], "first visit, seconds": result[:1]},
    )


def _slider(running: Server, count: int) -> Row:
    """From letting go of the slider until the picture of where it stands is there; a move that
    brings none is a failure."""
    with chromium() as browser:
        moves = picture_moves(browser, running.url + PICTURE_PAGE, count)
    pictures = [move for move in moves if move is not None]
    name, asked = "server: slider release to new picture, p95", f"≤ {ASKED_MOVE:g} ms"
    if missed := count - len(pictures):
        seen = f"{missed} of {count} moves brought no new picture"
        return Row(name, asked, seen, False, samples={"ms": pictures})
    first = pictures[: len(PLACES) - 1]
    return at_most(
        name,
        percentile(pictures, 95),
        ASKED_MOVE,
        "ms",
        f"p50 {percentile(pictures, 50):.0f} ms, {count} moves in three steps of the mouse after "
        "one to warm up, each with another picture, decoded; 0 where it was there already. Where "
        f"the hand had not been before: p50 {percentile(first, 50):.0f} ms, at most "
        f"{max(first):.0f} ms",
        {"ms": pictures},
    )


def _script(running: Server, count: int) -> Row:
    """The same moves without a browser: what the server alone takes."""
    places = [PLACES[i % len(PLACES)] for i in range(count + 1)]
    seconds = slider_runs(running.url, PICTURE_PAGE.strip("/"), SLIDER_LABEL, places)
    result = [1000 * s for s in seconds[1:]]
    return at_most(
        "server: run of the slider's script, p50",
        percentile(result, 50),
        ASKED_SCRIPT,
        "ms",
        f"{count} moves after one to warm up, sent without a browser, each until the server says "
        f"that its script has ended: the way there and back is in it; p95 "
        f"{percentile(result, 95):.0f} ms",
        {"ms": result},
    )


def _memory(running: Server) -> Row:
    """Every page once, in one session, then what the server's process holds."""
    result = {}
    with chromium(*WEBGL) as browser:
        for page in pages():
            visit(browser, running.url + page)
            result[page] = running.process.memory_info().rss / MIB
    return at_most(
        "server: memory after every page",
        running.process.memory_info().rss / MIB,
        ASKED_MEMORY,
        "MiB",
        "resident in the server's process after "
        + ", ".join(f"{page} {size:.0f}" for page, size in result.items()),
        {"MiB": list(result.values())},
    )


def pages() -> list[str]:
    """The path of every page; Streamlit takes it from the file's name."""
    names = sorted(p.stem for p in (ROOT / "pages").glob("*.py") if p.stem not in NOT_PAGES)
    return ["/", *(f"/{name}" for name in names)]


@contextmanager
def started(script: str = "streamlit_app.py") -> Iterator[Server]:
    """The app on a free port, with runs of its own; ended with all that it has started.

    Args:
        script: another one, to compare with.
    """
    with tempfile.TemporaryDirectory(prefix="latent-lab-") as folder:
        port = _free_port()
        with open(Path(folder) / "server.log", "w+b") as log:
            began = time.perf_counter()
            process = _launch(script, port, Path(folder), log)
            try:
                yield Server(f"http://localhost:{port}", psutil.Process(process.pid), began)
            except Exception as error:
                log.seek(0)
                error.add_note("The server's log ends:\n" + log.read()[-2000:].decode())
                raise
            finally:
                children = psutil.Process(process.pid).children(recursive=True)
                end([psutil.Process(process.pid), *children])
                process.wait()


def _launch(script: str, port: int, folder: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", script,
         "--server.port", str(port), "--server.headless", "true"],
        cwd=ROOT,
        env={**os.environ, "LATENT_LAB_CHECKPOINTS": str(folder / "checkpoints")},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )  # fmt: skip


def wait_ready(running: Server, path: str = READY) -> float:
    """Seconds from the start of the process until the server says that it is ready."""
    while not _answers(running.url + path):
        if not running.process.is_running() or running.process.status() == psutil.STATUS_ZOMBIE:
            raise RuntimeError("the server ended")
        if time.perf_counter() - running.began > PATIENCE:
            raise TimeoutError(f"{path} did not answer within {PATIENCE:g} s")
        time.sleep(0.02)
    return time.perf_counter() - running.began


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
