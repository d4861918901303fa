"""Pictures that are clicked go onto the stage; what the browser says is checked."""

from collections.abc import Container

import numpy as np
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from core.images import to_png
from core.inference import generators, latent
from core.runs import store
from core.tasks.autoencoding import AUTOENCODING
from pages.components import picks
from pages.ui import cached, pictures
from pages.ui.pictures import Choice, Row, Sheet, choices_html
from pages.ui.run_choice import RunChoice
from tests.pages.test_pages import opened

IMAGES = torch.zeros(2, 1, 4, 4)


class Once:
    """A browser that has clicked one picture, once, under a key."""

    def __init__(self, key: str, name: str) -> None:
        self.key, self.name = key, name

    def __call__(self, key: str, names: Container[str]) -> str | None:
        if key != self.key or self.name is None:
            return None
        assert self.name in names
        name, self.name = self.name, None
        return name


def clicked(monkeypatch, app: AppTest, key: str, name: int | str) -> AppTest:
    monkeypatch.setattr(picks, "picked_name", Once(key, str(name)))
    app.run()
    assert not app.exception and not app.error
    return app


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"name": "1", "move": 1}, 1),
        ({"name": "2", "move": 1}, None),
        ({"name": "-1", "move": 1}, None),
        ({"name": "१", "move": 1}, None),
        ({"name": 1, "move": 1}, None),
        ([1], None),
        (None, None),
    ],
)
def test_what_was_clicked_is_checked_and_counts_once(monkeypatch, said, expected):
    monkeypatch.setattr(st, "session_state", {"grid": {"picked": said}})
    assert picks.picked("grid", 2) == expected
    assert picks.picked("grid", 2) is None


def test_the_buttons_of_all_sheets_are_counted_through_and_have_names():
    rows = pictures.rows_html([Row(n, IMAGES, names=[f"{n} 1", f"{n} <2>"]) for n in "ab"])
    sheet = Sheet("a", b"", "", 2, ["one", "two"])
    sheets = pictures.sheets_html([sheet, sheet])
    for html in (rows, sheets):
        assert [html.count(f'data-pick="{i}"') for i in range(5)] == [1, 1, 1, 1, 0]
        assert html.count('tabindex="0"') == 2
    assert 'aria-label="b &lt;2&gt;"' in rows


def test_pictures_without_names_have_no_buttons():
    items = [("Image", IMAGES[0], "")]
    assert "<button" not in pictures.rows_html([Row("a", IMAGES)]) + pictures.cards_html(items)
    assert "<button" in pictures.cards_html(items, names=["Image"])


def test_what_is_chosen_is_marked_and_reached_by_tab():
    choices = {name: Choice(f"/{name}.png", f"{name} <b>") for name in ("one", "two")}
    html = choices_html("Numbers", choices, "two", columns="1fr 1fr")
    first, second = html.split("<button")[1:]
    assert 'aria-pressed="false"' in first and 'tabindex="-1"' in first
    assert 'aria-pressed="true"' in second and 'tabindex="0"' in second
    assert 'data-pick="two"' in second and 'aria-label="two &lt;b&gt;"' in second
    assert "<span>" not in html and 'role="group" aria-label="Numbers"' in html
    for chosen in (None, "three"):
        html = choices_html("Numbers", choices, chosen, columns="1fr 1fr")
        first, second = html.split("<button")[1:]
        assert "true" not in first + second and 'tabindex="0"' in first


@pytest.mark.parametrize(
    ("tab", "key"),
    [
        ("Samples", "sample-picks"),
        ("Posterior", "posterior-picks"),
        ("Traversals", "traversal-picks"),
        ("Plane", "plane-picks"),
        ("Between", "between-picks"),
    ],
)
def test_a_click_puts_the_code_and_its_model_on_the_sampler_s_stage(lab, monkeypatch, tab, key):
    app = opened("vae_sampler.py", tab=tab)
    before = app.session_state["place"]
    clicked(monkeypatch, app, key, 3)
    to = app.session_state["place"]
    assert to != before
    run = store.find(app.selectbox(key="model").value)
    assert len(to.code) == len(latent.dimensions(run))
    assert app.query_params["code"] == ",".join(f"{v:g}" for v in to.code)


def test_a_sample_of_a_conditional_model_takes_its_class_along(lab, monkeypatch):
    app = opened("vae_sampler.py", tab="Samples")
    from pages.parts.vae_sampler import sampling  # imports a canvas, which needs a running page

    chosen = store.find(app.selectbox(key="model").value)
    shown = list(sampling.family(chosen, RunChoice.of(AUTOENCODING)).values())
    counts = [sampling.ROWS * sampling.columns(run) for run in shown]
    at = next(i for i, run in enumerate(shown) if latent.class_names(run))
    clicked(monkeypatch, app, "sample-picks", sum(counts[:at]) + 7)
    assert app.selectbox(key="model").value == shown[at].id
    assert app.session_state["place"].label == 7


def test_a_click_puts_a_sample_on_the_gallery_s_stage(lab, monkeypatch):
    app = opened("gan_gallery.py", tab="Samples")
    clicked(monkeypatch, app, "sample-picks", 3)
    model = cached.generator(store.find(app.selectbox(key="model").value))
    sample = generators.drawn(model, 40, 0, None, 1.0).latents[3]
    assert app.session_state["gan-latent"][1] == pytest.approx(sample.tolist(), abs=1e-4)


def test_a_click_on_a_neighbour_selects_it(lab, monkeypatch):
    app = opened("latent_explorer.py")
    before = app.query_params["point"]
    clicked(monkeypatch, app, "neighbour-picks", 0)
    assert app.query_params["point"] != before


def test_a_click_on_a_medoid_selects_it(lab, monkeypatch):
    app = opened("latent_explorer.py", colour="Cluster")
    clicked(monkeypatch, app, "medoid-picks", 3)
    html = next(h.proto.body for h in app.get("html") if "Like #" in h.proto.body)
    assert f"Like #{app.query_params['point']}<" in html


def test_a_click_on_a_selected_image_selects_it_on_the_map(lab, monkeypatch):
    app = opened("latent_explorer.py", tab="Selection", lasso="-1000,-1000;1000,-1000;0,2000")
    before = app.query_params["point"]
    clicked(monkeypatch, app, "selection-picks", 5)
    assert app.query_params["point"] != before and app.query_params["lasso"]


def test_a_click_on_what_is_near_to_one_s_own_image_selects_it(lab, monkeypatch):
    app = opened("latent_explorer.py", tab="Your image", own_source="Upload")
    picture = to_png(np.zeros((28, 28), np.uint8))
    app.file_uploader(key="upload").set_value([("a.png", picture, "image/png")]).run()
    before = app.query_params["point"]
    clicked(monkeypatch, app, "own-picks-0", 2)
    assert app.query_params["point"] != before
    point = int(app.query_params["point"])
    assert f"Image {point:,}" in "".join(h.proto.body for h in app.get("html"))


@pytest.mark.parametrize(
    ("tab", "key"), [("Memorised?", "copy-picks"), ("Batch norm", "norm-picks")]
)
def test_a_click_puts_the_latent_of_a_sample_on_the_gallery_s_stage(lab, monkeypatch, tab, key):
    dcgan = next(
        run
        for run in cached.models("adversarial")
        if generators.has_batch_norm(cached.generator(run))
    )
    app = opened("gan_gallery.py", tab=tab, model=dcgan.id)
    clicked(monkeypatch, app, key, 4)
    sample = generators.drawn(cached.generator(dcgan), 6, 0, None, 1.0).latents[4]
    assert app.session_state["gan-latent"][1] == pytest.approx(sample.tolist(), abs=1e-4)


def test_a_found_latent_is_clicked_onto_the_stage(lab, monkeypatch):
    app = opened("gan_gallery.py", tab="Find a picture", model="draw-gan-mnist-8abee2f9")
    next(b for b in app.button if b.label == "Search").click().run()
    before = app.session_state["gan-latent"][1]
    assert before is None
    for index in (1, 2):
        clicked(monkeypatch, app, "inversion-picks", index)
        assert app.session_state["gan-latent"][1] not in (None, before)
        before = app.session_state["gan-latent"][1]


def test_a_click_on_what_a_model_restored_uses_that_model(lab, monkeypatch):
    app = opened("denoiser.py", view="All models", dataset="fashion-mnist")
    before = app.selectbox(key="model").value
    clicked(monkeypatch, app, "model-picks", 4)
    assert app.selectbox(key="model").value != before
    assert app.segmented_control(key="view").value == "This model"
    assert app.selectbox(key="dataset").value == "fashion-mnist"
