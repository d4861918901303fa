"""Pictures compared and layers picked from, in Chromium: by mouse, finger and keyboard."""

import io
import re
from functools import partial

import pytest
from PIL import Image
from playwright.sync_api import expect
from reruns import ran_again

pytestmark = pytest.mark.browser
APP = "dream_app.py"
KEPT = re.compile(r"^http://[^/]+/kept/\d+$")
ALT = "A gradient, dreamt on"
COLOUR = """(picture) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.drawImage(picture, 0, 0);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""
FRAMES = "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
FLASHES = """(stage) => {
  window.flashes = window.swaps = 0;
  let last = stage.querySelector(".after");
  const look = () => {
    const now = stage.querySelector(".after");
    if (!now?.complete || !now.naturalWidth) window.flashes += 1;
    if (now !== last) window.swaps += 1;
    last = now;
    requestAnimationFrame(look);
  };
  look();
}"""


class Compared:
    """The two pictures, their divider, and what the browser sends."""

    def __init__(self, page, app, query=""):
        self.page, self.sent = page, []
        page.on("websocket", lambda ws: ws.on("framesent", lambda f: self.sent.append(f)))
        page.goto(f"{app}?pictures=1{query}", wait_until="commit")
        page.get_by_text(re.compile(r"Picture \d+\.")).wait_for()
        self.stage = page.locator(".lab-compare .stage")
        self.slider = page.get_by_role("slider", name=ALT)

    def ready(self):
        self.page.locator(".lab-compare .ready").wait_for()
        self.box = self.stage.bounding_box()
        self.sent.clear()
        return self

    def spot(self, share, down=0.3):
        box = self.stage.bounding_box()
        return box["x"] + share * box["width"], box["y"] + down * box["height"]

    def at(self):
        """Where the divider is, as it is drawn."""
        box, line = self.stage.bounding_box(), self.page.locator(".divider").bounding_box()
        return (line["x"] + line["width"] / 2 - box["x"]) / box["width"]

    def drag(self, start, *way):
        mouse = self.page.mouse
        mouse.move(*self.spot(start))
        mouse.down()
        for share in way:
            mouse.move(*self.spot(share), steps=4)
        mouse.up()

    def shows(self, *colour):
        """Wait for the colour of the upper left pixel of the picture on the right."""
        for _ in range(50):
            if (result := self.page.locator("img.after").evaluate(COLOUR)) == list(colour):
                return
            self.page.wait_for_timeout(100)
        pytest.fail(f"{result} is not {colour}")

    def next(self, number):
        self.page.get_by_role("button", name="Next").click()
        self.page.get_by_text(f"Picture {number}.").wait_for()


def test_the_divider_is_dragged_clicked_and_moved_by_keys_and_nothing_is_sent(page, app):
    compared = Compared(page, app).ready()
    box = compared.box
    assert box["width"] / box["height"] == pytest.approx(4 / 3, abs=0.01)
    assert box["height"] == pytest.approx(0.7 * 900, abs=2)
    assert compared.at() == pytest.approx(0.5, abs=0.005)
    for name in ("before", "after"):
        picture = page.locator(f"img.{name}")
        assert picture.bounding_box() == box
        assert picture.evaluate("(p) => getComputedStyle(p).imageRendering") == "auto"
    assert page.get_by_alt_text(f"Photograph: {ALT}").count() == 1
    assert page.get_by_alt_text(f"Dream: {ALT}").count() == 1

    compared.drag(0.5, 0.7, 0.25)
    assert compared.at() == pytest.approx(0.25, abs=0.005)
    assert compared.slider.input_value() == "25"
    assert compared.slider.get_attribute("aria-valuetext") == "Photograph 25 %, Dream 75 %"
    compared.drag(0.26, 0.41)  # grasped a little beside its middle, it does not jump
    assert compared.at() == pytest.approx(0.41, abs=0.012)
    compared.drag(0.41, 1.3)
    assert compared.at() == pytest.approx(1, abs=0.005)
    page.mouse.click(*compared.spot(0.8, 0.9))  # anywhere
    assert compared.at() == pytest.approx(0.8, abs=0.005)
    page.keyboard.press("ArrowLeft")  # and the keys go on from there
    assert compared.at() == pytest.approx(0.79, abs=0.005)

    # labels go with their picture
    left, right = page.locator(".label.left"), page.locator(".label.right")
    expect(left).to_have_css("opacity", "1")
    expect(right).to_have_css("opacity", "1")
    page.keyboard.press("Home")
    assert compared.at() == pytest.approx(0, abs=0.005)
    expect(left).to_have_css("opacity", "0")
    expect(right).to_have_css("opacity", "1")
    page.keyboard.press("End")
    expect(left).to_have_css("opacity", "1")
    expect(right).to_have_css("opacity", "0")
    assert not compared.sent

    # another picture leaves the divider
    compared.shows(0, 0, 40)
    compared.drag(0.5, 0.2)
    compared.next(1)
    compared.shows(0, 40, 0)
    expect(page.locator("img.after")).to_have_count(1)
    assert compared.at() == pytest.approx(0.2, abs=0.005)


def test_a_wide_picture_is_seen_whole_and_begins_where_the_page_says(page, app):
    compared = Compared(page, app, "&share=1&shape=300x900").ready()
    box = compared.box
    assert compared.at() == pytest.approx(0.3, abs=0.005)
    assert box["width"] / box["height"] == pytest.approx(3, rel=0.01)
    assert box["height"] <= 0.7 * 900 + 1
    assert box["x"] >= 0 and box["x"] + box["width"] <= 1400


class Kept:
    """Pictures that come when the test says so; their names are greys."""

    def __init__(self, page):
        self.routes = {}
        page.route(KEPT, lambda route: self.routes.update({self.name(route): route}))
        self.page = page

    @staticmethod
    def name(route):
        return int(route.request.url.rsplit("/", 1)[1])

    def give(self, grey):
        for _ in range(600):
            if grey in self.routes:
                break
            self.page.wait_for_timeout(50)
        file = io.BytesIO()
        Image.new("RGB", (40, 30), (grey, grey, grey)).save(file, "PNG")
        with self.page.expect_request_finished(lambda asked: asked.url.endswith(f"/{grey}")):
            self.routes[grey].fulfill(body=file.getvalue(), content_type="image/png")
        self.page.evaluate(FRAMES)


def test_the_old_one_stays_until_the_new_one_is_there_and_a_lost_one_is_said(page, app):
    page.route(KEPT, lambda route: route.abort())
    compared = Compared(page, app, "".join(f"&after=/kept/{grey}" for grey in (10, 20, 30)))
    page.get_by_text("The picture could not be loaded.").wait_for()
    page.locator("img.before").wait_for()  # the first does not wait for the second
    assert page.locator(".lab-compare .ready").count() == 0
    page.unroute(KEPT)
    kept = Kept(page)
    page.get_by_role("button", name="Try again").click()
    kept.give(10)
    expect(page.get_by_text("The picture could not be loaded.")).to_be_hidden()
    compared.ready().shows(10, 10, 10)
    compared.next(1)
    compared.next(2)
    compared.shows(10, 10, 10)
    kept.give(30)
    compared.shows(30, 30, 30)
    kept.give(20)  # too late
    compared.shows(30, 30, 30)


def test_a_live_preview_neither_flashes_nor_pulls_the_divider_from_the_hand(page, app):
    compared = Compared(page, app, "&live=1").ready()
    compared.stage.evaluate(FLASHES)
    page.mouse.move(*compared.spot(0.5))
    page.mouse.down()
    for i in range(600):
        share = 0.3 + 0.02 * (i % 20)
        page.mouse.move(*compared.spot(share))
        assert compared.at() == pytest.approx(share, abs=0.01)
        if page.evaluate("window.swaps") >= 3:
            break
    page.mouse.up()
    assert page.evaluate("[window.swaps >= 3, window.flashes]") == [True, 0]
    assert compared.at() == pytest.approx(share, abs=0.01)


def swipe(page, start, end):
    """A finger from one spot to another."""
    talk = page.context.new_cdp_session(page)

    def touch(kind, *at):
        points = [{"x": x, "y": y} for x, y in at]
        talk.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", start)
    for i in range(1, 11):
        touch("touchMove", tuple(a + (b - a) * i / 10 for a, b in zip(start, end, strict=True)))
    touch("touchEnd")


def test_a_finger_drags_across_taps_and_scrolls_past(phone, app):
    compared = Compared(phone, app, "&shape=900x800").ready()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 420
    swipe(phone, compared.spot(0.5), compared.spot(0.8))
    assert compared.at() == pytest.approx(0.8, abs=0.01)
    phone.touchscreen.tap(*compared.spot(0.3))
    assert compared.at() == pytest.approx(0.3, abs=0.01)
    swipe(phone, compared.spot(0.6, 0.9), compared.spot(0.6, 0.1))  # the page scrolls, if it can
    assert compared.at() == pytest.approx(0.3, abs=0.01)
    assert not compared.sent


class Listed:
    """The layers, and the channels of the open one."""

    def __init__(self, page, app):
        self.page = page
        page.goto(f"{app}?layers=1")
        page.get_by_text("Picks: nothing.").wait_for()
        self.card("Classes").wait_for()
        self.tiles = page.locator(".lab-channels .tile")
        self.whole = page.get_by_role("button", name="Whole layer")
        self.more = page.get_by_label("Add to the mixture")

    def card(self, title):
        return self.page.locator(".lab-channels .card", has_text=title)

    def tile(self, channel):
        return self.page.locator(f".lab-channels .tile[data-channel='{channel}']")

    def open(self, title):
        self.card(title).click()
        expect(self.card(title)).to_have_attribute("aria-expanded", "true")

    def chosen(self, text):
        self.page.get_by_text(f"Chosen: {text}.", exact=True).wait_for()

    def picks(self, text):
        self.page.get_by_text(f"Picks: {text}.", exact=True).wait_for()

    def again(self):
        ran_again(self.page, self.page.get_by_role("button", name="Again").click)

    def colour(self, channel):
        """Of the middle of a tile as it is drawn."""
        self.page.mouse.move(0, 0)
        shot = self.tile(channel).locator(".picture").screenshot()
        picture = Image.open(io.BytesIO(shot)).convert("RGB")
        return picture.getpixel((picture.width // 2, picture.height // 2))


def test_a_layer_s_tiles_are_seen_found_and_come_as_they_are_needed(page, app):
    listed = Listed(page, app)
    assert listed.card("Stage 5").get_attribute("aria-expanded") == "true"  # what is chosen
    expect(listed.tile(250)).to_be_in_viewport()
    expect(listed.tile(250)).to_have_attribute("aria-pressed", "true")
    expect(listed.tile(251)).to_have_attribute("aria-pressed", "false")
    expect(listed.card("Stage 5")).to_have_class("card sheet-6 chosen")
    expect(listed.card("Stage 5").locator(".badge")).to_have_text("channel 250")
    assert page.get_by_role("button", name="channel 250", exact=True).count() == 1
    assert page.locator(".lab-channels .chosen").count() == 1
    expect(page.get_by_label("Find a name")).to_be_hidden()

    # each is its part of the sheet
    for channel in (250, 255, 256):
        row, column = divmod(channel, 16)
        red, green, blue = listed.colour(channel)
        assert (red, green, blue) == pytest.approx((column * 10, row * 3, 255), abs=2)
    listed.open("Stage 2")  # one row, which is not full
    assert listed.colour(4) == pytest.approx((40, 0, 5), abs=2)

    listed.open("Classes")
    assert listed.tiles.count() == 200
    page.locator(".lab-channels .box").evaluate("(box) => box.scrollTo(0, 1e6)")
    expect(listed.tiles).to_have_count(400)
    listed.tile(0).focus()
    page.keyboard.press("End")
    expect(listed.tiles).to_have_count(1000)
    expect(listed.tile(999)).to_be_in_viewport()
    page.keyboard.press("Enter")
    listed.chosen("classifier 999")
    expect(listed.tile(999)).to_be_focused()

    result = page.get_by_label("Find a name")
    result.fill("Animal 77")
    expect(listed.tiles).to_have_count(6)  # 77, 771, 773, … 779
    assert page.get_by_text("6 of 1,000").is_visible()
    assert listed.tiles.nth(1).get_attribute("title") == "771: animal 771"
    listed.tiles.nth(1).click()
    listed.chosen("classifier 771")
    expect(listed.tiles).to_have_count(6)
    expect(listed.card("Classes").locator(".badge")).to_have_text("animal 771")
    result.fill("nothing has this name")
    expect(listed.tiles).to_have_count(0)
    assert page.get_by_text("0 of 1,000").is_visible()
    result.fill("")
    expect(listed.tiles).to_have_count(200)

    # without a sheet there are numbers, until it is drawn
    listed.open("Stage 3")
    assert listed.tile(7).locator(".picture").get_attribute("data-number") == "7"
    assert listed.tile(7).locator(".number").is_hidden()
    listed.tile(7).click()
    listed.chosen("blocks.2 7")
    listed.tile(7).evaluate("(tile) => (tile.stays = true)")
    page.get_by_text("Drawn now").click()
    page.get_by_text("40 channels · corners").wait_for()
    expect(listed.tile(7).locator(".number")).to_be_visible()
    assert listed.card("Stage 3").get_attribute("aria-expanded") == "true"
    assert listed.tile(7).evaluate("(tile) => tile.stays")
    assert listed.colour(9) == pytest.approx((90, 0, 40), abs=2)

    listed.card("Stage 3").click()  # it closes
    expect(listed.tiles.first).to_be_hidden()
    assert page.get_by_text("Open a layer to see").is_visible()
    listed.again()
    expect(listed.tiles.first).to_be_hidden()


TELL = "(root) => root.instance.tell('picked', {move: ++root.instance.moves, ...%s})"
WRONG = [
    "{layer: 'blocks.4', channel: 672, more: false}",
    "{layer: 'blocks.4', channel: -1, more: false}",
    "{layer: 'blocks.4', channel: 1.5, more: false}",
    "{layer: 'blocks.4', channel: true, more: false}",
    "{layer: 'blocks.4', channel: 1, more: 'yes'}",
    "{layer: 'blocks.4', channel: 1, more: false, move: 'first'}",
    "{layer: 'elsewhere', channel: 1, more: false}",
    "{layer: ['blocks.4'], channel: [1], more: false}",
]


def test_channels_are_reported_once_and_mixed_and_what_cannot_be_is_not(page, app):
    listed = Listed(page, app)
    for said in WRONG:
        ran_again(page, partial(page.locator(".lab-channels").evaluate, TELL % said))
        listed.picks("nothing")
    listed.open("Stem")
    listed.tile(17).click()
    listed.chosen("stem 17")
    listed.picks("stem 17 False")
    expect(listed.tile(17)).to_have_attribute("aria-pressed", "true")
    listed.again()
    listed.picks("stem 17 False")
    assert listed.card("Stem").get_attribute("aria-expanded") == "true"  # over every run
    listed.tile(17).click()  # the same is news if it is clicked again
    listed.picks("stem 17 False, stem 17 False")

    # the whole layer, and a mixture
    listed.open("Stage 5")
    listed.whole.click()
    listed.chosen("blocks.4 None")
    expect(listed.whole).to_have_attribute("aria-pressed", "true")
    expect(listed.card("Stage 5").locator(".badge")).to_have_text("whole")
    listed.open("Stage 4")
    listed.more.check()
    listed.tile(3).click()
    listed.chosen("blocks.4 None, blocks.3 3")
    listed.tile(4).click()
    listed.chosen("blocks.4 None, blocks.3 3, blocks.3 4")
    expect(listed.card("Stage 4").locator(".badge")).to_have_text("2 chosen")
    listed.tile(3).click()
    listed.chosen("blocks.4 None, blocks.3 4")
    listed.more.uncheck()
    listed.tile(5).click(modifiers=["Shift"])
    listed.chosen("blocks.4 None, blocks.3 4, blocks.3 5")
    listed.tile(6).click()
    listed.chosen("blocks.3 6")
    expect(listed.card("Stage 5").locator(".badge")).to_be_hidden()

    listed.more.check()  # quick hands lose nothing
    page.evaluate(
        """() => {
          const host = [...document.querySelectorAll("*")].find(
            (e) => e.shadowRoot?.querySelector(".lab-channels"));
          for (const c of [1, 2, 3, 4])
            host.shadowRoot.querySelector(`.tile[data-channel="${c}"]`).click();
        }"""
    )
    listed.chosen("blocks.3 6, " + ", ".join(f"blocks.3 {c}" for c in (1, 2, 3, 4)))
    expect(page.locator(".lab-channels .pending")).to_have_count(0)
    listed.more.uncheck()

    listed.tile(0).focus()  # arrow keys go from tile to tile
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    across = round(page.locator(".tiles").bounding_box()["width"] // 72)
    expect(listed.tile(across + 1)).to_be_focused()
    page.keyboard.press("Space")
    listed.chosen(f"blocks.3 {across + 1}")
    page.keyboard.press("Tab")
    assert page.locator(".tile:focus").count() == 0


def test_it_fits_a_phone(phone, app):
    listed = Listed(phone, app)
    expect(listed.card("Stage 5")).to_be_in_viewport()  # the row of cards has scrolled to it
    assert phone.evaluate("document.documentElement.scrollWidth") <= 420
    listed.card("Classes").scroll_into_view_if_needed()
    listed.card("Classes").tap()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 420
    listed.tile(2).tap()
    listed.chosen("classifier 2")
    for place in (".panel", ".box", ".bar"):
        box = phone.locator(f".lab-channels {place}").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 420
