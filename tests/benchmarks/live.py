"""The live instrument: what a frame costs in a drag, and that the server is quiet."""

from collections.abc import Callable, Iterator

from playwright.sync_api import Browser, Page

from core.runs.query import finished
from core.runs.store import Run
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING
from pages.ui.names import run_names
from tests.benchmarks.browser import CHROMIUM, chromium, visitor
from tests.benchmarks.measuring import Row, at_most, percentile
from tests.benchmarks.server import started, wait_ready

PAGES = {"autoencoding": "/vae_sampler", "adversarial": "/gan_gallery"}
READY = ".lab-latent[data-state='ready']"
MOVES, QUICK_MOVES = 200, 40
ASKED_FRAME = 16.0
ASKED_LARGE = 80.0
"""For pictures of 64×64 pixels."""
SETTLE = 1500
"""ms until a page is at rest, and its decoder compiled by the browser."""


def live(quick: bool) -> Iterator[Row]:
    """Every shipped decoder and generator, dragged across its pad."""
    if not CHROMIUM.exists():
        yield Row("live", "–", f"left out: there is no {CHROMIUM}")
        return
    with started() as running, chromium() as browser:
        wait_ready(running)
        for result in (finished(AUTOENCODING), finished(ADVERSARIAL)):
            runs = [run for run in result if run.shipped]
            names = run_names(runs)
            for run in runs[:2] if quick else runs:
                url = f"{running.url}{PAGES[run.spec().task]}?model={run.id}"
                moves = QUICK_MOVES if quick else MOVES
                yield _dragged(browser, url, names[run.id], moves, _asked(run))


def _asked(run: Run) -> float:
    return ASKED_FRAME if run.spec().data.shape[1] <= 28 else ASKED_LARGE


def _dragged(browser: Browser, url: str, name: str, moves: int, asked: float) -> Row:
    sent: list[int] = []
    with visitor(browser) as page:
        page.on("websocket", lambda socket: socket.on("framesent", lambda _: sent.append(1)))
        page.goto(url, wait_until="commit")
        page.locator(READY).wait_for()
        page.wait_for_timeout(SETTLE)
        _drag(page, 10)
        page.wait_for_timeout(SETTLE)
        root = page.locator(READY)
        root.evaluate("(root) => { root.latentTimings.length = 0; }")
        before = len(sent)
        messages = _drag(page, moves, lambda: len(sent) - before)
        result = root.evaluate("(root) => [...root.latentTimings]")
    times = [float(t) for t in result]
    row = at_most(
        f"live: work a frame while dragging, p95, {name}",
        percentile(times, 95),
        asked,
        "ms",
        f"{moves} moves, {len(times)} frames, p50 {percentile(times, 50):.2f} ms, "
        f"{messages} messages to the server during the drag",
        {"ms": times},
    )
    return row if messages == 0 else Row(row.benchmark, row.asked, row.seen, False, row.note)


def _drag(page: Page, moves: int, count: Callable[[], int] = lambda: 0) -> int:
    """Press on the pad, move over it, let go; gives what `count` said just before."""
    pad = page.locator(".lab-latent .plane")
    pad.scroll_into_view_if_needed()  # in the gallery it stands below the wall
    box = pad.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for i in range(moves):
        across = 0.1 + 0.8 * abs((i % 40) / 20 - 1)
        up = 0.1 + 0.8 * ((i * 7) % 50) / 50
        page.mouse.move(box["x"] + across * box["width"], box["y"] + up * box["height"])
        page.wait_for_timeout(16)
    result = count()
    page.mouse.up()
    return result
