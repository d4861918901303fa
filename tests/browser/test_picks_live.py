"""Clickable pictures in Chromium: by mouse and by keyboard."""

import pytest

pytestmark = pytest.mark.browser
APP = "picks_app.py"


@pytest.fixture
def shown(page, app):
    page.goto(app)
    page.locator(".st-key-grid [data-state=listening]").wait_for(state="attached")
    page.get_by_text("Clicked: None.").wait_for()
    return page


def test_a_click_is_told_each_time(shown):
    for name, index in (("two 1", 4), ("one 0", 0), ("two 2", 5)):
        shown.get_by_role("button", name=name).click()
        shown.get_by_text(f"Clicked: {index}.").wait_for()


def test_the_arrow_keys_go_through_a_row_and_enter_clicks(shown):
    shown.get_by_role("button", name="one 0").focus()
    shown.keyboard.press("ArrowRight")
    shown.keyboard.press("ArrowLeft")
    shown.keyboard.press("End")
    assert shown.evaluate("document.activeElement.ariaLabel") == "one 2"
    shown.keyboard.press("ArrowRight")  # the row ends there
    shown.keyboard.press("Enter")
    shown.get_by_text("Clicked: 2.").wait_for()
    shown.keyboard.press("Tab")  # from there to the first of the next row
    assert shown.evaluate("document.activeElement.ariaLabel") == "two 0"


def test_what_is_chosen_is_marked_and_keeps_the_focus(shown):
    red, blue = (shown.get_by_role("button", name=f"The {n} one") for n in ("red", "blue"))
    red.focus()
    for key, name in (("ArrowRight", "blue"), ("ArrowLeft", "red")):
        shown.keyboard.press(key)
        shown.keyboard.press("Enter")
        shown.get_by_text(f"Colour: {name}.").wait_for()
        chosen = shown.get_by_role("button", name=f"The {name} one", pressed=True)
        chosen.wait_for()
        shown.wait_for_function(f"document.activeElement.ariaLabel === 'The {name} one'")
    assert blue.get_attribute("aria-pressed") == "false"
