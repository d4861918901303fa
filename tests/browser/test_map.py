"""The map in Chromium: the right picture under every point, one set in a lasso, and silence."""

import math
import re

import numpy as np
import pytest
import torch
from latent_models import model
from reruns import ran_again

from core import data

pytestmark = pytest.mark.browser
APP = "map_app.py"
READY = '.lab-map[data-state="ready"]'
CANVAS = """e => {
    const c = e.querySelector('.card .NAME canvas');
    if (c.hidden || !c.offsetParent) return null;
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
    return {id: e.instance.card.id, pixels: [...d].filter((_, i) => i % 4 === 0)};
}"""
# Both at once: on a busy machine there may be a rest between two of the driver's.
TWO_TURNS = """([x, y]) => {
  const place = { clientX: x, clientY: y, bubbles: true, cancelable: true };
  for (const deltaY of [-200, -200])
    document.elementFromPoint(x, y).dispatchEvent(new WheelEvent("wheel", { deltaY, ...place }));
}"""


FLAT, DEEP = "shuffled=300&frames=1", "shuffled=300&frames=1&dimensions=3"


@pytest.fixture(scope="module")
def digits():
    """The pixels and labels of the test digits."""
    result = data.load("mnist", "test")
    return result.pixels.flatten(1).numpy(), result.labels.numpy()


class Map:
    """The page, and what its browser sends."""

    def __init__(self, page, app, query=""):
        self.page, self.sent, self.errors = page, [], []
        page.on("websocket", lambda ws: ws.on("framesent", lambda f: self.sent.append(f)))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{app}?{query}")
        self.root = page.locator(READY)
        self.root.wait_for()
        self.rest()

    def anew(self):
        """As it was at first: loading such a page takes longer than most tests."""
        self.page.set_viewport_size({"width": 1400, "height": 900})
        self.page.mouse.move(5, 5)
        self.do("m => { m.tool = 'pan'; m.redraw(); }")
        self.root.get_by_role("searchbox").fill("")
        self.press("From the beginning")
        self.until("m => [m.clicked, m.lasso, m.view, m.shown].every((one) => !one)")
        self.rest()
        self.sent.clear()
        return self

    def press(self, button):
        """Press one of Streamlit's buttons, and wait for what Python says to it."""
        ran_again(self.page, self.page.get_by_role("button", name=button).click)

    def rest(self):
        """Wait until nothing is left to be drawn or told."""
        self.until("m => !m.drawing && !m.frame && !m.talk.waiting")
        said = self.page.get_by_text(re.compile(r"^Said \d+:")).inner_text()
        self.count = int(said[5 : said.index(":")])

    def do(self, script, *args):
        return self.root.evaluate(f"(e, args) => ({script})(e.instance, ...args)", list(args))

    def until(self, script, *args):
        """Wait until something is true of it."""
        self.page.wait_for_function(
            f"([e, args]) => ({script})(e.instance, ...args)",
            arg=[self.root.element_handle(), list(args)],
        )

    def said(self, *parts):
        """Wait until Python has heard of one thing more."""
        self.count += 1
        self.page.get_by_text(f"Said {self.count}:").wait_for()
        for part in parts:
            self.page.get_by_text(part).wait_for()

    def place(self, image):
        """Where on the screen the point of an image is."""
        box = self.root.locator(".plot").bounding_box()
        x, y = self.do("(m, id) => m.pixel(id)", image)
        return box["x"] + x, box["y"] + y

    def point_at(self, image):
        """Move the pointer there, as a hand does: not in one leap."""
        x, y = self.place(image)
        self.page.mouse.move(x + 30, y + 20)
        self.page.mouse.move(x, y, steps=3)
        self.until("(m, id) => m.card.id === id", image)

    def card(self, name="image"):
        """The id on the card and the pixels above it, once they are there."""
        script = CANVAS.replace("NAME", name)
        self.page.wait_for_function(script, arg=self.root.element_handle())
        result = self.root.evaluate(script)
        return result["id"], np.array(result["pixels"])

    def toggle(self, name):
        return self.root.locator(".toggle").filter(
            has=self.page.locator(".name", has_text=re.compile(f"^{name}$"))
        )

    def members(self):
        """The ids that are drawn."""
        return self.do("m => m.plot.data[0].x.map((_, k) => m.ids[m.members[k]])")

    def selected(self):
        """How many images Python has in the lasso, and the sum of their ids."""
        text = self.page.get_by_text(re.compile("Selected")).inner_text()
        return tuple(map(int, re.findall(r"\d+", text)))[:2]

    def lone(self):
        """Images with nothing near, so that pointing at one cannot find another."""
        ids, at = self.do("m => [[...m.ids], [...m.ids].map((id) => m.pixel(id))]")
        gaps = ((np.array(at)[:, None] - np.array(at)) ** 2).sum(2)
        np.fill_diagonal(gaps, np.inf)
        result = [ids[i] for i in np.argsort(-gaps.min(1))[:60] if gaps[i].min() > 100]
        return [id_ for id_ in result if self.inside(id_)]

    def inside(self, image):
        """Whether it is on the stage, and no tool over it."""
        x, y = self.do("(m, id) => m.pixel(id)", image)
        width, height = self.do("m => [m.stage.clientWidth, m.stage.clientHeight]")
        return 20 < x < width - 20 and 60 < y < height - 20


@pytest.fixture(scope="module")
def maps(app, chromium):
    """Gives the map of a query, loaded once, and as it was at first."""
    context, result = chromium.new_context(), {}
    context.set_default_timeout(60_000)

    def opened(query):
        if query not in result:
            page = context.new_page()
            page.set_viewport_size({"width": 1400, "height": 900})
            result[query] = Map(page, app, query)
        return result[query].anew()

    yield opened
    context.close()
    assert not any(shown.errors for shown in result.values())


def coordinates(shown):
    """The points that the browser has, in their order, and their ids."""
    axes, ids = shown.do("m => [m.axes.map(a => [...a]), [...m.ids]]")
    return np.array(axes).T, np.array(ids)


# ---- pictures


def test_ten_thousand_points_are_drawn_and_a_lasso_holds_the_same_in_browser_and_python(maps):
    shown = maps("")
    assert len(shown.members()) == 10_000
    assert "10,000 images" in shown.root.locator(".note").inner_text()
    inked = shown.do(
        """m => {
            const c = [...m.plot.querySelectorAll('canvas')].find(c => c.width > 0);
            const to = Object.assign(document.createElement('canvas'), c).getContext('2d');
            to.canvas.width = c.width; to.canvas.height = c.height;
            to.drawImage(c, 0, 0);
            const d = to.getImageData(0, 0, c.width, c.height).data;
            let n = 0;
            for (let i = 3; i < d.length; i += 4) n += d[i] > 100;
            return n;
        }"""
    )
    assert inked > 20_000

    shown.root.get_by_role("button", name="Lasso").click()
    shown.rest()
    turns = np.linspace(0, 4 * np.pi, 60)  # a line that crosses itself
    radii = 0.12 + 0.1 * np.sin(1.5 * turns)
    draw(shown, np.stack([0.4 + radii * np.cos(turns), 0.5 + radii * np.sin(turns)], 1))
    shown.said(re.compile(r"of \d\d\d? corners"))
    count, total = shown.selected()
    shown.rest()
    chosen = shown.do("m => m.plot.data[0].selectedpoints.map((k) => m.ids[m.members[k]])")
    assert (len(chosen), sum(chosen)) == (count, total)
    assert 100 < count < 9000
    assert 20 < len(shown.do("m => m.lasso")) <= 200
    assert len(shown.sent) <= 2  # once, and the page's own second run
    assert f"{count:,} selected" in shown.root.locator(".note").inner_text()
    # Plotly's own outline is gone, ours stands in its place.
    outlines = shown.do("m => [m.plot._fullLayout.selections.length, m.plot.layout.shapes.length]")
    assert outlines == [0, 1]
    shown.root.get_by_role("button", name="Clear selection").click()
    shown.said()
    shown.root.locator(".note", has_text=re.compile("^10,000 images$")).wait_for()
    shown.page.get_by_text(re.compile("Selected")).wait_for(state="detached")


@pytest.mark.parametrize("query", [FLAT, DEEP])
def test_the_card_has_the_image_of_the_point_whatever_is_filtered(maps, digits, query):
    pixels, labels = digits
    shown = maps(query)

    def check(image):
        shown.page.mouse.move(5, 5)
        shown.point_at(image)
        result, seen = shown.card()
        assert result == image
        assert (seen == pixels[image]).all()
        words = shown.root.locator(".card .image figcaption").inner_text()
        assert words.split() == [*words.split()[:-2], "Image", str(image)]
        assert words.startswith(str(labels[image]))

    lone = shown.lone()
    by_class = {int(labels[i]): i for i in lone}
    assert len(by_class) > 3
    check(lone[0])
    shown.rest()
    assert not shown.sent  # hovering is silent
    label, image = by_class.popitem()
    shown.toggle(label).hover()
    shown.root.get_by_role("button", name=f"Only {label}", exact=True).click()
    shown.rest()
    check(image)
    shown.page.get_by_text("cluster", exact=True).click()
    shown.page.get_by_text("Left").wait_for()
    shown.rest()
    check(image)
    shown.root.get_by_role("button", name="All", exact=True).click()
    shown.rest()
    check(by_class.popitem()[1])


def test_decoding_here_draws_what_pytorch_draws(maps):
    shown = maps("decoder=1&shuffled=300")
    shown.page.locator(f'{READY}[data-decoder="ready"]').wait_for()
    box = shown.root.locator(".stage").bounding_box()
    network = model("plane")
    for x, y in ((0.3, 0.4), (0.9, 0.2)):
        shown.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=2)
        shown.until(
            "(m, x, y) => m.root.labPlace && Math.hypot(...m.hand.pixel(m.root.labPlace)"
            ".map((v, k) => v - [x, y][k])) < 1.5",
            x * box["width"], y * box["height"],
        )  # fmt: skip
        place = shown.root.evaluate("e => e.labPlace")
        with torch.inference_mode():
            wanted = (255 * network.decode(torch.tensor([place]))[0]).round().flatten().numpy()
        assert wanted.std() > 15
        assert np.abs(shown.card("decoded")[1] - wanted).max() <= 2
    assert not shown.sent
    shown.page.mouse.click(box["x"] + 0.97 * box["width"], box["y"] + 0.9 * box["height"])
    shown.said(re.compile(r"place \(\d+\.\d+, -\d+\.\d+\)"))
    shown.root.locator(".plot").press("+")
    shown.said("place None")  # told once


def test_near_images_stand_in_the_place_of_their_points(maps, digits):
    shown = maps(FLAT)
    close_ups = shown.root.locator(".close-ups")
    assert not close_ups.is_visible(), "all of them would cover the map"
    for _ in range(12):
        shown.root.locator(".plot").press("+")
        shown.until("m => !m.drawing && !m.frame")
    close_ups.wait_for()
    shown.until("m => [...m.thumbnails.sheets.values()].every((s) => s.ready)")
    shown.rest()
    image, x, y, side, stamped = shown.do(
        """m => {
            const [i, x, y] = m.closeUps.places.at(-1), { side } = m.closeUps;
            const c = m.find('.close-ups').getContext('2d');
            const at = (a, b) => c.getImageData(Math.round(a), Math.round(b), 1, 1).data[0];
            const cell = side / 28, left = x - side / 2, top = y - side / 2;
            const row = Array.from({length: 28}, (_, k) => at(left + (k + .5) * cell, y));
            return [m.ids[i], x, y, side, row];
        }"""
    )
    rows = digits[0][image].reshape(28, 28).astype(float)
    apart = [np.abs(np.array(stamped) - rows[k]).mean() for k in (13, 14)]
    assert min(apart) < 25, apart
    box = shown.root.locator(".plot").bounding_box()
    corner = 0.45 * side
    shown.page.mouse.click(box["x"] + x + corner, box["y"] + y + corner)
    shown.page.get_by_text(f"clicked {image},").wait_for()


# ---- clicking and selecting


@pytest.mark.parametrize("query", [FLAT, DEEP])
def test_a_click_says_the_image_and_rings_it(maps, query):
    shown = maps(query)
    image = shown.lone()[0]
    shown.point_at(image)
    shown.page.mouse.down()
    shown.page.mouse.up()
    shown.said(f"clicked {image},")
    shown.until("m => m.root.querySelectorAll('.marks .neighbour').length === 8")
    ring = shown.root.locator(".marks .clicked").bounding_box()
    x, y = shown.place(image)
    assert math.dist((ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2), (x, y)) < 1
    shown.rest()
    assert len(shown.sent) == 1


def test_enter_takes_the_point_in_the_middle(maps):
    shown = maps(FLAT)
    points, ids = coordinates(shown)
    middle = [sum(ends) / 2 for ends in shown.do("m => m.hand.current()")]
    image = ids[((points - middle) ** 2).sum(1).argmin()]
    shown.root.locator(".plot").press("Enter")
    shown.said(f"clicked {image},")


def test_turning_a_3d_map_tells_the_camera_and_clicks_nothing(maps):
    shown = maps(DEEP)
    image = shown.lone()[0]
    shown.point_at(image)
    x, y = shown.place(image)
    shown.page.mouse.down()
    shown.page.mouse.move(x + 120, y + 10, steps=6)
    shown.page.mouse.up()
    shown.said("clicked None,", re.compile(r"View \[-?\d.*, -?\d.*, -?\d.*\]"))
    shown.rest()
    assert len(shown.sent) == 1
    shown.root.get_by_role("button", name="Reset view").click()
    shown.said("View None")


def draw(shown, corners):
    """A line drawn with the pointer through places of the stage, as shares of it."""
    box = shown.root.locator(".stage").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    shown.page.mouse.move(*at[0])
    shown.page.mouse.down()
    for place in at[1:]:
        shown.page.mouse.move(*place)
    shown.page.mouse.up()


def test_a_lasso_clicks_nothing_where_it_comes_back_and_a_slip_of_the_hand_is_none(maps):
    shown = maps(FLAT)
    shown.root.get_by_role("button", name="Lasso").click()
    shown.rest()
    box = shown.root.locator(".stage").bounding_box()
    x, y = shown.place(shown.lone()[0])  # on a point, which a click would choose
    share = ((x - box["x"]) / box["width"], (y - box["y"]) / box["height"])
    aside = [(0.5 + 0.3 * x, 0.5 + 0.3 * y) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    draw(shown, [share, *aside, share])
    shown.said("clicked None,", re.compile(r"Selected \d+ \d+ of \d+ corners"))
    shown.rest()
    assert shown.do("m => m.clicked") is None

    corners = {"x": [0, 1, 1], "y": [0, 0, 1]}
    shown.do("(m, corners) => m.hand.selected({lassoPoints: corners})", corners)
    shown.said(re.compile("of 3 corners"))
    shown.do("m => m.hand.selected({lassoPoints: {x: [0, 1], y: [0, 1]}})")
    shown.rest()
    assert shown.do("m => m.lasso") == [[0, 0], [1, 0], [1, 1]]


def test_a_box_is_a_polygon_of_four_corners_and_holds_while_classes_are_isolated(maps):
    shown = maps(FLAT)
    shown.root.get_by_role("button", name="Box").click()
    shown.rest()
    draw(shown, [(0.2, 0.2), (0.6, 0.8)])
    shown.said(re.compile("of 4 corners"))
    count, _ = shown.selected()
    shown.toggle(1).dblclick()
    shown.said("shown [1]")
    assert shown.selected()[0] == count
    shown.rest()
    some = len(shown.do("m => m.plot.data[0].selectedpoints"))
    assert 0 < some < count


# ---- the legend


def test_classes_are_hidden_isolated_found_and_restored(maps, digits):
    labels = digits[1]
    shown = maps(FLAT)
    assert shown.toggle(3).get_attribute("aria-pressed") == "true"
    shown.toggle(3).click()
    shown.said("shown [0, 1, 2, 4, 5, 6, 7, 8, 9]")
    shown.rest()
    assert shown.toggle(3).get_attribute("aria-pressed") == "false"
    assert set(labels[shown.members()]) == set(range(10)) - {3}
    shown.toggle(7).press("Enter")
    shown.said("shown [0, 1, 2, 4, 5, 6, 8, 9]")
    assert shown.toggle(7).evaluate("e => e === document.activeElement")  # not lost meanwhile
    shown.toggle(4).dblclick()
    shown.said("shown [4]")  # the two clicks before are not told
    shown.rest()
    assert set(labels[shown.members()]) == {4}
    shown.root.get_by_role("button", name="All", exact=True).click()
    shown.said("shown None")
    field = shown.root.get_by_role("searchbox")
    field.fill("5")
    assert shown.root.locator(".legend li:visible").count() == 1
    field.press("Enter")
    shown.said("shown [5]")
    shown.toggle(5).click()  # the last one: all of them again
    shown.said("shown None")
    field.fill("zebra")
    assert "There is no such class." in shown.root.locator(".message").inner_text()


def test_a_scale_has_a_bar(maps):
    shown = maps(FLAT)
    shown.page.get_by_text("ink", exact=True).first.click()
    bar = shown.root.locator(".bar")
    bar.wait_for()
    assert bar.locator("p").inner_text() == "ink"
    assert float(bar.locator(".low").inner_text()) < float(bar.locator(".high").inner_text())
    shown.rest()
    assert len(set(shown.do("m => m.plot.data[0].marker.color"))) > 100


# ---- what is passed in


def test_a_view_is_restored_and_an_image_outside_of_it_is_found_by_its_number(app, page, digits):
    pixels, labels = digits
    shown = Map(page, app, "view=-2,2,-1,1&shown=3,5")
    shown.sent.clear()
    ranges = shown.do("m => m.hand.current()")
    assert np.mean(ranges, 1) == pytest.approx([0, 0], abs=1e-6)
    assert ranges[0][0] <= -2 < 2 <= ranges[0][1]
    assert ranges[1][0] <= -1 < 1 <= ranges[1][1]
    assert min(ranges[0][1] / 2, ranges[1][1]) == pytest.approx(1)  # nothing more than it must
    assert shown.toggle(3).get_attribute("aria-pressed") == "true"
    assert shown.toggle(4).get_attribute("aria-pressed") == "false"

    points, ids = coordinates(shown)
    outside = int(ids[(labels[ids] == 0) & (points[:, 0] > ranges[0][1])][0])
    field = shown.root.get_by_role("searchbox")
    field.fill(f"#{outside}")
    field.press("Enter")
    shown.said(f"clicked {outside}, shown [0, 3, 5]")
    assert (shown.card()[1] == pixels[outside]).all()
    box = shown.root.locator(".stage").bounding_box()
    x, y = shown.place(outside)
    assert abs(x - box["x"] - box["width"] / 2) < 2
    assert abs(y - box["y"] - box["height"] / 2) < 2
    field.fill("#10000")
    field.press("Enter")
    assert "not on this map" in shown.root.locator(".message").inner_text()

    # What Python does is not told back.
    shown.sent.clear()
    shown.press("Elsewhere")
    shown.until("m => m.view === null && m.clicked === 18")
    shown.rest()
    assert shown.root.locator(".marks .clicked").count() == 1
    assert len(shown.sent) == 1  # the button
    assert shown.count == 1
    assert not shown.errors


def test_the_view_is_told_once_and_an_old_answer_takes_nothing_back(maps):
    shown = maps(FLAT)
    box = shown.root.locator(".stage").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shown.page.mouse.move(*middle)
    shown.page.evaluate(TWO_TURNS, middle)
    shown.said(re.compile(r"View \["))
    shown.rest()
    assert len(shown.sent) == 1
    ranges = shown.do("m => m.hand.current()")
    shown.press("Again")
    shown.rest()
    assert np.allclose(shown.do("m => m.hand.current()"), ranges, atol=1e-4)
    shown.page.mouse.move(*middle)
    shown.page.mouse.down()
    shown.page.mouse.move(middle[0] - 100, middle[1] - 50, steps=5)
    shown.page.mouse.up()
    shown.said()
    moved = shown.do("m => m.hand.current()")
    assert moved[0][0] > ranges[0][0]
    shown.root.locator(".plot").press("ArrowRight")
    shown.said()
    assert shown.do("m => m.hand.current()")[0][0] > moved[0][0]
    shown.root.get_by_role("button", name="Reset view").click()
    shown.said("View None")


def test_the_map_fills_another_width(maps):
    shown = maps(FLAT)
    for width in (800, 1300):
        shown.page.set_viewport_size({"width": width, "height": 900})
        shown.until("m => m.plot._fullLayout.width === m.stage.clientWidth")
        shown.rest()
        at = np.array(shown.do("m => [...m.ids].map((id) => m.pixel(id))"))
        stage = shown.do("m => [m.stage.clientWidth, m.stage.clientHeight]")
        assert (at > 0).all()
        assert (at < stage).all()
        (x0, x1), (y0, y1) = shown.do("m => m.hand.current()")
        assert (x1 - x0) / stage[0] == pytest.approx((y1 - y0) / stage[1])
    assert not shown.sent


# ---- the replay


@pytest.mark.parametrize("query", [FLAT, DEEP])
def test_the_replay_shows_first_and_last_snapshot_in_silence(maps, query):
    shown = maps(query)
    final, ids = coordinates(shown)
    slider = shown.root.get_by_role("slider", name="Iteration")

    def drawn():
        shown.rest()
        return np.array(
            shown.do("m => ['x', 'y', 'z'].map((d) => m.plot.data[0][d]).filter(Boolean)")
        ).T

    slider.fill("0")
    shown.page.get_by_text("Iteration 0").wait_for()
    shown.until("m => m.replay.place === 0")
    assert np.allclose(drawn(), final * 1e-4, atol=1e-6)
    low, high = shown.do(
        """m => { const l = m.plot._fullLayout, x = (l.scene ?? l).xaxis.range; return x; }"""
    )
    assert high - low < 0.01  # the axes fit the snapshot
    shown.root.get_by_role("button", name="Play").click()
    shown.until("m => m.replay.place === null && !m.replay.playing")
    assert np.allclose(drawn(), final)
    shown.page.get_by_text("Iteration 200").wait_for()
    assert not shown.sent
    assert len(ids) == len(drawn())


# ---- when something is missing


def test_without_plotly_or_webgl_a_sentence_says_so(app, page):
    page.route("**/api/plotly/**", lambda route: route.abort())
    page.goto(app)
    failure = page.locator('.lab-map[data-state="failed"] .failure')
    failure.wait_for()
    assert "Reload the page" in failure.inner_text()
    page.unroute("**/api/plotly/**")
    page.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
        " return kind.includes('webgl') ? null : get.call(this, kind, ...more); }"
    )
    page.goto(app)
    failure.wait_for()
    assert "WebGL" in failure.inner_text()


def test_on_a_phone_a_tap_shows_and_says_it_and_two_fingers_zoom(app, phone):
    shown = Map(phone, app, "shuffled=100")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 420
    image = shown.lone()[0]
    phone.touchscreen.tap(*shown.place(image))
    shown.said(f"clicked {image},")
    assert shown.card()[0] == image
    shown.rest()
    before = shown.do("m => m.hand.current()")
    box = shown.root.locator(".stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = phone.context.new_cdp_session(phone)

    def fingers(kind, *xs):
        touches = [{"x": x + dx, "y": y, "id": k} for k, dx in enumerate(xs)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    fingers("touchStart", -40)
    fingers("touchStart", -40, 40)
    for step in range(1, 5):
        fingers("touchMove", -40 - 10 * step, 40 + 10 * step)
    fingers("touchEnd")
    shown.said(f"clicked {image},", re.compile(r"View \["))
    after = shown.do("m => m.hand.current()")
    assert np.ptp(after[0]) == pytest.approx(np.ptp(before[0]) / 2, rel=0.05)
    assert np.mean(after, 1) == pytest.approx(np.mean(before, 1), abs=np.ptp(before[0]) / 20)
