"""A bench in Chromium: played by keys, forked, opened again by its link, without the server."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
APP = "bench_app.py"
expect.set_options(timeout=30_000)


def opened(page, address):
    page.goto(address)
    page.locator(".lab-bench[data-state='ready']").wait_for()
    return page.locator(".step"), page.locator(".told")


def slope(page):
    return page.get_by_role("row", name="Slope w").get_by_role("cell").first


def test_it_learns_forks_and_comes_back_by_its_link_and_nothing_is_sent(page, app, context):
    sent = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda f: sent.append(f)))
    step, told = opened(page, app)
    expect(told).to_have_text("It stopped: after 1,000 steps.")
    expect(slope(page)).to_have_text("0.3374")
    sent.clear()

    page.get_by_role("button", name="Reset").press("Enter")
    expect(step).to_have_text("step 0")
    page.get_by_role("button", name="Reset").press("ArrowRight")
    expect(step).to_have_text("step 1")
    page.get_by_role("slider", name="Step").press("End")
    expect(step).to_have_text("step 1,000")
    expect(slope(page)).to_have_text("0.3374")

    page.get_by_role("button", name="Fork here").press("Enter")
    rate = page.get_by_role("textbox", name="Learning rate")
    rate.fill("0.02")
    rate.press("Enter")
    page.get_by_role("button", name="One step on").click()
    expect(step).to_have_text("step 1,001")
    expect(page.get_by_role("group", name="Branches")).to_contain_text("0.02, from step 1000")
    here = slope(page).text_content()
    page.wait_for_function("location.search.includes('state=')")
    page.get_by_role("button", name="Copy link").click()
    expect(told).to_contain_text("The link to this step")
    assert not sent

    other = context.new_page()
    step, _ = opened(other, page.url)
    expect(step).to_have_text("step 1,001")
    expect(slope(other)).to_have_text(here)


def test_faults_are_told_in_a_sentence_and_divergence_with_its_boundary(page, app):
    opened(page, f"{app}?state=damaged")
    alert, told = page.locator(".message"), page.locator(".told")
    expect(alert).to_contain_text("This link is damaged")
    rate = page.get_by_role("textbox", name="Learning rate")
    for wrong in ("-1", "fast", "1e10"):
        rate.fill(wrong)
        rate.press("Enter")
        expect(alert).to_contain_text("number from 0 to 1,000,000,000")
    page.get_by_role("button", name="Pause").or_(page.get_by_role("button", name="Play")).wait_for()
    page.get_by_role("button", name="Reset").click()
    rate.fill("1e9")
    rate.press("Enter")
    expect(alert).to_be_hidden()
    page.get_by_role("button", name="Play").click()
    expect(told).to_contain_text("above the largest stable one, 0.0231")
    expect(page.locator(".lab-bench")).not_to_contain_text("NaN")

    # points are moved, added and removed by keys
    points = page.locator("figure canvas").first
    points.press("PageDown")
    points.press("Delete")
    expect(page.locator(".told")).to_have_text("Removed; 14 points are left.")
    points.press("Enter")
    points.press("ArrowUp")
    assert "15 points; chosen" in points.get_attribute("aria-label")


def test_classes_are_painted_and_weights_set_by_keys_and_a_link_has_both(page, app, context):
    sent = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda f: sent.append(f)))
    step, told = opened(page, f"{app}?bench=classification")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Reset").click()
    expect(step).to_have_text("step 0")
    sent.clear()

    page.get_by_role("button", name="Clear").click()
    plane, weight = page.get_by_role("application"), page.locator("canvas.network")
    plane.press("ArrowUp")
    expect(page.locator(".reading").first).to_contain_text("odds")
    plane.press("3")
    plane.press("Enter")
    expect(page.get_by_label("Points", exact=True).first).to_have_value("painted")
    expect(page.get_by_label("On the plane").locator("option").last).to_have_text("the logit of C")
    page.get_by_role("button", name="One step on").click()
    expect(step).to_have_text("step 1")
    weight.press("ArrowRight")
    for _ in range(3):
        weight.press("ArrowUp")
    expect(told).to_have_text("Branch 2 begins here, at step 1.")
    expect(weight).to_have_attribute("aria-label", "Weight from x₂ to unit 1 of layer 1")
    here = weight.get_attribute("aria-valuetext")
    page.wait_for_function("location.search.includes('state=')")
    page.get_by_role("button", name="Copy link").click()
    expect(told).to_contain_text("The link to this step")
    assert not sent

    other = context.new_page()
    step, _ = opened(other, page.url)
    expect(step).to_have_text("step 1")
    expect(other.get_by_label("Points", exact=True).first).to_have_value("painted")
    other.locator("canvas.network").press("ArrowRight")
    expect(other.locator("canvas.network")).to_have_attribute("aria-valuetext", str(here))


def test_the_depth_is_described_as_a_slider_moves(page, app):
    step, _ = opened(page, f"{app}?bench=depth")
    seen = page.locator(".seen")
    expect(seen).to_contain_text("in layer 10")
    page.get_by_role("slider", name="Hidden layers").press("ArrowRight")
    expect(seen).to_contain_text("in layer 11")
    page.get_by_role("button", name="tanh, weights too small").click()
    expect(seen).to_contain_text("Layer 10 hardly tells one point from another.")
    expect(step).to_have_text("step 0")
