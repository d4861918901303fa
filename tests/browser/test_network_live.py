"""The drawing and its network in Chromium: what PyTorch says of it, and silence while drawing."""

import base64
import re

import numpy as np
import pytest
import torch
from classifier_cases import classifier

pytestmark = pytest.mark.browser
APP = "network_app.py"
FRAMES = "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
MINUS = "\N{MINUS SIGN}"
STRIP = "e => [...e.querySelectorAll('.card canvas')].map((c) => c.toDataURL())"


class Shown:
    """The page, and what its browser sends."""

    def __init__(self, page, app, query="", state="ready"):
        self.page, self.sent = page, []
        page.on("websocket", lambda ws: ws.on("framesent", lambda f: self.sent.append(f)))
        page.goto(f"{app}{query}")
        self.root = page.locator(f'.lab-network[data-state="{state}"]')
        self.root.wait_for()
        page.get_by_text("Drawn: nothing.").wait_for()
        self.ink = page.locator(".ink")

    def press(self):
        """Put the pen down at the left, and forget what was sent before."""
        box = self.ink.bounding_box()
        self.at = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])
        self.page.mouse.move(*self.at(0.3, 0.3))
        self.page.mouse.down()
        self.page.evaluate(FRAMES)
        self.sent.clear()

    def strip(self):
        self.page.evaluate(FRAMES)
        return self.root.evaluate(STRIP)

    def drawn(self):
        """The picture that Python has."""
        text = self.page.get_by_text(re.compile("Drawn: .{20}"))
        text.wait_for()
        content = text.inner_text().removeprefix("Drawn: ").removesuffix(".")
        return np.frombuffer(base64.b64decode(content), np.uint8).reshape(28, 28)

    def shares(self):
        texts = self.page.locator(".share").all_inner_texts()
        return [float(text.strip("<>% ")) / 100 for text in texts]


def answer(pixels):
    """The probabilities of classes, and the maps of the first layer."""
    model, image = classifier("cnn"), torch.tensor(pixels)[None, None] / 255
    with torch.inference_mode():
        return model(image).softmax(1)[0], model.body[:3](2 * image - 1)[0]


def number(page, channel):
    """Where the chosen number of a channel is, and the number."""
    text = page.get_by_text(f", channel {channel}, row")
    text.wait_for()
    *place, value = re.search(r"row (\d+), column (\d+): (.+)", text.inner_text()).groups()
    return tuple(map(int, place)), float(value.replace(MINUS, "-"))


def test_the_layers_follow_the_pen_in_silence_and_another_network_reads_what_is_drawn(app, page):
    shown = Shown(page, app, "?two=1")
    before = shown.strip()
    shown.press()
    for step in range(1, 30):
        page.mouse.move(*shown.at(0.3 + 0.4 * step / 30, 0.3 + 0.01 * step))
    during = shown.strip()
    assert all(a != b for a, b in zip(before[:5], during[:5], strict=True))
    page.mouse.move(*shown.at(0.5, 0.8))
    after = shown.strip()
    assert all(a != b for a, b in zip(during[:5], after[:5], strict=True))
    assert not shown.sent
    page.mouse.up()
    pixels = shown.drawn()
    assert len(shown.sent) == 1
    assert pixels.max() == 255 and (pixels[:, 0] == 0).all()
    shares, _ = answer(pixels)
    assert np.abs(np.array(shown.shares()) - shares.numpy()).max() <= 1e-3
    verdict = page.locator(".verdict").inner_text()
    assert verdict.startswith(f"class {int(shares.argmax())},")
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Drawn: nothing.").wait_for()
    assert shown.strip()[0] == before[0]

    shown.press()
    page.mouse.move(*shown.at(0.6, 0.7))
    page.mouse.up()
    pixels = shown.drawn()
    page.get_by_role("button", name=re.compile(r"^2\. Convolution")).click()
    page.get_by_role("button", name="The other").click()
    page.get_by_role("button", name=re.compile(r"^7\. Fully connected")).wait_for(state="detached")
    page.locator(".card").nth(3).wait_for()
    with torch.inference_mode():
        wanted = classifier("mlp")(torch.tensor(pixels)[None, None] / 255).softmax(1)[0]
    shown.strip()
    assert np.abs(np.array(shown.shares()) - wanted.numpy()).max() <= 1e-3
    assert (shown.drawn() == pixels).all()
    assert page.locator(".opened").is_hidden()


def test_keys_draw_on_a_picture_and_a_pixel_gives_its_numbers(app, page):
    shown = Shown(page, app, "?picture=1")
    shown.ink.focus()
    for key in (" ", "ArrowRight", "ArrowRight", "ArrowDown", " "):
        page.keyboard.press(key)
    pixels = shown.drawn()
    plain = np.tile(np.arange(0, 252, 9, dtype=np.uint8), (28, 1))
    assert pixels[14, 14] > 200 and 3 <= (pixels != plain).sum() <= 20
    page.keyboard.press("Backspace")
    page.get_by_text("Drawn: nothing.").wait_for()

    layer = page.get_by_role("button", name=re.compile(r"^1\. Convolution"))
    layer.click()
    _, maps = answer(plain)
    sheet = page.locator(".box canvas")
    box = sheet.bounding_box()  # the first map lies in its corner
    page.mouse.click(box["x"] + 8, box["y"] + 8)
    (row, column), _ = number(page, 0)
    sheet.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "PageDown", "PageDown"):
        page.keyboard.press(key)
    (y, x), value = number(page, 2)
    assert (y, x) == (row + 2, column + 1)
    assert abs(value - float(maps[2, y, x])) <= 0.006
    rows = page.locator(".rows .row")
    assert rows.first.locator(".cell").count() == 18  # a patch and a kernel
    sums = [float(text.replace(MINUS, "-")) for text in rows.locator(".sum").all_inner_texts()]
    patch, bias, total, after = sums
    assert abs(patch + bias - total) <= 0.02 and after == max(total, 0) == value
    assert "3 × 3 pixels" in page.locator(".looked figcaption").inner_text()
    page.get_by_role("button", name=re.compile(r"^3\. Max pooling")).click()
    assert (
        shown.root.locator(".box canvas").get_attribute("aria-label").startswith("3. Max pooling")
    )
    layer.click()
    page.get_by_role("button", name="Close").click()
    assert sheet.is_hidden()


def test_without_its_network_one_can_draw_all_the_same(app, page):
    shown = Shown(page, app, "?broken=1", state="failed")
    assert "network arrived damaged" in page.get_by_role("alert").inner_text()
    shown.press()
    page.mouse.move(*shown.at(0.6, 0.7))
    page.mouse.up()
    assert shown.drawn().max() == 255
