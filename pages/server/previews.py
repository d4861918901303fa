"""Looks ahead: what a slider would show, asked for while it is still in the hand."""

import asyncio
from collections.abc import Callable
from hashlib import blake2b
from secrets import token_bytes
from threading import Lock

from cachetools import LRUCache
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from core.errors import LabError
from pages.server import base_path

Look = Callable[[float], str]
"""What stands on the page, as HTML, when the slider is at a value; raises LabError."""
KNOWN: LRUCache[str, Look] = LRUCache(1024)
LOCK = Lock()
SEEN: LRUCache[tuple[str, float], str] = LRUCache(32 * 2**20, getsizeof=len)
"""What was answered last, in characters: a class drags over the same pictures."""
SECRET = token_bytes(32)
TURNS = asyncio.Semaphore(2)
"""Looks at once: what is let go comes through Streamlit, and does not wait for those who drag."""
DECIMALS = 3
UNKEPT = {"cache-control": "no-store"}


def address(look: Look, of: bytes) -> str:
    """Where the browser finds looks from now on, until many others have come: a value behind it.

    Nobody else can guess it, and so it needs no owner.

    Args:
        of: all that decides what is seen, but the value: the same has the same address.
    """
    name = blake2b(of, key=SECRET, digest_size=16).hexdigest()
    with LOCK:
        KNOWN[name] = look
    return base_path.address(f"/api/looks/{name}/")


async def answer(request: Request) -> Response:
    """One look."""
    try:
        asked = request.path_params["name"], round(float(request.path_params["value"]), DECIMALS)
        with LOCK:
            found = SEEN.get(asked)
        if found is None:
            async with TURNS:
                found = await asyncio.to_thread(_looked, *asked)
    except (LabError, OSError, ValueError):  # gone by now, or never asked for by a page of ours
        return PlainTextResponse("There is nothing to be seen.", 404, UNKEPT)
    return PlainTextResponse(found, 200, UNKEPT)


def _looked(name: str, value: float) -> str:
    with LOCK:
        look = KNOWN.get(name)
    if look is None:
        raise LabError("not known, or not any more")
    found = look(value)
    with LOCK:
        SEEN[name, value] = found
    return found
