"""The camera in a browser: answers that follow it, and a class that is recorded."""

import re

import pytest

pytestmark = pytest.mark.browser
FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
LITE0 = "transfer-new_head-cats-dogs-5c4dd9f0"


@pytest.fixture(scope="module")
def camera(launch):
    """A browser with a camera that shows a clock."""
    with launch(*FAKE) as browser:
        yield browser


def opened(browser, address):
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    settled(page)
    return page


def settled(page):
    """Wait until the page's script has run: a component made in one that is broken off goes."""
    page.wait_for_selector("[data-test-script-state='notRunning']", state="attached")
    page.wait_for_timeout(300)
    page.wait_for_selector("[data-test-script-state='notRunning']", state="attached")


def start(page):
    settled(page)
    page.get_by_role("button", name="Start the camera").click()


def test_answers_follow_the_camera_until_it_is_stopped(server, camera):
    page = opened(camera, f"{server}/transfer_classifier?classifier={LITE0}")
    frames = []
    page.on("request", lambda r: frames.append(r) if "/api/camera/" in r.url else None)
    page.get_by_role("radio", name="Live").click()
    start(page)
    page.get_by_text("answers a second").wait_for()
    assert page.locator(".lab-camera .best").inner_text() in ("cat", "dog")
    page.get_by_text("unlike the training images").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Start the camera").wait_for()
    page.wait_for_timeout(300)
    sent = len(frames)
    page.wait_for_timeout(600)
    assert len(frames) == sent > 1
    page.close()


def test_nothing_can_be_pressed_before_the_script_is_there_nor_without_a_camera(server, page):
    page.goto(f"{server}/transfer_classifier")
    settled(page)
    held = []
    page.route("**/camera/camera.js", lambda route: held.append(route))
    page.get_by_role("radio", name="Live").click()
    page.wait_for_selector(".lab-camera[inert]")
    for _ in range(600):
        if held:
            break
        page.wait_for_timeout(100)
    [script] = held
    script.continue_()
    start(page)
    page.get_by_text(re.compile("no camera|not allowed")).wait_for()


def test_a_held_button_records_a_class(server, camera):
    page = opened(camera, f"{server}/transfer_classifier?tab=Your+pictures")
    page.get_by_role("radio", name="Class by class").click()
    page.get_by_role("button", name="Camera").first.click()
    start(page)
    page.get_by_role("button", name="Hold to record").hover()
    page.mouse.down()
    page.get_by_text(re.compile(r"^([3-9]|\d\d) recorded")).wait_for()
    page.mouse.up()
    page.get_by_text(re.compile(r"^([3-9]|\d\d) taken")).wait_for()
    page.get_by_role("button", name="Remove them").click()
    page.get_by_text("0 taken").first.wait_for()
    page.close()
