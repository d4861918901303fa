"""The wall of pictures in Chromium: drawn, scrubbed, looked at, sent; the server hears of the last
alone."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
APP = "noise_wall_app.py"
expect.set_options(timeout=60_000)


def drawn(page, count=20):
    expect(page.locator(".lab-drawing")).to_have_attribute("data-drawn", str(count))


def pixels(page, selector):
    return page.locator(selector).first.evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].join()"
    )


def test_it_is_scrubbed_and_looked_at_and_a_picture_is_sent(page, app):
    sent = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda f: sent.append(f)))
    page.goto(f"{app}?steps=3&at=0")
    drawn(page)
    sent.clear()
    last = pixels(page, ".wall canvas")
    page.get_by_role("slider", name="From noise to picture").fill("0")
    noise = pixels(page, ".wall canvas")
    assert noise != last
    expect(page.locator(".now")).to_contain_text("t = 1.00 · step 0 of 3")
    page.get_by_role("button", name="One step on").click()
    expect(page.locator(".now")).to_contain_text("step 1 of 3")
    page.get_by_role("button", name="Guess of the picture").click()
    page.get_by_role("button", name="Picture 6, asked for two").click()
    expect(page.locator(".which")).to_have_text("Picture 6, asked for two")
    assert pixels(page, ".wall [aria-pressed=true] canvas") == pixels(page, ".path .guess")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".which")).to_have_text("Picture 7, asked for zero")
    page.get_by_role("button", name="one", exact=True).click()
    drawn(page)
    expect(page.locator(".which")).to_have_text("Picture 7, asked for one")
    page.wait_for_function("location.search.includes('asked=1')")
    for part in ("steps=3", "at=0.667", "show=guess", "picture=6"):
        assert part in page.url
    assert not sent
    page.get_by_text("Send to").click()
    page.get_by_role("button", name="DeepDream").click()
    expect(page.get_by_text("deepdream (1, 8, 8)")).to_be_visible()


def test_a_row_leads_from_one_to_another(page, app):
    page.goto(f"{app}?steps=2&at=0&other=4&mix=0")
    drawn(page)
    expect(page.locator(".ends")).to_have_text(
        "Picture 1, asked for zero → Picture 5, asked for one"
    )
    page.wait_for_function(
        """() => {
          const wall = [...document.querySelectorAll('*')]
            .map((e) => e.shadowRoot?.querySelector('.lab-drawing')).find(Boolean);
          const of = (c) => c.toDataURL();
          const cells = wall.querySelectorAll('.wall canvas');
          return [...wall.querySelectorAll('.line')].every((line) =>
            of(line.firstChild) === of(cells[0]) && of(line.lastChild) === of(cells[4]))
            && of(wall.querySelector('.live')) === of(cells[0]);
        }"""
    )
    page.get_by_role("slider", name="Place between the two pictures").fill("0.5")
    expect(page.locator(".lives b").nth(1)).to_have_text("0.73")
    assert float(page.locator(".lives b").first.text_content()) > 0.95


def test_a_blind_network_and_fewer_pictures_on_a_phone(page, app):
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(f"{app}?blind&steps=2&at=0&asked=7")
    drawn(page, 12)
    expect(page.locator(".untold")).to_contain_text("told no classes")
    expect(page.locator(".chips button")).to_have_count(0)
    expect(page.locator(".guided")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_no_network_is_said(page, app):
    page.goto(f"{app}?broken")
    expect(page.get_by_role("alert")).to_have_text("The network arrived damaged.")
    expect(page.get_by_text("The network arrived damaged.")).to_have_count(2)
