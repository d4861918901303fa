"""The strip of a network's layers in Chromium, on a phone: by finger and by keyboard."""

import pytest

pytestmark = pytest.mark.browser


def test_a_layer_is_opened_by_a_click_or_a_key_and_the_strip_stays_where_it_is(server, page):
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(f"{server}/denoiser?inside=true")
    strip = page.locator(".lab-strip")
    page.locator(".st-key-layer-picks [data-state=listening]").wait_for(state="attached")
    assert strip.evaluate("e => e.scrollWidth > 2 * e.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") == 420
    strip.evaluate("e => (e.scrollLeft = 900)")
    page.get_by_role("button", name="10. Convolution").click()
    page.get_by_text("10. Convolution 3 × 3, 96 channels").wait_for()
    before = strip.evaluate("e => e.scrollLeft")
    assert before > 500
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_text("11. Convolution 3 × 3, 96 channels").wait_for()
    assert page.evaluate("document.activeElement.ariaLabel").startswith("11. Convolution")
    assert abs(strip.evaluate("e => e.scrollLeft") - before) < 150
    assert "layer=11" in page.url
