"""The images of a data set, a thousand on a sheet."""

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from core.errors import LabError
from pages.server.base_path import address
from pages.server.replies import FOR_GOOD, NUMBER, cache_control, missing_reply
from pages.server.visitor import visitor_of

if TYPE_CHECKING:
    from torch import Tensor

    from core.data import Split


PART, COLUMNS = 1000, 40
"""Pictures of a sheet of thumbnails, and in a row of it; the last sheet has empty places."""
LARGEST = 64
"""Pixels of a thumbnail's side; pictures of larger sets are brought down to it."""


def thumbnails_url(dataset: str, split: "Split") -> str:
    """Where the sheets of a split's images are; the browser writes a number for `{part}`.

    Raises:
        LabError: no such set, or its images are not on this machine.
    """
    from core import data

    data.info(dataset)
    return address(f"/api/thumbnails/{dataset}/{split}/{{part}}?{_images_version(dataset)}")


def _images_version(dataset: str) -> str:
    """Changes with the images: the query of their address."""
    from core import data

    info = data.info(dataset)
    known = info.fingerprint or (dataset[-8:] if info.private else data.data_fingerprint(dataset))
    return f"v={known[:8]}"


async def thumbnails(request: Request) -> Response:
    """A thousand images of a split on one sheet, in the order of the data set; of a set that people
    brought, for them."""
    params, who = request.path_params, visitor_of(request.cookies)
    try:
        content, built_in = await asyncio.to_thread(
            _thumbnails, params["dataset"], params["split"], params["part"], who
        )
    except LabError as error:
        return missing_reply(str(error))
    kept = "private, no-store"
    if built_in:
        kept = cache_control(request, _images_version(params["dataset"]))
        if kept != FOR_GOOD and "v" in request.query_params:
            return missing_reply("There are no such images.")
    return Response(content, 200, {"cache-control": kept}, "image/png")


def _thumbnails(dataset: str, split: str, part: str, who: str | None) -> tuple[bytes, bool]:
    from core import data
    from core.settings import settings

    info = data.info(dataset)
    known = split in info.splits and NUMBER.fullmatch(part)
    if not known or not data.visible(dataset, who or ""):
        raise LabError("There are no such images.")
    return _sheet(dataset, split, int(part), str(settings().data)), dataset in data.BUILT_IN


@lru_cache(maxsize=24)
def _sheet(dataset: str, split: "Split", part: int, _folder: str) -> bytes:
    from core import data
    from core.images import contact_sheet, to_png

    pixels = data.load(dataset, split).pixels[part * PART : (part + 1) * PART]
    if not len(pixels):
        raise LabError("There are no such images.")
    return to_png(contact_sheet(_filled(_small(pixels)), COLUMNS, gap=0))


def _small(pixels: "Tensor") -> "Tensor":
    from core.images import fit

    channels, height, width = pixels.shape[1:]
    shrunk = LARGEST / max(height, width)
    if shrunk >= 1:
        return pixels
    return fit(pixels, (channels, max(1, round(height * shrunk)), max(1, round(width * shrunk))))


def _filled(pixels: "Tensor") -> "Tensor":
    """With black pictures behind, so that every sheet has the same places."""
    from torch.nn.functional import pad

    return pad(pixels, (0, 0, 0, 0, 0, 0, 0, PART - len(pixels)))
