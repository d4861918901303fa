"""What answers to browsers have in common."""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse

FOR_GOOD = "public, max-age=31536000, immutable"
UNKEPT = "no-store"
NUMBER = re.compile(r"0|[1-9][0-9]{0,5}")
"""Leading zeros would be the same sheet under other names, each kept in memory."""


def cache_control(request: Request, query: str = "") -> str:
    """How long an answer is kept: for good under the one address that we give it, and under others
    not at all, or any query would be one more copy in every cache between."""
    return FOR_GOOD if request.url.query in ("", query) else UNKEPT


def missing_reply(sentence: str) -> JSONResponse:
    """Say that there is nothing here, in a sentence that nobody keeps."""
    return JSONResponse({"error": sentence}, 404, {"cache-control": UNKEPT})
