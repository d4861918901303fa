"""A link to a private run, on the pages: what it opens, what it does not, and how it ends."""

import re
import shutil
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from core import data
from core.jobs import queue, sharing
from core.runs import store
from core.runs.store import Run
from core.settings import settings
from pages.server.visitor import COOKIE, cookie_header, visitor_of
from pages.ui import cached
from tests.pages.test_pages import ROUTER, TIMEOUT, captions
from tests.pages.test_routes import request
from tests.pages.test_small_sets import tiny, trained

ANN, BOB = "ann", "bob"
UNET = "denoise-unet-mnist-dd3f87e3"


@pytest.fixture(autouse=True)
def nobody_has_opened(lab):
    sharing.OPENED.clear()
    return lab


def opened(who, page="runs.py", **query):
    """A page as one of several visitors sees it."""
    app = AppTest.from_file(ROUTER, default_timeout=TIMEOUT)
    app.session_state["visitor"] = who
    for name, value in query.items():
        app.query_params[name] = value
    return app.switch_page(page).run()


def anns(like=UNET, end="aaaaaaa1"):
    source = store.open_run(like)
    run = Run(settings().runs / f"{like[:-8]}{end}")
    shutil.copytree(source.path, run.path)
    spec = source.spec().model_copy(update={"private": True})
    (run.path / "config.json").write_text(spec.model_dump_json())
    run.set_owners([ANN])
    cached.forget_models()
    return run


def press(app, label):
    return next(b for b in app.button if b.label == label).click().run()


def labels(app):
    return {b.label for b in app.button}


def link_of(app):
    """The parameters of the link that is shown."""
    (shown,) = [c.value for c in app.code if "share=" in c.value]
    return {name: value for name, (value,) in parse_qs(urlsplit(shown).query).items()}


def told(app):
    return [w.value for w in app.warning]


def test_a_link_is_made_opened_and_withdrawn():
    run = anns()
    app = opened(ANN, compare=run.id)
    said = " ".join(m.value for m in app.markdown)
    assert "there may be pictures of yours" in said and "is not shared" in said
    app = press(app, "Share a link")
    link = link_of(app)
    assert link["compare"] == run.id and not app.exception
    theirs = opened(BOB, **link)
    assert not told(theirs) and theirs.multiselect(key="compare").value == [run.id]
    assert "Shared with you by a link" in captions(theirs)
    assert not labels(theirs) & {"Delete", "Resume", "Save", "Share a link", "Withdraw the link"}
    assert not any(e.label == "Share" for e in theirs.expander)
    assert "share=" not in str([c.value for c in opened(ANN, compare=run.id).code]), "only once"
    press(app, "Withdraw the link")
    theirs.run()  # the page that was open
    assert theirs.multiselect(key="compare").value == []
    assert not theirs.metric and "Shared with you" not in captions(theirs)
    assert told(opened(BOB, **link)) == told(opened(BOB, compare=f"{UNET[:-8]}00000000"))


def test_wrong_and_foreign_links_are_told_as_a_run_that_is_not_there():
    run, other = anns(), anns(end="aaaaaaa2")
    token, foreign = queue.share(run, ANN), queue.share(other, ANN)
    nowhere = f"{UNET[:-8]}00000000"
    usual = told(opened(BOB, compare=nowhere))
    assert usual
    for share in (f"{run.id}.{foreign}", f"{run.id}.{token}x", ".."):
        app = opened(BOB, compare=run.id, share=share)
        assert told(app) == usual and not app.exception
        assert app.multiselect(key="compare").value == []
    assert not queue.visible(run, BOB)
    assert told(opened(BOB, compare=nowhere, share=f"{nowhere}.{token}")) == usual


def test_a_link_is_for_who_opened_it_and_its_run_is_used_where_no_pictures_are_needed():
    run = anns()
    link = {"share": f"{run.id}.{queue.share(run, ANN)}"}
    app = opened(BOB, "denoiser.py", model=run.id, **link)
    assert app.selectbox(key="model").value == run.id and not told(app)
    assert told(opened("eve", "denoiser.py", model=run.id))
    queue.unshare(run, ANN)
    app.slider(key="strength").set_value(0.8).run()
    assert app.selectbox(key="model").value != run.id, "the open page lets it go as well"


def test_the_pictures_of_a_shared_denoiser_stay_with_their_owner(lab):
    made = tiny(lab, 2)
    data.own(made.name, ANN)
    run = trained("denoising", "linear", made.name)
    run.set_owners([ANN])
    link = {"share": f"{run.id}.{queue.share(run, ANN)}"}
    own = opened(ANN, "denoiser.py", model=run.id)
    assert own.selectbox(key="dataset").value == made.name
    app = opened(BOB, "denoiser.py", model=run.id, **link)
    assert app.selectbox(key="model").value == run.id and not app.exception
    assert app.selectbox(key="dataset").value in data.BUILT_IN
    assert "Tiny" not in app.selectbox(key="dataset").options
    asked_for = opened(BOB, "denoiser.py", model=run.id, dataset=made.name)
    assert "belongs to somebody else" in told(asked_for)[0]
    listed = opened(BOB, compare=run.id)
    links = [link.proto.label for link in listed.get("page_link")]
    assert links == ["Open in Denoiser"], "nothing is to be made with its codes"


@pytest.mark.parametrize(
    ("like", "page", "key"),
    [
        ("autoencode-vae-mnist-dd3f87e3", "vae_sampler.py", "model"),
        ("draw-gan-mnist-8abee2f9", "gan_gallery.py", "model"),
        ("project-tsne-mnist-dd3f87e3", "latent_explorer.py", "map_of"),
    ],
)
def test_pages_that_show_a_set_s_pictures_open_no_shared_run(like, page, key):
    run = anns(like)
    link = {"share": f"{run.id}.{queue.share(run, ANN)}"}
    listed = opened(BOB, compare=run.id, **link)
    assert listed.multiselect(key="compare").value == [run.id]
    assert not listed.get("page_link") and not listed.exception
    assert told(opened(BOB, page, **{key: run.id}))


def test_a_shared_classifier_reads_photographs_and_shows_none_of_its_own(monkeypatch):
    run = anns("transfer-new_head-cats-dogs-5c4dd9f0")
    monkeypatch.setattr(data, "visible", lambda name, who: who == ANN)
    monkeypatch.setattr(data, "available", lambda name: {"train", "test"})
    link = {"share": f"{run.id}.{queue.share(run, ANN)}"}
    app = opened(BOB, "transfer_classifier.py", classifier=run.id, tab="How good is it?", **link)
    assert app.selectbox(key="classifier").value == run.id and not app.exception
    assert "They are not on this machine" in captions(app)
    assert "Test it in five folds" not in labels(app)


def test_what_browsers_fetch_of_a_shared_run_ends_with_its_link():
    run = anns()
    cookie = re.match(rf"{COOKIE}=([^;]*)", cookie_header(secure=False).decode())[1]
    bob = visitor_of({COOKIE: cookie})
    sheet = f"/api/sheets/{run.id}/{run.version()}/{max(run.samples())}"
    assert request(sheet, cookie)[0] == 404
    assert queue.open_link(run.id, queue.share(run, ANN), bob)
    assert request(sheet, cookie)[0] == 200 and request(sheet)[0] == 404
    queue.unshare(run, ANN)
    assert request(sheet, cookie)[0] == 404


def test_public_runs_and_those_of_others_have_no_link_to_share():
    run = anns()
    assert "Share a link" not in labels(opened(ANN, compare=UNET))
    queue.open_link(run.id, queue.share(run, ANN), BOB)
    assert "Make another" not in labels(opened(BOB, compare=run.id))
