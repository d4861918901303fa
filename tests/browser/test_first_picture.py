"""The first picture is where the real one will be, and goes when that is there."""

import time
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from pages.parts.first_pictures import FIRST_PICTURES
from tests.browser.conftest import lab

pytestmark = pytest.mark.browser
NOTED = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
new MutationObserver(() => {
  const first = document.querySelector("#first-picture main :is(img, .table)");
  if (first) window.placed = first.getBoundingClientRect().toJSON();
  else if (window.placed) window.gone ??= performance.now();
}).observe(document, { childList: true, subtree: true });
"""
"""Noted: where the first picture stood at last, when it went, and how much was pushed about."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A lab in which nobody has trained: the page Runs has a first picture there alone."""
    with lab(tmp_path_factory.mktemp("untouched"), LATENT_LAB_DOWNLOADS="off") as address:
        yield address


@pytest.fixture(scope="module", autouse=True)
def all_drawn(server):
    """A server that has just started answers before the last first picture is drawn."""
    last = Request(f"{server}/{list(FIRST_PICTURES)[-1]}", headers={"Accept": "text/html"})
    for _ in range(300):
        if b"first-picture" in urlopen(last).read():
            return
        time.sleep(0.1)
    pytest.fail("no first picture is drawn")


ALIKE = "deepdream"
"""On a phone it is laid out by the same rules as another page."""
CASES = [(1400, path) for path in FIRST_PICTURES]
CASES += [(420, path) for path in FIRST_PICTURES if path != ALIKE]


@pytest.mark.parametrize(("width", "path"), CASES)
def test_the_real_picture_comes_where_the_first_one_was(server, page, path, width):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": width, "height": 900})
    page.add_init_script(NOTED)
    page.goto(f"{server}/{path}")
    page.wait_for_function("() => window.gone")
    first = page.evaluate("window.placed")
    real = page.locator(FIRST_PICTURES[path].ready).first.bounding_box()
    apart = {key: abs(first[key] - real[key]) for key in ("x", "y", "width")}
    assert max(apart.values()) <= 4, (first, real)
    assert page.evaluate("window.shifts") <= 0.02
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    hosts = {urlsplit(url).netloc for url in asked if url.startswith(("http", "ws"))}
    assert hosts == {urlsplit(server).netloc}, "the browser asks nobody but the server"


def test_where_scripts_are_blocked_it_stays_and_says_so(server, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server}/denoiser")
    assert page.locator("#first-picture .lab-rows img").count() == 4
    page.locator(".still").wait_for()
    context.close()


def test_an_address_with_a_parameter_has_none_and_a_page_that_cannot_be_drawn_is_shown(
    server, page
):
    page.add_init_script(NOTED)
    page.goto(f"{server}/denoiser?strength=1")
    page.wait_for_selector("h1")
    assert page.evaluate("window.placed") is None
    page.route("**/_stcore/stream", lambda route: route.abort())
    page.clock.install()
    page.goto(f"{server}/denoiser")
    page.clock.run_for(16_000)
    page.wait_for_selector("#first-picture", state="detached")
