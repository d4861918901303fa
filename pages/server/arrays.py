"""Numbers of somebody's page, which browsers fetch by an address that nobody can guess."""

from hashlib import blake2b
from threading import Lock

from cachetools import LRUCache
from starlette.requests import Request
from starlette.responses import Response

from pages.server.base_path import address
from pages.server.replies import missing_reply

ARRAYS: LRUCache[str, bytes] = LRUCache(64 * 2**20, getsizeof=len)
"""The last numbers that got an address; a map of ten thousand points has 110,000 bytes."""
ARRAYS_LOCK = Lock()


def array_url(content: bytes) -> str:
    """Where the browser finds some numbers from now on, until many others have come.

    What cannot be guessed needs no owner: the address tells as much as the numbers do.
    """
    name = blake2b(content, digest_size=16).hexdigest()
    with ARRAYS_LOCK:
        ARRAYS[name] = content
    return address(f"/api/arrays/{name}")


async def array(request: Request) -> Response:
    """The numbers of somebody's page."""
    with ARRAYS_LOCK:
        content = ARRAYS.get(request.path_params["name"])
    if content is None:
        return missing_reply("There are no such numbers.")
    headers = {"cache-control": "private, max-age=86400, immutable"}
    return Response(content, 200, headers, "application/octet-stream")
