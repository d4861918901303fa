"""Noise and points in Chromium: by keyboard, after a reflow, and there again by the link."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
APP = "flow_app.py"
expect.set_options(timeout=60_000)


def test_points_by_keyboard_are_there_again_by_the_link_and_nothing_is_sent(page, app, context):
    sent = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda f: sent.append(f)))
    page.goto(app)
    page.locator('.lab-bench[data-state="ready"]').wait_for()
    page.get_by_role("button", name="Reset").press("Enter")
    expect(page.locator(".step")).to_have_text("step 0")
    sent.clear()

    # the time and the numbers at a place
    page.get_by_label("Time, from noise to points").press("Home")
    expect(page.locator(".clock output")).to_have_text("t = 1.00")
    plane = page.get_by_role("application").first
    plane.press("ArrowRight")
    expect(page.locator(".reading")).to_contain_text("At (0.10, 0.00), t = 1.00: velocity exactly")
    plane.press("1")
    plane.press("Enter")  # a ninth bump
    expect(page.locator('[data-name="set"]')).to_have_value("painted")

    # learnt again from pairs, as a branch of its own
    for step in (1, 2):
        page.get_by_role("button", name="One step on").press("Enter")
        expect(page.locator(".step")).to_have_text(f"step {step}")
    page.get_by_role("button", name="Reflow", exact=True).press("Enter")
    expect(page.locator(".told")).to_contain_text("Branch 2 learns from 1,024 pairs")
    page.get_by_role("button", name="Pause").press("Enter")
    expect(page.locator(".branch")).to_have_count(2)
    page.get_by_role("button", name="Reset").press("Enter")
    page.get_by_label("Step", exact=True).fill("2")
    expect(page.locator(".step")).to_have_text("step 2")
    page.get_by_role("button", name="One step on").press("Enter")
    expect(page.locator(".step")).to_have_text("step 3")
    with page.expect_event("framenavigated", predicate=lambda frame: "state=" in frame.url):
        page.get_by_role("button", name="Copy link").press("Enter")
    assert not sent

    loss = page.locator(".numbers tr").last.inner_text()
    other = context.new_page()
    other.goto(page.url)
    expect(other.locator(".step")).to_have_text("step 3")
    expect(other.locator(".branch")).to_have_count(2)
    expect(other.locator(".clock output")).to_have_text("t = 1.00")
    expect(other.locator('[data-name="set"]')).to_have_value("painted")
    expect(other.locator(".numbers tr").last).to_have_text(loss, use_inner_text=True)
