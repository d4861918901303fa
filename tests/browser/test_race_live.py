"""The race of optimisers in Chromium: by keyboard, forked, and opened again by its link."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
APP = "race_app.py"
expect.set_options(timeout=30_000)


def rows(page):
    """What the table says of each optimiser."""
    return page.locator(".lanes tr").filter(has=page.locator("td"))


def opened(page, address):
    """The bench, at rest."""
    page.goto(address)
    page.locator('.lab-bench[data-state="ready"]').wait_for()
    return page.locator(".told")


def test_a_race_by_keyboard_is_there_again_by_its_link_and_nothing_is_sent(page, app, context):
    sent = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda f: sent.append(f)))
    told = opened(page, app)
    page.get_by_role("button", name="Reset").press("Enter")
    expect(page.locator(".step")).to_have_text("step 0")
    sent.clear()
    picture = page.get_by_role("application")
    before = picture.get_attribute("aria-label")
    picture.press("ArrowRight")
    expect(picture).not_to_have_attribute("aria-label", before)

    # a rate above the bound is named with it, and the others go on
    page.get_by_role("button", name="Momentum", exact=True).press("Enter")
    field = page.locator('[data-name="rate"][type="text"]')
    expect(field).to_have_value("0.02")
    field.fill("0.3")
    field.press("Enter")
    expect(page.locator(".player .verdict")).to_contain_text(
        "Momentum cannot come to rest: its rate 0.3 is above 2(1 + β)/λ = 0.19"
    )
    page.get_by_label("Speed").select_option("0")
    page.get_by_role("button", name="Play", exact=True).press("Enter")
    expect(told).to_have_text("It stopped: after 1,000 steps.")
    expect(rows(page).nth(1)).to_contain_text("diverged at step")
    expect(rows(page).nth(0)).to_contain_text("after")

    # switched off, forked, and the same by the link
    page.get_by_label("Show Adam").press("Space")
    page.get_by_role("button", name="SGD", exact=True).press("Enter")
    expect(field).to_have_value("0.09")
    page.get_by_label("Step", exact=True).fill("40")
    page.get_by_role("button", name="Fork here").press("Enter")
    expect(rows(page)).to_have_count(7)
    field.fill("0.05")
    field.press("Enter")
    expect(page.get_by_role("button", name="SGD, rate 0.05", exact=True)).to_be_visible()
    page.get_by_role("button", name="One step on").press("Enter")
    expect(page.locator(".step")).to_have_text("step 41")
    with page.expect_event("framenavigated", predicate=lambda frame: "state=" in frame.url):
        page.get_by_role("button", name="Copy link").press("Enter")
    assert not sent
    said = rows(page).all_inner_texts()
    other = context.new_page()
    opened(other, page.url)
    expect(other.locator(".step")).to_have_text("step 41")
    expect(rows(other)).to_have_count(7)
    assert rows(other).all_inner_texts() == said
    expect(other.get_by_label("Show Adam")).not_to_be_checked()
    with other.expect_download() as script:
        other.get_by_role("button", name="PyTorch script").click()
    assert "torch.optim.RMSprop" in script.value.path().read_text()
