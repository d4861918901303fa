"""Answers to a camera: what a classifier says of one frame after the other."""

import asyncio
import time
from collections.abc import Callable
from hashlib import blake2b
from secrets import token_bytes
from threading import Lock
from typing import Any

from cachetools import LRUCache
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.errors import LabError
from pages.server import base_path

Answer = Callable[[bytes], dict[str, Any]]
"""What is said of a frame, an encoded picture; raises LabError."""
CAMERAS: LRUCache[str, Answer] = LRUCache(1024)
LOCK = Lock()
SECRET = token_bytes(32)
CONCURRENT = asyncio.Semaphore(1)
"""Frames at once: pages have the other cores. Who waits is served in the order of coming, and a
browser asks again only when it was answered, so that all cameras take turns."""
MAX_WAITING = 16
MAX_FRAME_BYTES = 2**18
NO_STORE = {"cache-control": "no-store"}
_waiting = 0


def address(answer: Answer, of: bytes) -> str:
    """Where a browser sends frames from now on, until many other addresses have come.

    Nobody else can guess it, and so it needs no owner.

    Args:
        of: all that decides what is said of a frame: the same has the same address.
    """
    name = blake2b(of, key=SECRET, digest_size=16).hexdigest()
    with LOCK:
        CAMERAS[name] = answer
    return base_path.address(f"/api/camera/{name}")


async def answer(request: Request) -> Response:
    """The answer to one frame, with the milliseconds that it took."""
    global _waiting
    with LOCK:
        known = CAMERAS.get(request.path_params["name"])
    if known is None:
        return _said(404, "There is no such camera.")
    if _waiting >= MAX_WAITING:
        return _said(503, "Too many cameras look just now.")
    frame = bytearray()
    async for part in request.stream():
        frame += part
        if len(frame) > MAX_FRAME_BYTES:
            return _said(413, "This frame is too large.")
    _waiting += 1
    try:
        async with CONCURRENT:
            begin = time.perf_counter()
            said = await asyncio.to_thread(known, bytes(frame))
    except LabError as error:
        return _said(400, str(error))
    finally:
        _waiting -= 1
    milliseconds = 1000 * (time.perf_counter() - begin)
    return JSONResponse({**said, "milliseconds": round(milliseconds)}, 200, NO_STORE)


def _said(status: int, sentence: str) -> Response:
    return JSONResponse({"error": sentence}, status, NO_STORE)
