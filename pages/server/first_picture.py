"""The first picture: the head and the stage of a page in the HTML of its address.

Streamlit draws nothing before two or three seconds have passed. What stands in the HTML is painted
before any script has run: the page's title, its line, what to try, and the picture that it opens
with. A script takes it away when the real one is there; until then the page below is hidden, so
that nothing jumps. An address with parameters may draw something else, and gets none.
"""

import asyncio
import gzip
import re
from functools import lru_cache
from html import escape
from threading import Lock

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import LabError
from pages.server import base_path
from pages.server.scripts import accepted_encodings, script_url

PLAIN = {b"accept-encoding", b"if-none-match", b"if-modified-since", b"range"}
"""Headers of a request that would bring us an answer in which nothing can be put."""
OF_THE_FILE = ("etag", "last-modified", "accept-ranges", "content-encoding")
ROOT = '<div id="root"></div>'
FONT = re.compile(r'href="([^"]*SourceSansVF-Upright[^"]*\.woff2)"')
CSS = """
html { font-size: 15px; }
#first-picture { --paper: #fff; --quiet: #f8f8f7; --ink: #2f2d2b; --faint: #2f2d2bb3;
  --line: #2f2d2b33; --accent: #3b5bdb; position: fixed; inset: 0; z-index: 1; overflow: hidden;
  background: var(--paper); color: var(--ink);
  font: 400 15px/1.6 "Source Sans", "Source Sans first", sans-serif; }
@media (prefers-color-scheme: dark) { #first-picture { --paper: #171614; --quiet: #21201d;
  --ink: #edebe8; --faint: #edebe8b3; --line: #edebe833; --accent: #748ffc; } }
#first-picture + #root { visibility: hidden; opacity: 0; }
#first-picture * { box-sizing: border-box; }
#first-picture aside { position: absolute; inset: 0 auto 0 0; width: 281.25px;
  background: var(--quiet); border-right: 1px solid var(--line); }
#first-picture main { margin-left: 281.25px; padding: 37.5px 75px; }
#first-picture [aria-level='1'] { margin: 0; padding: 18.75px 0 15px; font-weight: 700;
  font-size: 26.25px; line-height: 31.5px; }
#first-picture .line { margin: 0 0 15px; font-size: 13.125px; line-height: 21px;
  color: var(--faint); }
#first-picture .try { display: flex; gap: 15px; height: 28.75px; margin-bottom: 15px;
  overflow: hidden; }
#first-picture .try span { height: 28.5px; padding: 0 11.25px; border-radius: 15px;
  border: 1px solid var(--line); font-size: 13px; line-height: 26px; white-space: nowrap; }
#first-picture .still { position: absolute; inset: auto 0 0 0; margin: 0; padding: 8px 15px;
  text-align: center; background: var(--quiet); opacity: 0; animation: still 1s 6s forwards; }
@keyframes still { to { opacity: 1; } }
#first-picture img { display: block; }
#first-picture .pixels { image-rendering: pixelated; }
#first-picture .gap { height: var(--wide); }
#first-picture .track { display: flow-root; height: 78.7px; padding: 0 5px; }
#first-picture .track i { display: block; height: 4px; margin-top: 35px; border-radius: 2px;
  background: linear-gradient(90deg, var(--accent) 50%, var(--line) 50%); }
#first-picture .track b { display: block; width: 12px; height: 12px; border-radius: 50%;
  margin: -8px auto; background: var(--accent); }
#first-picture .track::before { content: attr(title); position: absolute; font-size: 13.125px; }
#first-picture .left { width: calc(64.2857% - 30px); }
#first-picture [aria-level='2'] { padding: 15px 0 15px; font-size: 19.5px;
  line-height: 23.4px; font-weight: 600; }
#first-picture .grid { display: grid; gap: 30px; margin-bottom: 15px;
  grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr)); }
#first-picture .card { padding: 14px; border: 1px solid var(--line); border-radius: 7.5px; }
#first-picture .card img { width: 100%; border-radius: 6px; }
#first-picture .card b { display: block; padding: 15px 0; font-size: 13.125px; line-height: 21px; }
#first-picture .card p { margin: 0; }
#first-picture .bench { display: flex; gap: 24px; }
#first-picture .bench img { width: 340px; height: 340px; border-radius: 7.5px; }
#first-picture .pad { width: 280px; height: 280px; border-radius: 7.5px; background: var(--quiet);
  border: 1px solid var(--line); }
#first-picture .drawing img { width: 262.5px; border-radius: 7.5px; }
#first-picture .answer { display: flex; flex-wrap: wrap; gap: 15px; padding: 14px;
  border: 1px solid var(--line); border-radius: 7.5px; }
#first-picture .answer figure { margin: 0; width: calc(50% - 7.5px); }
#first-picture .answer img { width: 100%; border-radius: 6px; }
#first-picture .answer figcaption { font-size: 12.3px; color: var(--faint); }
#first-picture .plot img { width: calc((100% - 294px) * .6); height: 330px; }
#first-picture .series { width: 100%; height: 315px; padding: 10px 12px 24px 46px; }
#first-picture .wall { display: flex; gap: 6px; overflow: hidden; }
#first-picture .wall div { flex: none; width: 158px; padding: 8.5px; height: 180px; }
#first-picture .wall img { width: 100%; aspect-ratio: 289 / 173; object-fit: cover;
  border-radius: 3.75px; }
#first-picture .wall b { font-size: 12.9px; font-weight: 600; }
#first-picture .noise img { width: calc(100% - 324px); border-radius: 4px; }
#first-picture .ways { display: grid; gap: 0 33px; padding: 2px 2px 15px;
  grid-template-columns: repeat(3, 195px); }
#first-picture .ways + .ways { border-top: 1px solid var(--line); padding-top: 12px; }
#first-picture .ways span { display: block; height: 21px; font-size: 12.3px; line-height: 17px;
  color: var(--faint); white-space: nowrap; overflow: hidden; }
#first-picture .ways img { width: 100%; border-radius: 7.5px; }
#first-picture .map { width: calc(66.6667% - 30px); height: 523.5px; object-fit: contain;
  border: 1px solid var(--line); border-radius: 7.5px; padding: 4px; }
#first-picture .table { height: 375px; overflow: hidden; border: 1px solid var(--line);
  border-radius: 7.5px; }
#first-picture table { border-collapse: collapse; font-size: 13.125px; white-space: nowrap;
  margin-left: 32px; }
#first-picture th, #first-picture td { height: 33px; padding: 0 8px; text-align: right;
  border: 0 solid color-mix(in srgb, var(--line) 50%, transparent); border-width: 0 1px 1px 0; }
#first-picture th { height: 34px; font-weight: 400; color: var(--faint); text-align: left; }
#first-picture td:nth-child(-n + 2) { text-align: left; }
#first-picture .compare { position: relative; }
#first-picture .compare img { width: 100%; border-radius: 7.5px; }
#first-picture .compare img + img { position: absolute; inset: 0; clip-path: inset(0 0 0 50%); }
@media (hover: none) { #first-picture .table { margin-top: 27.75px; } }
@media (max-width: 1150px) {
  #first-picture .gap { height: var(--narrow); }
  #first-picture .noise img { width: 100%; }
  #first-picture .bench { gap: 10.4px; }
  #first-picture .bench img { width: calc(50% - 5.2px); height: auto; aspect-ratio: 1; }
  #first-picture .pad { display: none; }
}
@media (max-width: 768px) {
  #first-picture aside { display: none; }
  #first-picture main { margin-left: 0; padding: 60px 15px; }
}
@media (min-width: 769px) and (max-width: 1010px) { #first-picture main { padding: 37.5px 15px; } }
@media (max-width: 640px) {
  #first-picture .left { width: 100%; }
  #first-picture .map { width: 100%; height: 420px; }
  #first-picture .plot img { width: 100%; height: 255px; }
  #first-picture .series { height: 240px; }
  #first-picture .answer figure { width: 100%; }
  #first-picture .drawing img { width: 210px; margin: 0 auto; }
  #first-picture .ways { grid-template-columns: 240px; justify-content: center; }
  #first-picture .ways div + div { display: none; }
  #first-picture .wall div { transform: translateX(calc(var(--before) * -164px)); }
}
"""
"""Laid out as Streamlit will, with the numbers of `.streamlit/config.toml`."""
STILL = (
    '<p class="still" role="status">The page is still loading. Where a browser blocks scripts, it '
    "stays this picture.</p>"
)
"""Seen after some seconds."""
_drawn: dict[str, str] = {}
"""What is put into the HTML, by the path of the page."""
_shipped = ""
_lock = Lock()


def draw() -> None:
    """Draw the first pictures, if what pages open with has changed since the last time."""
    from pages.parts.first_pictures import FIRST_PICTURES, shipped_now

    global _shipped
    with _lock:
        if (shipped := shipped_now()) == _shipped:
            return
        for page, first in FIRST_PICTURES.items():
            try:
                _drawn[page] = _html(page, first.draw(), first.ready)
            except LabError:  # nothing ships to draw it: Streamlit's own beginning has to do
                _drawn.pop(page, None)
        _shipped = shipped


def heading(level: int, text: str) -> str:
    """A heading; the page's own, which comes later, is its only `h1`."""
    return f'<div role="heading" aria-level="{level}">{escape(text)}</div>'


def _html(page: str, stage: str, ready: str) -> str:
    from pages.ui.opening import OPENINGS

    head = OPENINGS[page]
    texts = [one.text for one in head.invitations if one.resolved() is not None]
    invitations = "".join(f"<span>↗ {escape(text)}</span>" for text in texts)
    return (
        f'<div id="first-picture" data-ready="{escape(ready)}" aria-busy="true"><aside></aside>'
        f'<main>{heading(1, head.title)}<p class="line">{escape(head.line)}</p>'
        + (f'<div class="try">{invitations}</div>' if invitations else "")
        + f"{stage}</main>{STILL}</div>"
    )


class FirstPictures:
    """Puts the first picture into the HTML of a page's default address."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its answer back with the picture in it."""
        first = _of(scope)
        if first is None:
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        small = "gzip" in accepted_encodings(asked)
        plain = [(name, value) for name, value in scope["headers"] if name not in PLAIN]
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                await finish()

        async def finish() -> None:
            content = bytes(body)
            headers = MutableHeaders(raw=list(start["headers"]))
            if start["status"] == 200 and headers.get("content-type", "").startswith("text/html"):
                content = await asyncio.to_thread(_spliced, content, first, small)
                for name in OF_THE_FILE:
                    del headers[name]
                if small:
                    headers["content-encoding"] = "gzip"
                headers["vary"] = "accept-encoding"
                headers["content-length"] = str(len(content))
            await send({**start, "headers": headers.raw})
            await send({"type": "http.response.body", "body": content})

        await self.app({**scope, "headers": plain}, receive, collect)


def _of(scope: Scope) -> str | None:
    """The first picture of a request; None where it is for something else."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return None
    if "text/html" not in Headers(scope=scope).get("accept", ""):
        return None
    path = scope["path"]
    if not path.startswith(base_path.root()):
        return None
    return _drawn.get(path.removeprefix(base_path.root()).strip("/"))


@lru_cache(maxsize=32)
def _spliced(page: bytes, first: str, small: bool) -> bytes:
    """Streamlit's HTML with a first picture before the place where it will draw."""
    html = page.decode("utf-8")
    font = FONT.search(html)
    face = (
        '@font-face { font-family: "Source Sans first"; font-weight: 200 900; '
        f'src: url("{font.group(1)}"); font-display: swap; }}'
        if font
        else ""
    )
    script = f'<script type="module" src="{script_url("first_picture/first_picture.js")}"></script>'
    html = html.replace("</head>", f"<style>{face}{CSS}</style>{script}</head>", 1)
    html = html.replace(ROOT, first + ROOT, 1)
    content = html.encode("utf-8")
    return gzip.compress(content, 6) if small else content
