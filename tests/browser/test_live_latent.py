"""The live instrument in Chromium: the same pictures as PyTorch's, and silence while dragging."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from latent_models import directions, drawn, model
from reruns import ran_again

pytestmark = pytest.mark.browser
APP = "latent_app.py"
TWO_FRAMES = "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
REST = """e => new Promise(r => (function f() {
  const { background, small, held, goal } = e.instance;
  background || small || held || goal ? requestAnimationFrame(f) : r();
})())"""
# Both at once: on a busy machine there may be a rest between two of the driver's.
TWO_KEYS = """e => {
  e.focus();
  for (const more of [{ key: "ArrowLeft" }, { key: "ArrowUp", shiftKey: true }])
    e.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...more }));
}"""
READY = '.lab-latent[data-state="ready"]'


class Instrument:
    """The page of one model, and what its browser sends."""

    def __init__(self, page, app, name="vae", query=""):
        self.page, self.name = page, name
        self.sent = []
        page.on("websocket", lambda ws: ws.on("framesent", lambda f: self.sent.append(f)))
        page.goto(f"{app}?model={name}{query}")
        self.root = page.locator(READY)
        self.root.wait_for()
        page.get_by_text("Released 0:").wait_for()
        self.count = 0

    def pixels(self):
        self.page.evaluate(TWO_FRAMES)
        return np.array(self.root.evaluate("e => [...e.latentPixels]"), np.int16)

    def type(self, text):
        field = self.root.get_by_label("Code", exact=True)
        field.fill(text)
        field.press("Enter")

    def slider(self, i):
        return self.root.get_by_role("slider", name=re.compile(rf"^Dimension {i},"))

    def said(self, *parts):
        """Wait until Python has heard of one release more."""
        self.count += 1
        text = self.page.get_by_text(f"Released {self.count}:")
        text.wait_for()
        for part in parts:
            assert part in text.inner_text()

    def press(self, button):
        """Press one of Streamlit's buttons, and wait for what Python says to it."""
        ran_again(self.page, self.page.get_by_role("button", name=button).click)

    def codes(self, count):
        """What the first sliders stand at, once the last move has come to its end."""
        self.root.evaluate(REST)
        return [float(self.slider(i).input_value()) for i in range(count)]

    def drag(self, box, quiet=0):
        """Across a box in forty moves, looking at the picture on the way; not let go."""
        mouse, seen = self.page.mouse, []
        y = box["y"] + box["height"] / 2
        mouse.move(box["x"] + box["width"] / 2, y)
        mouse.down()
        self.page.evaluate(TWO_FRAMES)
        self.sent.clear()
        for step in range(40):
            mouse.move(box["x"] + box["width"] * (0.5 + step / 100), y - step * quiet)
            if step % 10 == 9:
                seen.append(self.pixels())
        return seen


def test_sliders_pad_and_keys_are_silent_until_they_rest_and_are_told_once(app, page):
    shown = Instrument(page, app)
    plane = shown.root.locator(".plane")
    shown.sent.clear()
    for _ in range(5):
        shown.slider(2).press("ArrowRight")
    shown.said("0.05")
    assert len(shown.sent) == 1
    plane.evaluate(TWO_KEYS)
    shown.said("[-0.1, 1.0, 0.05")
    assert "Dimension 0 -0.10, Dimension 1 1.00" in plane.get_attribute("aria-label")
    assert plane.evaluate("e => e.matches(':focus')")  # not lost when Python answers
    plane.press("Home")
    shown.said("[0.0, 0.0, 0.05")

    for box, quiet in ((shown.slider(3).bounding_box(), 0), (plane.bounding_box(), 1)):
        seen = shown.drag(box, quiet)
        assert all((a != b).any() for a, b in pairwise(seen))
        assert not shown.sent
        page.mouse.up()
        shown.said(str(shown.slider(3).input_value()).rstrip("0"))
        shown.root.evaluate(REST)
        assert len(shown.sent) == 1
    assert len(shown.root.evaluate("e => e.latentTimings")) >= 20
    assert float(shown.slider(0).input_value()) > 2
    assert float(shown.slider(1).input_value()) > 0

    # Python can go elsewhere, and an old answer takes nothing back
    shown.press("Elsewhere")
    # The code changes at once, the sliders with the next frame.
    arrived = "e => Number(e.value) === 1.5"
    page.wait_for_function(arrived, arg=shown.slider(5).element_handle())
    shown.slider(5).fill("2")
    shown.said("1.5, 2.0, 1.5")
    shown.press("Again")
    assert shown.codes(6)[5] == 2

    shown.root.get_by_role("button", name="Random").click()
    shown.said()
    shown.codes(6)
    drawn = shown.pixels()
    slider = shown.slider(1)
    slider.dblclick(position={"x": 20, "y": 10})
    page.wait_for_function("e => Number(e.value) === 0", arg=slider.element_handle())
    assert (shown.pixels() != drawn).any()
    shown.root.get_by_role("button", name="Reset").click()
    page.get_by_text(re.compile(r"Released \d+: \[0\.0(, 0\.0)*\]")).wait_for()
    assert set(shown.codes(6)) == {0.0}

    shown.root.get_by_role("slider", name="Temperature").press("End")
    page.get_by_text("Temperature 1.5").wait_for()

    # sliders are folded by how much they matter
    assert shown.root.get_by_role("slider", name=re.compile("^Dimension")).count() == 6
    shown.root.get_by_text("4 more").click()
    assert shown.root.get_by_role("slider", name=re.compile("^Dimension")).count() == 10
    shown.root.get_by_text("10 unused dimensions: they change hardly anything").click()
    assert shown.root.get_by_role("slider", name=re.compile("^Dimension")).count() == 20


def test_the_stage_shows_a_code_that_was_typed_and_its_class(app, page):
    shown, network = Instrument(page, app, "cvae"), model("cvae")
    before = shown.pixels()
    shown.sent.clear()
    shown.type("1, 2")
    assert "have 8 numbers; this one has 2." in shown.root.locator(".message").inner_text()
    assert (shown.pixels() == before).all()
    assert not shown.sent
    code = [0.5, -1.25, 2, 0, 0.1, -0.7, 1, -2]
    shown.type("0.5 -1.25; 2, 0, 0.1, -0.7, 1, -2")
    shown.said(str([float(v) for v in code]))
    assert shown.root.locator(".message").inner_text() == ""
    assert (shown.pixels() != before).any()
    button = shown.root.get_by_role("button", name="Class 2")
    assert button.get_attribute("aria-pressed") == "false"
    button.press("Enter")
    shown.said("] 2")
    assert button.get_attribute("aria-pressed") == "true"
    for label in range(network.classes):
        shown.root.get_by_role("button", name=f"Class {label}").click()
        wanted = drawn(network, torch.tensor(code), label)
        assert wanted.std() > 15  # something is to be seen
        assert np.abs(shown.pixels() - wanted).max() <= 2
    shown.root.evaluate(REST)
    inks = [
        canvas.evaluate("c => [...c.getContext('2d').getImageData(0, 0, 28, 28).data].join()")
        for canvas in shown.root.locator(".classes canvas").all()
    ]
    assert len(set(inks)) == 4


def test_sliders_along_directions_draw_what_pytorch_draws_and_are_silent(app, page):
    shown, network = Instrument(page, app, "cgan", "&directions=3"), model("cgan")
    base, basis = directions(network, 3)

    def near(code, flip=1):
        wanted = drawn(network, flip * base + torch.tensor(code) @ basis, 0)
        assert wanted.std() > 15
        return np.abs(shown.pixels() - wanted).max() <= 2

    assert near([0.0, 0.0, 0.0])
    shown.type("0.5, -1.2, 0.7")
    shown.said("[0.5, -1.2, 0.7]")
    assert near([0.5, -1.2, 0.7])
    seen = shown.drag(shown.slider(2).bounding_box())
    assert all((a != b).any() for a, b in pairwise(seen))
    assert not shown.sent
    page.mouse.up()
    third = float(shown.slider(2).input_value())
    shown.said(f"[0.5, -1.2, {third}]")
    assert near([0.5, -1.2, third])
    shown.press("Flip")
    page.wait_for_function("e => Number(e.value) === 0", arg=shown.slider(2).element_handle())
    assert near([0.0, 0.0, 0.0], flip=-1)
    shown.root.get_by_role("button", name="Random").click()
    shown.said()
    code = shown.codes(3)
    assert all(code) and len(set(code)) > 1
    shown.root.get_by_role("button", name="Reset").click()
    shown.said("[0.0, 0.0, 0.0]")


def test_a_picture_in_colour_is_drawn_in_its_colours(app, page):
    shown = Instrument(page, app, "face_dcgan", "&directions=2")
    pixels = shown.pixels().reshape(64, 64, 3)
    rgba = "c => [...c.getContext('2d').getImageData(0, 0, 64, 64).data]"
    canvas = np.array(shown.root.locator(".decoded canvas").evaluate(rgba)).reshape(64, 64, 4)
    assert (canvas[..., :3] == pixels).all() and (canvas[..., 3] == 255).all()
    assert (pixels[..., 0] != pixels[..., 2]).any()


def test_the_plane_has_pictures_and_hovering_previews_them(app, page):
    shown = Instrument(page, app, "plane")
    before = shown.pixels()
    ink = "e => e.querySelector('.plane canvas').getContext('2d')"
    last = f"{ink}.getImageData(14 * 28, 14 * 28, 28, 28).data.some((v, i) => i % 4 < 3 && v > 0)"
    page.wait_for_function(f"e => ({last})(e)", arg=shown.root.element_handle())
    box = shown.root.locator(".plane").bounding_box()
    shown.sent.clear()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    assert (shown.pixels() != before).any()
    page.mouse.move(box["x"] - 60, box["y"] - 60)
    assert (shown.pixels() == before).all()
    assert not shown.sent


def test_the_pad_of_a_model_of_many_numbers_has_pictures_which_follow_the_others(app, page):
    shown = Instrument(page, app)
    plane = shown.root.locator(".plane")

    def pictures():
        page.evaluate(TWO_FRAMES)
        shown.root.evaluate(REST)
        return plane.locator("canvas").evaluate("c => c.toDataURL()")

    first = pictures()
    shown.drag(plane.bounding_box())
    assert "stale" not in plane.get_attribute("class")  # it is the same plane
    page.mouse.up()
    assert pictures() == first
    shown.drag(shown.slider(3).bounding_box())
    assert "stale" in plane.get_attribute("class")
    page.mouse.up()
    assert pictures() != first
    assert "stale" not in plane.get_attribute("class")


def test_without_a_decoder_python_is_told_why(app, page):
    page.goto(f"{app}?model=vae&broken=vae")
    page.get_by_text("Given up: The decoder").wait_for()


def test_on_a_phone_nothing_overflows_and_the_picture_stays_in_sight(app, phone):
    shown = Instrument(phone, app)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 420
    shown.root.get_by_label("Code", exact=True).scroll_into_view_if_needed()
    phone.evaluate("document.querySelector('[data-testid=stMain]').scrollBy(0, 300)")
    phone.evaluate(TWO_FRAMES)
    box = shown.root.locator(".decoded canvas").bounding_box()
    assert 0 <= box["y"] < 200
