"""What only a browser can show."""

import json
import re

import pytest
from playwright.sync_api import expect

from core.runs.query import finished
from core.tasks.denoising import DENOISING
from core.training import make_request

pytestmark = pytest.mark.browser
STAGE = "#root .stage img"
ENDED = "[data-test-script-state='notRunning']"
FOLLOWED = '.lab-slider-preview[data-state="watching"]'


def visitor(page):
    (cookie,) = [c for c in page.context.cookies() if c["name"] == "latent_lab_visitor"]
    return cookie


def test_a_deep_link_on_a_cold_server_goes_through_the_router(server, page):
    page.goto(f"{server}/denoiser")
    picture = page.locator(STAGE).first
    picture.wait_for()
    assert page.locator("h1").inner_text() == "Denoiser"
    assert page.get_by_role("link", name="Runs").count() >= 1
    assert picture.evaluate("e => getComputedStyle(e).imageRendering") == "pixelated"
    assert all(i.get_attribute("alt") for i in page.locator(STAGE).all())
    cookie = visitor(page)  # signed, and scripts cannot read it
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"

    # a strength in the address is on the slider, and changes the picture
    page.goto(f"{server}/denoiser?strength=0.8")
    page.wait_for_selector(STAGE)
    assert visitor(page)["value"] == cookie["value"]
    slider = page.get_by_role("slider", name="Strength")
    assert slider.input_value() == "0.8"
    before = page.locator(STAGE).nth(1).get_attribute("src")
    slider.press("ArrowLeft")
    page.wait_for_function(
        "old => document.querySelectorAll('#root .stage img')[1].src !== old", arg=before
    )
    page.wait_for_function("() => location.search.includes('strength=0.75')")


def held(page, label, *places):
    """Press the thumb of a slider and pull it through shares of its track; it stays in the hand."""
    track = page.get_by_role("group", name=label)
    track.scroll_into_view_if_needed()
    box = track.bounding_box()
    thumb = track.locator("div:has(> [data-testid='stSliderThumbValue'])").bounding_box()
    height = thumb["y"] + thumb["height"] / 2
    page.mouse.move(thumb["x"] + thumb["width"] / 2, height)
    page.mouse.down()
    for place in places:
        page.mouse.move(box["x"] + place * box["width"], height, steps=5)


def test_pictures_follow_the_slider_while_it_is_in_the_hand(server, page):
    page.goto(f"{server}/denoiser?model={finished(DENOISING)[0].id}")
    page.wait_for_selector(STAGE)
    expect(page.locator(FOLLOWED)).to_have_count(1, timeout=60_000)
    held(page, "Strength", 0.8, 0.2)
    page.locator("#root .stage").get_by_text("16.8 dB").wait_for()  # σ = 0.2
    assert "strength" not in page.url, "nothing was let go"
    ahead = [i.get_attribute("src") for i in page.locator(STAGE).all()]
    page.mouse.up()
    page.wait_for_function("() => location.search.includes('strength=0.2')")
    page.get_by_text("+10.7 dB").wait_for()
    assert [i.get_attribute("src") for i in page.locator(STAGE).all()] == ahead


def test_what_a_slider_has_shown_is_not_asked_for_again(server, page):
    asked = []
    page.on("request", lambda request: "/api/looks/" in request.url and asked.append(request.url))
    page.goto(f"{server}/denoiser?tab=Over+epochs")
    page.get_by_role("slider", name="Epoch").wait_for()
    sheet = page.locator(".lab-sheet")
    last = sheet.get_attribute("alt")
    expect(page.locator(FOLLOWED)).to_have_count(2, timeout=60_000)
    held(page, "Epoch", 0.0)
    page.wait_for_function(
        "() => document.querySelector('.lab-sheet').alt.endsWith('after epoch 0')"
    )
    track = page.get_by_role("group", name="Epoch").bounding_box()
    page.mouse.move(track["x"] + track["width"], track["y"] + track["height"] / 2, steps=5)
    page.wait_for_function("old => document.querySelector('.lab-sheet').alt === old", arg=last)
    page.wait_for_timeout(500)
    before = len(asked)
    page.mouse.move(track["x"], track["y"] + track["height"] / 2)
    page.wait_for_function(
        "() => document.querySelector('.lab-sheet').alt.endsWith('after epoch 0')"
    )
    assert len(asked) == before == len(set(asked))
    page.mouse.up()


def test_the_buttons_of_a_table_cover_no_control_on_a_phone(server, phone):
    phone.goto(f"{server}/runs")
    buttons = phone.get_by_test_id("stElementToolbar").first
    buttons.wait_for()
    above = phone.get_by_test_id("stSelectbox").last.bounding_box()
    assert buttons.bounding_box()["y"] >= above["y"] + above["height"]


def test_a_table_of_mistakes_does_not_overflow_on_a_phone(server, page):
    page.set_viewport_size({"width": 420, "height": 850})
    page.goto(f"{server}/transfer_classifier?tab=How+good+is+it%3F")
    page.wait_for_selector("canvas")
    assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_the_gallery_begins_with_the_chosen_network_and_its_picture_on_a_phone(server, phone):
    phone.goto(f"{server}/gan_gallery")
    instrument = phone.locator('.lab-latent[data-state="ready"]')
    instrument.wait_for()
    card = phone.locator(".lab-wall .card[aria-pressed=true]").bounding_box()
    assert card["x"] >= 0 and card["x"] + card["width"] <= 420
    picture = instrument.locator(".decoded canvas").bounding_box()
    assert picture["y"] + picture["height"] / 2 < 850
    assert phone.get_by_role("combobox", name="Class").is_hidden()
    instrument.get_by_role("button", name="3", exact=True).tap()
    phone.wait_for_function("() => location.search.includes('class=3')")


def stroke(page, canvas, across):
    """Draw a line downwards with a finger."""
    box = canvas.bounding_box()
    touch = page.context.new_cdp_session(page)

    def finger(kind, *places):
        points = [{"x": box["x"] + x, "y": box["y"] + y} for x, y in places]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    finger("touchStart", (across, 50))
    for step in range(15):
        finger("touchMove", (across, 50 + 12 * step))
    finger("touchEnd")


def test_a_drawing_is_denoised_and_its_canvas_stays_under_the_finger(server, phone):
    phone.goto(f"{server}/denoiser?source=Draw")
    canvas = phone.locator("canvas.upper-canvas").first
    canvas.evaluate("e => e.scrollIntoView({ block: 'center' })")
    phone.wait_for_selector(ENDED, state="attached")
    before = canvas.bounding_box()
    stroke(phone, canvas, 140)
    phone.wait_for_selector(STAGE)
    phone.wait_for_selector(ENDED, state="attached")
    assert "dB" in phone.locator("#root .stage").inner_text()
    assert canvas.bounding_box() == before
    assert phone.locator(STAGE).first.bounding_box()["y"] > before["y"]


def test_the_browsers_back_brings_the_model_before(server, page):
    """A choice is a step for the browser, and the address has the id of what is chosen."""
    first, second = (r.id for r in finished(DENOISING)[:2])
    page.goto(f"{server}/denoiser?model={first}")
    shown = page.locator(".st-key-model input")
    page.wait_for_selector(STAGE)
    name = shown.input_value()
    shown.click()
    options = page.get_by_role("option")
    options.nth(1).click()
    page.wait_for_url(f"**/denoiser?model={second}")
    assert shown.input_value() != name
    page.go_back()
    page.wait_for_url(f"**/denoiser?model={first}")
    expect(shown).to_have_value(name)
    page.go_forward()
    page.wait_for_url(f"**/denoiser?model={second}")
    expect(shown).not_to_have_value(name)


@pytest.mark.cluster
def test_train_watch_and_use_a_model(server, lab_folder, page):
    """The whole road: form, queue, progress, done; the tab is closed in the middle of it."""
    page.goto(
        f"{server}/denoiser?tab=Train+your+own&network=linear&train_on=digits&linear-epochs=3"
    )
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name=re.compile("Cancel|Use this model")).first.wait_for()
    page.goto("about:blank")
    run = make_request("denoising", "linear", "digits", {"epochs": 3}).run_id
    status = lab_folder / "checkpoints" / "runs" / run / "status.json"
    for _ in range(3000):
        if json.loads(status.read_text())["state"] == "done":
            break
        page.wait_for_timeout(100)
    page.goto(f"{server}/denoiser?model={run}")
    page.wait_for_selector(STAGE)
    expect(page.locator(".st-key-model input")).to_have_value(re.compile("^Linear · Digits"))
