"""The tabs of the page Network explorer that take a network apart."""

import pytest
import torch

from core.inference.network import Box
from core.inference.surgery import Cut, Judge
from core.metrics.image import percent
from core.runs import store
from core.tasks import load_model
from core.tasks.classification import RECOGNITION
from core.training import request
from tests.core.support import untaught
from tests.pages.test_pages import captions, opened

PAGE = "network_explorer.py"
RUN = "recognise-lenet_relu-mnist-dd3f87e3"


def sound(app):
    assert not app.exception and not app.error
    return app


def figures(app):
    return {one.label: one.value for one in app.metric}


def test_a_channel_is_cut_and_the_verdict_is_that_of_core(lab):
    app = sound(opened(PAGE, tab="Surgery", model=RUN, cut_layer="body.3", cut_channel="4"))
    run = store.open_run(RUN)
    judged = Judge(load_model(run), request.test_images(run), "own").verdict(
        Cut("body.3", channel=4)
    )
    told = figures(app)
    assert told["Test images"] == "10,000"
    assert f"{judged.lost:,} images are right only before the cut" in captions(app)
    assert told["Difference, 95 %"] == f"{100 * judged.low:+.2f} to {100 * judged.high:+.2f}"
    assert told["Accuracy before"] == f"{judged.before:.2%}"
    app.segmented_control(key="cut").set_value("Layer").run()
    assert any("Nothing of the image is left: it answers" in w.value for w in sound(app).warning)


def test_a_unit_s_sum_and_its_images(lab):
    link = {"tab": "Units", "model": RUN, "unit_layer": "body.3", "unit_channel": "2"}
    app = sound(opened(PAGE, **link, unit_row="3", unit_column="5", exciting="true"))
    equation = next(m.value for m in app.markdown if "(bias) =" in m.value)
    assert equation.startswith("**150 products: ")
    assert "The strongest of 2,000 test images" in captions(app)
    assert "Grad-CAM (Selvaraju et al. 2017)" in captions(app)
    assert "How the logit of 7 changes with each of these numbers" in captions(app)
    app.selectbox(key="unit_layer").set_value("body.2").run()
    assert any("The largest of 4 numbers" in m.value for m in sound(app).markdown)
    app.selectbox(key="unit_layer").set_value("body.7").run()
    assert any("400 products" in m.value for m in sound(app).markdown)


def test_an_outline_surrounds_what_a_unit_sees(lab):
    opened(PAGE)  # the canvas that the module imports needs a running page
    from pages.parts.network_explorer.units_tab import OUTLINE, outlined

    pixels = torch.zeros(1, 28, 28, dtype=torch.uint8)
    large = outlined(pixels, Box(2, 3, 7, 8))
    assert large.shape == (3, 224, 224)
    green = torch.tensor(OUTLINE, dtype=torch.uint8)
    assert torch.equal(large[:, 16, 24], green) and torch.equal(large[:, 55, 63], green)
    assert not large[:, 15, 24].any() and not large[:, 30, 40].any()


def test_an_adversarial_step_stands_beside_noise(lab):
    app = sound(opened(PAGE, tab="Adversarial", model=RUN, epsilon="24"))
    shown = next(h.proto.body for h in app.get("html") if "Adversarial, ε = 24" in h.proto.body)
    assert "Noise, ε = 24" in shown
    assert "leads away from its true class" in captions(app)


@pytest.mark.parametrize("tab", ["Surgery", "Units", "Adversarial", "Two networks"])
def test_a_network_of_imagenet_has_no_test_images_to_judge_on(lab, tab):
    app = sound(opened(PAGE, tab=tab, model="lite0"))
    text = captions(app) + " ".join(one.value for one in app.info)
    assert "has no test images here" in text or "are not aligned here" in text


def test_two_networks_of_the_same_layers_stand_side_by_side(lab):
    app = sound(opened(PAGE, tab="Two networks", model=RUN))
    assert app.selectbox(key="other").value == "recognise-lenet-mnist-dd3f87e3"
    assert "On 1,000 test images" in captions(app)
    table = app.dataframe[0].value
    assert len(table) == 5 and (table["CKA"] > table["floor"]).all()
    alone = sound(opened(PAGE, tab="Two networks", model="recognise-mlp-mnist-dd3f87e3"))
    assert any("No other network here has the same layers" in one.value for one in alone.info)


def test_a_residual_link_is_cut(lab):
    run = untaught(RECOGNITION, "resnet20")
    app = sound(opened(PAGE, tab="Surgery", model=run.id, cut="Residual link", cut_block="body.7"))
    judge = Judge(load_model(run), request.test_images(run), "own")
    judged = judge.verdict(Cut("body.7", "shortcut"))
    assert figures(app)["After"] == percent(judged.after, 2)
    assert figures(app)["Test images"] == "360"
    app.segmented_control(key="cut_link").set_value("Drop the body").run()
    judged = judge.verdict(Cut("body.7", "body"))
    assert figures(sound(app))["After"] == percent(judged.after, 2)
