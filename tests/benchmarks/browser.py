"""What Chromium sees of the app: first paints, and the time from a slider to its picture."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox"]
WEBGL = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
"""For maps where there is no GPU. All that such a browser shows is drawn by this software and takes
longer, so that other pages are timed without."""
HEADING = "[data-testid='stMain'] h1"
SCRIPT_ENDED = "[data-testid='stApp'][data-test-script-state='notRunning']"
PICTURE = "#root :is([data-testid='stage'], .stage, .st-key-stage) img"
SLIDER_LABEL = "Strength"
SLIDER = f"[data-testid='stSlider'] [role='group'][aria-label='{SLIDER_LABEL}']"
THUMB = "div:has(> [data-testid='stSliderThumbValue'])"
PATIENCE = 60_000
MOVE_PATIENCE = 5_000
"""ms until a page, and until the picture after one move."""
PAUSE = 300
"""ms before and after the end of the script: what the last move has set off is over."""
PLACES = (0.2, 0.75, 0.4, 0.9, 0.3, 0.6, 0.15, 0.8, 0.5, 0.7)
"""Where the slider is let go, as shares of its track: no two neighbours are alike."""

WATCH = """
([picture]) => {
  // Which picture is shown: where it comes from, and how it is drawn.
  const shown = () => [...document.querySelectorAll(picture)]
    .map((image) => image.src + image.getAttribute("style")).join();
  const moves = window.bench = {};
  moves.arm = () => Object.assign(moves, {start: shown(), last: shown(), since: 0, released: null});
  moves.arm();
  document.addEventListener("pointerup", () => { moves.released = performance.now(); }, true);
  const look = async () => {
    const now = shown();
    if (!now || now === moves.last) return;
    await Promise.all([...document.querySelectorAll(picture)].map((image) => image.decode()));
    if (now === moves.last) return;
    moves.last = now;
    moves.since = performance.now();
  };
  new MutationObserver(() => look().catch(() => {})).observe(
    document.body, {subtree: true, childList: true, attributes: true}
  );
  // Pictures may follow the hand: those of where it let go may be there already.
  moves.took = () => moves.last === moves.start ? null : Math.max(0, moves.since - moves.released);
}
"""
"""Times a move inside the page, so that the way to this program is not in it."""


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A headless Chromium; `more` arguments of its command line."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=[*ARGUMENTS, *more]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visitor(browser: Browser) -> Iterator[Page]:
    """A page of somebody who was never here: no cookies, nothing cached."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    try:
        yield context.new_page()
    finally:
        context.close()


def first_paint(browser: Browser, url: str) -> None:
    """Open a page and wait for its heading and the end of its script."""
    with visitor(browser) as page:
        page.goto(url, wait_until="commit")
        page.locator(HEADING).first.wait_for()
        page.locator(SCRIPT_ENDED).wait_for()


def first_picture(browser: Browser, url: str) -> float:
    """Seconds from asking for a page until its picture is there."""
    with visitor(browser) as page:
        began = time.perf_counter()
        page.goto(url, wait_until="commit")
        _wait_for_picture(page)
        return time.perf_counter() - began


def visit(browser: Browser, url: str) -> None:
    """Open a page and let its script end, and what it draws afterwards begin."""
    with visitor(browser) as page:
        page.goto(url, wait_until="commit")
        page.locator(SCRIPT_ENDED).wait_for()
        page.wait_for_timeout(1000)
        page.locator(SCRIPT_ENDED).wait_for()


def picture_moves(browser: Browser, url: str, count: int) -> list[float | None]:
    """ms from letting the slider go until the picture of where it stands is there; None where none
    came.

    `count` moves, after one that does not count.
    """
    with visitor(browser) as page:
        page.goto(url, wait_until="commit")
        _wait_for_picture(page)
        page.locator(SCRIPT_ENDED).wait_for()
        page.evaluate(WATCH, [PICTURE])
        return [_move(page, PLACES[i % len(PLACES)]) for i in range(count + 1)][1:]


def _wait_for_picture(page: Page) -> None:
    page.wait_for_function(
        "(picture) => { const image = document.querySelector(picture);"
        " return image && image.complete && image.naturalWidth > 0; }",
        arg=PICTURE,
    )


def _move(page: Page, place: float) -> float | None:
    """Drag the thumb to `place`, let go, and read what the page has noted."""
    slider = page.locator(SLIDER).first
    slider.scroll_into_view_if_needed()
    box, thumb = slider.bounding_box(), slider.locator(THUMB).first.bounding_box()
    assert box is not None and thumb is not None
    height = thumb["y"] + thumb["height"] / 2
    page.evaluate("() => window.bench.arm()")
    page.mouse.move(thumb["x"] + thumb["width"] / 2, height)
    page.mouse.down()
    page.mouse.move(box["x"] + place * box["width"], height, steps=3)
    page.mouse.up()
    try:
        page.wait_for_function("() => window.bench.last !== window.bench.start",
                               timeout=MOVE_PATIENCE)  # fmt: skip
    except TimeoutError:
        return None
    page.wait_for_timeout(PAUSE)
    page.locator(SCRIPT_ENDED).wait_for()
    page.wait_for_timeout(PAUSE)
    took = page.evaluate("() => window.bench.took()")
    return None if took is None else float(took)
