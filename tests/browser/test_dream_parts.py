"""Pictures compared and layers picked from, in Chromium: by mouse, finger and keyboard."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
APP = "dream_app.py"
KEPT = re.compile(r"^http://[^/]+/kept/\d+$")
ALT = "A gradient, dreamt on"
COLOUR = """(picture) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.drawImage(picture, 0, 0);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""
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
        page.goto(f"{app}/?pictures=1{query}", wait_until="commit")
        page.get_by_text(re.compile(r"Picture \d+\.")).wait_for()
        self.stage = page.locator(".lab-compare .stage")
        self.slider = page.get_by_role("slider", name=ALT)

    def ready(self):
        self.page.locator(".lab-compare .ready").wait_for()
        self.page.wait_for_timeout(200)
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
            if (found := self.page.locator("img.after").evaluate(COLOUR)) == list(colour):
                return
            self.page.wait_for_timeout(100)
        pytest.fail(f"{found} is not {colour}")

    def next(self, number):
        self.page.get_by_role("button", name="Next").click()
        self.page.get_by_text(f"Picture {number}.").wait_for()


@pytest.fixture
def compared(page, app):
    return Compared(page, app).ready()


def test_both_pictures_are_there_whole_and_smooth(compared):
    box = compared.box
    assert box["width"] / box["height"] == pytest.approx(4 / 3, abs=0.01)
    assert box["height"] == pytest.approx(0.7 * 900, abs=2)
    assert compared.at() == pytest.approx(0.5, abs=0.005)
    for name in ("before", "after"):
        picture = compared.page.locator(f"img.{name}")
        assert picture.bounding_box() == box
        assert picture.evaluate("(p) => getComputedStyle(p).imageRendering") == "auto"
    assert compared.page.get_by_alt_text(f"Photograph: {ALT}").count() == 1
    assert compared.page.get_by_alt_text(f"Dream: {ALT}").count() == 1


def test_the_divider_is_dragged_and_nothing_is_sent(compared):
    compared.drag(0.5, 0.7, 0.25)
    assert compared.at() == pytest.approx(0.25, abs=0.005)
    assert compared.slider.input_value() == "25"
    assert compared.slider.get_attribute("aria-valuetext") == "Photograph 25 %, Dream 75 %"
    compared.drag(0.26, 0.41)  # grasped a little beside its middle, it does not jump
    assert compared.at() == pytest.approx(0.41, abs=0.012)
    compared.drag(0.41, 1.3)
    assert compared.at() == pytest.approx(1, abs=0.005)
    assert not compared.sent


def test_a_click_anywhere_brings_it(compared):
    compared.page.mouse.click(*compared.spot(0.8, 0.9))
    assert compared.at() == pytest.approx(0.8, abs=0.005)
    compared.page.keyboard.press("ArrowLeft")  # and the keys go on from there
    assert compared.at() == pytest.approx(0.79, abs=0.005)
    assert not compared.sent


def test_the_keyboard_moves_it_and_labels_go_with_their_picture(compared):
    left, right = compared.page.locator(".label.left"), compared.page.locator(".label.right")
    compared.slider.focus()
    compared.page.keyboard.press("ArrowRight")
    assert compared.at() == pytest.approx(0.51, abs=0.005)
    expect(left).to_have_css("opacity", "1")
    expect(right).to_have_css("opacity", "1")
    compared.page.keyboard.press("Home")
    assert compared.at() == pytest.approx(0, abs=0.005)
    expect(left).to_have_css("opacity", "0")
    expect(right).to_have_css("opacity", "1")
    compared.page.keyboard.press("End")
    expect(left).to_have_css("opacity", "1")
    expect(right).to_have_css("opacity", "0")
    assert not compared.sent


def test_another_picture_leaves_the_divider(compared):
    compared.shows(0, 0, 40)
    compared.drag(0.5, 0.2)
    compared.next(1)
    compared.shows(0, 40, 0)
    expect(compared.page.locator("img.after")).to_have_count(1)
    assert compared.at() == pytest.approx(0.2, abs=0.005)


def test_it_begins_where_the_page_says(page, app):
    assert Compared(page, app, "&share=1").ready().at() == pytest.approx(0.3, abs=0.005)


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
        for _ in range(100):
            if grey in self.routes:
                break
            self.page.wait_for_timeout(50)
        file = io.BytesIO()
        Image.new("RGB", (40, 30), (grey, grey, grey)).save(file, "PNG")
        self.routes[grey].fulfill(body=file.getvalue(), content_type="image/png")
        self.page.wait_for_timeout(400)


def test_the_old_one_stays_until_the_new_one_is_there(page, app):
    kept = Kept(page)
    compared = Compared(page, app, "".join(f"&after=/kept/{grey}" for grey in (10, 20, 30)))
    page.locator("img.before").wait_for()  # the first does not wait for the second
    assert page.locator(".lab-compare .ready").count() == 0
    kept.give(10)
    compared.ready()
    compared.shows(10, 10, 10)
    compared.next(1)
    compared.next(2)
    page.wait_for_timeout(300)
    compared.shows(10, 10, 10)
    kept.give(30)
    compared.shows(30, 30, 30)
    kept.give(20)  # too late
    compared.shows(30, 30, 30)


def test_a_live_preview_neither_flashes_nor_pulls_the_divider_from_the_hand(page, app):
    compared = Compared(page, app, "&live=1")
    page.locator(".lab-compare .ready").wait_for()
    compared.stage.evaluate(FLASHES)
    page.mouse.move(*compared.spot(0.5))
    page.mouse.down()
    for i in range(20):
        share = 0.3 + 0.02 * i
        page.mouse.move(*compared.spot(share))
        assert compared.at() == pytest.approx(share, abs=0.01)
        page.wait_for_timeout(120)
    page.mouse.up()
    page.wait_for_function("window.swaps >= 3")
    assert page.evaluate("window.flashes") == 0
    assert compared.at() == pytest.approx(0.68, abs=0.01)


def test_a_picture_that_does_not_come_is_said(page, app):
    page.route(KEPT, lambda route: route.abort())
    compared = Compared(page, app, "&after=/kept/1")
    page.get_by_text("The picture could not be loaded.").wait_for()
    page.locator("img.before").wait_for()
    page.unroute(KEPT)
    kept = Kept(page)
    page.get_by_role("button", name="Try again").click()
    kept.give(1)
    expect(page.get_by_text("The picture could not be loaded.")).to_be_hidden()
    compared.ready().shows(1, 1, 1)


@pytest.mark.parametrize("shape", ["900x300", "300x900"])
def test_every_shape_is_seen_whole(page, app, shape):
    height, width = map(int, shape.split("x"))
    box = Compared(page, app, f"&shape={shape}").ready().box
    assert box["width"] / box["height"] == pytest.approx(width / height, rel=0.01)
    assert box["height"] <= 0.7 * 900 + 1
    assert box["x"] >= 0 and box["x"] + box["width"] <= 1400


@pytest.fixture
def phone(chromium):
    context = chromium.new_context(viewport={"width": 420, "height": 800}, has_touch=True)
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def swipe(page, start, end):
    """A finger from one spot to another."""
    talk = page.context.new_cdp_session(page)

    def touch(kind, *at):
        points = [{"x": x, "y": y} for x, y in at]
        talk.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", start)
    for i in range(1, 11):
        touch("touchMove", tuple(a + (b - a) * i / 10 for a, b in zip(start, end, strict=True)))
        page.wait_for_timeout(16)
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
        page.goto(f"{app}/?layers=1")
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
        self.page.get_by_role("button", name="Again").click()
        self.page.wait_for_timeout(500)

    def colour(self, channel):
        """Of the middle of a tile as it is drawn."""
        self.page.mouse.move(0, 0)
        shot = self.tile(channel).locator(".picture").screenshot()
        picture = Image.open(io.BytesIO(shot)).convert("RGB")
        return picture.getpixel((picture.width // 2, picture.height // 2))


@pytest.fixture
def listed(page, app):
    return Listed(page, app)


def test_it_opens_at_what_is_chosen(listed):
    assert listed.card("Stage 5").get_attribute("aria-expanded") == "true"
    expect(listed.tile(250)).to_be_in_viewport()
    expect(listed.tile(250)).to_have_attribute("aria-pressed", "true")
    expect(listed.tile(251)).to_have_attribute("aria-pressed", "false")
    expect(listed.card("Stage 5")).to_have_class("card sheet-6 chosen")
    assert listed.card("Stage 5").locator(".badge").inner_text() == "channel 250"
    assert listed.page.get_by_role("button", name="channel 250", exact=True).count() == 1
    assert listed.page.locator(".lab-channels .chosen").count() == 1


def test_a_tile_shows_its_part_of_the_sheet(listed):
    for channel in (250, 255, 256):
        row, column = divmod(channel, 16)
        red, green, blue = listed.colour(channel)
        assert (red, green, blue) == pytest.approx((column * 10, row * 3, 255), abs=2)
    listed.open("Stage 2")  # one row, which is not full
    assert listed.colour(4) == pytest.approx((40, 0, 5), abs=2)


def test_a_channel_is_reported_once(listed):
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


def test_the_whole_layer_and_a_mixture(listed):
    listed.whole.click()
    listed.chosen("blocks.4 None")
    expect(listed.whole).to_have_attribute("aria-pressed", "true")
    assert listed.card("Stage 5").locator(".badge").inner_text() == "whole"
    listed.open("Stage 4")
    listed.more.check()
    listed.tile(3).click()
    listed.chosen("blocks.4 None, blocks.3 3")
    listed.tile(4).click()
    listed.chosen("blocks.4 None, blocks.3 3, blocks.3 4")
    assert listed.card("Stage 4").locator(".badge").inner_text() == "2 chosen"
    listed.tile(3).click()
    listed.chosen("blocks.4 None, blocks.3 4")
    listed.more.uncheck()
    listed.tile(5).click(modifiers=["Shift"])
    listed.chosen("blocks.4 None, blocks.3 4, blocks.3 5")
    listed.tile(6).click()
    listed.chosen("blocks.3 6")
    expect(listed.card("Stage 5").locator(".badge")).to_be_hidden()


def test_quick_hands_lose_nothing(listed):
    listed.open("Stage 4")
    listed.more.check()
    listed.page.evaluate(
        """() => {
          const host = [...document.querySelectorAll("*")].find(
            (e) => e.shadowRoot?.querySelector(".lab-channels"));
          for (const c of [1, 2, 3, 4])
            host.shadowRoot.querySelector(`.tile[data-channel="${c}"]`).click();
        }"""
    )
    listed.chosen("blocks.4 250, " + ", ".join(f"blocks.3 {c}" for c in (1, 2, 3, 4)))
    expect(listed.page.locator(".lab-channels .pending")).to_have_count(0)


def test_many_tiles_come_as_they_are_needed(listed):
    listed.open("Classes")
    assert listed.tiles.count() == 200
    listed.page.locator(".lab-channels .box").evaluate("(box) => box.scrollTo(0, 1e6)")
    expect(listed.tiles).to_have_count(400)
    listed.tile(0).focus()
    listed.page.keyboard.press("End")
    expect(listed.tiles).to_have_count(1000)
    expect(listed.tile(999)).to_be_in_viewport()
    listed.page.keyboard.press("Enter")
    listed.chosen("classifier 999")
    expect(listed.tile(999)).to_be_focused()


def test_names_are_found(listed):
    expect(listed.page.get_by_label("Find a name")).to_be_hidden()
    listed.open("Classes")
    found = listed.page.get_by_label("Find a name")
    found.fill("Animal 77")
    expect(listed.tiles).to_have_count(6)  # 77, 771, 773, … 779
    assert listed.page.get_by_text("6 of 1,000").is_visible()
    assert listed.tiles.nth(1).get_attribute("title") == "771: animal 771"
    listed.tiles.nth(1).click()
    listed.chosen("classifier 771")
    expect(listed.tiles).to_have_count(6)
    expect(listed.card("Classes").locator(".badge")).to_have_text("animal 771")
    found.fill("nothing has this name")
    expect(listed.tiles).to_have_count(0)
    assert listed.page.get_by_text("0 of 1,000").is_visible()
    found.fill("")
    expect(listed.tiles).to_have_count(200)


def test_arrow_keys_go_from_tile_to_tile(listed):
    listed.open("Stage 4")
    listed.tile(0).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        listed.page.keyboard.press(key)
    across = round(listed.page.locator(".tiles").bounding_box()["width"] // 72)
    expect(listed.tile(across + 1)).to_be_focused()
    listed.page.keyboard.press("Space")
    listed.chosen(f"blocks.3 {across + 1}")
    listed.page.keyboard.press("Tab")
    assert listed.page.locator(".tile:focus").count() == 0


def test_a_layer_without_a_sheet_has_numbers_until_it_is_drawn(listed):
    listed.open("Stage 3")
    assert listed.tile(7).locator(".picture").get_attribute("data-number") == "7"
    assert listed.tile(7).locator(".number").is_hidden()
    listed.tile(7).click()
    listed.chosen("blocks.2 7")
    listed.tile(7).evaluate("(tile) => (tile.stays = true)")
    listed.page.get_by_text("Drawn now").click()
    listed.page.get_by_text("40 channels · corners").wait_for()
    expect(listed.tile(7).locator(".number")).to_be_visible()
    assert listed.card("Stage 3").get_attribute("aria-expanded") == "true"
    assert listed.tile(7).evaluate("(tile) => tile.stays")
    assert listed.colour(9) == pytest.approx((90, 0, 40), abs=2)


def test_a_layer_closes(listed):
    listed.card("Stage 5").click()
    expect(listed.tiles.first).to_be_hidden()
    assert listed.page.get_by_text("Open a layer to see").is_visible()
    listed.again()
    expect(listed.tiles.first).to_be_hidden()


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


def test_what_cannot_be_is_not_reported(listed):
    for said in WRONG:
        listed.page.locator(".lab-channels").evaluate(
            f"(root) => root.instance.tell('picked', {{move: ++root.instance.moves, ...{said}}})"
        )
        listed.again()
        listed.picks("nothing")
    listed.open("Stem")
    listed.tile(1).click()
    listed.picks("stem 1 False")


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
