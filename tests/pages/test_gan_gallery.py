"""The GAN gallery as a program sees it: the wall, the stage, links, tabs, faults."""

import pytest
import torch

from core.inference import generators as gans
from core.inference.copying import Matches
from core.metrics.generative import verdict
from core.runs import store
from core.runs.query import finished
from core.tasks.adversarial import ADVERSARIAL
from pages.parts.gan_gallery import batch_norm, wall_runs
from pages.ui import cached, copy_search
from pages.ui import sample_health as health
from pages.ui.cached import generators
from tests.pages.test_pages import captions, opened

PAGE = "gan_gallery.py"
TABS = [
    "Samples", "Between", "Health", "Learning", "Memorised?", "Batch norm", "Find a picture",
    "What is happening",
]  # fmt: skip
MODELS = [run for run in finished(ADVERSARIAL) if run.shipped]
CONDITIONAL = next((r for r in MODELS if r.spec().variant == "cgan"), None)
PLAIN = next(r for r in MODELS if r.spec().variant == "gan")
NORMED = next(r for r in MODELS if r.spec().variant == "dcgan")
told_a_class = pytest.mark.skipif(CONDITIONAL is None, reason="no conditional network ships")


def on(run, **query):
    return opened(PAGE, model=run.id, **query)


def pictures(app):
    return [h.proto.body for h in app.get("html") if "data:image" in h.proto.body]


def test_the_wall_shows_each_network_once_with_all_its_sheets(lab):
    hung = wall_runs.best_runs(MODELS)
    kinds = [(r.spec().variant, r.spec().dataset) for r in hung]
    assert len(kinds) == len(set(kinds))
    order = list(ADVERSARIAL.variants)
    assert [order.index(v) for v, _ in kinds] == sorted(order.index(v) for v, _ in kinds)
    for run, card in zip(hung, wall_runs.cards(hung), strict=True):
        epochs = [sheet.epoch for sheet in card.sheets]
        assert epochs == list(range(run.spec().config["epochs"] + 1))
        end, result = card.sheets[-1], health.read(run)
        assert result is not None and end.state == verdict(result).state
        if result.classes:
            told = (
                f"Fréchet distance {result.fid:,.0f}, floor {result.floor:,.1f}, in features of our"
            )
            assert end.figure.startswith(told), "the figure of the weights that are kept"
        else:
            assert end.figure == "", "no distance in pixels"


def test_the_shipped_networks_are_what_they_are_said_to_be():
    result = {(r.spec().variant, r.spec().dataset): health.read(r) for r in MODELS}
    states = {kind: verdict(figures).state for kind, figures in result.items() if figures}
    assert {states["cgan", "mnist"], states["wgan_gp", "mnist"]} == {"healthy"}
    assert "collapsed" not in states.values()
    assert {states[name, "mnist"] for name in ("gan", "lsgan", "dcgan")} == {"unlike the data"}


def test_faces_have_no_distance_as_nothing_has_learnt_to_tell_them_apart(lab, monkeypatch):
    monkeypatch.setattr(generators, "MAX_REAL", 500)
    faces = next(r for r in MODELS if r.spec().variant == "face_dcgan")
    app = on(faces, tab="Health")
    assert not {"FID", "Fréchet distance"} & {m.label for m in app.metric}
    assert "there is no Fréchet distance" in captions(app)


@pytest.mark.parametrize(("ratio", "split"), [(0.5, "train"), (0.9, "train"), (0.1, "test")])
def test_the_search_for_copies_has_no_verdict_without_training_images(ratio, split):
    result = Matches(torch.zeros(2, 7), torch.ones(2, 7), torch.tensor([0.9, ratio]))
    said = copy_search.verdict(result, split, 60_000)
    begins = {("train", 0.5): "**1 of 2", ("train", 0.9): "Not found", ("test", 0.1): "No verdict"}
    assert said.startswith(begins[split, ratio]) and "60,000" in said


def test_a_run_without_sheets_is_left_off_the_wall(lab, monkeypatch):
    monkeypatch.setattr(store.Run, "samples", lambda self: {})
    assert wall_runs.cards(MODELS) == []
    app = opened(PAGE, tab="Learning")
    said = " ".join(i.value for i in app.info)
    assert not app.exception and "no wall to show" in said and "kept no sample sheets" in said


@pytest.mark.parametrize("run", MODELS, ids=lambda run: run.id)
def test_each_shipped_network_can_be_chosen(lab, run):
    app = on(run)
    assert not app.exception and not app.error
    assert any(s.key == "class" for s in app.selectbox) is (run.spec().variant == "cgan")


@told_a_class
@pytest.mark.parametrize("tab", TABS)
def test_each_tab_opens(lab, tab, monkeypatch):
    monkeypatch.setattr(generators, "MAX_REAL", 500)
    app = on(CONDITIONAL, tab=tab)
    assert not app.exception and not app.error
    assert app.session_state["tab"] == tab and tab in [t.label for t in app.tabs]


def test_a_group_opens_with_its_first_tab_and_stands_in_the_address(lab):
    app = on(PLAIN, tab="Memorised?")
    assert app.segmented_control(key="tabs").value == app.query_params["tabs"] == "Check"
    app.segmented_control(key="tabs").set_value("Train").run()
    assert [t.label for t in app.tabs] == [
        "Learning",
        "The game",
        "Train your own",
        "What is happening",
    ]
    assert not app.exception
    again = on(PLAIN, tabs="Check")
    assert again.session_state["tab"] == "Health" and not again.exception


@told_a_class
def test_a_link_draws_the_same_class_again(lab):
    query = {"seed": "7", "truncation": "0.5", "class": "3", "tab": "Samples"}
    one, two = on(CONDITIONAL, **query), on(CONDITIONAL, **query)
    assert pictures(one) == pictures(two) != pictures(on(CONDITIONAL, **{**query, "seed": "8"}))
    assert one.selectbox(key="class").value == "3"


def test_a_link_with_moved_sliders_opens_there(lab):
    moved = [0.5, -1.0, *[0.0] * 8]
    app = on(PLAIN, moved=",".join(map(str, moved)))
    assert app.session_state["gan-place"] == pytest.approx(moved) and not app.warning


@pytest.mark.parametrize("moved", ["1,2", "nan", "<script>"])
def test_wrong_sliders_in_a_link_are_said_and_left_out(lab, moved):
    app = on(PLAIN, moved=moved)
    assert not app.exception
    assert any("left out" in w.value for w in app.warning)
    assert app.session_state["gan-place"] == [0.0] * 10


def test_samples_are_sorted_by_the_critics_opinion(lab):
    def scores(app):
        body = next(b for b in pictures(app) if "lab-cards" in b)
        return [float(p.split("%")[0]) for p in body.split("<small>")[1:]]

    app = on(PLAIN, tab="Samples")
    drawn = scores(app)
    assert len(drawn) == 40
    app.segmented_control(key="order").set_value("Most real first").run()
    assert scores(app) == sorted(drawn, reverse=True)


def test_health_prints_its_numbers_with_n_and_the_extractor(lab):
    app = on(NORMED, tab="Health")
    result = health.read(NORMED)
    text = captions(app)
    assert "10,000 samples from noise" in text and "our classifier of MNIST" in text
    shown = {m.label: m.value for m in app.metric}
    assert shown["Fréchet distance"] == f"{result.fid:,.1f}"
    assert shown["Its floor"] == f"{result.floor:,.1f}" and "10,000 real training images" in text
    assert any(m.value.startswith("Unlike the data:") for m in app.markdown)


def test_batch_norm_is_shown_where_there_is_some(lab):
    assert any("no batch norm" in i.value for i in on(PLAIN, tab="Batch norm").info)
    body = next(b for b in pictures(on(NORMED, tab="Batch norm")) if "with other samples" in b)
    assert body.count("<figure>") == 2 + gans.BATCHES


def test_a_picture_is_searched_for_and_what_was_found_goes_on_the_stage_and_into_the_link(lab):
    app = on(PLAIN, tab="Find a picture", wanted_image="3")
    body = next(b for b in pictures(app) if "as this network" in b)
    assert "Test image 3, class 0" in body and "Yours" not in body
    assert len(next(b for b in pictures(app)).split("<figure>")) == 2
    next(b for b in app.button if b.label == "Search").click().run()
    assert not app.exception and any("RMS error" in b for b in pictures(app))
    assert any("off the error of the nearest sample" in m.value for m in app.markdown)
    next(b for b in app.button if b.label == "Put it on the stage").click().run()
    assert not app.exception and "Found for a picture" in captions(app)
    linked = app.query_params["latent"]
    again = on(PLAIN, latent=linked if isinstance(linked, str) else linked[0])
    kept = again.session_state["gan-latent"][1]
    assert kept == app.session_state["gan-latent"][1] and len(kept) == 96
    assert "Found for a picture" in captions(again)
    again.number_input(key="seed").set_value(3).run()
    assert again.session_state["gan-latent"][1] is None and "latent" not in again.query_params


@told_a_class
def test_a_search_begins_with_an_image_of_the_class_on_the_stage(lab):
    app = on(CONDITIONAL, tab="Find a picture", **{"class": "7"})
    assert "Test image 0, class 7" in next(b for b in pictures(app) if "as this network" in b)
    app.selectbox(key="class").set_value("4").run()
    assert "Test image 4, class 4" in next(b for b in pictures(app) if "as this network" in b)
    kept = on(CONDITIONAL, tab="Find a picture", wanted_image="1", **{"class": "7"})
    assert "Test image 1, class 2" in next(b for b in pictures(kept) if "as this network" in b)


def test_the_critic_s_answer_is_an_opinion(lab):
    said = captions(on(NORMED, tab="Samples"))
    assert "half-and-half mix" in said and "real images got 65% and drawn ones 35%" in said
    assert "probability of being real" not in said


def test_copies_in_a_batch_leave_what_the_norms_leave():
    assert "one picture for every noise" in batch_norm.copies_text(False)
    assert "each map still varies" in batch_norm.copies_text(True)


def test_without_models_the_page_offers_to_train(lab, monkeypatch):
    monkeypatch.setattr(cached, "models", lambda task: [])
    app = opened(PAGE, tab="Train your own")
    assert not app.exception
    assert any("no trained GAN yet" in i.value for i in app.info)


def test_each_verdict_has_a_line_that_says_what_it_means(lab):
    assert set(health.MEANINGS) == set(health.BADGES)
    for card in wall_runs.cards(wall_runs.best_runs(MODELS)):
        end = card.sheets[-1]
        assert end.meaning == health.MEANINGS[end.state]
