"""The wall in Chromium: one scrubber for all, silence while it moves, a click that counts."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
APP = "wall_app.py"
GREY = """(picture) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.drawImage(picture, 0, 0);
  return canvas.getImageData(0, 0, 1, 1).data[0];
}"""


class Wall:
    """The page, and what its browser sends."""

    def __init__(self, page, app, query=""):
        self.page, self.sent = page, []
        page.on("websocket", lambda ws: ws.on("framesent", lambda f: self.sent.append(f)))
        page.goto(f"{app}{query}")
        page.get_by_text("Chosen: ").wait_for()
        self.scrubber = page.get_by_role("slider", name="Epoch")
        self.card("Dark").wait_for()
        self.card("Light").wait_for()

    def card(self, name):
        return self.page.locator(".lab-wall .card", has_text=name)

    def greys(self):
        result = self.page.locator(".lab-wall .card img")
        for picture in result.all():
            picture.evaluate("(p) => p.decode()")
        return [picture.evaluate(GREY) for picture in result.all()]

    def scrub(self, epoch):
        self.scrubber.fill(str(epoch))
        return self.greys()


def test_all_are_scrubbed_and_played_in_silence_and_a_click_chooses(page, app):
    shown = Wall(page, app)
    assert shown.greys() == [23, 205]  # the last epoch of each
    page.get_by_role("button", name="Show all").click()
    assert "FID 205" in shown.card("Light").inner_text()
    assert page.get_by_text("epoch 5", exact=True).is_visible()
    page.get_by_role("button", name="Show one row").click()

    # what a verdict means is told of the chosen and of the focused network
    about = page.locator(".lab-wall .about")
    expect(about).to_have_text("Dark, 3 epochs: healthy. It means healthy.")
    shown.card("Light").focus()
    expect(about).to_have_text("Light, 5 epochs: healthy. It means healthy.")
    shown.card("Light").blur()
    expect(about).to_have_text("Dark, 3 epochs: healthy. It means healthy.")

    shown.sent.clear()
    assert shown.scrub(0) == [20, 200]
    assert page.get_by_text("untrained").is_visible()
    assert "collapsed" in shown.card("Dark").inner_text()
    expect(about).to_have_text("Dark, 3 epochs: collapsed. It means collapsed.")
    assert shown.scrub(2) == [22, 202]
    assert shown.scrub(4) == [23, 204]  # one that was trained for fewer epochs stays at its last
    assert "healthy" in shown.card("Dark").inner_text()

    play = page.get_by_role("button", name="Play from the first epoch")
    play.click()
    expect(play).to_have_attribute("aria-pressed", "true")
    expect(play).to_have_attribute("aria-pressed", "false", timeout=20_000)
    expect(shown.scrubber).to_have_value("5")
    assert shown.greys() == [23, 205]
    play.click()
    assert shown.scrub(3) == [23, 203]  # the hand stops it
    expect(play).to_have_attribute("aria-pressed", "false")
    assert not shown.sent

    shown.scrub(1)
    shown.card("Light").click()
    page.get_by_text("Chosen: light.").wait_for()
    assert shown.card("Light").get_attribute("aria-pressed") == "true"
    assert shown.card("Dark").get_attribute("aria-pressed") == "false"
    assert shown.scrubber.input_value() == "1"
    page.get_by_role("button", name="Again").click()
    shown.card("Dark").click()
    page.get_by_text("Chosen: dark.").wait_for()


def test_a_sheet_that_is_gone_leaves_the_rest(page, app):
    shown = Wall(page, app, "?broken=1")
    page.locator(".lab-wall .card.lost").wait_for()
    assert shown.card("Light").locator("img").evaluate("(p) => p.naturalWidth") == 10


def test_on_a_phone_it_is_one_row_until_it_is_unfolded_with_the_chosen_network_in_sight(page, app):
    page.set_viewport_size({"width": 300, "height": 300})
    shown = Wall(page, app, "?chosen=light")
    assert page.evaluate("document.documentElement.scrollWidth") <= 300

    def in_sight():
        light = shown.card("Light").bounding_box()
        return light["x"] >= 0 and light["x"] + light["width"] <= 300

    assert in_sight()
    dark, light = (shown.card(name).bounding_box() for name in ("Dark", "Light"))
    assert dark["y"] == light["y"] and "FID" not in shown.card("Dark").inner_text()
    page.get_by_role("button", name="Show all").click()
    assert "FID 23" in shown.card("Dark").inner_text()
    assert page.get_by_text("Of two greys.").is_visible()
    page.get_by_role("button", name="Show one row").click()
    assert page.get_by_text("Of two greys.").is_hidden()
    assert in_sight()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0
