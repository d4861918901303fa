"""The server: start-up, headers, routes and the error sentence; pages/router.py is the app.

`streamlit run streamlit_app.py` finds `app`; `uvicorn streamlit_app:app` serves the same.
"""

import asyncio
import errno
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:  # started from another folder
    sys.path.insert(0, str(ROOT))

from core import audit_log  # noqa: E402
from core.errors import LabError  # noqa: E402
from core.settings import settings  # noqa: E402
from pages.server import startup, streamlit_private, uvicorn_private  # noqa: E402
from pages.server.base_path import Hosts, mounted, own_address  # noqa: E402
from pages.server.middleware import MAX_FRAME, Bounds, Headers  # noqa: E402
from pages.server.routes import ROUTES  # noqa: E402

TEND, CLEAN = 5.0, 3600.0
"""Seconds between two looks at the queue, and between two at what is old."""
log = logging.getLogger("latent_lab")


def _is_failure(record: logging.LogRecord) -> bool:
    """Not a refusal: that is a sentence for the visitor, no trace for the log."""
    return not (record.exc_info and isinstance(record.exc_info[1], LabError))


logging.getLogger("streamlit.error_util").addFilter(_is_failure)

streamlit_private.watch_no_files()
streamlit_private.ask_nobody_for_our_address()
uvicorn_private.bound_headers()
uvicorn_private.bound_frames(MAX_FRAME)


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[dict[str, Any]]:
    """The heavy imports begin, beside the first visitor's; then the queue is tended."""
    settings()  # a wrong variable stops the server here, with its sentence
    audit_log.begin()
    startup.begin()
    if streamlit_private.started_by_streamlit():
        print(f"\n  Latent Lab: {own_address()}\n", flush=True)
    loading = asyncio.create_task(asyncio.to_thread(startup.load))
    tending = asyncio.create_task(_tend(loading))
    yield {}
    tending.cancel()
    from core.jobs import queue

    queue.jobs().close()


async def _tend(loading: asyncio.Task[None]) -> None:
    """Hand on what waits, and what another server, a worker or a scheduler has left behind; remove
    what is old."""
    try:
        await loading
    except Exception:  # pages will fail with sentences, and `ready` says that it is not
        log.exception("the lab could not be loaded")
        return
    from core.jobs import queue
    from core.jobs.retention import clean

    began, cleaned = time.time() - time.monotonic(), -CLEAN
    while True:
        try:
            await asyncio.to_thread(queue.tend)
            # After a jump of the clock nobody's age is known.
            steady = abs(time.time() - time.monotonic() - began) < CLEAN
            if steady and time.monotonic() - cleaned > CLEAN:
                cleaned = time.monotonic()
                await asyncio.to_thread(clean, settings().keep_days)
        except Exception as error:  # whatever it was: the next look may go well
            log.warning("the queue could not be tended: %s", error)
        await asyncio.sleep(TEND)


async def ready(_request: Request) -> JSONResponse:
    """For load balancers: says so once everything is loaded."""
    found = startup.loaded.is_set()
    return JSONResponse({"ready": found}, 200 if found else 503)


def say_sorry(error: Exception) -> bool:
    """A sentence for the visitor, the trace for the log."""
    if isinstance(error, LabError):
        st.error(str(error), icon=":material/error:")
        return True
    log.error("a page failed", exc_info=error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        st.error(
            "The disk of this server is full, so this could not be kept; what was there is. Delete "
            "runs or pictures of yours that you need no more, or tell whoever runs the lab.",
            icon=":material/error:",
        )
        return True
    st.error(
        "Something went wrong here, and nothing was lost. Reload the page, or pick another model.",
        icon=":material/error:",
    )
    return True


app = st.App(
    "pages/router.py",
    lifespan=lifespan,
    middleware=[Middleware(Headers), Middleware(Hosts), Middleware(Bounds)],
    routes=mounted([Route("/api/ready", ready), *ROUTES]),
    on_script_error=say_sorry,
)
