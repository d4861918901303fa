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
from pages.server import first_picture, startup, streamlit_private, uvicorn_private  # noqa: E402
from pages.server.base_path import Hosts, mounted, own_address  # noqa: E402
from pages.server.middleware import MAX_FRAME, Bounds, Headers  # noqa: E402
from pages.server.routes import ROUTES  # noqa: E402

QUEUE_SECONDS, CLEANUP_SECONDS = 5.0, 3600.0
"""Seconds between two rounds of the queue, and between two removals of old files."""
log = logging.getLogger("latent_lab")


def _is_failure(record: logging.LogRecord) -> bool:
    """Whether a record is a failure; a refusal is a sentence for the visitor and is not logged."""
    return not (record.exc_info and isinstance(record.exc_info[1], LabError))


logging.getLogger("streamlit.error_util").addFilter(_is_failure)

streamlit_private.watch_no_files()
streamlit_private.ask_nobody_for_our_address()
streamlit_private.draw_outside_of_pages()
uvicorn_private.bound_headers()
uvicorn_private.bound_frames(MAX_FRAME)


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[dict[str, Any]]:
    """Import the heavy modules in the background, then look after the queue until the end."""
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
    """Start waiting jobs, recover those of a server, worker or scheduler that stopped, and remove
    old files."""
    try:
        await loading
    except Exception:  # pages will fail with sentences, and `ready` says that it is not
        log.exception("the lab could not be loaded")
        return
    from core.jobs import queue
    from core.jobs.retention import clean

    began, cleaned = time.time() - time.monotonic(), -CLEANUP_SECONDS
    while True:
        try:
            await asyncio.to_thread(first_picture.draw)
            await asyncio.to_thread(queue.tend)
            # After the clock was set, the age of a file is unknown.
            steady = abs(time.time() - time.monotonic() - began) < CLEANUP_SECONDS
            if steady and time.monotonic() - cleaned > CLEANUP_SECONDS:
                cleaned = time.monotonic()
                await asyncio.to_thread(clean, settings().keep_days)
        except Exception as error:  # of any kind: the next round may succeed
            log.warning("the queue could not be tended: %s", error)
        await asyncio.sleep(QUEUE_SECONDS)


async def ready(_request: Request) -> JSONResponse:
    """Answer load balancers: 200 once everything is loaded, 503 before."""
    loaded = startup.loaded.is_set()
    return JSONResponse({"ready": loaded}, 200 if loaded else 503)


def show_error(error: Exception) -> bool:
    """Show the visitor a sentence and log the traceback."""
    if isinstance(error, LabError):
        st.error(str(error), icon=":material/error:")
        return True
    log.error("a page failed", exc_info=error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        st.error(
            "The disk of this server is full, so this could not be saved; nothing else was lost. "
            "Delete runs or pictures that you no longer need, or tell whoever runs the lab.",
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
    middleware=[
        Middleware(Headers),
        Middleware(Hosts),
        Middleware(Bounds),
        Middleware(first_picture.FirstPictures),
    ],
    routes=mounted([Route("/api/ready", ready), *ROUTES]),
    on_script_error=show_error,
)
