"""How pages open: three things to try, and the first picture in their HTML."""

import gzip

import pytest
import streamlit as st

from core.settings import settings
from pages.parts import first_pictures
from pages.server import first_picture
from pages.server.first_picture import FirstPictures
from pages.ui.opening import OPENINGS
from tests.pages.test_pages import opened
from tests.pages.test_serving import asked, request, run

PAGE = b"<html><head></head><body><div id='no'></div>" + first_picture.ROOT.encode() + b"</body>"
HTML = {"accept": "text/html,*/*"}


async def streamlit_page(scope, receive, send):
    assert b"accept-encoding" not in dict(scope["headers"]), "it has to come as it is"
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"etag", b"old")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PAGE[:20], "more_body": True})
    await send({"type": "http.response.body", "body": PAGE[20:]})


def html(path, query=b"", **headers):
    scope = {**request("GET", path, **headers), "query_string": query}
    start, *rest = run(asked(FirstPictures(streamlit_page), scope))
    return dict(start["headers"]), b"".join(message["body"] for message in rest)


@pytest.fixture(scope="module")
def drawings():
    """The first picture of every page, drawn once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first_picture, "_drawn", {})
        patch.setattr(first_picture, "_shipped", "")
        first_picture.draw()
        return first_picture._drawn, first_picture._shipped


@pytest.fixture
def drawn(lab, monkeypatch, drawings):
    monkeypatch.setattr(first_picture, "_drawn", dict(drawings[0]))
    monkeypatch.setattr(first_picture, "_shipped", drawings[1])
    first_picture._spliced.cache_clear()


@pytest.mark.parametrize("page", OPENINGS)
def test_a_page_opens_and_each_of_its_invitations_sets_it(lab, page):
    app = opened(f"{page}.py" if page else "")
    assert app.title and not app.exception and not app.error
    for i, invitation in enumerate(OPENINGS[page].invitations):
        values = invitation.resolved()
        assert values, "what it needs ships"
        next(b for b in app.button if b.key == f"try-{i}").click().run()
        assert not app.exception and not app.error and not app.warning
        assert {key: app.session_state[key] for key in values} == dict(values)


@pytest.mark.parametrize("page", first_pictures.FIRST_PICTURES)
def test_the_html_of_a_page_has_its_head_and_its_picture(drawn, page):
    if page not in first_picture._drawn:
        pytest.skip("nothing ships to draw it with")
    headers, body = html(f"/{page}", **HTML)
    text, head = body.decode(), OPENINGS[page]
    assert f'aria-level="1">{head.title}</div><p class="line">' in text and "etag" not in str(
        headers
    )
    assert all(invitation.text in text for invitation in head.invitations)
    assert text.index('id="first-picture"') < text.index(first_picture.ROOT)
    assert 'src="data:image/' in text or "<table" in text
    assert len(gzip.compress(body)) < 170_000
    packed, small = html(f"/{page}", **HTML, accept_encoding="gzip, br")
    assert packed[b"content-encoding"] == b"gzip" and gzip.decompress(small) == body
    assert int(packed[b"content-length"]) == len(small)


def test_what_would_draw_something_else_gets_none(drawn):
    async def plain(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": PAGE})

    for path, query, accept in (
        ("/denoiser", b"strength=1", "text/html"),
        ("/denoiser", b"", "application/json"),
        ("/nowhere", b"", "text/html"),
        ("/denoiser/x", b"", "text/html"),
    ):
        scope = {**request("GET", path, accept=accept), "query_string": query}
        assert run(asked(FirstPictures(plain), scope))[1]["body"] == PAGE


def test_below_a_path_pages_have_theirs(drawn, monkeypatch):
    option = st.get_option
    monkeypatch.setattr(
        st, "get_option", lambda name: "class/lab" if name == "server.baseUrlPath" else option(name)
    )
    assert b'id="first-picture"' in html("/class/lab/denoiser", **HTML)[1]


def test_without_shipped_runs_there_is_nothing_to_show(lab, monkeypatch, tmp_path):
    monkeypatch.setattr("core.runs.store.SHIPPED", tmp_path / "none")
    monkeypatch.setattr(first_picture, "_drawn", {})
    monkeypatch.setattr(first_picture, "_shipped", "other")
    settings.cache_clear()
    first_picture.draw()
    assert set(first_picture._drawn) == {"foundations"}, "it needs no run"


def test_a_picture_is_drawn_anew_when_what_it_shows_has_changed(drawn, monkeypatch):
    before = first_picture._drawn["denoiser"]
    monkeypatch.setattr(first_pictures, "shipped_now", lambda: "another run ships")
    calls = []
    changed = {"denoiser": first_pictures.FIRST_PICTURES["denoiser"]._replace(
        draw=lambda: calls.append(1) or "<p>new</p>"
    )}  # fmt: skip
    monkeypatch.setattr(first_pictures, "FIRST_PICTURES", changed)
    first_picture.draw()
    first_picture.draw()
    assert calls == [1] and first_picture._drawn["denoiser"] != before


def test_an_error_of_streamlit_s_is_passed_on(drawn):
    async def broken(scope, receive, send):
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": b"full"})

    start, body = run(asked(FirstPictures(broken), request("GET", "/denoiser", **HTML)))
    assert (start["status"], body["body"]) == (503, b"full")
