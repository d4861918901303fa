"""Links carry ids: what others train changes none, and what is not here is said."""

import shutil

import pytest

from core import data
from core.projection.methods import PROJECTING
from core.runs import store
from core.settings import settings
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.denoising import DENOISING
from pages.ui import cached
from pages.ui.cached import dreams
from pages.ui.names import run_names
from tests.pages.test_pages import opened

ALL = store.all_runs()
PAGES = [("denoiser.py", "model", DENOISING), ("latent_explorer.py", "map_of", PROJECTING)]


def shipped(family):
    return [r for r in ALL if r.shipped and r.spec().task == family.name]


def again(run, end="aaaaaaaa", private=False, owners=("somebody",)):
    """What another visitor's training of the same kind leaves behind."""
    path = settings().runs / f"{run.id[:-8]}{end}"
    shutil.copytree(run.path, path)
    made = store.open_run(path.name)
    if private:
        config = made.spec().model_copy(update={"private": True})
        (path / "config.json").write_text(config.model_dump_json())
    made.set_owners(list(owners))
    cached.forget_models()
    return made


def address(app, key):
    result = app.query_params.get(key)
    return result[0] if isinstance(result, list) and len(result) == 1 else result


@pytest.mark.parametrize(("page", "key", "family"), PAGES, ids=[p for p, *_ in PAGES])
def test_a_link_opens_its_run_whatever_others_train(lab, page, key, family):
    names = run_names(shipped(family))
    app = opened(page)
    usual = app.selectbox(key=key).value
    chosen = next(r for r in reversed(shipped(family)) if r.id != usual)
    app.selectbox(key=key).set_value(chosen.id).run()
    assert address(app, key) == chosen.id
    other, hidden = again(chosen), again(chosen, "bbbbbbbb", private=True)
    for asked in (chosen.id, names[chosen.id]):  # what older links carry still opens it
        app = opened(page, **{key: asked})
        assert not app.exception and not app.warning
        assert app.selectbox(key=key).value == chosen.id == address(app, key)
    options = app.selectbox(key=key).options
    assert names[chosen.id] in options
    theirs = run_names([*shipped(family), other])[other.id]
    assert theirs.startswith(f"{names[chosen.id]} · ") and theirs in options
    app = opened(page, **{key: hidden.id})
    assert "belongs to somebody else" in app.warning[0].value and not app.exception
    assert app.selectbox(key=key).value == usual
    assert hidden.id[-8:] not in str(app.selectbox(key=key).options)


def test_a_private_run_a_deleted_one_and_nonsense_are_told_alike(lab):
    run = shipped(DENOISING)[0]
    hidden, sentences = again(run, private=True), set()
    for asked in (hidden.id, f"{run.id[:-8]}00000000", "../../etc", f"U-Net · {hidden.id[-8:]}"):
        app = opened("denoiser.py", model=asked)
        sentences.add(app.warning[0].value)
        assert address(app, "model") == asked  # who opens it again, is told again
    assert len(sentences) == 1
    app.selectbox(key="model").set_value(run.id).run()
    assert not app.warning and address(app, "model") == run.id


def test_the_default_stands_in_the_address_only_where_others_have_another(lab, monkeypatch):
    assert address(opened("denoiser.py"), "model") is None
    own = again(shipped(DENOISING)[0])
    monkeypatch.setattr(store, "SHIPPED", lab / "nothing")
    cached.forget_models()
    assert address(opened("denoiser.py"), "model") == own.id


def test_a_choice_outlasts_a_visit_to_another_page(lab):
    app = opened("denoiser.py")
    chosen = shipped(DENOISING)[0].id
    app.selectbox(key="model").set_value(chosen).run()
    app.query_params.clear()  # as the browser does
    app.switch_page("runs.py").run()
    app.switch_page("denoiser.py").run()
    assert app.selectbox(key="model").value == chosen
    assert address(app, "model") == chosen


def test_runs_are_compared_by_their_ids_and_those_that_are_not_here_are_said(lab):
    first, second = shipped(DENOISING)[:2]
    hidden = again(first, private=True)
    app = opened("runs.py")
    app.multiselect(key="compare").set_value([first.id, second.id]).run()
    assert app.query_params["compare"] == [first.id, second.id]
    app = opened("runs.py", compare=[second.id, hidden.id])
    assert app.multiselect(key="compare").value == [second.id]
    assert "belongs to somebody else" in app.warning[0].value
    app = opened("runs.py", compare=hidden.id)
    assert app.multiselect(key="compare").value == []
    assert "belongs to somebody else" in app.warning[0].value and not app.exception


def test_dreams_on_a_picture_of_a_model_name_it_by_id(lab, monkeypatch):
    monkeypatch.setattr(dreams, "seconds", lambda *asked: 1.0)
    chosen = shipped(ADVERSARIAL)[-1].id
    app = opened("deepdream.py", picture="Drawn by the lab", drawn_by=chosen)
    assert app.selectbox(key="drawn_by").value == chosen
    app = opened("deepdream.py", picture="Drawn by the lab", drawn_by="draw-gan-mnist-00000000")
    assert any("belongs to somebody else" in w.value for w in app.warning)


def test_data_sets_stand_in_links_by_id_and_somebody_elses_are_not_told(lab):
    app = opened("denoiser.py", dataset="digits", tab="Train your own", train_on="fashion-mnist")
    assert app.selectbox(key="dataset").value == "digits" and not app.warning
    assert app.selectbox(key="train_on").value == "fashion-mnist"
    old = opened("denoiser.py", dataset=data.info("digits").title)
    assert old.selectbox(key="dataset").value == "digits" and address(old, "dataset") == "digits"
    app = opened("denoiser.py", dataset="pets-12345678")
    assert "The data set in this link" in app.warning[0].value


def test_weights_to_begin_with_are_named_by_id(lab):
    chosen = next(r.id for r in shipped(DENOISING) if "-linear-" in r.id)
    query = {"tab": "Train your own", "network": "linear", "linear-start_from": chosen}
    app = opened("denoiser.py", **query)
    assert app.selectbox(key="linear-start_from").value == chosen and not app.warning
    app = opened("denoiser.py", **{**query, "linear-start_from": "denoise-linear-mnist-00000000"})
    assert app.selectbox(key="linear-start_from").value == ""
    assert any("It is left out" in w.value for w in app.warning)
