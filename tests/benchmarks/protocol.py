"""A visitor without a browser: Streamlit's own messages over its socket, to time the server alone.

The way is a socket on the same machine, and no page is painted meanwhile.
"""

import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

SOCKET = "/_stcore/stream"
PATIENCE = 60.0


@dataclass(frozen=True)
class Answer:
    """What one run of the script sent, and the seconds from the request to its end."""

    messages: list[ForwardMsg]
    seconds: float

    def deltas(self) -> Iterator[Delta]:
        """What the run draws."""
        return (m.delta for m in self.messages if m.WhichOneof("type") == "delta")


def slider_runs(url: str, page: str, label: str, places: list[float]) -> list[float]:
    """Seconds of the script's run after each move of a slider.

    Args:
        url: of the server.
        page: name of the page in the URL.
        label: of the slider, which must have the same word in small letters as its key.
        places: where it is moved to, as shares of its range.

    Raises:
        LookupError: the page has no such slider.
        RuntimeError: the script ended with an error.
    """
    address = url.replace("http", "ws", 1) + SOCKET
    with connect(
        address,
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
        additional_headers=_cookies(url),
    ) as socket:
        first = run(socket, ClientState(page_name=page))
        session = next(m.new_session for m in first.messages if m.HasField("new_session"))
        drawn = next((d for d in first.deltas() if d.new_element.slider.label == label), None)
        if drawn is None:
            raise LookupError(f"/{page} has no slider called {label}")
        return [
            run(socket, _moved(drawn, place, session.page_script_hash)).seconds for place in places
        ]


def run(socket: ClientConnection, state: ClientState) -> Answer:
    """Ask for a run and wait for its end. Raises RuntimeError when it fails."""
    began, messages = time.perf_counter(), []
    socket.send(BackMsg(rerun_script=state).SerializeToString())
    while True:
        message = ForwardMsg()
        message.ParseFromString(_bytes(socket.recv(timeout=PATIENCE)))
        messages.append(message)
        if message.WhichOneof("type") != "script_finished":
            continue
        if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            raise RuntimeError("the script has an error")
        if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return Answer(messages, time.perf_counter() - began)


def _moved(drawn: Delta, place: float, page_script_hash: str) -> ClientState:
    """What the browser sends when the slider is let go: its value, for its fragment, in the URL."""
    slider = drawn.new_element.slider
    steps = round((slider.max - slider.min) * place / slider.step)
    value = min(slider.max, slider.min + steps * slider.step)
    state = ClientState(
        query_string=f"{slider.label.lower()}={value:g}",
        page_script_hash=page_script_hash,
        fragment_id=drawn.fragment_id,
    )
    state.widget_states.widgets.add(id=slider.id).double_array_value.data.append(value)
    return state


def _cookies(url: str) -> dict[str, str]:
    """The cookies that a first visit gets."""
    with urllib.request.urlopen(url) as response:
        found = [c.split(";")[0] for c in response.headers.get_all("Set-Cookie") or []]
    return {"Cookie": "; ".join(found)} if found else {}


def _bytes(received: str | bytes) -> bytes:
    return received if isinstance(received, bytes) else received.encode()
