"""Expressions in Chromium: typed, dragged, gone backwards, and opened again by their link."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
APP = "expression_app.py"
expect.set_options(timeout=30_000)


def signed(text):
    """A text with true minus signs."""
    return text.replace("-", "\N{MINUS SIGN}")


class Bench:
    """The page, and what its browser sends."""

    def __init__(self, page, app, query=""):
        self.page, self.sent = page, []
        page.on("websocket", lambda ws: ws.on("framesent", lambda f: self.sent.append(f)))
        page.goto(f"{app}{query}")
        self.box = page.get_by_role("textbox", name="Expression")
        page.locator(".lab-expression svg").wait_for()

    def type(self, text):
        self.box.fill(text)
        self.box.press("Enter")

    def node(self, name):
        """What stands in a node: its name, value and gradient."""
        nodes = self.page.locator("g.node")
        return nodes.filter(has=self.page.locator(".head", has_text=re.compile(f"^{name}$")))

    def numbers(self, name):
        return self.node(name).locator(".number").all_text_contents()


def test_it_is_gone_backwards_dragged_and_opened_again_and_nothing_is_sent(page, app):
    bench = Bench(page, app)
    assert bench.numbers("L") == ["4", "1"] and bench.numbers("w") == ["0.5", signed("-8")]
    page.get_by_role("button", name="To the result").click()
    assert bench.numbers("w") == ["0.5", ""]
    scrubber = page.get_by_role("slider", name="Step backwards")
    for _ in range(7):
        scrubber.press("ArrowRight")
    story = page.locator(".story")
    expect(story).to_contain_text("∂L/∂x = ∂L/∂u1 · ∂u1/∂x, with u1 = w * x")
    expect(story).to_contain_text(signed("(-4) · 0.5 = -2"))
    page.get_by_role("button", name="One step less").click()
    expect(story).to_contain_text(signed("(-4) · 2 = -8"))
    assert bench.numbers("x") == ["2", ""] and bench.numbers("w") == ["0.5", signed("-8")]
    scrubber.press("End")

    # values and gradients follow a leaf
    page.get_by_role("slider", name="Value of w").fill("2")
    page.wait_for_function("location.search.includes('values=w(2)')")
    bench.sent.clear()  # what Streamlit has to say at first
    page.get_by_role("slider", name="Value of w").fill("1")
    expect(bench.node("w").locator(".number").nth(1)).to_have_text(signed("-4"))
    assert bench.numbers("L") == ["1", "1"]
    expect(page.get_by_role("region", name="Leaf w")).to_contain_text(
        signed("∂L/∂w = -4; by differences -4")
    )
    page.get_by_role("spinbutton", name="x", exact=True).fill("3")
    expect(bench.node("L").locator(".number").first).to_have_text("0")
    box = bench.node("b").locator(".cell.value").bounding_box()
    page.mouse.move(box["x"] + 9, box["y"] + 9)
    page.mouse.down()
    page.mouse.move(box["x"] + 39, box["y"] + 9)
    page.mouse.up()
    expect(bench.node("b").locator(".number").first).to_have_text("1")
    page.wait_for_function("location.search.includes('values=w(1)x(3)b(1)y(3)')")
    assert not bench.sent

    # opened again by its link, on a phone, and from there a program is predicted
    page.set_viewport_size({"width": 420, "height": 800})
    again = Bench(page, app, page.url.removeprefix(app))
    assert again.numbers("b")[0] == "1"
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    page.get_by_text("Predict first").click()
    page.get_by_text("4, 8, 16").click()
    expect(page.get_by_text("No. It is: 4, 8, 12.")).to_be_visible()
    expect(page.get_by_text("12.0", exact=False).last).to_be_visible()


def test_what_is_typed_is_drawn_and_a_fault_is_marked_where_it_is(page, app):
    bench = Bench(page, app, "?expression=a*2&values=a(1e99)")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The values in this link are damaged")
    bench.type("sum(x @ W)")
    expect(bench.node("W")).to_be_visible()
    page.get_by_role("combobox", name="Shape of x").select_option(label="vector (2,)")
    expect(alert).to_contain_text("The shapes (2,) and (3, 3) do not fit for @.")
    expect(alert.locator("mark")).to_have_text("x @ W")
    page.get_by_role("combobox", name="Shape of W").select_option(label="matrix (2, 3)")
    expect(alert).to_be_hidden()
    bench.type("x + open(y)")
    expect(alert).to_contain_text("There is no function open")
    expect(alert.locator("mark")).to_have_text("open(y)")
    bench.type("1 / x")
    expect(alert).to_be_hidden()
    page.get_by_role("spinbutton", name="x[0]").fill("0")
    expect(alert).to_contain_text("1 / x is no finite number")


def test_shapes_are_cells(page, app):
    page.goto(f"{app}?gradients=Shapes+and+memory&cells=2,3~2~3,4")
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text("The size of tensor a (3) must match the size of tensor b (2)")
    page.get_by_role("textbox", name="Shape of b").fill("3")
    expect(verdict).to_contain_text("The result has the shape (2, 3)")
    page.get_by_role("combobox", name="Operation 1").select_option(".mT")
    expect(page.locator(".told")).to_contain_text("A view.")
    expect(page.locator(".told")).to_contain_text("y.stride() (1, 4)")
    page.locator(".tensor .cell").nth(4).focus()
    expect(page.locator(".where")).to_have_text("y[1, 1] = 5: offset 0 + 1·1 + 1·4 = place 5")
    page.get_by_role("combobox", name="Operation 2").select_option(".reshape(12)")
    expect(page.locator(".told")).to_contain_text("A copy.")
