"""The server: start-up, headers, routes and the error sentence; pages/router.py is the app.

`streamlit run streamlit_app.py` finds `app`; `uvicorn streamlit_app:app` serves the same.
"""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:  # started from another folder
    sys.path.insert(0, str(ROOT))

from core.errors import LabError  # noqa: E402
from core.settings import settings  # noqa: E402
from pages.ui.assets import ROUTES, plotly_url  # noqa: E402
from pages.ui.visitor import COOKIE, cookie_header, identity  # noqa: E402

DRAWN_BY_PLOTLY = "/latent_explorer"
log = logging.getLogger("latent_lab")
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", b"frame-ancestors 'self'"),
]


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[dict[str, Any]]:
    """Before the first visitor: the heavy imports, one forward pass, what was left behind."""
    settings()  # a wrong variable stops the server here, with its sentence
    import torch

    torch.set_num_threads(1)  # a picture is small, and visitors are many
    from core import jobs
    from core.inference import denoising

    denoising.warm_up()
    gc.collect()
    gc.freeze()
    recovery = asyncio.create_task(asyncio.to_thread(_recover))
    yield {}
    recovery.cancel()
    jobs.jobs().close()


def _recover() -> None:
    from core import jobs

    try:
        if count := jobs.recover():
            log.info("%d runs that an earlier server left behind go on", count)
    except LabError as error:
        log.warning("runs left behind could not be taken up: %s", error)


class Headers:
    """Security headers on every answer, and a signed cookie for a visitor who has none."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        known = identity(Request(scope).cookies.get(COOKIE)) is not None

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = list(HEADERS)
                content = dict(message["headers"]).get(b"content-type", b"")
                page = content.startswith(b"text/html")
                if page and not known:
                    secure = scope.get("scheme") == "https"
                    extra.append((b"set-cookie", cookie_header(secure=secure)))
                if page and scope["path"].rstrip("/").endswith(DRAWN_BY_PLOTLY):
                    # Fetched while the page itself still begins: half a second less to wait.
                    extra.append((b"link", f"<{plotly_url()}>; rel=preload; as=script".encode()))
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self.app(scope, receive, with_headers)


async def ready(_request: Request) -> JSONResponse:
    """For load balancers: answers once everything is loaded."""
    return JSONResponse({"ready": True})


def say_sorry(error: Exception) -> bool:
    """A sentence for the visitor, the trace for the log."""
    if isinstance(error, LabError):
        st.error(str(error), icon=":material/error:")
        return True
    log.error("a page failed", exc_info=error)
    st.error(
        "Something went wrong here, and nothing was lost. Reload the page, or pick another model.",
        icon=":material/error:",
    )
    return True


app = st.App(
    "pages/router.py",
    lifespan=lifespan,
    middleware=[Middleware(Headers)],
    routes=[Route("/api/ready", ready), *ROUTES],
    on_script_error=say_sorry,
)
