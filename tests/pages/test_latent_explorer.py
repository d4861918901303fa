"""The latent explorer as a program sees it: maps, links, views, tabs, faults."""

import numpy as np
import pytest
import torch

from core import data
from core.execution import carry_out
from core.inference import codes as encoding
from core.models.backbones import BACKBONES
from core.projection import map_runs
from core.projection.methods import PROJECTING
from core.runs import store
from core.runs.query import finished
from core.runs.schema import RunRequest
from core.runs.store import Run
from core.tasks import TASKS
from pages.components.map.map_events import inside
from pages.parts.latent_explorer.view_state import lasso_of, lasso_text
from pages.ui import cached
from pages.ui.names import run_names
from pages.ui.proportions import farther
from tests.pages.test_pages import captions, opened

PAGE = "latent_explorer.py"
MAPS = [run for run in finished(PROJECTING) if run.shipped]
ALL_OF_IT = "-1e4,-1e4;1e4,-1e4;1e4,1e4;-1e4,1e4"


def sound(app) -> None:
    assert not app.exception
    assert not app.error


def pictures(app) -> list[str]:
    return [h.proto.body for h in app.get("html") if "lab-cards" in h.proto.body]


def clicked(app) -> str:
    return next(m.value for m in app.markdown if m.value.startswith("**Image "))


def made(question: RunRequest) -> Run:
    with store.store_lock():
        run = store.create(question.run_id, question.config)
    assert carry_out(run).state == "done"
    cached.forget_models()
    return run


def test_maps_of_the_test_digits_ship():
    shown = {(r.spec().variant, r.spec().config["source"].split("-mnist")[0]) for r in MAPS}
    assert shown >= {
        ("tsne", "pixels"), ("tsne", "autoencode-vae"), ("tsne", "autoencode-ae_conv")
    }  # fmt: skip
    for run in MAPS:
        assert run.metrics()["n_test"] == 10_000 == run.metrics()["n_all"]


def test_it_opens_on_a_map_with_an_image_and_its_neighbours(lab):
    app = opened(PAGE)
    sound(app)
    assert "Image 0: 7" in clicked(app)
    assert "Reconstruction" in pictures(app)[0]
    assert pictures(app)[1].count("<img") == 12
    assert "All 10,000 test images of MNIST." in captions(app)


def test_each_shipped_map_can_be_chosen(lab):
    app = opened(PAGE)
    for run in MAPS:
        app.selectbox(key="map_of").set_value(run.id).run()
        sound(app)


def test_the_tab_of_seeds_opens(lab):
    sound(opened(PAGE, tab="Seeds", lasso=ALL_OF_IT))


@pytest.mark.parametrize(
    ("view", "colour"), [("Numbers", "Error"), ("Numbers", "Cluster"), ("My axis", "Label")]
)
def test_each_view_has_colours(lab, view, colour):
    app = opened(PAGE, shown_as=view, colour=colour)
    sound(app)
    if colour == "Cluster":
        assert "agreement with the classes" in captions(app)


def test_three_numbers_of_the_codes(lab):
    app = opened(PAGE, shown_as="Numbers")
    app.toggle(key="deep").set_value(True).run()
    sound(app)
    assert app.number_input(key="number_2").value == 2


def test_the_neighbours_are_those_of_brute_force(lab):
    app = opened(PAGE, point="1234")
    assert "Image 1,234: " in clicked(app)
    source = chosen(app).spec().config["source"]
    codes = encoding.encode(source, data.load("mnist", "test")).values.double()
    apart = (codes - codes[1234]).square().sum(1).sqrt()
    apart[1234] = torch.inf
    nearest = apart.topk(12, largest=False)
    for distance in nearest.values.tolist():
        assert f"at {distance:.3g}" in pictures(app)[1]
    app.segmented_control(key="metric").set_value("Cosine").run()
    sound(app)
    assert f"at {float(nearest.values[0]):.3g}<" not in pictures(app)[1]


def chosen(app) -> Run:
    return store.open_run(app.selectbox(key="map_of").value)


def test_a_link_restores_the_selection(lab):
    app = opened(PAGE, tab="Selection", lasso=ALL_OF_IT, classes="3")
    sound(app)
    assert any("The first 480 of 1,010 images" in h.proto.body for h in app.get("html"))
    assert "100% of them are of class 3." in captions(app)


def test_a_lasso_in_a_link_holds_the_same_images():
    draws = np.random.default_rng(0)
    points = draws.normal(size=(10_000, 2)) * 40
    for _ in range(50):
        turns = np.sort(draws.uniform(0, 2 * np.pi, 60))
        ring = 30 * draws.uniform(0.5, 1, (60, 1)) * np.stack([np.cos(turns), np.sin(turns)], 1)
        lasso = [(float(f"{x:.6g}"), float(f"{y:.6g}")) for x, y in ring]  # as browsers round
        linked = lasso_of(lasso_text(lasso))
        assert (inside(points, lasso) == inside(points, linked)).all()


def test_how_far_an_image_lies_is_said_with_its_neighbour():
    assert farther(1.0, 10, "training images") == (
        "It is farther from its tenth nearest among the training images than any of the training "
        "images is from theirs."
    )
    assert "its third nearest among" in farther(0.5, 3, "images on the map")
    assert "than 99% of the images" in farther(0.9999, 1, "images on the map")


def test_measures_say_which_codes_they_are_of(lab):
    app = opened(PAGE, tab="Trust", lasso=ALL_OF_IT)
    sound(app)
    assert "they compare maps of the same codes only" in captions(app)
    assert app.dataframe[0].value["Codes"].notna().all()


def test_the_table_of_a_selection_has_its_rows(lab):
    app = opened(PAGE, tab="Codes", lasso=ALL_OF_IT, classes="3")
    sound(app)
    assert "1,010 rows, of the selection." in captions(app)
    table = app.dataframe[0].value
    assert (table["label"] == 3).all()
    assert (
        table["index"].tolist() == (data.load("mnist", "test").labels == 3).nonzero()[:, 0].tolist()
    )


@pytest.mark.parametrize(
    "query",
    [
        {"point": "x"},
        {"point": "10000"},
        {"lasso": "1,2;3"},
        {"at": "5,1,0,1"},
        {"classes": "77"},
        {"lasso": ";".join(["1,1"] * 5000)},
    ],
)
def test_nonsense_in_a_link_is_said_and_left_out(lab, query):
    app = opened(PAGE, **query)
    sound(app)
    assert any("left out" in w.value for w in app.warning)
    assert "Image 0: 7" in clicked(app)


def test_a_link_to_a_map_that_is_gone_shows_another(lab):
    app = opened(PAGE, map_of="t-SNE of something that was deleted")
    sound(app)
    assert chosen(app).id in {r.id for r in MAPS}


def test_a_map_of_part_of_the_images_says_so(lab):
    run = made(map_runs.make_request("pca", "digits", {"points": 100}))
    app = opened(PAGE)
    app.selectbox(key="map_of").set_value(run.id).run()
    sound(app)
    assert "100 of 360 test images of Digits: a choice, always the same." in captions(app)
    assert "PCA of raw pixels, 100 points · Digits" in run_names([run]).values()


def test_a_map_in_three_dimensions(lab):
    run = made(map_runs.make_request("pca", "digits", {"dimensions": 3, "points": 60}))
    app = opened(PAGE, tab="Selection", lasso=ALL_OF_IT)
    app.selectbox(key="map_of").set_value(run.id).run()
    sound(app)


def test_a_map_whose_source_was_deleted_is_a_sentence(lab, monkeypatch):
    run = made(map_runs.make_request("pca", "digits", {"points": 60}))
    written = run.spec()
    gone = {**written.config, "source": "autoencode-vae-mnist-00000000"}
    (run.path / "config.json").write_text(
        written.model_copy(update={"config": gone}).model_dump_json()
    )
    app = opened(PAGE)
    app.selectbox(key="map_of").set_value(run.id).run()
    assert not app.exception
    assert any("was deleted" in e.value for e in app.error)


def test_private_maps_are_for_those_who_asked(lab):
    run = made(map_runs.make_request("pca", "digits", {"points": 70}))
    (run.path / "config.json").write_text(
        run.spec().model_copy(update={"private": True}).model_dump_json()
    )
    options = opened(PAGE).selectbox(key="map_of").options
    assert not any(run.id in option or "70 points" in option for option in options)


def test_an_upload_is_placed_and_judged(lab):
    app = opened(PAGE, tab="Your image", own_source="Upload")
    noise = torch.randint(0, 256, (90, 60, 3), generator=torch.Generator().manual_seed(0))
    from core.images import to_png

    app.file_uploader[0].set_value([("noise.png", to_png(noise.byte().numpy()), "image/png")]).run()
    sound(app)
    assert any("unlike anything here" in m.value for m in app.markdown)
    assert any("Yours" in body for body in pictures(app))


def test_with_jobs_off_the_maps_are_still_here(lab, monkeypatch):
    from core.settings import settings

    monkeypatch.setenv("LATENT_LAB_TRAINING", "off")
    settings.cache_clear()
    app = opened(PAGE, tab="Make a map")
    sound(app)
    assert any("switched off" in i.value for i in app.info)
    app = opened(PAGE, tab="Seeds")
    sound(app)
    assert not any(b.label.startswith("Make") for b in app.button)


def test_the_form_offers_pixels_and_every_network(lab):
    app = opened(PAGE, tab="Make a map")
    sound(app)
    sources = app.selectbox(key="tsne-source").options
    assert sources[:2] == ["Raw pixels", "Features of EfficientNet-Lite0"]
    here = sum(network.here() for network in BACKBONES.values())
    runs = sum(len(finished(task)) for task in TASKS.values() if task.encodes)
    assert len(sources) == 1 + here + runs


def test_the_command_makes_the_same_map(lab):
    app = opened(PAGE, tab="What is happening")
    sound(app)
    line = next(c.value for c in app.code if "core project" in c.value)
    run = chosen(app)
    assert line.startswith("python -m core project tsne --dataset mnist")
    assert f"--source {run.spec().config['source']}" in line
    changed = {"source": run.spec().config["source"]}
    assert map_runs.make_request("tsne", "mnist", changed).run_id == run.id


def test_a_slider_moves_to_maps_of_other_perplexities(lab):
    app = opened("latent_explorer.py")
    slider = app.select_slider(key="perplexity_shown")
    assert slider.options == ["5.0", "30.0", "100.0"] and slider.value == 30.0
    slider.set_value(5.0).run()
    assert not app.exception
    chosen = store.open_run(app.session_state["map_of"])
    assert chosen.spec().config["perplexity"] == 5.0
    assert app.select_slider(key="perplexity_shown").value == 5.0
    app.session_state["map_of"] = "project-pca-mnist-1d063aa0"
    assert not app.run().exception and not app.select_slider
