"""Two replicas behind nginx, as tests/hosting/nginx.conf has them: nobody's session is torn apart.

Nothing here is on a clock: deadlines are generous, and say only that something never came.
"""

import http.client
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.hosting.parts import House, nginx, until
from tests.hosting.visitor import STAYS, Visitor, run

STATIC = re.compile(r'src="\.?(/static/js/[^"]+)"')
OTHER = {"a": "b", "b": "a"}
PLACES = 40
"""Pages that may be open at once in one replica."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    nginx()  # skips before anything else is started
    places = {"LATENT_LAB_MAX_SESSIONS": str(PLACES)}
    with House(tmp_path_factory.mktemp("house"), changed=places) as house:
        house.add_replica("a")
        house.add_replica("b")
        house.add_proxy()
        house.wait()
        yield house


@pytest.fixture
def visitor(house: House) -> Visitor:
    """Somebody whose browser has opened a page."""
    result = Visitor(house.host)
    assert result.ask("/denoiser").status == 200
    return result


def newest(house: House, lines: int) -> list[str]:
    """The replicas that answered the last requests; nginx writes a line when one is over."""
    return [house.answered_by(line) for line in house.asked()[-lines:]]


def test_home_and_a_page_come_over_the_proxy(house: House) -> None:
    visitor = Visitor(house.host)
    home = visitor.ask("/")
    assert home.status == 200 and home.headers.get_content_type() == "text/html"
    assert "latent_lab_visitor" in visitor.cookies
    with visitor.socket() as session:
        assert {"heading", "markdown"} <= run(session).kinds()
    with visitor.socket() as session:
        seen = run(session, "denoiser")
        assert {"slider", "selectbox", "html"} <= seen.kinds()


def test_all_of_a_session_reaches_the_replica_that_has_it(house: House, visitor: Visitor) -> None:
    with visitor.socket() as session:
        seen = run(session, "vae_sampler", "seed=11")
        mine = visitor.cookies[STAYS]
        before = len(house.asked())
        for path in [*seen.media(), "/denoiser", "/_stcore/host-config", "/api/none"] * 5:
            assert visitor.ask(path).status in (200, 404)
        assert visitor.upload(seen.session(), b"picture").status == 204
        until(lambda: len(house.asked()) >= before + 21, "the requests are written down")
        assert set(newest(house, len(house.asked()) - before)) <= {mine, ""}  # "": kept by nginx
        # The other one does not know the session, so this is not by chance.
        stranger = Visitor(house.door(OTHER[mine]), dict(visitor.cookies))
        assert stranger.upload(seen.session(), b"picture").status == 400


def test_visitors_are_spread(house: House) -> None:
    met = set()
    for _ in range(30):
        visitor = Visitor(house.host)
        visitor.ask("/")
        with visitor.socket():
            met.add(visitor.cookies[STAYS])
    assert met == {"a", "b"}


def test_a_browser_that_keeps_no_cookies_has_its_session_too(house: House) -> None:
    with Visitor(house.host).socket() as session:
        seen = run(session, "vae_sampler", "seed=12")
        for path in seen.media():
            assert Visitor(house.host).ask(path).status == 200
        assert Visitor(house.host).upload(seen.session(), b"picture").status == 204


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/metrics",
        "/_stcore/metrics/",
        "/_stcore/metrics?families=session_events",
        "//_stcore/metrics",
        "/_stcore/%6detrics",
        "/x/../_stcore/metrics",
        "/_stcore/agent/interact",
        "/_stcore/agent/mcp",
        "/_stcore/agent/openapi.json",
        "/_stcore/script-health-check",
    ],
)
def test_figures_and_programs_are_not_for_the_world(house: House, path: str) -> None:
    assert Visitor(house.host).ask(path).status == 404
    assert Visitor(house.host).ask(path, "POST").status == 404


def test_figures_are_there_at_the_replica(house: House) -> None:
    assert b"session_events_total" in Visitor(house.door("a")).ask("/_stcore/metrics").body


def test_each_security_header_comes_once(house: House, visitor: Visitor) -> None:
    page = visitor.ask("/")
    (script, *_) = STATIC.findall(page.body.decode())
    for path in ("/", script, script, "/_stcore/health", "/_stcore/host-config", "/api/none"):
        answer = visitor.ask(path)
        for name in ("X-Content-Type-Options", "Referrer-Policy", "Content-Security-Policy"):
            assert len(answer.headers.get_all(name) or []) == 1, (path, name)
        assert answer.headers["Server"] == "nginx"  # and not which


def test_too_large_an_upload_is_refused_before_it_is_read(house: House, visitor: Visitor) -> None:
    def answer(path: str, size: int) -> int:
        connection = http.client.HTTPConnection(house.host, timeout=60)
        connection.putrequest("PUT", path)
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        status = connection.getresponse().status
        connection.close()
        return status

    assert answer("/_stcore/upload_file/session/file", 32 * 2**20 + 1) == 413
    assert answer("/denoiser", 2**20) == 413
    with visitor.socket() as session:
        seen = run(session, "denoiser")
        assert visitor.upload(seen.session(), b"\0" * (31 * 2**20)).status == 204


def test_refused_uploads_put_no_replica_out(house: House, visitor: Visitor) -> None:
    with visitor.socket() as session:
        seen = run(session, "vae_sampler", "seed=14")
        stranger = Visitor(house.host, visitor.cookies | {"_streamlit_xsrf": "none"})
        for _ in range(8):
            assert stranger.upload(seen.session(), b"\0" * (31 * 2**20)).status in (403, 503)
        before = len(house.asked())
        assert {visitor.ask(path).status for path in seen.media()} == {200}
        until(lambda: len(house.asked()) >= before + len(seen.media()), "it is written down")
        assert set(newest(house, len(seen.media()))) == {visitor.cookies[STAYS]}


def test_other_names_are_not_ours(house: House, visitor: Visitor) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        visitor.ask("/", Host="elsewhere.example.org")
    # Past the proxy, Streamlit refuses them itself.
    for host, refused in (("elsewhere.example.org", True), ("lab.example.org", False)):
        connection = http.client.HTTPConnection(house.replica("a"), timeout=60)
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "bGF0ZW50IGxhYiBsYWIgbA==", "Host": host}  # fmt: skip
        connection.request("GET", "/_stcore/stream", headers=upgrade)
        assert connection.getresponse().status == (403 if refused else 101)
        connection.close()


def test_a_foreign_page_cannot_open_a_session(visitor: Visitor) -> None:
    with (
        pytest.raises(InvalidHandshake),
        visitor.socket(Origin="https://elsewhere.example.org"),
    ):
        pass


def test_a_class_behind_one_address_is_let_in(house: House) -> None:
    def visit(_: int) -> set[int]:
        visitor = Visitor(house.host)
        result = {visitor.ask("/denoiser").status}
        with visitor.socket():
            return result | {visitor.ask("/_stcore/host-config").status for _ in range(40)}

    with ThreadPoolExecutor(10) as class_room:
        assert set().union(*class_room.map(visit, range(50))) == {200}


def test_a_flood_is_not(house: House) -> None:
    flood, other = Visitor(house.host), Visitor(house.host)
    flood.ask("/")
    cookie = flood.cookies["latent_lab_visitor"]
    line = f"GET /_stcore/host-config HTTP/1.1\r\nHost: {house.host}\r\n"
    line += f"Cookie: latent_lab_visitor={cookie}\r\n\r\n"
    name, port = house.host.split(":")
    with socket.create_connection((name, int(port)), timeout=60) as connection:
        connection.sendall(line.encode() * 900)
        received = b""
        while received.count(b"HTTP/1.1 ") < 900:
            received += connection.recv(2**16)
    assert received.count(b"HTTP/1.1 200") >= 300 and b"HTTP/1.1 429" in received
    assert other.ask("/").status == 200


def test_a_visitor_has_so_many_sockets_and_no_more(visitor: Visitor) -> None:
    def open_all(left: int) -> None:
        if left:
            with visitor.socket():
                open_all(left - 1)

    open_all(20)
    with pytest.raises(InvalidHandshake, match="429"):
        open_all(21)


def test_what_is_written_down_tells_nothing_of_people(house: House, visitor: Visitor) -> None:
    before = len(house.asked())
    visitor.ask("/denoiser?seed=4711")
    visitor.ask("/api/thumbnails/rosa-0123abcd/train/0?v=4711")
    visitor.ask("/_stcore/upload_file/some-session/some-file", "PUT")
    visitor.ask("/media/0123abcd.png")
    until(lambda: len(house.asked()) >= before + 4, "the requests are written down")
    lines = house.asked()[before:]
    shape = re.compile(
        r"[\d:T+-]+ \d{3} (GET|PUT) (/media|/denoiser|/api/thumbnails|/_stcore/upload_file) \d+ "
        r"bytes [\d.]+ s from 127\.0\.0\.1:\d+ \d{3} [A-Z-]+"
    )
    assert [line for line in lines if not shape.fullmatch(line)] == []
    assert len({line.split()[3] for line in lines}) == 4
    for replica in ("a", "b"):
        assert visitor.cookies["latent_lab_visitor"] not in house.said(replica)


def test_a_cookie_of_one_replica_holds_at_the_other(house: House) -> None:
    first = Visitor(house.door("a"))
    assert first.ask("/").headers["Set-Cookie"]
    second = Visitor(house.door("b"), dict(first.cookies))
    assert second.ask("/").headers["Set-Cookie"] is None
    forged = {"latent_lab_visitor": "0" * 8 + first.cookies["latent_lab_visitor"][8:]}
    assert Visitor(house.door("b"), forged).ask("/").headers["Set-Cookie"]


def test_what_never_changes_is_kept_and_small(house: House, visitor: Visitor) -> None:
    (script, *_) = STATIC.findall(visitor.ask("/").body.decode())
    sheet = "/api/thumbnails/mnist/test/0?v=a29846c0"
    for path in (script, sheet, "/api/none"):
        for _ in range(3):
            visitor.ask(path)
    until(lambda: len(house.asked()) and "/api/none" in house.asked()[-1], "all is written down")
    kept = {
        place: [line.split()[-1] for line in house.asked() if f" {place} " in line][-2:]
        for place in ("/static/js", "/api/thumbnails", "/api/none")
    }
    assert kept["/static/js"] == kept["/api/thumbnails"] == ["HIT", "HIT"]
    assert kept["/api/none"] == ["MISS", "MISS"]
    packed = visitor.ask(script, **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"]
    assert "immutable" in packed.headers["Cache-Control"]


def test_a_replica_falls_and_comes_back_and_nobody_is_torn(house: House, visitor: Visitor) -> None:
    with visitor.socket() as session:
        seen = run(session, "denoiser")
        fallen = visitor.cookies[STAYS]
        house.stop(fallen)
        with pytest.raises((WebSocketException, OSError)):
            run(session, "denoiser")
    try:
        assert visitor.ask("/denoiser").status == 200
        with visitor.socket(seen.session()) as session:
            again = run(session, "vae_sampler", "seed=13")
            assert visitor.cookies[STAYS] == OTHER[fallen]
            house.back(fallen)
            house.wait()
            # The session is at the other one, and so must be all that belongs to it.
            pictures = again.media()
            assert pictures and {visitor.ask(path).status for path in pictures} == {200}
            assert visitor.upload(again.session(), b"picture").status == 204
            assert "slider" in run(session, "denoiser").kinds()
    finally:
        if not house.parts[fallen].wanted:
            house.back(fallen)
        house.wait()


def test_a_full_replica_is_not_taken_for_a_dead_one(house: House, visitor: Visitor) -> None:
    with visitor.socket() as session, ExitStack() as others:
        seen = run(session, "vae_sampler", "seed=15")
        mine = visitor.cookies[STAYS]
        for _ in range(PLACES):
            other = Visitor(house.door(mine))
            other.ask("/")
            others.enter_context(other.socket())
        for _ in range(5):
            full = visitor.ask("/denoiser", Accept="text/html")
            assert full.status == 503 and b"The lab is full" in full.body
        before = len(house.asked())
        assert {visitor.ask(path).status for path in seen.media()} == {200}
        until(lambda: len(house.asked()) >= before + len(seen.media()), "it is written down")
        assert set(newest(house, len(seen.media()))) == {mine}


def test_with_no_replica_at_all_there_is_a_sentence(house: House, visitor: Visitor) -> None:
    try:
        house.stop("a")
        house.stop("b")
        answer = visitor.ask("/")
        assert answer.status == 503 and answer.headers["Retry-After"]
        assert b"The lab is being started" in answer.body
    finally:
        house.back("b")
        house.wait()
    with visitor.socket() as session:
        assert "heading" in run(session).kinds()
