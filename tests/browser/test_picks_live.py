"""Clickable pictures in Chromium: by mouse and by keyboard."""

import pytest

pytestmark = pytest.mark.browser
APP = "picks_app.py"


def test_pictures_are_clicked_by_mouse_and_by_keys(page, app):
    page.goto(app)
    page.locator(".st-key-grid [data-state=listening]").wait_for(state="attached")
    page.get_by_text("Clicked: None.").wait_for()
    for name, index in (("two 1", 4), ("one 0", 0), ("two 2", 5)):
        page.get_by_role("button", name=name).click()
        page.get_by_text(f"Clicked: {index}.").wait_for()

    # the arrow keys go through a row
    page.get_by_role("button", name="one 0").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.ariaLabel") == "one 2"
    page.keyboard.press("ArrowRight")  # the row ends there
    page.keyboard.press("Enter")
    page.get_by_text("Clicked: 2.").wait_for()
    page.keyboard.press("Tab")  # from there to the first of the next row
    assert page.evaluate("document.activeElement.ariaLabel") == "two 0"

    # what is chosen is marked, and keeps the focus
    red, blue = (page.get_by_role("button", name=f"The {n} one") for n in ("red", "blue"))
    red.focus()
    for key, name in (("ArrowRight", "blue"), ("ArrowLeft", "red")):
        page.keyboard.press(key)
        page.keyboard.press("Enter")
        page.get_by_text(f"Colour: {name}.").wait_for()
        chosen = page.get_by_role("button", name=f"The {name} one", pressed=True)
        chosen.wait_for()
        page.wait_for_function(f"document.activeElement.ariaLabel === 'The {name} one'")
    assert blue.get_attribute("aria-pressed") == "false"
