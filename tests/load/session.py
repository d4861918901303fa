"""One visitor: a socket with Streamlit's messages, the cookies of a first visit, files over HTTP.

Nothing is painted and no picture is kept, so that the visitors cost little beside the server that
they share a machine with.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

from streamlit.proto.Common_pb2 import UploadedFileInfo
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.benchmarks.protocol import (
    SOCKET,
    Answer,
    Conversation,
    Element,
    cookie_header,
    cookies,
)

PATIENCE = 30.0
"""Seconds until an answer counts as one that does not come."""
BOUNDARY = "a-picture-of-the-load-test"
Headers = dict[str, str]
XSRF = "_streamlit_xsrf"
Heard = TypeVar("Heard")
LOST = (WebSocketException, ConnectionError, OSError, EOFError)


class Disconnected(Exception):
    """The socket went away; nobody knows what became of what was asked."""


class Said(Exception):
    """The page has a sentence in red."""


class Session:
    """A visitor on one page; use it as a context manager, which opens the page and leaves it.

    A visitor whose socket goes away comes back as a browser does: with the session's id in the
    subprotocol, everything that was set, and the next address where the first does not answer.

    Args:
        urls: of the servers; the first is tried first.
        page: its name in the URL.
        query: the parameters in the URL.
    """

    def __init__(self, urls: list[str], page: str, query: dict[str, str] | None = None) -> None:
        self.urls, self.talk = list(urls), Conversation(page, query)
        self.reconnects = self.resumed = self.received = 0
        self._socket: ClientConnection | None = None
        self._cookies: dict[str, str] = {}
        self.answer = Answer([], 0, 0)
        """The last one, also to coming back."""
        self._http: HTTPConnection | None = None
        self._http_of = self._file = ""
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> "Session":
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.to_thread(self._visit)
                await self._connect()
            await self.run()
        except BaseException:
            await self.leave()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Close the tab."""
        socket, self._socket = self._socket, None
        if socket is not None:
            with contextlib.suppress(*LOST, TimeoutError):
                await asyncio.wait_for(socket.close(), 2)
        if self._http is not None:
            self._http.close()

    # ---- over the socket

    @property
    def connected(self) -> bool:
        """Whether there is a socket, as far as is known."""
        return self._socket is not None

    async def run(
        self, *done: WidgetState, fragment: str = "", timer: bool = False, patient: float = PATIENCE
    ) -> Answer:
        """Have the script run after something was done, and wait for its end.

        Raises:
            Said: the page then shows an error.
            Disconnected: the socket went away meanwhile, or before.
            TimeoutError: no answer within `patient` seconds; the socket is given up.
        """
        message = self.talk.ask(*done, fragment=fragment, timer=timer)
        answer = self.answer = await self._answer(message, self.talk.hear, patient)
        self.received += answer.size
        if answer.errors:
            raise Said("; ".join(answer.errors))
        return answer

    async def do(self, element: Element, value: object, patient: float = PATIENCE) -> Answer:
        """Set one widget, or press a button, and wait for what becomes of it."""
        state = self.talk.set(element, value)
        return await self.run(state, fragment=element.fragment, patient=patient)

    async def _answer(
        self, message: bytes, hear: Callable[[bytes], Heard | None], patient: float
    ) -> Heard:
        if self._socket is None:
            raise Disconnected
        try:
            async with asyncio.timeout(patient):
                await self._socket.send(message)
                while True:
                    received = await self._socket.recv(decode=False)
                    if (result := hear(received)) is not None:
                        return result
        except LOST as error:
            if isinstance(error, TimeoutError):
                await self._give_up()  # its answer may come later, and be taken for another's
                raise
            self._socket = None
            raise Disconnected from error

    async def _give_up(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.transport.abort()

    async def rest(self, until: float) -> None:
        """Wait until a moment (perf_counter); whoever is cut off meanwhile comes back at once."""
        pause = 0.1
        while (left := until - time.perf_counter()) > 0:
            if self._socket is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._socket.wait_closed(), left)
                    self._socket = None
            elif not await self._come_back():
                await asyncio.sleep(min(pause, max(left, 0)))
                pause = min(2 * pause, 1)
        if self._socket is None:
            await self._come_back()

    async def _come_back(self) -> bool:
        """Try each address once, with all that was set; whether one has answered."""
        known = self.talk.session_id
        for _ in self.urls:
            try:
                await self._connect()
                await self.run()
            except (*LOST, Disconnected, Said):
                await self._give_up()
                self.urls.append(self.urls.pop(0))
            else:
                self.reconnects += 1
                self.resumed += self.talk.session_id == known
                return True
        return False

    async def _connect(self) -> None:
        """The subprotocols are Streamlit's, the XSRF token, and the session to go on with."""
        known, address = self.talk.session_id, self.urls[0]
        told = ["streamlit", self._cookies.get(XSRF) or "-", *([known] if known else [])]
        self.talk.forget()
        self._socket = await connect(
            address.replace("http", "ws", 1) + SOCKET,
            origin=address,  # type: ignore[arg-type]
            subprotocols=[Subprotocol(part) for part in told],
            additional_headers=cookie_header(self._cookies),
            user_agent_header=None,
            ping_interval=None,  # the server asks
            max_size=None,
            max_queue=None,
            proxy=None,
            open_timeout=PATIENCE,
        )

    # ---- over HTTP

    def _visit(self) -> None:
        """The page's own file and what the app asks for before it opens the socket."""
        page = quote(self.talk.page)
        query = f"?{urlencode(self.talk.query)}" if self.talk.query else ""
        self._fetch("GET", f"/{page}{query}", headers={"Accept": "text/html"})
        for path in ("/_stcore/health", "/_stcore/host-config"):
            self._fetch("GET", path)

    async def fetch(self, path: str) -> bytes:
        """What the server has under an address. Raises Said when it refuses."""
        return await self._request("GET", path)

    async def upload(self, uploader: Element, name: str, content: bytes) -> Answer:
        """Bring a file, in place of the one before; gives what the page makes of it."""
        message, hear = self.talk.announce(name), self.talk.hear_place
        place = await self._answer(message, hear, PATIENCE)
        told = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        head = f"--{BOUNDARY}\r\n{told}\r\nContent-Type: application/octet-stream\r\n\r\n"
        body = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        await self._request("PUT", place.upload_url, body, {"Content-Type": kind})
        info = UploadedFileInfo(
            name=name, size=len(content), file_id=place.file_id, file_urls=place
        )
        answer = await self.do(uploader, [info])
        before, self._file = self._file, place.delete_url
        if before:
            await self._request("DELETE", before)
        return answer

    async def _request(
        self, method: str, path: str, body: bytes | None = None, headers: Headers | None = None
    ) -> bytes:
        """In a thread; one at a time for each visitor."""
        async with self._turn:
            try:
                return await asyncio.to_thread(self._fetch, method, path, body, headers)
            except TimeoutError:
                raise
            except (HTTPException, OSError) as error:
                raise Disconnected from error

    def _fetch(
        self, method: str, path: str, body: bytes | None = None, headers: Headers | None = None
    ) -> bytes:
        """A request over a connection that is kept; what was set as a cookie is kept too."""
        where = urlsplit(self.urls[0]).netloc
        if self._http is not None and self._http_of != where:
            self._http.close()
            self._http = None
        kept, self._http_of = self._http is not None, where
        http = self._http = self._http or HTTPConnection(where, timeout=PATIENCE)
        extra = {"X-Xsrftoken": self._cookies.get(XSRF, "")} if method != "GET" else {}
        try:
            http.request(
                method, path, body, {**cookie_header(self._cookies), **extra, **(headers or {})}
            )
            response = http.getresponse()
            content = response.read()
        except (HTTPException, OSError):
            http.close()
            self._http = None
            if kept:  # it was closed, for nothing had been asked for a while
                return self._fetch(method, path, body, headers)
            raise
        self._cookies |= cookies(response.headers.get_all("Set-Cookie") or [])
        if response.status >= 400:
            raise Said(f"HTTP {response.status} of {path.split('?')[0]}")
        return content
