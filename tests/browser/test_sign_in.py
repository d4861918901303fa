"""Signing in with a service of one's own: who may train, whose runs are whose."""

import json

import pytest

from core import identity
from core.jobs import queue
from core.runs import store
from core.settings import settings
from core.training import make_request
from tests.browser.conftest import lab

pytest.importorskip("authlib", reason="signing in needs streamlit[auth]")
from tests.browser.identity_provider import CLAIMS, provider, secrets_file

pytestmark = pytest.mark.browser
ANN = identity.signed_in_as(CLAIMS)


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("signed-in")


@pytest.fixture(scope="module")
def guarded(own_folder):
    """A server where only who has signed in may train, and the service that it asks."""
    with provider() as service:
        secrets = secrets_file(own_folder, service.url)
        with lab(
            own_folder,
            LATENT_LAB_TRAINING="signed-in",
            LATENT_LAB_ADMINISTRATORS="boss@example.org",
            STREAMLIT_SECRETS_FILES=str(secrets),
        ) as address:
            yield address, service


@pytest.fixture
def private_run(own_folder, monkeypatch):
    """A finished run on Ann's own pictures, in the server's folder."""
    monkeypatch.setenv("LATENT_LAB_CHECKPOINTS", str(own_folder / "checkpoints"))
    monkeypatch.setenv("LATENT_LAB_DATA", str(own_folder / "data"))
    settings.cache_clear()
    asked = make_request("denoising", "linear", "digits", {"epochs": 1, "train_images": 50})
    config = asked.config.model_copy(update={"private": True, "dataset": "pets-00000000"})
    run = store.create("denoise-linear-pets-00000000-00000000", config)
    run.write_sample(1, b"\x89PNG not really")
    run.set_owners([ANN])
    run.update(state="done")
    yield run
    run.delete()
    settings.cache_clear()


def sheet(page, address, run):
    """The status of a request for a run's picture, with the cookies of the page."""
    url = f"{address}/api/sheets/{run.id}/{run.version()}/1"
    return page.request.get(url).status


def door(page, name):
    """The button in the sidebar by which one comes in, or goes."""
    return page.get_by_test_id("stSidebar").get_by_role("button", name=name)


def sign_in(page):
    door(page, "Sign in").click()
    door(page, "Sign out").wait_for()


def test_who_has_signed_in_may_train_and_has_their_own(guarded, page, private_run):
    address, _ = guarded
    page.goto(f"{address}/denoiser?tab=Train+your+own")
    page.get_by_text("Sign in to train").wait_for()
    assert page.get_by_role("button", name="Train", exact=True).count() == 0
    assert sheet(page, address, private_run) == 404
    honest = page.context.cookies()
    for name, value in {  # a forged cookie is nobody
        "_streamlit_user": json.dumps({"is_logged_in": True, "email": "ann@example.org"}),
        "latent_lab_visitor": f"{ANN}.forged",
    }.items():
        page.context.add_cookies([{"name": name, "value": value, "url": address}])
    assert sheet(page, address, private_run) == 404
    page.context.clear_cookies()
    page.context.add_cookies(honest)

    sign_in(page)
    assert sheet(page, address, private_run) == 200
    page.goto(f"{address}/denoiser?tab=Train+your+own")
    page.get_by_role("button", name="Train", exact=True).wait_for()
    page.goto(f"{address}/runs?compare={private_run.id}")
    page.get_by_role("button", name="Run as zip").wait_for()

    door(page, "Sign out").click()
    door(page, "Sign in").wait_for()
    assert sheet(page, address, private_run) == 404


@pytest.fixture
def as_somebody(guarded):
    """Says who is at the door from now on, until the end of the test."""
    _, service = guarded
    yield service.claims.update
    service.claims.update(CLAIMS)


def test_what_was_asked_for_before_is_theirs_after_signing_in(
    guarded, page, private_run, as_somebody
):
    address, _ = guarded
    page.goto(f"{address}/denoiser")
    door(page, "Sign in").wait_for()
    (cookie,) = (c for c in page.context.cookies() if c["name"] == "latent_lab_visitor")
    visitor = cookie["value"].rpartition(".")[0]
    private_run.set_owners([visitor])
    assert sheet(page, address, private_run) == 200
    as_somebody(sub="43", email="bea@example.org")
    sign_in(page)
    bea = identity.signed_in_as({"email": "bea@example.org"})
    for _ in range(600):
        owners = json.loads((private_run.path / "owners.json").read_text())
        if owners == [bea]:
            break
        page.wait_for_timeout(100)
    assert owners == [bea]
    assert sheet(page, address, private_run) == 200


def test_an_administrator_may_delete_what_is_not_theirs_and_sees_no_pictures(
    guarded, page, private_run, as_somebody
):
    address, _ = guarded
    as_somebody(sub="1", email="boss@example.org")
    page.goto(f"{address}/denoiser")
    sign_in(page)
    assert sheet(page, address, private_run) == 404
    page.goto(f"{address}/runs?compare={private_run.id}")
    page.get_by_text("only they can see the rest").wait_for()
    page.get_by_role("button", name="Delete", exact=True).wait_for()
    assert not queue.visible(private_run, identity.signed_in_as({"email": "boss@example.org"}))
