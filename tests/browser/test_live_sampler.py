"""The VAE sampler in Chromium: shipped decoders, the hand, and links that reopen."""

import re
from urllib.parse import parse_qs, quote, urlsplit

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from core.inference import latent, outliers
from core.runs.query import finished
from core.tasks.autoencoding import AUTOENCODING
from pages.components import live

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser
READY = '.lab-latent[data-state="ready"]'
REST = """e => new Promise(r => (function f() {
  const { background, held, goal, frame } = e.instance;
  background || held || goal || frame ? requestAnimationFrame(f) : r();
})())"""
SHIPPED = [run for run in finished(AUTOENCODING) if run.shipped]


def opened(page, server, query=""):
    page.goto(f"{server}/vae_sampler{query}")
    root = page.locator(READY)
    root.wait_for()
    return root


def pixels(root):
    root.evaluate(REST)
    return np.array(root.evaluate("e => [...e.latentPixels]"), np.int16)


def test_a_linked_code_is_drawn_as_pytorch_draws_it_and_taken_from_the_browser(server, page):
    run = next(r for r in SHIPPED if r.spec().variant == "cvae")
    model = latent.network(run)
    generator = torch.Generator().manual_seed(0)
    code = [round(v, 3) for v in torch.randn(model.latent, generator=generator).tolist()]
    query = f"?model={run.id}&code={quote(','.join(map(str, code)))}&class=3"
    root = opened(page, server, query)
    drawn = pixels(root)
    wanted = latent.decode(model, torch.tensor([code]), 3)[0].permute(1, 2, 0)
    wanted = (255 * wanted).round().numpy().astype(np.int16).ravel()
    assert np.abs(drawn - wanted).max() <= 2

    with page.expect_download() as taken:
        root.get_by_role("button", name="PNG").click()
    assert taken.value.suggested_filename == f"{run.id}.png"
    picture = np.asarray(Image.open(taken.value.path()).convert("L"))
    assert (picture == drawn.reshape(28, 28).repeat(10, 0).repeat(10, 1)).all()
    with page.expect_download() as taken:
        root.get_by_role("button", name="CSV").click()
    result = pd.read_csv(taken.value.path())
    wanted = latent.code_table(torch.tensor([code]), torch.tensor([3]))
    pd.testing.assert_frame_equal(result, wanted, check_dtype=False)


def until_other(page, root, before):
    """Wait for another picture: the address has changed a moment earlier."""
    for _ in range(300):
        if (pixels(root) != before).any():
            return
        page.wait_for_timeout(100)
    pytest.fail("the picture stayed as it was")


def test_a_code_that_was_dragged_stands_in_the_link_and_comes_back(server, page, context):
    root = opened(page, server)
    before = pixels(root)
    slider = root.get_by_role("slider", name=re.compile("^Dimension")).first
    box = slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    page.wait_for_function("() => location.search.includes('code=')")
    after = pixels(root)
    assert (after != before).any()
    query = urlsplit(page.url).query
    assert len(parse_qs(query)["code"][0].split(",")) == len(latent.dimensions(SHIPPED[0]))
    other = context.new_page()
    assert (pixels(opened(other, server, f"?{query}")) == after).all()

    # another image takes the stage
    page.get_by_label("Test image", exact=True).fill("5")
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('first=5')")
    until_other(page, root, after)


def test_the_browser_judges_a_code_as_python_does(server, page):
    run = next(r for r in SHIPPED if r.spec().variant == "vae")
    spread, length = outliers.spread(run), len(latent.dimensions(run))
    root = opened(page, server, f"?model={run.id}")
    expect(root.locator(".judged")).to_have_attribute("data-state", "mean")  # an image's own code
    expect(root.locator(".original")).to_be_visible()
    root.get_by_role("button", name="Random").click()
    expect(root.locator(".original")).not_to_be_visible()
    expect(root.locator(".judged")).not_to_have_attribute("data-state", "mean")
    field, judged = root.get_by_label("Code", exact=True), root.locator(".judged")
    for scale in (0, 9):
        code = (spread.centre + scale * torch.ones(length)).round(decimals=3)
        field.fill(", ".join(f"{v:g}" for v in code.tolist()))
        field.press("Enter")
        result = outliers.distance(run, code[None])
        state = outliers.state(spread, result)
        badge, why = live.ordinary(spread)[state]
        said = f"{badge}{why.format(share=live.share_text(result.share))}"
        expect(judged).to_have_text(said)
        expect(judged).to_have_attribute("data-state", state)
        expect(root.locator(".original")).not_to_be_visible()  # it is of another picture
    assert result.outside
