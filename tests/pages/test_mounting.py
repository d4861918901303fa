"""Below a path, and under the names that are ours."""

import asyncio
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from streamlit import config

from pages.server import arrays, base_path, previews, routes, scripts, thumbnails
from pages.server.base_path import Hosts, mounted, ours
from pages.server.visitor import cookie_header

PAGES = Path(base_path.__file__).parents[1]


@pytest.fixture
def option(monkeypatch):
    """Sets options of Streamlit's for a test."""
    read = config.get_option
    chosen = {}
    monkeypatch.setattr(config, "get_option", lambda key: chosen.get(key, read(key)))
    monkeypatch.setattr(base_path.st, "get_option", lambda key: chosen.get(key, read(key)))

    def choose(key, value):
        chosen[key] = value

    return choose


async def answered(app, scope):
    said = []

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        said.append(message)

    await app(scope, receive, send)
    return said


def asked(app, path, *hosts, kind="http"):
    """What an application sends first."""
    headers = [(b"host", host.encode("latin-1")) for host in hosts]
    scope = {
        "type": kind, "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": headers, "root_path": "", "http_version": "1.1",
    }  # fmt: skip
    with ThreadPoolExecutor(1) as pool:  # the tests in a browser leave a loop in this thread
        return pool.submit(asyncio.run, answered(app, scope)).result()[0]


# ---- below a path


@pytest.mark.parametrize("written", ["class/lab", "/class/lab", "/class/lab/", "class/lab/"])
def test_all_that_is_ours_lies_below_the_path(lab, option, written):
    option("server.baseUrlPath", written)
    urls = [
        scripts.plotly_url(),
        scripts.script_url("map/map.js"),
        arrays.array_url(b"1234"),
        thumbnails.thumbnails_url("mnist", "test").replace("{part}", "0"),
        previews.address(lambda value: "seen", b"of") + "0",
    ]
    app = Starlette(routes=mounted(routes.ROUTES))
    for url in urls:
        assert url.startswith("/class/lab/api/")
        path = url.partition("?")[0]
        assert asked(app, path)["status"] == 200
        assert asked(app, path.removeprefix("/class/lab"))["status"] == 404
    assert asked(app, "/class/lab/api/nothing")["status"] == 404
    assert b"Path=/class/lab;" in cookie_header(secure=False)


def test_without_a_path_nothing_is_before_it(lab):
    assert scripts.plotly_url().startswith("/api/")
    assert b"Path=/;" in cookie_header(secure=False)


def test_no_page_writes_an_address_of_ours_by_itself():
    wrong = re.compile(r"""["'`(]/(?:api|media|static|_stcore|component)/""")
    found = [
        f"{path.relative_to(PAGES)}:{number}"
        for path in sorted(PAGES.rglob("*"))
        if path.suffix in (".py", ".js", ".html", ".css")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if wrong.search(line) and "address(" not in line and "Route(" not in line
    ]
    allowed = ["server/middleware.py"]  # compares, and below the path too
    assert [one for one in found if one.partition(":")[0] not in allowed] == []


# ---- names


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8501", "LOCALHOST.:8501", "lab.localhost:8501", "127.0.0.1:8501",
        "[::1]:8501", "[::1]", "192.168.1.20:8501", "10.0.0.7", socket.gethostname(),
        f"{socket.gethostname().partition('.')[0]}.local:8501",
    ],
)  # fmt: skip
def test_this_machine_goes_by_its_own_names(host):
    assert ours(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8501", "localhost.evil.example", "evil-localhost:8501",
        "127.0.0.1.evil.example", "127.0.0.1.nip.io:8501", "0x7f.1", "2130706433", "", ":8501",
        "localhost@evil.example", "evil.example/localhost", "localhost:x", "[evil.example]",
        "localhost evil.example", "[::1", "lab.example.org",
    ],
)  # fmt: skip
def test_other_names_are_not_ours(host):
    assert not ours(host)


def test_the_address_that_was_asked_for_is_ours(option):
    option("server.address", "lab.school.example")
    assert ours("lab.school.example:8501") and not ours("evil.example")


def test_names_that_are_listed_are_ours_and_no_others(option):
    option("server.allowedHosts", ["lab.example.org", "*.school.example"])
    assert ours("lab.example.org") and ours("a.school.example:443") and ours("127.0.0.1:8501")
    assert not ours("evil.example") and not ours("school.example.evil.example")
    option("server.allowedHosts", ["*"])
    assert ours("evil.example")


def test_a_foreign_name_gets_neither_data_nor_a_session():
    reached = []

    async def page(request):
        reached.append(request.url.path)
        return PlainTextResponse("data")

    app = Starlette(routes=[Route("/api/data", page)], middleware=[Middleware(Hosts)])
    assert asked(app, "/api/data", "localhost:8501")["status"] == 200
    assert asked(app, "/api/data")["status"] == 200, "no browser leaves it away"
    for hosts in (["evil.example"], ["localhost", "evil.example"], ["evil.example", "localhost"]):
        assert asked(app, "/api/data", *hosts)["status"] == 403
        closed = asked(app, "/_stcore/stream", *hosts, kind="websocket")
        assert closed == {"type": "websocket.close", "code": 1008}
    assert len(reached) == 2


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("localhost:8501", "on this machine"),
        ("127.0.0.1", "on this machine"),
        ("[::1]:8501", "on this machine"),
        ("lab.school.example", "on the lab's server"),
        ("192.168.1.20:8501", "on the lab's server"),
        (None, "on this machine"),
    ],
)
def test_visitors_read_where_their_pictures_are_kept(monkeypatch, host, said):
    headers = {} if host is None else {"host": host}
    monkeypatch.setattr(base_path.st, "context", SimpleNamespace(headers=headers))
    assert base_path.here() == said
