"""The page Network explorer: a picture, the answer to it, and the layers of the network."""

import base64
import json

import numpy as np
import pandas as pd
import pytest
import torch

from core import data
from core.images import to_png
from core.inference.activations import classifier_layers
from core.inference.network import layer_table
from core.runs.query import finished
from core.tasks.classification import RECOGNITION
from pages.components.network import Drawn
from pages.parts.network_explorer import layers_tab, stage
from tests.core.support import built
from tests.pages.test_pages import captions, opened

PAGE = "network_explorer.py"


def html(app, part):
    return next(h.proto.body for h in app.get("html") if part in h.proto.body)


def answer(app):
    return html(app, '<div class="lab-answer">')


def live(app):
    """What the browser is given to draw."""
    (element,) = (e for e in app.get("bidi_component") if e.proto.component_name == "network")
    return json.loads(element.proto.json)


def badge(app):
    return next(m.value for m in app.markdown if "-badge[" in m.value)


def sound(app):
    assert not app.exception and not app.error and not app.warning
    return app


def test_the_page_opens_with_a_digit_that_the_browser_takes_apart(lab):
    app = sound(opened(PAGE))
    assert "recognise-cnn-mnist" in live(app)["weights"] and len(live(app)["classes"]) == 10
    pixels = data.load("mnist", "test").pixels[0, 0].numpy()
    assert base64.b64decode(live(app)["picture"]) == pixels.tobytes()
    assert "Test image 0 of MNIST. It is 7." in captions(app)
    assert "7, > 99.9%: right" in badge(app)


def test_a_copied_link_draws_the_same_picture(lab):
    app = opened(PAGE)
    app.number_input(key="first").set_value(18).run()
    again = opened(PAGE, first="18")
    assert live(again) == live(app) != live(opened(PAGE))


def test_pictures_of_another_set_have_no_truth(lab):
    app = sound(opened(PAGE, dataset="fashion-mnist"))
    assert "Fashion-MNIST" in captions(app) and "It is" not in captions(app)
    assert "right" not in badge(app) and "wrong" not in badge(app)


@pytest.mark.parametrize("source", ["Upload", "Camera"])
def test_before_there_is_a_picture_the_page_says_what_to_do(lab, source):
    app = sound(opened(PAGE, source=source))
    assert any("the network answers at once" in i.value for i in app.info)


def test_one_draws_in_the_browser(lab, monkeypatch):
    app = sound(opened(PAGE, source="Draw"))
    assert live(app)["picture"] is None and live(app)["draws"]
    assert not app.get("popover"), "there is nothing to send yet"
    seven = data.load("mnist", "test").pixels[0, 0].numpy()
    monkeypatch.setattr("pages.parts.network_explorer.stage.live_network", lambda **_: Drawn(seven))
    app = sound(opened(PAGE, source="Draw"))
    assert "Your drawing." in captions(app)
    assert not any("-badge[" in m.value for m in app.markdown), "the browser says what it reads"


def test_where_the_browser_cannot_run_it_the_server_does(lab, monkeypatch):
    monkeypatch.setattr("pages.ui.cached.browser_refusal", lambda run: "It is too large.")
    app = sound(opened(PAGE))
    assert answer(app).count("<dt") == 10 and '<dt class="first">7 ✓</dt>' in answer(app)
    assert "Fully connected" in html(app, "lab-strip")
    app = sound(opened(PAGE, source="Draw"))
    assert live(app)["weights"] is None, "the canvas alone"


def test_an_upload_is_fitted_and_it_is_said(lab):
    app = opened(PAGE, source="Upload")
    pixels = np.full((40, 60, 3), 200, np.uint8)
    app.file_uploader(key="upload").set_value(("a.png", to_png(pixels), "image/png")).run()
    assert "Fitted to 28 × 28 pixels, grey." in captions(sound(app))
    app.file_uploader(key="upload").set_value(("evil.png", b"no picture", "image/png")).run()
    assert not app.exception and "evil.png" in app.error[0].value


def test_a_network_of_imagenet_opens_the_same_way(lab):
    app = sound(opened(PAGE, model="lite0"))
    assert answer(app).count("<dt") == stage.SHOWN and "palace" in answer(app)
    assert app.dataframe[0].value["weights"].sum() == 4_652_008


def test_nonsense_in_the_address_falls_back(lab):
    nonsense = {
        "model": "recognise-nothing-mnist-00000000", "first": "-7", "layer": "999",
        "tab": "nowhere", "source": "<b>", "dataset": "none",
    }  # fmt: skip
    plain = live(opened(PAGE))
    for query in (nonsense, {"layer": "x"}):
        app = opened(PAGE, **query)
        assert not app.exception and not app.error
        assert live(app) == plain


def test_the_layer_table_has_what_the_network_is(lab):
    app = opened(PAGE)
    table = app.dataframe[0].value
    run = finished(RECOGNITION, "mnist")[0]
    assert list(table["path"][:2]) == ["body.0", "body.1"] and table["weights"].sum() == 2_328_298
    assert table["output"].iloc[-1] == str(run.spec().data.classes)
    assert "2,328,298" in [m.value for m in app.metric]


@pytest.mark.parametrize("variant", RECOGNITION.variants)
def test_each_row_opens_the_layer_that_it_is_of(variant):
    shape = RECOGNITION.variant(variant).shape
    model = built(RECOGNITION, variant).eval()
    rows = layer_table(model, shape)
    layers = classifier_layers(model, torch.rand(1, *shape))
    for i, row in enumerate(rows):
        at = layers_tab.place(rows, i, layers)
        if row.kind.startswith(tuple(layers_tab.CARDS)):
            assert tuple(layers[at].values.shape) == row.shape
    assert layers_tab.place(rows, len(rows) - 1, layers) == len(layers) - 1


TABS = [
    "Layers", "Code", "Results", "Augmentations", "Compare", "Why residual", "Train your own",
    "Export", "What is happening",
]  # fmt: skip


IMAGENET = {"model": "lite0"}
"""A network whose images are not here."""


@pytest.mark.parametrize(
    ("tab", "link"),
    [
        *((tab, {}) for tab in TABS),
        *((tab, IMAGENET) for tab in ("Code", "Results", "Augmentations", "Compare", "Export")),
    ],
)
def test_each_tab_opens_by_its_address(lab, tab, link):
    app = sound(opened(PAGE, tab=tab, **link))
    if tab == "Why residual":
        said = " ".join(line.value for line in app.caption)
        assert "82.5% (Residual network of 20 layers, 81.8% to 83.3%)" in said


def test_network_that_answers_nan_is_said(lab, monkeypatch):
    from pages.ui.cached import recognition

    broken = built(RECOGNITION, "cnn").eval()
    torch.nn.init.constant_(broken.head.weight, float("nan"))
    monkeypatch.setattr(recognition, "model", lambda run: broken)
    recognition.probabilities.clear()
    app = opened(PAGE, first="4321")
    recognition.probabilities.clear()
    assert not app.exception and "no number (NaN)" in app.error[0].value


def test_what_is_sent_here_stands_on_the_stage(lab):
    app = opened("denoiser.py", first="3")
    app.button(key="send_network_explorer").click().run()
    assert "sent from the Denoiser" in captions(sound(app)) and "restored" in captions(app)


def test_a_mistake_comes_onto_the_stage_with_its_truth(lab, monkeypatch):
    from pages.components import picks

    clicks = {"mistake-picks": 1}
    monkeypatch.setattr(picks, "picked", lambda key, count: clicks.pop(key, None))
    app = sound(opened(PAGE, tab="Results"))
    assert "wrong" in badge(app) and app.session_state["first"] > 0
    assert app.session_state["source"] == stage.TEST


def test_where_fewer_test_images_are_here_it_is_said(lab):
    (run,) = [r for r in finished(RECOGNITION, "cifar10") if r.spec().variant == "simple_cnn"]
    app = sound(opened(PAGE, tab="Results", model=run.id))
    assert "Below: the 1,000 test images that are on this machine" in captions(app)
    assert "measured on 10,000." in captions(app)


def test_an_augmentation_that_breaks_labels_is_marked_by_evidence(lab):
    link = {"tab": "Augmentations", "augment_measured": "true", "augment-flip": "1"}
    app = sound(opened(PAGE, **link))
    table = app.dataframe[0].value.set_index("class")
    assert table.loc["6", "breaks"] == "breaks" and table.loc["8", "breaks"] == ""
    assert table["images"].sum() == 2000
    assert app.metric[0].label == "Without"


def test_the_code_of_a_part_is_in_the_address(lab):
    app = sound(opened(PAGE, tab="Code", part="body.3"))
    assert "model = nn.Conv2d(16, 32, 3)" in app.code[0].value
    app = opened(PAGE, tab="Code", part="body.99")
    assert not app.exception and "is not known here" in app.warning[0].value
    assert "class Recogniser" in app.code[0].value


def test_networks_of_a_set_stand_side_by_side(lab):
    table = sound(opened(PAGE, tab="Compare")).dataframe[0].value
    assert table["accuracy"].is_monotonic_decreasing and (table["weights"] > 1000).all()
    assert {"95 % interval", "multiply-adds", "seconds", "images/s"} <= set(table)


def test_where_no_deep_network_is_here_one_is_offered(lab, monkeypatch):
    from pages.parts.network_explorer import residual_tab

    monkeypatch.setattr(residual_tab, "pair", lambda runs: [])
    app = sound(opened(PAGE, tab="Why residual"))
    assert "No finished run" in app.info[0].value
    app.button(key="train-plain20").click().run()
    sound(app)
    assert app.session_state["tab"] == "Train your own"
    assert app.selectbox(key="network").value == "plain20"


def test_gradients_are_read_by_depth():
    from pages.parts.network_explorer import residual_tab

    columns = {"epoch": [1, 2], "gradient:body.0": [0.1, 0.2], "gradient:head": [0.5, 0.4]}
    history = pd.DataFrame(columns)
    assert residual_tab.gradients(history, 2) == {"body.0": 0.2, "head": 0.4}
    assert residual_tab.gradients(history, 3) == {}
    assert residual_tab.gradients(pd.DataFrame({"epoch": [1]}), 1) == {}


def test_many_classes_are_listed_by_what_is_mixed_up(lab):
    from pages.ui import confusion

    counts = np.diag(np.full(1000, 5))
    counts[3, 7] = 4
    shown = {}

    def frame(table, **_):
        shown["table"] = table
        return {"selection": {"rows": [0]}}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confusion.st, "dataframe", frame)
        patch.setattr(confusion, "csv_button", lambda *_: None)
        cell = confusion.matrix(counts.tolist(), tuple(f"class {k}" for k in range(1000)))
    assert cell == (3, 7) and shown["table"]["images"].tolist() == [4]
