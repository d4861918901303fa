"""Sets of one's own with next to no test images: fewer than a stage shows."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from core import data, training
from core.errors import LabError
from core.execution import carry_out
from core.jobs import queue
from core.runs import store
from pages.ui import cached
from tests.pages.test_pages import opened


def tiny(folder, tests):
    """A set with so many test images."""
    noise = np.random.default_rng(0)
    path = folder / "tiny.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for split, count in (("train", 14), ("test", tests)):
            for i in range(count):
                picture = Image.fromarray(noise.integers(0, 255, (28, 28)).astype(np.uint8))
                buffer = io.BytesIO()
                picture.save(buffer, "PNG")
                archive.writestr(f"{split}/{'ab'[i % 2]}/{i}.png", buffer.getvalue())
    return data.import_set(path, "Tiny", size=28, grey=True)


def trained(task, variant, dataset):
    asked = training.make_request(task, variant, dataset, {"epochs": 1, "batch_size": 8})
    run = store.create(asked.run_id, asked.config)
    carry_out(run)
    assert run.status().state == "done", run.status().error
    cached.forget_models()
    return run


def test_the_denoiser_works_on_a_set_with_one_test_image(lab, monkeypatch):
    monkeypatch.setattr(queue, "entitled", lambda run, who: True)
    made = tiny(lab, 1)
    assert made.splits["test"] == 1
    run = trained("denoising", "linear", made.name)
    app = opened("denoiser.py", model=run.id, first="9", tab="Over epochs")
    assert not app.exception and app.number_input(key="first").value == 0
    next(b for b in app.button if b.label == "Other images").click().run()
    assert not app.exception and app.number_input(key="first").value == 0
    app.selectbox(key="dataset").set_value("mnist").run()
    app.number_input(key="first").set_value(9000).run()
    for smaller, last in (("digits", 360 - 8), (made.name, 0)):
        app.selectbox(key="dataset").set_value(smaller).run()
        assert not app.exception and app.number_input(key="first").value == last


@pytest.mark.parametrize("variant", ["ae_conv_tiny", "cvae"])
def test_the_sampler_works_on_a_set_with_one_test_image(lab, monkeypatch, variant):
    monkeypatch.setattr(queue, "entitled", lambda run, who: True)
    run = trained("autoencoding", variant, tiny(lab, 1).name)
    app = opened("vae_sampler.py", model=run.id, tab="Between", **{"from": "7", "to": "9"})
    assert not app.exception
    assert [app.number_input(key=k).value for k in ("first", "from", "to")] == [0, 0, 0]
    for tab in ("Traversals", "Plane", "Codes", "Learning", "Samples"):
        app = opened("vae_sampler.py", model=run.id, tab=tab, draws="A fitted mixture")
        assert not app.exception, tab
    assert any("two test images at least" in i.value for i in app.info)


def test_a_gan_is_not_trained_where_it_cannot_be_measured(lab):
    one = tiny(lab, 1)
    with pytest.raises(LabError, match="measured on 2 at least"):
        training.make_request("adversarial", "gan", one.name)
    assert training.make_request("adversarial", "gan", tiny(lab, 2).name)


def test_a_number_from_a_larger_set_is_brought_back_into_the_smaller(lab):
    app = opened("vae_sampler.py", first="9999", tab="Between", **{"from": "9998", "to": "9999"})
    assert app.number_input(key="to").value == 9999
    app.selectbox(key="dataset").set_value("digits").run()
    assert not app.exception and not app.warning
    assert app.number_input(key="first").value == 359
