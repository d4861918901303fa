"""Pictures that are sent from page to page in Chromium."""

import pytest

pytestmark = pytest.mark.browser


def test_a_picture_is_sent_to_the_map_which_is_drawn_with_it(server, page):
    page.goto(f"{server}/denoiser?first=3")
    page.get_by_role("button", name="Send to", exact=True).click()
    page.get_by_role("button", name="Latent explorer", exact=True).click()
    page.get_by_text("Test image 3 of MNIST, restored, sent from the Denoiser.").wait_for()
    # The page runs twice before the map's modules are here: what is shown then stays.
    page.locator(".lab-map[data-state=ready]").wait_for()
    page.reload()
    page.locator(".lab-map[data-state=ready]").wait_for()
    assert not page.get_by_text("sent from").count()
