"""The game in Chromium: a frozen player and a fork by keyboard, and there again by the link."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
APP = "game_app.py"
expect.set_options(timeout=60_000)


def test_a_player_is_frozen_by_keyboard_and_the_link_is_the_same_game(page, app, context):
    page.goto(app)
    page.locator('.lab-bench[data-state="ready"]').wait_for()
    page.get_by_role("button", name="Reset").press("Enter")
    page.get_by_role("button", name="One step on").press("Enter")
    expect(page.locator(".step")).to_have_text("step 1")
    page.get_by_label("Frozen").select_option("discriminator")
    page.get_by_role("button", name="Fork here").press("Enter")
    page.get_by_label("Objective").select_option("wgan_gp")
    expect(page.locator(".chip").last).to_contain_text("discriminator frozen, from step 1")
    for step in (2, 3):
        page.get_by_role("button", name="One step on").press("Enter")
        expect(page.locator(".step")).to_have_text(f"step {step}")
    page.get_by_role("application").first.press("ArrowRight")
    expect(page.locator(".reading")).to_contain_text("At (0.10, 0.00): score")
    with page.expect_event("framenavigated", predicate=lambda frame: "state=" in frame.url):
        page.get_by_role("button", name="Copy link").press("Enter")

    numbers = page.locator(".numbers table").inner_text()
    other = context.new_page()
    other.goto(page.url)
    expect(other.locator(".step")).to_have_text("step 3")
    expect(other.locator(".branch")).to_have_count(2)
    expect(other.get_by_label("Objective")).to_have_value("wgan_gp")
    expect(other.locator(".numbers table")).to_have_text(numbers, use_inner_text=True)
