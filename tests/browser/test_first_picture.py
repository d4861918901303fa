"""The first picture is where the real one will be, and goes when that is there."""

import time
from urllib.request import Request, urlopen

import pytest

from core.errors import LabError
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


def opened(webgl, address, width):
    context = webgl.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.add_init_script(NOTED)
    page.goto(address)
    return page


@pytest.mark.parametrize("width", [1400, 420])
@pytest.mark.parametrize("path", FIRST_PICTURES)
def test_the_real_picture_comes_where_the_first_one_was(server, webgl, path, width):
    try:
        FIRST_PICTURES[path].draw()
    except LabError:
        pytest.skip("nothing ships that could draw it")
    page = opened(webgl, f"{server}/{path}", width)
    page.wait_for_function("() => window.gone")
    first = page.evaluate("window.placed")
    real = page.locator(FIRST_PICTURES[path].ready).first.bounding_box()
    apart = {key: abs(first[key] - real[key]) for key in ("x", "y", "width")}
    assert max(apart.values()) <= 4, (first, real)
    assert page.evaluate("window.shifts") <= 0.02
    page.context.close()


def test_an_address_with_a_parameter_has_none(server, webgl):
    page = opened(webgl, f"{server}/denoiser?strength=1", 1400)
    page.wait_for_selector("h1")
    assert page.evaluate("window.placed") is None
    page.context.close()


def test_where_scripts_are_blocked_it_stays_and_says_so(server, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server}/denoiser")
    assert page.locator("#first-picture .lab-rows img").count() == 4
    page.locator(".still").wait_for()
    context.close()


def test_a_page_that_cannot_be_drawn_is_shown_as_it_is(server, webgl):
    page = webgl.new_context().new_page()
    page.route("**/_stcore/stream", lambda route: route.abort())
    page.clock.install()
    page.goto(f"{server}/denoiser")
    page.clock.run_for(16_000)
    page.wait_for_selector("#first-picture", state="detached")
    page.context.close()
