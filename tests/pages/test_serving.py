"""What stands between the network and the pages: bounds of one visitor, and of all."""

import asyncio
import logging
import types

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import Refused
from core.settings import settings
from pages.server import middleware, streamlit_private
from pages.server.middleware import BURST, Bounds, Headers
from pages.server.visitor import cookie_header


def run(coroutine):
    """In a thread, for the tests in a browser leave a loop in this one."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def request(method="GET", path="/", **headers):
    found = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": found, "root_path": "", "http_version": "1.1",
    }  # fmt: skip


async def asked(app, scope):
    """What an application says to one request."""
    said = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        said.append(message)

    await app(scope, receive, send)
    return said


async def answered(app, scope):
    """(status, body) of one request."""
    said = await asked(app, scope)
    return said[0]["status"], b"".join(m.get("body", b"") for m in said[1:]).decode()


def cookie():
    """A new visitor's header."""
    return cookie_header(secure=False).split(b";")[0]


async def welcome(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"welcome"})


@pytest.mark.parametrize(
    ("status", "said", "accept", "has"),
    [
        (200, "text/html; charset=utf-8", "text/html,*/*", True),
        (304, None, "text/html,*/*", True),  # the browser has the page, but no cookie any more
        (304, None, "*/*", False),
        (200, "text/javascript", "*/*", False),
    ],
)
def test_with_a_page_a_stranger_gets_a_cookie(status, said, accept, has):
    async def page(scope, receive, send):
        types = [(b"content-type", said.encode())] if said else []
        await send({"type": "http.response.start", "status": status, "headers": types})
        await send({"type": "http.response.body", "body": b""})

    def is_given(**headers):
        (start, _) = run(asked(Headers(page), request(accept=accept, **headers)))
        return any(name == b"set-cookie" for name, _ in start["headers"])

    assert is_given() is has
    assert is_given(cookie="latent_lab_visitor=of.another-server") is has
    assert not is_given(cookie=cookie().decode())


@pytest.fixture
def allowed(lab, monkeypatch):
    def allow(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"LATENT_LAB_{name.upper()}", str(value))
        settings.cache_clear()

    return allow


def test_a_full_server_says_so_and_lets_in_again_when_somebody_has_left(allowed):
    allowed(max_sessions=2)
    page = request(accept="text/html,*/*")
    sockets = [
        {"type": "websocket", "path": "/_stcore/stream", "headers": [(b"cookie", cookie())]}
        for _ in range(2)
    ]

    async def scenario():
        leave = asyncio.Event()

        async def app(scope, receive, send):
            await (leave.wait() if scope["type"] == "websocket" else welcome(scope, receive, send))

        bounds = Bounds(app)
        visits = [asyncio.create_task(bounds(socket, None, None)) for socket in sockets]
        await asyncio.sleep(0)
        full = await answered(bounds, page)
        asset = await answered(bounds, request(path="/static/app.js", accept="*/*"))
        leave.set()
        await asyncio.gather(*visits)
        return full, asset, await answered(bounds, page)

    full, asset, again = run(scenario())
    assert full[0] == 503 and "2 pages are open here" in full[1] and "Try again" in full[1]
    assert asset == (200, "welcome"), "those who are in go on"
    assert again == (200, "welcome")


def test_one_visitor_does_not_take_all_places(allowed):
    allowed(max_sessions=8, max_sessions_each=3)

    async def scenario():
        leave = asyncio.Event()

        async def app(scope, receive, send):
            await (leave.wait() if scope["type"] == "websocket" else welcome(scope, receive, send))

        bounds, closed = Bounds(app), []

        async def send(message):
            closed.append(message["type"])

        def socket(*headers):
            return {"type": "websocket", "path": "/_stcore/stream", "headers": list(headers)}

        greedy = (b"cookie", cookie())
        many = [asyncio.create_task(bounds(socket(greedy), None, send)) for _ in range(5)]
        nobody = [asyncio.create_task(bounds(socket(), None, send)) for _ in range(4)]
        await asyncio.sleep(0)
        page = request(accept="text/html")
        refused = await answered(bounds, {**page, "headers": [*page["headers"], greedy]})
        other = await answered(
            bounds, {**page, "headers": [*page["headers"], (b"cookie", cookie())]}
        )
        open_now = bounds.sessions.total()
        leave.set()
        await asyncio.gather(*many, *nobody)
        return refused, other, open_now, closed, bounds.sessions

    refused, other, open_now, closed, left = run(scenario())
    assert open_now == 5 and closed == ["websocket.close"] * 4
    assert refused[0] == 503 and "You have 3 pages open" in refused[1]
    assert other == (200, "welcome") and not left


def test_a_flood_is_read_slowly_and_a_hand_is_not(allowed, monkeypatch):
    allowed()
    waits, clock = [], [0.0]
    monkeypatch.setattr(middleware.time, "monotonic", lambda: clock[0])

    async def sleep(seconds):
        waits.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(middleware.asyncio, "sleep", sleep)

    async def read(count, pause):
        async def receive():
            clock[0] += pause
            return {"type": "websocket.receive"}

        async def app(scope, receive, send):
            for _ in range(count):
                await receive()

        socket = {"type": "websocket", "path": "/_stcore/stream", "headers": []}
        await Bounds(app)(socket, receive, None)

    run(read(1000, pause=0.1))
    assert waits == [], "ten a second for as long as one likes"
    run(read(BURST, pause=0.0))
    assert waits == []
    began = clock[0]
    run(read(BURST + 1000, pause=0.0))
    assert (BURST + 1000) / (clock[0] - began) < 1.3 * middleware.RATE


def test_the_files_of_one_page_are_bounded_together(allowed, monkeypatch):
    allowed(max_session_mb=1)
    held = {"busy": {"a": types.SimpleNamespace(data=bytes(900 * 1024))}}
    manager = types.SimpleNamespace(file_storage=held)
    runtime = types.SimpleNamespace(uploaded_file_mgr=manager)
    monkeypatch.setattr(streamlit_private.Runtime, "instance", lambda: runtime)

    def put(session, size):
        path = f"/_stcore/upload_file/{session}/file"
        return request("PUT", path, content_length=str(size))

    async def scenario():
        bounds = Bounds(welcome)
        found = [
            await answered(bounds, put("busy", 100 * 1024)),
            await answered(bounds, put("busy", 200 * 1024)),
            await answered(bounds, put("other", 200 * 1024)),
        ]
        arrive = asyncio.Event()

        async def slow(scope, receive, send):
            await arrive.wait()
            await welcome(scope, receive, send)

        bounds.app = slow
        first = asyncio.create_task(answered(bounds, put("third", 800 * 1024)))
        await asyncio.sleep(0)
        second = asyncio.create_task(answered(bounds, put("third", 800 * 1024)))
        await asyncio.sleep(0)
        arrive.set()
        return [*found, await first, await second], dict(bounds.arriving)

    found, arriving = run(scenario())
    assert [status for status, _ in found] == [200, 413, 200, 200, 413]
    assert "more than 1 MB" in found[1][1]
    assert arriving == {}


def full_disk():
    import errno

    import streamlit_app

    streamlit_app.show_error(OSError(errno.ENOSPC, "No space left on device", "/srv/secret/name"))


def test_a_full_disk_is_a_sentence_without_a_path():
    (said,) = AppTest.from_function(full_disk).run().error
    assert "disk of this server is full" in said.value and "/srv" not in said.value


# ---- what a browser sends over its socket


def socket_of(headers=()):
    return {"type": "websocket", "path": "/_stcore/stream", "headers": list(headers)}


async def sent(bounds, sizes, scope):
    """How many messages of those sizes an application got, and what the browser was told."""
    got, told, left = [], [], iter(sizes)

    async def receive():
        size = next(left, None)
        if size is None:
            return {"type": "websocket.disconnect", "code": 1000}
        return {"type": "websocket.receive", "bytes": bytes(size)}

    async def app(scope, receive, send):
        while (message := await receive())["type"] == "websocket.receive":
            got.append(len(message["bytes"]))

    async def send(message):
        told.append(message)

    bounds.app = app
    await bounds(scope, receive, send)
    return got, told


@pytest.fixture
def clock(monkeypatch):
    """A clock that only sleeping moves."""
    now = [0.0]
    monkeypatch.setattr(middleware.time, "monotonic", lambda: now[0])

    async def sleep(seconds):
        now[0] += seconds

    monkeypatch.setattr(middleware.asyncio, "sleep", sleep)
    return now


def test_one_message_is_so_large_and_no_larger(allowed, clock):
    allowed()
    full = middleware.MAX_FRAME
    got, told = run(sent(Bounds(None), [90, full, full + 1, 90], socket_of()))
    assert got == [90, full] and told == [{"type": "websocket.close", "code": 1009}]


def test_all_pages_of_a_visitor_send_so_much_together_and_others_as_before(allowed, clock):
    allowed()
    mine, other = (b"cookie", cookie()), (b"cookie", cookie())
    bounds, large = Bounds(None), middleware.MAX_FRAME // 2

    async def scenario():
        pages = [await sent(bounds, [large] * 4, socket_of([mine])) for _ in range(10)]
        return pages, await sent(bounds, [large] * 4, socket_of([other]))

    pages, (got, told) = run(scenario())
    arrived = sum(sum(got) for got, _ in pages)
    allowance = middleware.BURST_BYTES + middleware.RATE_BYTES * (clock[0] + middleware.MAX_BACKLOG)
    assert arrived <= allowance + middleware.MAX_FRAME
    assert got == [large] * 4 and not told, "who comes again has no new allowance, others have"


def test_a_hand_that_draws_is_never_too_large(allowed, clock):
    allowed()
    strokes = [45 * moves for moves in range(0, 20_000, 40)]  # each with all before it

    async def scenario():
        bounds = Bounds(None)
        got, told = await sent(bounds, strokes[:100], socket_of())
        return got, told, clock[0]

    got, told, waited = run(scenario())
    assert len(got) == 100 and not told and waited < 5.0


@pytest.mark.parametrize(("said", "status"), [("off", 404), ("on", 200)])
def test_figures_of_the_server_are_for_nobody_unless_asked_for(allowed, said, status):
    allowed(metrics=said)
    for path in ("/_stcore/metrics", "/_stcore/metrics/"):
        assert run(answered(Bounds(welcome), request(path=path)))[0] == status
    assert run(answered(Bounds(welcome), request(path="/_stcore/health")))[0] == 200


def test_the_bound_of_a_message_is_streamlit_s_too():
    import tomllib
    from pathlib import Path

    config = Path(middleware.__file__).parents[2] / ".streamlit" / "config.toml"
    server = tomllib.loads(config.read_text())["server"]
    assert server["maxWidgetStateSize"] * 10**6 == middleware.MAX_FRAME
    assert server["maxMessageSize"] <= 32
    assert server["address"] == "localhost"


def test_a_refusal_logs_no_trace_and_a_failure_does(caplog):
    from streamlit.error_util import handle_user_script_exception

    import streamlit_app  # noqa: F401  (it says what is logged)

    for error in (Refused("Too many people look just now."), ValueError("broken")):
        caplog.clear()
        logging.getLogger("streamlit.error_util").addHandler(caplog.handler)
        try:
            handle_user_script_exception(error, lambda _: True)
        finally:
            logging.getLogger("streamlit.error_util").removeHandler(caplog.handler)
        assert bool(caplog.records) == isinstance(error, ValueError)
