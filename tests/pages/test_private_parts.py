"""The private parts of other libraries that are used: where they stand, and that they are there.

The versions are those for which they were read. After an update this file says what has gone; what
is still there has to be read again, and then the versions here and in requirements.txt change.
"""

import asyncio
import inspect
import re
import socket
import threading
from importlib.metadata import version
from pathlib import Path

import pytest
import uvicorn
from streamlit import config, net_util
from streamlit.web import bootstrap
from streamlit.web.server import server_util
from streamlit.web.server.starlette import starlette_websocket
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import ConnectionClosedError
from websockets.server import ServerProtocol
from websockets.sync.client import connect

from pages.server import streamlit_private, uvicorn_private

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = {"streamlit": "1.67", "uvicorn": "0.54", "websockets": "17", "plotly": "7.1"}
PLOTLY_IN_THE_BROWSER = re.compile(r"\._(?:fullLayout|fullData|offset|length|scene|context)\b")


@pytest.mark.parametrize("library", VERSIONS)
def test_the_version_is_the_one_that_was_read(library):
    assert f"{version(library)}.".startswith(f"{VERSIONS[library]}.")
    (line,) = (
        line for line in (ROOT / "requirements.txt").read_text().splitlines()
        if re.match(rf"{library}[<>=~]", line)
    )  # fmt: skip
    *front, last = VERSIONS[library].split(".")
    assert line.endswith(f"<{'.'.join([*front, str(int(last) + 1)])}"), line


def test_every_requirement_has_a_lower_and_an_upper_bound():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    for line in (one.partition(";")[0].strip() for one in lines if one and one[0] != "#"):
        assert re.fullmatch(r"[A-Za-z0-9_-]+(~=[\d.]+|>=[\d.]+,<[\d.]+)", line), line


def imports(pattern):
    return {
        str(path.relative_to(ROOT))
        for path in [ROOT / "streamlit_app.py", *(ROOT / "pages").rglob("*.py")]
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(pattern, line.strip())
    }


def test_one_file_a_library_has_them():
    private = r"(from|import) streamlit\.(?!testing)|from streamlit import \w*(config|util)"
    assert imports(private) == {"pages/server/streamlit_private.py"}
    assert imports(r"(from|import) uvicorn") == {"pages/server/uvicorn_private.py"}
    browser = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "pages").rglob("*.js")
        if PLOTLY_IN_THE_BROWSER.search(path.read_text(encoding="utf-8"))
    }
    assert browser == {"pages/components/map/picking.js"}


def test_streamlit_has_what_is_used_of_it():
    for name in streamlit_private.__all__:
        assert getattr(streamlit_private, name) is not None
    assert "net_util.get_external_ip" in inspect.getsource(bootstrap._print_url)
    assert "net_util.get_external_ip" in inspect.getsource(server_util.is_url_from_allowed_origins)
    assert "is_host_allowed(host)" in inspect.getsource(starlette_websocket._is_origin_allowed)
    assert hasattr(config, "_server_mode")


def test_nobody_is_asked_for_our_address(monkeypatch):
    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)
    monkeypatch.setattr(net_util, "_make_blocking_http_get", None)  # whoever asks fails
    streamlit_private.ask_nobody_for_our_address()
    assert not server_util.is_url_from_allowed_origins("http://evil.example")


def test_uvicorn_has_what_is_used_of_it():
    made = inspect.getsource(H11Protocol)
    for used in ("self.cycle: RequestResponseCycle = None", "self.loop = ", "self.transport"):
        assert used in made
    assert "self.conn = ServerProtocol(" in inspect.getsource(WebSocketsSansIOProtocol)
    assert ServerProtocol(max_size=5).max_message_size == 5


# ---- and does what it is used for


@pytest.fixture
def server(monkeypatch):
    """A server with short patience and small frames; its port."""
    patched = {H11Protocol: "connection_made", WebSocketsSansIOProtocol: "__init__"}
    for protocol, name in patched.items():
        monkeypatch.setattr(protocol, name, getattr(protocol, name))  # put back afterwards
    monkeypatch.setattr(uvicorn_private, "AutoHTTPProtocol", H11Protocol)
    uvicorn_private.bound_headers(0.3)
    uvicorn_private.bound_frames(1000)

    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            while (message := await receive())["type"] != "websocket.disconnect":
                if size := message.get("bytes"):
                    await send({"type": "websocket.send", "bytes": size})
            return
        while (await receive()).get("more_body"):
            pass
        await asyncio.sleep(0.8)  # a slow answer is none of this
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    free = socket.socket()
    free.bind(("127.0.0.1", 0))
    free.listen()
    settings = uvicorn.Config(
        app, http="h11", ws="websockets-sansio", lifespan="off", log_config=None, loop="asyncio"
    )
    one = uvicorn.Server(settings)
    thread = threading.Thread(target=one.run, kwargs={"sockets": [free]}, daemon=True)
    thread.start()
    yield free.getsockname()[1]
    one.should_exit = True
    thread.join(20)


def test_slow_headers_are_hung_up_on_and_slow_answers_are_not(server):
    with socket.create_connection(("127.0.0.1", server), timeout=20) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Dribble: a")
        assert slow.recv(100) == b"", "after its first line"
    with socket.create_connection(("127.0.0.1", server), timeout=20) as silent:
        assert silent.recv(100) == b"", "before it"
    with socket.create_connection(("127.0.0.1", server), timeout=20) as proper:
        for _ in range(2):
            proper.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert proper.recv(1000).startswith(b"HTTP/1.1 204")
        proper.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Dribble: a")
        assert proper.recv(100) == b"", "nor a second request on one connection"


def test_a_large_message_ends_the_socket_before_it_is_read(server):
    with connect(f"ws://127.0.0.1:{server}", max_size=None, compression=None) as small:
        small.send(bytes(1000))
        assert small.recv(timeout=20) == bytes(1000)
        small.send(bytes(1001))
        with pytest.raises(ConnectionClosedError) as ended:
            small.recv(timeout=20)
        assert ended.value.rcvd.code == 1009
    with connect(f"ws://127.0.0.1:{server}", max_size=None, compression=None) as pieces:
        with pytest.raises(ConnectionClosedError) as ended:
            pieces.send(bytes(300) for _ in range(5))  # the fourth is one too many
            pieces.recv(timeout=20)
        # Pieces still on their way reset the connection, and its last frame may be lost with it.
        assert ended.value.rcvd is None or ended.value.rcvd.code == 1009
