"""Tags in Chromium: typed, letters rubbed out, a stretch looked for, and opened by the link."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
APP = "tags_app.py"
expect.set_options(timeout=30_000)


def test_tags_follow_what_is_typed_and_nothing_is_sent(page, app):
    sent = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda f: sent.append(f)))
    page.goto(f"{app}")
    page.locator(".lab-tags[data-state=ready]").wait_for(timeout=90_000)
    tags = page.locator(".lab-tags .pick")
    expect(tags).to_have_text(
        ["DET", "NOUN", "VERB", "VERB", "ADV", "ADP", "DET", re.compile("ADJ|NOUN"), "NOUN", "."]
    )
    expect(page.locator(".lab-tags .word.new .mark").first).to_have_text("never seen")
    box = page.get_by_role("textbox", name="Sentence")
    sent.clear()  # what Streamlit has to say at first
    box.press_sequentially(" She ran.")
    expect(tags).to_have_count(13)
    expect(tags.nth(10)).to_have_text("PRON")
    box.fill("They walked slowly")
    expect(tags).to_have_text(["PRON", "VERB", "ADV"])
    before = page.locator(".lab-tags .word").nth(2).locator(".share").first.text_content()
    page.get_by_role("button", name="y, letter 6 of slowly: rub it out").click()
    expect(page.locator(".lab-tags .letter.gone")).to_have_count(1)
    expect(page.locator(".lab-tags .word").nth(2).locator(".share").first).not_to_have_text(before)
    tags.nth(0).click()
    tags.nth(1).click()
    expect(page.locator(".lab-tags .found .line")).to_have_count(8)
    page.wait_for_function("location.search.includes('stretch=0-1')")
    assert not sent
    page.reload()
    expect(page.locator(".lab-tags .letter.gone")).to_have_text("y")
    expect(page.locator(".lab-tags .word.chosen")).to_have_count(2)
    expect(box).to_have_value("They walked slowly")
    box.fill("")
    expect(page.locator(".lab-tags .note")).to_contain_text("no word yet")
