"""The page Network explorer: a picture, the answer to it, and the layers of the network."""

import numpy as np
import pytest
import torch

from core.images import to_png
from core.inference.activations import classifier_layers
from core.inference.network import layer_table
from core.runs.query import finished
from core.tasks.classification import RECOGNITION
from pages.parts.network_explorer import layers_tab, stage
from tests.core.support import built
from tests.pages.test_pages import captions, opened

PAGE = "network_explorer.py"


def html(app, part):
    return next(h.proto.body for h in app.get("html") if part in h.proto.body)


def answer(app):
    return html(app, '<div class="lab-answer">')


def sound(app):
    assert not app.exception and not app.error and not app.warning
    return app


def test_the_page_opens_with_a_digit_and_its_answer(lab):
    app = sound(opened(PAGE))
    assert "Test image 0 of MNIST" in answer(app) and answer(app).count("<dt") == 10
    assert '<dt class="first">7 ✓</dt>' in answer(app)
    assert any("7" in m.value and "right" in m.value for m in app.markdown)
    assert "Fully connected" in html(app, "lab-strip")


def test_a_copied_link_draws_the_same_picture(lab):
    app = opened(PAGE)
    app.number_input(key="first").set_value(18).run()
    again = opened(PAGE, first="18")
    assert answer(again) == answer(app) != answer(opened(PAGE))


def test_pictures_of_another_set_have_no_truth(lab):
    app = sound(opened(PAGE, dataset="fashion-mnist"))
    assert "✓" not in answer(app) and "Fashion-MNIST" in answer(app)


@pytest.mark.parametrize("source", ["Draw", "Upload", "Camera"])
def test_before_there_is_a_picture_the_page_says_what_to_do(lab, source):
    app = sound(opened(PAGE, source=source))
    assert any("the network answers at once" in i.value for i in app.info)


def test_an_upload_is_fitted_and_it_is_said(lab):
    app = opened(PAGE, source="Upload")
    pixels = np.full((40, 60, 3), 200, np.uint8)
    app.file_uploader(key="upload").set_value(("a.png", to_png(pixels), "image/png")).run()
    assert "Fitted to 28 × 28 pixels, grey." in answer(sound(app))
    app.file_uploader(key="upload").set_value(("evil.png", b"no picture", "image/png")).run()
    assert not app.exception and "evil.png" in app.error[0].value


def test_a_network_of_imagenet_opens_the_same_way(lab):
    app = sound(opened(PAGE, model="lite0"))
    assert answer(app).count("<dt") == stage.SHOWN and "palace" in answer(app)
    assert app.dataframe[0].value["weights"].sum() == 4_652_008


@pytest.mark.parametrize("query", [
    {"model": "recognise-nothing-mnist-00000000"}, {"first": "-7"}, {"layer": "999"},
    {"layer": "x"}, {"tab": "nowhere"}, {"source": "<b>"}, {"dataset": "none"},
])  # fmt: skip
def test_nonsense_in_the_address_falls_back(lab, query):
    app = opened(PAGE, **query)
    assert not app.exception and not app.error
    assert answer(app) == answer(opened(PAGE))


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


@pytest.mark.parametrize("model", [None, "lite0"])
@pytest.mark.parametrize("tab", TABS)
def test_each_tab_opens_by_its_address(lab, tab, model):
    sound(opened(PAGE, tab=tab, **({"model": model} if model else {})))


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
    assert "sent from the Denoiser" in captions(sound(app)) and "restored" in answer(app)
