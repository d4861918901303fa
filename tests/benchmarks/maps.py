"""Maps: ours against scikit-learn's t-SNE, and the latent explorer as a visitor meets it."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

import torch
from playwright.sync_api import Browser, Page

from core import data
from core.inference import codes as encoding
from core.metrics import neighbours
from core.projection.methods import PROJECTING
from core.settings import settings
from tests.benchmarks.browser import CHROMIUM, WEBGL, chromium, first_paint, visitor
from tests.benchmarks.measuring import MIB, Row, at_least, at_most, percentile, torch_threads
from tests.benchmarks.server import Server, started, wait_ready

SOURCE = "autoencode-vae-mnist-dd3f87e3"
PAGE = "/latent_explorer"
READY = ".lab-map[data-state='ready']"
STAMP = """
const look = () => {
  const map = document.querySelector(".lab-map");
  const there = map?.dataset.sketched !== undefined || map?.dataset.state === "ready";
  if (there) window.painted ??= performance.now();
  if (map?.dataset.state === "ready") window.ready ??= performance.now();
  else requestAnimationFrame(look);
};
look();
"""
"""Noted in the page itself, in ms from the navigation: while Plotly begins, nobody gets a word."""
K = 12
ASKED_TIME, ASKED_LOSS = 0.5, 0.002
ASKED_PAINT, ASKED_CLICK, ASKED_MEMORY = 2.0, 300.0, 250.0
VISITS, CLICKS = 5, 30
QUICK_VISITS, QUICK_CLICKS = 1, 5
SETTLE = 3000
"""ms until the thumbnails are there."""

LISTEN = """
() => {
  window.bench = {};
  document.addEventListener("pointerup", () => (window.bench.released = performance.now()), true);
}
"""
LOOK = """
() => {
  const named = () => [...document.querySelectorAll("[data-testid=stMain] strong")]
    .map((e) => e.innerText).find((text) => text.startsWith("Image "));
  const before = named();
  Object.assign(window.bench, {released: null, shown: null});
  const look = () => {
    if (named() && named() !== before) window.bench.shown = performance.now();
    else requestAnimationFrame(look);
  };
  look();
}
"""


def maps(quick: bool) -> Iterator[Row]:
    """The t-SNE of 10,000 codes, then first paint, clicks and memory of its page."""
    yield from _against_scikit_learn(1000 if quick else 10_000)
    if not CHROMIUM.exists():
        yield Row("maps: all that a browser sees", "–", f"left out: there is no {CHROMIUM}")
        return
    with started() as running, chromium(*WEBGL) as browser:
        wait_ready(running)
        yield _memory(running, browser)
        yield _paint(running, browser, QUICK_VISITS if quick else VISITS)
        yield _clicks(running, browser, QUICK_CLICKS if quick else CLICKS)


def _against_scikit_learn(count: int) -> Iterator[Row]:
    from sklearn.manifold import TSNE

    threads = settings().torch_threads
    with torch_threads(threads):
        result = encoding.encode(SOURCE, data.load("mnist", "test").choice(count))
        codes, labels = result.values, result.images.labels
        began = time.perf_counter()
        theirs = torch.from_numpy(TSNE(random_state=0, n_jobs=threads).fit_transform(codes.numpy()))
        middle = time.perf_counter()
        variant = PROJECTING.variant("tsne")
        ours = variant.build(codes, PROJECTING.config("tsne"), _nobody).points
        end = time.perf_counter()
        measured = [neighbours.measure(codes, points, labels, K) for points in (ours, theirs)]
    seconds = (end - middle, middle - began)
    yield at_most(
        f"maps: t-SNE of {count:,} codes, ours by scikit-learn's time",
        seconds[0] / seconds[1],
        ASKED_TIME,
        "×",
        f"{seconds[0]:.1f} by {seconds[1]:.1f} s, {threads} threads",
        {"ours, seconds": [seconds[0]], "scikit-learn, seconds": [seconds[1]]},
    )
    for name, get in (
        (f"trustworthiness (k = {K})", lambda m: m.trustworthiness),
        ("kNN accuracy on the map", lambda m: m.map_accuracy),
    ):
        one, other = (float(get(m)) for m in measured)
        yield at_least(
            f"maps: {name}, ours less scikit-learn's",
            one - other,
            -ASKED_LOSS,
            "",
            f"{one:.4f} and {other:.4f}",
        )


def _nobody(stage: str, **progress: Any) -> None:
    """Nobody watches."""


def _memory(running: Server, browser: Browser) -> Row:
    """What the page adds to a server that has shown its home page."""
    first_paint(browser, running.url)
    before = running.process.memory_info().rss / MIB
    _open_twice(running, browser)
    after = running.process.memory_info().rss / MIB
    return at_most(
        "maps: memory added by the page",
        after - before,
        ASKED_MEMORY,
        "MiB",
        f"resident in the server's process, {before:.0f} before, {after:.0f} after",
    )


def _open_twice(running: Server, browser: Browser) -> list[float]:
    """Seconds until the points are painted and until they answer to the hand; both once more, when
    the browser has the page's files."""
    with visitor(browser) as page:
        page.add_init_script(STAMP)
        result = []
        for _ in range(2):
            page.goto(running.url + PAGE, wait_until="commit")
            page.locator(READY).wait_for()
            page.wait_for_timeout(SETTLE)
            result += page.evaluate("() => [window.painted, window.ready]")
        return [ms / 1000 for ms in result]


def _paint(running: Server, browser: Browser, count: int) -> Row:
    """A new visitor each time, with nothing in the browser's cache, on a warm server."""
    result = [_open_twice(running, browser) for _ in range(count)]
    painted, ready, again, ready_again = (list(times) for times in zip(*result, strict=True))
    return at_most(
        "maps: first paint of a map of 10,000 points",
        statistics.median(painted),
        ASKED_PAINT,
        "s",
        f"until the points are there, median of {count} new visitors; until they answer to the "
        f"hand {statistics.median(ready):.2f} s; in a browser that has the page's files "
        f"{statistics.median(again):.2f} and {statistics.median(ready_again):.2f} s",
        {"seconds": painted, "ready": ready, "again": again, "ready again": ready_again},
    )


def _clicks(running: Server, browser: Browser, count: int) -> Row:
    """From letting go on a point until its image and neighbours stand beside the map."""
    with visitor(browser) as page:
        page.goto(running.url + PAGE, wait_until="commit")
        page.locator(READY).wait_for()
        page.wait_for_timeout(SETTLE)
        page.evaluate(LISTEN)
        result = [_click(page, 37 + 211 * i) for i in range(count + 1)][1:]
    return at_most(
        "maps: click to image and neighbours, p95",
        percentile(result, 95),
        ASKED_CLICK,
        "ms",
        f"p50 {percentile(result, 50):.0f} ms, {count} clicks after one to warm up",
        {"ms": result},
    )


def _click(page: Page, image: int) -> float:
    """ms until the image under a point is named; a neighbour may lie on top of the one aimed at."""
    x, y = page.locator(READY).evaluate("(root, id) => root.instance.pixel(id)", image)
    plot = page.locator(f"{READY} .plot").bounding_box()
    assert plot is not None
    page.mouse.move(plot["x"] + x, plot["y"] + y)
    page.wait_for_timeout(150)
    page.evaluate(LOOK)
    page.mouse.down()
    page.wait_for_timeout(40)
    page.mouse.up()
    page.wait_for_function("() => window.bench.shown !== null", timeout=5000)
    page.wait_for_timeout(300)
    taken: float = page.evaluate("() => window.bench.shown - window.bench.released")
    return taken
