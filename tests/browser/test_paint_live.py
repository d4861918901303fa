"""Holes are painted in Chromium, and fillings grow in which what is known is exact."""

import base64
import re

import numpy as np
import pytest

pytestmark = pytest.mark.browser
APP = "paint_app.py"
DONE = '.lab-paint[data-drawn="all"]'
PICTURE = np.tile(np.arange(0, 252, 9, dtype=np.uint8), (28, 1))
PIXELS = """e => [...e.querySelectorAll('.results > .cards canvas')].map((c) =>
  [...c.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0))"""
MASK = "e => [...e.instance.pad.mask]"


def mask(root):
    return np.array(root.evaluate(MASK)).reshape(28, 28)


def fillings(root):
    return np.array(root.evaluate(PIXELS), np.uint8).reshape(-1, 28, 28)


def test_what_is_known_stays_and_holes_are_filled(app, page):
    page.goto(f"{app}?fill_steps=2&fill_count=6&fill_mask=middle")
    root = page.locator(DONE)
    root.wait_for(timeout=180_000)  # the server is cold
    assert mask(root)[7:21, 7:21].all() and mask(root).sum() == 196
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Nothing is missing").wait_for()
    canvas = page.locator(".mask")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"], steps=8)
    page.mouse.up()
    root.wait_for()
    holes = mask(root) == 1
    assert holes[14, 6:22].all() and 50 < holes.sum() < 150
    drawn = fillings(root)
    assert len(drawn) == 6 and (drawn[:, ~holes] == PICTURE[~holes]).all()
    assert (drawn[0][holes] != drawn[1][holes]).mean() > 0.5
    root.get_by_role("button", name="Result 2").click()
    text = page.get_by_text(re.compile("Taken: .{20}"))
    text.wait_for()
    content = base64.b64decode(text.inner_text().removeprefix("Taken: ").removesuffix("."))
    assert content == drawn[1].tobytes()
    canvas.focus()  # by keys: a pixel more, and back
    for key in ("[", "[", "[", "ArrowUp", "Shift+ArrowUp", "Shift+ArrowUp", " ", " "):
        page.keyboard.press(key)
    assert (mask(page.locator(".lab-paint")) == 1).sum() == holes.sum() + 1
    page.keyboard.press("Backspace")
    assert ((mask(page.locator(".lab-paint")) == 1) == holes).all()
    page.wait_for_url(re.compile("fill_mask=[A-Za-z0-9_-]{131}"))
