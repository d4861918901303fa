"""A visitor without a browser: keeps cookies, asks for pages, opens a session's WebSocket."""

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NumberInput_pb2 import NumberInput
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

PATIENCE = 120.0
STAYS = "latent_lab_replica"
"""The cookie in which the proxy keeps the replica that has the session."""
MEDIA = re.compile(rb"/media/[0-9a-z./-]+")


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass
class Seen:
    """What a run of a page sent."""

    messages: list[ForwardMsg]

    def deltas(self) -> Iterator[Delta]:
        return (m.delta for m in self.messages if m.WhichOneof("type") == "delta")

    def kinds(self) -> set[str]:
        """The kinds of element, such as `heading`."""
        return {str(d.new_element.WhichOneof("type")) for d in self.deltas()}

    def session(self) -> str:
        """The name of the session."""
        begun = next(m.new_session for m in self.messages if m.HasField("new_session"))
        return str(begun.initialize.session_id)

    def button(self, label: str) -> str:
        """The id of a button."""
        result = (d.new_element.button for d in self.deltas())
        return next(button.id for button in result if button.label == label)

    def text(self) -> str:
        """All that was sent, as far as it is text."""
        return b" ".join(m.SerializeToString() for m in self.messages).decode(errors="replace")

    def media(self) -> list[str]:
        """Addresses of the pictures that it keeps in memory."""
        sent = (m.SerializeToString() for m in self.messages)
        return sorted({result.decode() for message in sent for result in MEDIA.findall(message)})


@dataclass
class Visitor:
    """One browser at an address such as `localhost:8501`."""

    host: str
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> Reply:
        """A request with this browser's cookies, on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        try:
            connection.request(method, path, body, self._cookie() | headers)
            answer = connection.getresponse()
            self._keep(answer.headers.get_all("Set-Cookie") or [])
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    @contextmanager
    def socket(self, session: str = "", **headers: str) -> Iterator[ClientConnection]:
        """The WebSocket of a session: a new one, or the one named, as a browser reconnects."""
        tokens = ["streamlit", self.cookies.get("_streamlit_xsrf", "none"), session]
        with connect(
            f"ws://{self.host}/_stcore/stream",
            subprotocols=[Subprotocol(token) for token in tokens if token],
            max_size=None,
            additional_headers={"Origin": f"http://{self.host}"} | self._cookie() | headers,
        ) as result:
            assert result.response is not None
            self._keep(result.response.headers.get_all("Set-Cookie"))
            yield result

    def upload(self, session: str, content: bytes, name: str = "picture") -> Reply:
        """Send a file to a session, as the uploader of a page does."""
        if "_streamlit_xsrf" not in self.cookies:
            self.ask("/_stcore/health")
        begin = b'--edge\r\nContent-Disposition: form-data; name="f"; filename="f.png"\r\n\r\n'
        headers = {
            "Content-Type": "multipart/form-data; boundary=edge",
            "X-Xsrftoken": self.cookies["_streamlit_xsrf"],
        }
        path = f"/_stcore/upload_file/{session}/{name}"
        return self.ask(path, "PUT", begin + content + b"\r\n--edge--\r\n", **headers)

    def _cookie(self) -> dict[str, str]:
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": kept} if kept else {}

    def _keep(self, given: list[str]) -> None:
        for line in given:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value


def press(socket: ClientConnection, seen: Seen, label: str, page: str, query: str) -> Seen:
    """Press a button of a page that has run with a query; widgets stay as the query has them."""
    asked = ClientState(page_name=page, query_string=query)
    widgets = asked.widget_states.widgets
    for delta in seen.deltas():
        choice, number = delta.new_element.selectbox, delta.new_element.number_input
        if choice.set_value:
            widgets.add(id=choice.id, string_value=choice.raw_value)
        if number.set_value and number.data_type == NumberInput.INT:
            widgets.add(id=number.id, int_value=int(number.value))
    widgets.add(id=seen.button(label), trigger_value=True)
    return _answer(socket, asked)


def run(socket: ClientConnection, page: str = "", query: str = "") -> Seen:
    """Let a page's script run, and give what it sent. Fails when the script cannot be read."""
    return _answer(socket, ClientState(page_name=page, query_string=query))


def _answer(socket: ClientConnection, asked: ClientState) -> Seen:
    socket.send(BackMsg(rerun_script=asked).SerializeToString())
    messages = []
    while True:
        received = socket.recv(timeout=PATIENCE)
        assert isinstance(received, bytes)
        messages.append(ForwardMsg.FromString(received))
        if messages[-1].WhichOneof("type") != "script_finished":
            continue
        assert messages[-1].script_finished != ForwardMsg.FINISHED_WITH_COMPILE_ERROR
        if messages[-1].script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return Seen(messages)
