"""The figures of the shipped GANs and of the classifiers that judge them."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser

from core.metrics.generative import Health, verdict
from core.runs.store import Run
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.classification import RECOGNITION
from core.training import evaluate
from tests.benchmarks.browser import CHROMIUM, chromium, visit, visitor
from tests.benchmarks.measuring import Row, at_least, at_most
from tests.benchmarks.server import Server, started, wait_ready
from tests.benchmarks.shipped import shipped_runs

ASKED_ACCURACY = {"mnist": 0.992, "fashion-mnist": 0.925}
OURS = ("wgan_gp", "cgan")
ASKED_HALF, ASKED_ENTROPY, ASKED_CLASS, ASKED_SHARE = 0.5, 2.2, 0.97, 0.02
ASKED_PAINT = 2.0
TOLERANCE = 0.01
"""Share of a Fréchet distance between that stored and the same measured again."""
PAGE = "/gan_gallery"
WALL = ".lab-wall .card img"
SETTLE = 500

Figures = dict[str, Any]


def gans(quick: bool) -> Iterator[Row]:
    """Quality of the shipped GANs; how soon their wall is there. Quick reads stored figures."""
    yield from classifiers(quick)
    yield from generators(quick)
    if not CHROMIUM.exists():
        yield Row("gans: the wall", "–", f"left out: there is no {CHROMIUM}")
        return
    with started() as running, chromium() as browser:
        wait_ready(running)
        visit(browser, running.url + PAGE)
        yield _paint(running, browser, 2 if quick else 5)


def classifiers(quick: bool) -> Iterator[Row]:
    """Accuracy on the test images."""
    for run in shipped_runs(RECOGNITION):
        result = run.metrics() if quick else evaluate(run)
        judges = (RECOGNITION.name, run.spec().variant) == ADVERSARIAL.judge
        asked = ASKED_ACCURACY.get(run.spec().dataset, 0.0) if judges else 0.0
        name = f"quality {run.id}: test accuracy"
        yield at_least(name, result["accuracy"], asked, "", f"n = {result['n_test']}")


def generators(quick: bool) -> Iterator[Row]:
    """Fréchet distance and classes of each; then what is asked of them beside each other."""
    result: dict[str, Figures] = {}
    best: dict[str, float] = {}
    for run in shipped_runs(ADVERSARIAL):
        stored = run.metrics()
        figures = result[run.id] = stored if quick else evaluate(run)
        if not quick:
            apart = abs(figures["fid"] / stored["fid"] - 1)
            note = f"{stored['fid']} stored, {figures['fid']} now"
            yield at_most(
                f"quality {run.id}: Fréchet distance again", apart, TOLERANCE, "of it apart", note
            )
        yield from _one(run, figures)
        spec = run.spec()
        if spec.dataset == "mnist":
            best[spec.variant] = min(figures["fid"], best.get(spec.variant, float("inf")))
    yield from _beside(best)


def _one(run: Run, figures: Figures) -> Iterator[Row]:
    told = Health.read(figures)
    yield Row(
        f"quality {run.id}: Fréchet distance, own features",
        "reported",
        f"{told.fid:.1f}",
        note=f"{told.n} samples against {told.n_data} test images, {told.extractor}; precision "
        f"{told.precision}, recall {told.recall}, coverage {told.coverage}; {verdict(told).state}",
        samples={"Fréchet distance": [told.fid]},
    )
    if told.histogram:
        least = min(told.histogram) / sum(told.histogram)
        name = f"quality {run.id}: the rarest class's share"
        yield at_least(name, least, ASKED_SHARE, "", f"{list(told.histogram)}")
    if "asked_accuracy" in figures:
        name = f"quality {run.id}: samples read as the class asked for"
        yield at_least(name, figures["asked_accuracy"], ASKED_CLASS, "", f"n = {told.n}")


def _beside(fid: dict[str, float]) -> Iterator[Row]:
    if not {"gan", "lsgan", "dcgan"} <= fid.keys() or not set(OURS) & fid.keys():
        yield Row("quality of GANs beside each other", "–", "not all of them ship")
        return
    plain = min(fid["gan"], fid["lsgan"])
    yield at_most(
        "Fréchet distance of dcgan by that of gan and lsgan", fid["dcgan"] / plain, 1.0, "×"
    )
    ours = {name: fid[name] for name in OURS if name in fid}
    name = min(ours, key=lambda n: ours[n])
    yield at_most(
        f"Fréchet distance of {name}, the best of ours, by that of dcgan",
        ours[name] / fid["dcgan"],
        ASKED_HALF,
        "×",
        f"{ours[name]:.1f} by {fid['dcgan']:.1f}",
    )


def _paint(running: Server, browser: Browser, count: int) -> Row:
    """Until every picture of the wall is there, for new visitors of a warm server."""
    times = []
    for _ in range(count):
        with visitor(browser) as page:
            began = time.perf_counter()
            page.goto(running.url + PAGE, wait_until="commit")
            page.locator(WALL).first.wait_for()
            for picture in page.locator(WALL).all():
                picture.evaluate("(p) => p.decode()")
            times.append(time.perf_counter() - began)
            page.wait_for_timeout(SETTLE)
    return at_most(
        "gans: the wall is painted",
        statistics.median(times),
        ASKED_PAINT,
        "s",
        f"median of {count} new visitors",
        {"seconds": times},
    )
