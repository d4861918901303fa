"""From somebody's photograph to a dream and its PNG; in a browser."""

import io

import pytest
from PIL import Image
from playwright.sync_api import expect
from sklearn.datasets import load_sample_images

from core.dreaming import recipes

pytestmark = pytest.mark.browser
LONG = 120_000
SMALL = "deep-side=96&deep-steps=3&deep-octaves=2"
TAKE = "PNG with its recipe"


@pytest.fixture
def photograph(tmp_path):
    path = tmp_path / "holiday.jpg"
    Image.fromarray(load_sample_images().images[0][60:360, 100:500]).save(path)
    return path


def divider(page):
    """Where it is, as a share of the picture's width."""
    box = page.locator(".lab-compare .stage").bounding_box()
    line = page.locator(".lab-compare .divider").bounding_box()
    return (line["x"] + line["width"] / 2 - box["x"]) / box["width"]


@pytest.mark.cluster
def test_a_photograph_is_dreamt_on_and_taken_away(server, page, photograph, tmp_path):
    page.goto(f"{server}/deepdream?picture=Your+picture&tab=Recipe&{SMALL}")
    page.get_by_text("Your picture will be shown here").wait_for()
    page.locator("input[type=file]").first.set_input_files(photograph)
    page.get_by_text("Preview: small").wait_for(timeout=LONG)
    page.get_by_role("button", name="Dream", exact=True).last.click()
    page.get_by_role("button", name=TAKE).wait_for(timeout=LONG)
    page.locator(".lab-compare .ready img.after[src*='dream.png']").wait_for(timeout=LONG)

    box = page.locator(".lab-compare .stage").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(4 / 3, abs=0.02)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 60, steps=5)
    page.mouse.up()
    assert divider(page) == pytest.approx(0.25, abs=0.02)

    with page.expect_download() as taken:
        page.get_by_role("button", name=TAKE).click()
    name = taken.value.suggested_filename
    assert name.startswith("dream-deep-own-") and name.endswith(".png")
    path = tmp_path / name
    taken.value.save_as(path)
    recipe = recipes.read(path.read_bytes())
    assert (recipe.variant, recipe.source) == ("deep", "own")
    assert [recipe.config[k] for k in ("side", "steps", "octaves")] == [96, 3, 2]
    assert Image.open(io.BytesIO(path.read_bytes())).size == (96, 72)


def test_nobody_else_sees_it(server, chromium):
    """Not even somebody who knows where it is."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{server}/deepdream?tab=Octaves&{SMALL}")
    page.get_by_text("Dream first").wait_for(timeout=LONG)
    assert (
        page.request.get(f"{server}/api/dreams/dream-deep-own-00000000/1/dream.png").status == 404
    )
    context.close()


def test_every_setting_is_in_the_link_and_a_mask_is_painted_over_the_picture(server, page, context):
    page.goto(f"{server}/deepdream?tab=Recipe&picture=A+flower")
    page.get_by_text("512×342 pixels").wait_for(timeout=LONG)
    layers = page.locator("input[aria-label=Layers]")
    layers.fill("blocks.2 + blocks.4/17*0.5")
    layers.press("Enter")
    page.wait_for_function("() => location.search.includes('layers=')")
    page.get_by_role("slider", name="Strength").press("ArrowRight")
    page.wait_for_function("() => location.search.includes('deep-rate=0.011')")
    page.get_by_text("More settings").click()
    for label, setting in (("Size", "side=96"), ("Ratio", "ratio=1.5"), ("Seed", "seed=7")):
        box = page.locator(f"input[aria-label={label}]").first
        box.fill(setting.partition("=")[2])
        box.press("Enter")
        page.wait_for_function(f"() => location.search.includes('deep-{setting}')")
    page.get_by_text("96×64 pixels").wait_for(timeout=LONG)
    other = context.new_page()
    other.goto(page.url)
    other.get_by_text("96×64 pixels").wait_for(timeout=LONG)
    written = other.locator("input[aria-label=Layers]")
    expect(written).to_have_value("blocks.2 + blocks.4/17*0.5")
    assert other.get_by_role("slider", name="Strength").input_value() == "0.011"
    other.get_by_text("More settings").click()
    assert other.locator("input[aria-label=Ratio]").input_value() == "1.5"
    assert other.locator("input[aria-label=Seed]").input_value() == "7"

    other.get_by_text("Dream only where I paint").click(timeout=LONG)
    canvas = other.locator("canvas.upper-canvas").first
    canvas.wait_for(timeout=LONG)
    other.get_by_text("Paint where to dream").wait_for()
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box["width"] / box["height"] == pytest.approx(640 / 427, abs=0.02)
    place = other.get_by_test_id("stColumn").filter(has=canvas).bounding_box()
    assert place["x"] <= box["x"] and box["x"] + box["width"] <= place["x"] + place["width"]
    other.mouse.move(box["x"] + 40, box["y"] + 40)
    other.mouse.down()
    other.mouse.move(box["x"] + 90, box["y"] + 60, steps=8)
    other.mouse.up()
    other.get_by_text("Paint where to dream").wait_for(state="detached")


def test_on_a_phone_the_picture_comes_first_and_nothing_overflows(server, chromium):
    context = chromium.new_context(viewport={"width": 420, "height": 850})
    page = context.new_page()
    page.goto(f"{server}/deepdream?picture=A+flower")
    picture = page.locator(".lab-compare")
    picture.wait_for(timeout=LONG)
    page.get_by_text("512×342 pixels").wait_for(timeout=LONG)
    above = picture.bounding_box()["y"]
    assert above < page.locator("input[aria-label=Layers]").bounding_box()["y"]
    assert above < page.get_by_role("button", name="Dream", exact=True).last.bounding_box()["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    context.close()
