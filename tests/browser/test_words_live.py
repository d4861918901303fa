"""Words in Chromium: typed, pressed, gone on with; a text is learnt; nothing is sent."""

import pytest
from playwright.sync_api import expect

from core.runs.query import finished
from core.tasks.language import LANGUAGE

pytestmark = pytest.mark.browser
APP = "words_app.py"
expect.set_options(timeout=60_000)
NGRAM = next(r for r in finished(LANGUAGE) if r.shipped and r.spec().variant == "ngram")


def first(page):
    return page.locator(".bars .row:visible .name").first


def test_words_follow_what_is_typed_and_nothing_is_sent(page, app):
    sent = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda f: sent.append(f)))
    page.goto(f"{app}?language={NGRAM.id}&words-seed=7")
    expect(first(page)).to_have_text("on")
    sent.clear()
    box = page.get_by_role("textbox", name="Type some words")
    box.fill("")
    expect(page.locator(".reading")).to_contain_text("2 more, please")
    box.press_sequentially("forty winters")
    expect(first(page)).to_have_text("shall")
    first(page).click()
    expect(box).to_have_value("forty winters shall")
    expect(first(page)).to_have_text("besiege")
    expect(page.locator(".continuation")).to_contain_text("forty winters shall besiege")
    page.wait_for_function("location.search.includes('words-typed=forty%20winters%20shall')")
    assert "words-seed=7" in page.url
    box.fill("so zebra 日本語")
    expect(page.locator(".reading")).to_contain_text("passed over: “zebra”, “日本語”")
    page.get_by_role("combobox", name="Word").fill("brow,")
    page.get_by_role("combobox", name="Word").press("Enter")
    expect(page.locator(".about")).to_have_text("“brow,”")
    assert not sent


def test_a_text_of_one_s_own_is_learnt(page, app):
    page.goto(f"{app}?bench=Learn+a+text&own-epochs=30")
    expect(page.locator(".progress")).to_contain_text("Epoch 30 of 30")
    page.get_by_role("textbox", name="The text to learn").fill("")
    page.get_by_role("button", name="Learn", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Three words are the least")
    page.get_by_role("spinbutton", name="Epochs").fill("100")
    page.get_by_role("textbox", name="The text to learn").fill("one two three 🦊 " * 20)
    page.get_by_role("button", name="Learn", exact=True).click()
    expect(page.locator(".progress")).to_contain_text("Epoch 100 of 100")
    page.get_by_role("textbox", name="Type some words").fill("two three")
    expect(first(page)).to_have_text("🦊")
    expect(page.locator(".counted")).to_contain_text("20 times in the text, then “🦊” 20/20")
