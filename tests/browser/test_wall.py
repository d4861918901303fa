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
        page.goto(f"{app}/{query}")
        page.get_by_text("Chosen: ").wait_for()
        self.scrubber = page.get_by_role("slider", name="Epoch")
        self.card("Dark").wait_for()
        self.card("Light").wait_for()

    def card(self, name):
        return self.page.locator(".lab-wall .card", has_text=name)

    def greys(self):
        found = self.page.locator(".lab-wall .card img")
        for picture in found.all():
            picture.evaluate("(p) => p.decode()")
        return [picture.evaluate(GREY) for picture in found.all()]

    def scrub(self, epoch):
        self.scrubber.fill(str(epoch))
        return self.greys()


@pytest.fixture
def shown(page, app):
    return Wall(page, app)


def test_it_opens_on_the_last_epoch_of_each(shown):
    assert shown.greys() == [23, 205]
    shown.page.get_by_role("button", name="Show all").click()
    assert "FID 205" in shown.card("Light").inner_text()
    assert shown.page.get_by_text("epoch 5", exact=True).is_visible()


def test_the_scrubber_takes_all_back_and_says_nothing_to_the_server(shown):
    shown.page.wait_for_timeout(300)
    shown.sent.clear()
    assert shown.scrub(0) == [20, 200]
    assert shown.page.get_by_text("untrained").is_visible()
    assert "collapsed" in shown.card("Dark").inner_text()
    assert shown.scrub(2) == [22, 202]
    assert shown.scrub(4) == [23, 204]  # one that was trained for fewer epochs stays at its last
    assert "healthy" in shown.card("Dark").inner_text()
    assert not shown.sent


def test_playing_goes_from_the_first_noise_to_the_end_and_stops(shown):
    play = shown.page.get_by_role("button", name="Play from the first epoch")
    play.click()
    assert play.get_attribute("aria-pressed") == "true"
    expect(play).to_have_attribute("aria-pressed", "false", timeout=20_000)
    expect(shown.scrubber).to_have_value("5")
    assert shown.greys() == [23, 205]


def test_the_hand_stops_the_play(shown):
    shown.page.get_by_role("button", name="Play from the first epoch").click()
    assert shown.scrub(3) == [23, 203]
    shown.page.wait_for_timeout(900)
    assert shown.scrubber.input_value() == "3"


def test_a_click_chooses_and_the_scrubber_stays(shown):
    shown.scrub(1)
    shown.card("Light").click()
    shown.page.get_by_text("Chosen: light.").wait_for()
    assert shown.card("Light").get_attribute("aria-pressed") == "true"
    assert shown.card("Dark").get_attribute("aria-pressed") == "false"
    assert shown.scrubber.input_value() == "1"
    shown.page.get_by_role("button", name="Again").click()
    shown.card("Dark").click()
    shown.page.get_by_text("Chosen: dark.").wait_for()


def test_a_sheet_that_is_gone_leaves_the_rest(page, app):
    shown = Wall(page, app, "?broken=1")
    page.locator(".lab-wall .card.lost").wait_for()
    assert shown.card("Light").locator("img").evaluate("(p) => p.naturalWidth") == 10


def test_it_fits_a_phone(page, app):
    page.set_viewport_size({"width": 420, "height": 800})
    Wall(page, app)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_it_is_one_row_until_it_is_unfolded(page, app):
    page.set_viewport_size({"width": 420, "height": 800})
    shown = Wall(page, app)
    dark, light = (shown.card(name).bounding_box() for name in ("Dark", "Light"))
    assert dark["y"] == light["y"] and "FID" not in shown.card("Dark").inner_text()
    page.get_by_role("button", name="Show all").click()
    assert "FID 23" in shown.card("Dark").inner_text()
    assert page.get_by_text("Of two greys.").is_visible()
    page.get_by_role("button", name="Show one row").click()
    assert page.get_by_text("Of two greys.").is_hidden()


def test_the_chosen_network_is_in_sight_and_the_page_stays(page, app):
    page.set_viewport_size({"width": 300, "height": 300})
    shown = Wall(page, app, "?chosen=light")

    def in_sight():
        light = shown.card("Light").bounding_box()
        return light["x"] >= 0 and light["x"] + light["width"] <= 300

    assert in_sight()
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("button", name="Show one row").click()
    assert in_sight()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0


def test_what_a_verdict_means_is_told_of_the_chosen_and_of_the_focused_network(shown):
    about = shown.page.locator(".lab-wall .about")
    expect(about).to_have_text("Dark, 3 epochs: healthy. It means healthy.")
    shown.card("Light").focus()
    expect(about).to_have_text("Light, 5 epochs: healthy. It means healthy.")
    shown.card("Light").blur()
    expect(about).to_have_text("Dark, 3 epochs: healthy. It means healthy.")
    shown.scrub(0)
    expect(about).to_have_text("Dark, 3 epochs: collapsed. It means collapsed.")
