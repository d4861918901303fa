"""Moves of a slider over a socket on the same machine: no page is painted meanwhile."""

import urllib.request

from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.benchmarks.protocol import (
    PATIENCE,
    SOCKET,
    Answer,
    Conversation,
    at,
    cookie_header,
    cookies,
)


def slider_runs(url: str, page: str, label: str, places: list[float]) -> list[float]:
    """Seconds of the script's run after each move of a slider.

    Args:
        url: of the server.
        page: name of the page in the URL.
        label: of the slider.
        places: where it is moved to, as shares of its range.

    Raises:
        LookupError: the page has no such slider.
        RuntimeError: the script ended with an error.
    """
    talk = Conversation(page)
    with connect(
        url.replace("http", "ws", 1) + SOCKET,
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
        additional_headers=_cookies(url),
    ) as socket:

        def run(message: bytes) -> Answer:
            socket.send(message)
            while True:
                received = socket.recv(timeout=PATIENCE)
                assert isinstance(received, bytes)
                if (answer := talk.hear(received)) is not None:
                    return answer

        run(talk.ask())
        slider = talk.find("slider", label)
        return [
            run(talk.ask(talk.set(slider, at(slider, place)), fragment=slider.fragment)).seconds
            for place in places
        ]


def _cookies(url: str) -> dict[str, str]:
    """The header with the cookies that a first visit gets."""
    with urllib.request.urlopen(url) as response:
        return cookie_header(cookies(response.headers.get_all("Set-Cookie") or []))
