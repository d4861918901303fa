"""Previews: what a slider would show, fetched while it is still being dragged."""

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
PREVIEWS: LRUCache[str, Look] = LRUCache(1024)
LOCK = Lock()
ANSWERS: LRUCache[tuple[str, float], str] = LRUCache(32 * 2**20, getsizeof=len)
"""What was answered last, in characters: a class drags over the same pictures."""
SECRET = token_bytes(32)
CONCURRENT = asyncio.Semaphore(2)
"""Looks at once: what is let go comes through Streamlit, and does not wait for those who drag."""
DECIMALS = 3
NO_STORE = {"cache-control": "no-store"}


def address(look: Look, of: bytes) -> str:
    """Where the browser finds looks from now on, until many others have come: a value behind it.

    Nobody else can guess it, and so it needs no owner.

    Args:
        of: all that decides what is seen, but the value: the same has the same address.
    """
    name = blake2b(of, key=SECRET, digest_size=16).hexdigest()
    with LOCK:
        PREVIEWS[name] = look
    return base_path.address(f"/api/looks/{name}/")


async def answer(request: Request) -> Response:
    """One look."""
    try:
        name = request.path_params["name"]
        value = round(float(request.path_params["value"]), DECIMALS)
        with LOCK:
            html = ANSWERS.get((name, value))
        if html is None:
            async with CONCURRENT:
                html = await asyncio.to_thread(_looked, name, value)
    except (LabError, OSError, ValueError):  # dropped by now, or never on a page of ours
        return PlainTextResponse("There is nothing to be seen.", 404, NO_STORE)
    return PlainTextResponse(html, 200, NO_STORE)


def _looked(name: str, value: float) -> str:
    with LOCK:
        look = PREVIEWS.get(name)
    if look is None:
        raise LabError("not known, or not any more")
    html = look(value)
    with LOCK:
        ANSWERS[name, value] = html
    return html
