"""ASGI middleware of the pages: headers, and the limits of one visitor and of all.

Streamlit bounds one uploaded file and one message; here it is the uploads of a session, the
messages a second and the sessions of this server.
"""

import asyncio
import re
import time
from base64 import b64encode
from collections import Counter
from hashlib import sha256
from pathlib import Path

import streamlit as st
from cachetools import LRUCache
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.settings import settings
from pages.server.base_path import address
from pages.server.scripts import plotly_url, script_urls
from pages.server.visitor import cookie_header, visitor_of
from pages.ui import session_files


def _policy() -> bytes:
    """What pages may load: from here, and what they make themselves; from nobody else.

    Components come as `blob:` modules, Plotly's WebGL writes functions as it runs (that allows
    WASM too), and Streamlit's page has a script of one line, which is known by its hash.
    """
    page = Path(st.__file__).with_name("static").joinpath("index.html").read_text("utf-8")
    inline = [
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    ]
    own = "'self' blob: data:"
    rules = [
        "default-src 'self'",
        " ".join(["script-src 'self' blob: 'unsafe-eval'", *inline]),
        "style-src 'self' 'unsafe-inline'",
        *(f"{kind}-src {own}" for kind in ("img", "font", "media", "connect", "worker")),
        "object-src 'none'",
        *(f"{kind} 'self'" for kind in ("base-uri", "form-action", "frame-ancestors")),
    ]
    return "; ".join(rules).encode()


HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", _policy()),
]
MAP = "/latent_explorer"
STAGES = {
    MAP: "map/map.js",
    "/vae_sampler": "live/live.js",
    "/network_explorer": "network/network.js",
    "/foundations": "bench/bench.js",
    "/sequences": "forecast/forecast.js",
}
"""By page: the ES module that draws its stage."""
UPLOAD = re.compile(r".*/_stcore/upload_file/([^/]+)/[^/]+")
SOCKET = "/_stcore/stream"
METRICS = "/_stcore/metrics"
BURST, RATE = 200, 40
"""Messages that a session may send at once, and a second after that: a hand sends ten."""
MAX_FRAME = 4 * 10**6
"""Bytes of one message from a browser, as `server.maxWidgetStateSize` has it in megabytes. Seen: 90
bytes a click, 90 kB with a drawing of 2,000 strokes of the mouse; files do not come this way."""
BURST_BYTES, RATE_BYTES, MAX_BACKLOG = 8 * 10**6, 10**6, 8.0
"""Bytes of messages that all pages of a visitor may send at once, and a second after that; who is
more seconds ahead of that than the last is hung up on."""
FULL = """<!doctype html><title>Latent Lab</title>
<meta name="viewport" content="width=device-width">
<body style="font-family:sans-serif;max-width:30rem;margin:20vh auto;padding:0 1rem">
<h1>The lab is full</h1><p>{0} Try again in a minute: <a href="">reload</a>.</p>"""


class Headers:
    """Security headers on every answer, and a signed cookie for a visitor who has none."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with more headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        known = visitor_of(request.cookies) is not None
        wants_page = "text/html" in request.headers.get("accept", "")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = list(HEADERS)
                content = dict(message["headers"]).get(b"content-type", b"")
                # The answer “not modified” says no type, and a page that a browser has kept
                # may be all that is left of a visitor.
                kept = message["status"] == 304 and wants_page
                page = kept or content.startswith(b"text/html")
                if page and not known:
                    secure = scope.get("scheme") == "https"
                    extra.append((b"set-cookie", cookie_header(secure=secure)))
                if page:
                    extra += [(b"link", link.encode()) for link in _preloads(scope["path"])]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self.app(scope, receive, with_headers)


class Allowance:
    """So much at once, and so much a second after that."""

    def __init__(self, burst: float, rate: float) -> None:
        self.burst, self.rate = burst, rate
        self.left, self.then = burst, time.monotonic()

    def late(self, amount: float) -> float:
        """Take an amount; gives the seconds by which it came too early."""
        now = time.monotonic()
        self.left = min(self.burst, self.left + (now - self.then) * self.rate) - amount
        self.then = now
        return max(0.0, -self.left / self.rate)


class Bounds:
    """Keeps a session's uploads, a visitor's messages and the number of sessions within the
    settings."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.sessions: Counter[str] = Counter()
        self.arriving: Counter[str] = Counter()
        # Kept when a visitor's last page closes: to come again is no new allowance.
        self.bytes: LRUCache[str, Allowance] = LRUCache(4096)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        path = scope.get("path", "")
        if scope["type"] == "websocket" and path.endswith(SOCKET):
            await self._session(scope, receive, send)
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        elif path.rstrip("/") == address(METRICS) and settings().metrics == "off":
            await JSONResponse({"error": "They are switched off."}, 404)(scope, receive, send)
        elif scope["method"] == "PUT" and (upload := UPLOAD.fullmatch(path)):
            await self._upload(upload.group(1), scope, receive, send)
        elif _wants_page(scope) and (reason := self._full(_visitor(scope))):
            page = HTMLResponse(FULL.format(reason), 503, {"retry-after": "60"})
            await page(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _full(self, who: str) -> str:
        """Why there is no place for somebody, as a sentence; empty where there is one."""
        limits = settings()
        if (count := self.sessions.total()) >= limits.max_sessions:
            return f"{count} pages are open here, as many as this server takes."
        # Browsers without cookies are one visitor, who may have more.
        most = limits.max_sessions_each if who else max(1, limits.max_sessions // 4)
        if self.sessions[who] >= most:
            return f"You have {most} pages open here, as many as one visitor may have. Close some."
        return ""

    async def _session(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One socket; who sends faster than a hand is read more slowly, and holds up nobody else.

        A page that is there is let in again after a break, though all places are taken and a
        quarter more.
        """
        who = _visitor(scope)
        crowded = self.sessions.total() >= 1.25 * settings().max_sessions
        if crowded or (self.sessions[who] and self._full(who)):
            await send({"type": "websocket.close", "code": 1013})  # try again later
            return
        messages = Allowance(BURST, RATE)
        together = self.bytes.setdefault(who, Allowance(BURST_BYTES, RATE_BYTES))

        async def slowly() -> Message:
            message = await receive()
            size = len(message.get("bytes") or message.get("text") or b"")
            late = max(messages.late(1), late_bytes := together.late(size))
            if size > MAX_FRAME or late_bytes > MAX_BACKLOG:
                await send({"type": "websocket.close", "code": 1009})  # too big
                return {"type": "websocket.disconnect", "code": 1009}
            if late:
                await asyncio.sleep(late)
            return message

        self.sessions[who] += 1
        try:
            await self.app(scope, slowly, send)
        finally:
            self.sessions[who] -= 1
            if not self.sessions[who]:
                del self.sessions[who]

    async def _upload(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        most = settings().max_session_mb
        declared = int(Request(scope).headers.get("content-length") or 0)
        if session_files.total(session) + self.arriving[session] + declared > most * 2**20:
            while (await receive()).get("more_body"):
                pass  # a proxy that is hung up on while it sends takes this server for dead
            reason = f"The files of this page are more than {most} MB. Remove some, or reload it."
            await JSONResponse({"error": reason}, 413)(scope, receive, send)
            return
        self.arriving[session] += declared
        try:
            await self.app(scope, receive, send)
        finally:
            self.arriving[session] -= declared
            if not self.arriving[session]:
                del self.arriving[session]


def _preloads(path: str) -> list[str]:
    """What a browser may fetch while the page itself still begins: half a second less to wait."""
    page = next((page for page in STAGES if path.rstrip("/").endswith(page)), None)
    if page is None:
        return []
    links = [f"<{url}>; rel=modulepreload" for url in script_urls(STAGES[page])]
    return links if page != MAP else [f"<{plotly_url()}>; rel=preload; as=script", *links]


def _visitor(scope: Scope) -> str:
    return visitor_of(HTTPConnection(scope).cookies) or ""


def _wants_page(scope: Scope) -> bool:
    return scope["method"] == "GET" and "text/html" in Request(scope).headers.get("accept", "")
