"""What runs have made: sheets, replays, dreams, and files that are used in a browser."""

import asyncio
import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from core.errors import LabError
from pages.server.base_path import address
from pages.server.replies import NUMBER, cache_control, missing_reply
from pages.server.visitor import visitor_of

if TYPE_CHECKING:
    from core.runs.store import Run


DREAMT = re.compile(r"(picture|guide|preview|dream)\.png|film\.mp4|channels-[a-z0-9.]{1,40}\.webp")
"""Files of a dream that browsers may have."""
KINDS = {"png": "image/png", "mp4": "video/mp4", "webp": "image/webp"}
USED = ("model.safetensors", "vocabulary.txt", "held_out.txt")
"""Files of a training that browsers may have, to use it."""


def frames_url(run: "Run") -> str:
    """Where the browser finds the making of a projection."""
    return address(f"/api/frames/{run.id}/{run.version()}")


def sheet_url(run: "Run", epoch: int) -> str:
    """Where the browser finds what a run drew after an epoch."""
    return address(f"/api/sheets/{run.id}/{run.version()}/{epoch}")


def dream_url(run: "Run", name: str) -> str:
    """Where the browser finds a picture of a dream; while it is made, one an instant."""
    from core.runs import store

    changed = run.version() if run.shipped else store.written_at(run.path / name)
    return address(f"/api/dreams/{run.id}/{changed}/{name}")


def run_file_url(run: "Run", name: str) -> str:
    """Where the browser finds a file of a finished training, one of `USED`."""
    return address(f"/api/run-files/{run.id}/{run.version()}/{name}")


async def frames(request: Request) -> Response:
    """The making of a finished projection, snapshot by snapshot."""
    return await of_run(request, _framed, "There is no such replay.")


async def run_file(request: Request) -> Response:
    """A file of a finished training, as it was kept."""
    name = request.path_params["name"]
    if name not in USED:
        return missing_reply("There is no such file.")
    content = partial(_used_file, name=name)
    return await of_run(request, content, "There is no such file.")


async def sheet(request: Request) -> Response:
    """What a run drew after an epoch, as it was kept."""
    epoch = request.path_params["epoch"]
    if not NUMBER.fullmatch(epoch):
        return missing_reply("There is no such sheet.")
    picture = partial(_kept_sheet, epoch=int(epoch))
    return await of_run(request, picture, "There is no such sheet.", kind=None)


async def dreamt(request: Request) -> Response:
    """A picture or a film of a dream, as it was kept; also of one that is being made."""
    name = request.path_params["name"]
    if not DREAMT.fullmatch(name):
        return missing_reply("There is no such picture.")
    kind = KINDS[name.rpartition(".")[2]]
    picture = partial(_kept_file, name=name)
    return await of_run(request, picture, "There is no such picture.", kind, unfinished=True)


def _kept_file(run_id: str, _version: int, name: str) -> bytes:
    from core.runs import store

    try:
        return (store.open_run(run_id).path / name).read_bytes()
    except OSError as error:
        raise LabError("There is no such picture.") from error


def _used_file(run_id: str, _version: int, name: str) -> bytes:
    from core.runs import store

    run = store.open_run(run_id)
    try:
        return (run.path / name).read_bytes()
    except OSError as error:
        raise LabError("There is no such file.") from error


def _kept_sheet(run_id: str, _version: int, epoch: int) -> bytes:
    from core.runs import store

    path = store.open_run(run_id).samples().get(epoch)
    if path is None:
        raise LabError("There is no such sheet.")
    return path.read_bytes()


@lru_cache(maxsize=8)
def _framed(run_id: str, _version: int) -> bytes:
    from core.projection import maps
    from core.projection.methods import PROJECTING
    from core.runs import store

    run = store.open_run(run_id)
    if run.spec().task != PROJECTING.name:
        raise LabError("There is no such replay.")
    return maps.frames(run)


async def of_run(
    request: Request,
    make: Callable[[str, int], bytes],
    missing: str,
    kind: str | None = "application/octet-stream",
    unfinished: bool = False,
) -> Response:
    """Answer with a file of a run. Shipped runs never change, and have only the address of their
    one version; the others are fetched again each time, for they may be deleted.

    Args:
        kind: the type of its content; None is a picture of the kind that it is.
        unfinished: give also what a run has made that is under way.
    """
    from core import images

    who = visitor_of(request.cookies) or ""
    params = request.path_params
    version = params.get("version") or params["changed"]
    try:
        content, shipped = await asyncio.to_thread(
            _made, params["run_id"], version, who, make, missing, unfinished
        )
    except LabError as error:
        return missing_reply(str(error))
    kept = cache_control(request) if shipped else "private, no-cache"
    return Response(content, 200, {"cache-control": kept}, kind or f"image/{images.kind(content)}")


def _made(
    run_id: str,
    version: str,
    who: str,
    make: Callable[[str, int], bytes],
    missing: str,
    unfinished: bool,
) -> tuple[bytes, bool]:
    from core.jobs import queue
    from core.runs import store

    run = store.find(run_id)
    if run is None or not queue.visible(run, who):
        raise LabError(missing)
    if run.shipped and version != str(run.version()):
        raise LabError(missing)
    if run.status().state != "done" and not unfinished:
        raise LabError(missing)
    return make(run.id, run.version()), run.shipped
