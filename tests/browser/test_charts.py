"""Charts in Chromium: after the pictures, in the page's colours, and as Python says."""

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = pytest.mark.browser
APP = "chart_app.py"
DRAWN = '.lab-chart[data-state="drawn"]'
LINE = "e => [...e.querySelector('.plot')._fullData[0].y]"


def darkness(chart):
    """How dark the chart's letters are, from 0 to 255."""
    colour = chart.locator(".gtitle, .xtitle").first.evaluate("e => getComputedStyle(e).fill")
    return 255 - sum(int(v) for v in colour.split("(")[1].rstrip(")").split(",")[:3]) / 3


def test_a_chart_comes_after_the_pictures_shows_what_python_says_and_follows_it(app, page):
    page.goto(app, wait_until="commit")
    seen = page.evaluate("""() => new Promise((done) => {
      new MutationObserver(() => {
        const script = document.querySelector("script[src*='/api/plotly/']");
        if (script) done([...document.images].map((i) => i.complete));
      }).observe(document.head, { childList: true });
    })""")
    assert seen and all(seen)
    expect(page.locator(DRAWN)).to_have_count(2, timeout=60_000)
    chart = page.locator(DRAWN).first
    assert darkness(chart) > 128
    plot = chart.locator(".plot")
    assert plot.get_attribute("aria-label") == "Chart: loss against epoch"
    assert chart.evaluate(LINE) == [1, 10, 100]
    offered = chart.get_by_role("toolbar").get_by_role("button").all()
    names = [button.get_attribute("aria-label") for button in offered]
    assert names == ["Download plot as a PNG", "Zoom", "Pan", "Reset axes"], "nothing is sent away"
    assert page.locator(DRAWN).last.evaluate(LINE) == [0, 1, 2, 3]  # numbers packed by numpy
    page.get_by_role("slider", name="Times").press("ArrowRight")
    page.wait_for_function(f"e => ({LINE})(e)[2] === 200", arg=chart.element_handle())
    assert chart.bounding_box()["height"] == pytest.approx(260, abs=2)


def test_a_chart_out_of_view_waits(app, page):
    page.set_viewport_size({"width": 800, "height": 300})
    page.add_init_script("window.scripts = () => document.querySelectorAll("
                         "\"script[src*='/api/plotly/']\").length")  # fmt: skip
    page.goto(f"{app}?far=1")
    page.locator(".lab-chart").first.wait_for(state="attached", timeout=60_000)
    page.wait_for_timeout(600)  # longer than it waits for pictures
    assert page.evaluate("scripts()") == 0
    page.locator(".lab-chart").first.scroll_into_view_if_needed()
    expect(page.locator(DRAWN).first).to_be_attached(timeout=60_000)


def test_a_chart_has_the_page_s_colours_and_width(app, page):
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(app)
    expect(page.locator(DRAWN)).to_have_count(2, timeout=60_000)
    chart = page.locator(DRAWN).first
    assert darkness(chart) < 128
    assert chart.locator(".main-svg").first.bounding_box()["width"] < 420
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_without_its_script_a_chart_says_so(app, page):
    page.route("**/api/plotly/**", lambda route: route.abort())
    page.goto(app)
    expect(page.locator(".lab-chart .failure").first).to_contain_text(
        "Reload the page", timeout=60_000
    )
