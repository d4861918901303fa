"""What browsers fetch from us beside the pages: scripts, thumbnails, decoders, replays."""

import asyncio
import gzip
import json
import posixpath
import re
from collections.abc import Callable
from functools import cache, lru_cache, partial
from hashlib import blake2b, sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING

from cachetools import LRUCache
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.errors import LabError
from pages.server import camera_answers, previews
from pages.server.base_path import address
from pages.server.visitor import visitor_of

if TYPE_CHECKING:
    from torch import Tensor

    from core.data import Split
    from core.runs.store import Run

FOR_GOOD = "public, max-age=31536000, immutable"
UNKEPT = "no-store"
PART, COLUMNS = 1000, 40
"""Pictures of a sheet of thumbnails, and in a row of it; the last sheet has empty places."""
DREAMT = re.compile(r"(picture|guide|preview|dream)\.png|film\.mp4|channels-[a-z0-9.]{1,40}\.webp")
"""Files of a dream that browsers may have."""
KINDS = {"png": "image/png", "mp4": "video/mp4", "webp": "image/webp"}
USED = ("model.safetensors", "vocabulary.txt", "held_out.txt")
"""Files of a training that browsers may have, to use it."""
NUMBER = re.compile(r"0|[1-9][0-9]{0,5}")
"""Leading zeros would be the same sheet under other names, each kept in memory."""
LARGEST = 64
"""Pixels of a thumbnail's side; pictures of larger sets are brought down to it."""


JAVASCRIPT = "text/javascript; charset=utf-8"
SCRIPTS = {".js": JAVASCRIPT, ".wasm": "application/wasm"}
"""Types of what browsers run, by the ends of the files' names."""
COMPONENTS = Path(__file__).parents[1] / "components"
IMPORTED = re.compile(r"""^import .* from "([^"]+)";$""", re.MULTILINE)
ARRAYS: LRUCache[str, bytes] = LRUCache(64 * 2**20, getsizeof=len)
"""The last numbers that got an address; a map of ten thousand points has 110,000 bytes."""
ARRAYS_LOCK = Lock()


# ---- addresses


@cache
def _plotly_version() -> str:
    return version("plotly")


def plotly_url() -> str:
    """Where the browser finds Plotly; another version has another address."""
    return address(f"/api/plotly/{_plotly_version()}.js")


@cache
def _scripts() -> dict[str, bytes]:
    """What browsers run of all components by their paths, as it was when the server began."""
    files = sorted(path for path in COMPONENTS.rglob("*") if path.suffix in SCRIPTS)
    return {path.relative_to(COMPONENTS).as_posix(): path.read_bytes() for path in files}


@cache
def _scripts_version() -> str:
    """One for all modules, for they import each other by relative addresses."""
    digests = {path: sha256(content).hexdigest() for path, content in _scripts().items()}
    return sha256(json.dumps(digests).encode()).hexdigest()[:16]


def script_url(path: str) -> str:
    """Where the browser finds an ES module of `pages/components`; another version has another
    address.

    Raises:
        ValueError: no such file.
    """
    if path not in _scripts():
        raise ValueError(f"There is no {path} among {', '.join(_scripts())}.")
    return address(f"/api/scripts/{_scripts_version()}/{path}")


@cache
def script_urls(path: str) -> list[str]:
    """Where the browser finds an ES module and all that it imports."""
    paths = [path]
    for one in paths:  # it grows
        for name in IMPORTED.findall(_scripts()[one].decode()):
            other = posixpath.normpath(posixpath.join(posixpath.dirname(one), name))
            paths += [] if other in paths else [other]
    return [script_url(one) for one in paths]


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


def array_url(content: bytes) -> str:
    """Where the browser finds some numbers from now on, until many others have come.

    What cannot be guessed needs no owner: the address tells as much as the numbers do.
    """
    name = blake2b(content, digest_size=16).hexdigest()
    with ARRAYS_LOCK:
        ARRAYS[name] = content
    return address(f"/api/arrays/{name}")


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


# ---- scripts


async def script(request: Request) -> Response:
    """An ES module of a component, or what one runs."""
    path = request.path_params["path"]
    content = _scripts().get(path)
    if content is None or request.path_params["version"] != _scripts_version():
        return _missing("There is no such script.")
    kind = SCRIPTS[PurePosixPath(path).suffix]
    return Response(content, 200, {"cache-control": _for_good(request)}, kind)


async def plotly(request: Request) -> Response:
    """The library, as it comes with the pip package."""
    if request.path_params["version"] != _plotly_version():
        return _missing("There is no such version.")
    small = "gzip" in accepted_encodings(request.headers)
    headers = {"cache-control": _for_good(request), "vary": "accept-encoding"}
    if small:
        headers["content-encoding"] = "gzip"
    content = await asyncio.to_thread(_plotly, small)
    return Response(content, 200, headers, JAVASCRIPT)


@lru_cache(maxsize=2)
def _plotly(small: bool) -> bytes:
    if small:
        return gzip.compress(_plotly(False))
    package = find_spec("plotly")  # not imported: a server has no other need of all of it
    assert package is not None and package.origin is not None
    return (Path(package.origin).parent / "package_data" / "plotly.min.js").read_bytes()


def accepted_encodings(headers: Headers) -> set[str]:
    """The encodings that a client takes."""
    parts = [p.split(";") for p in headers.get("accept-encoding", "").lower().split(",")]
    return {p[0].strip() for p in parts if not any(q.strip() in ("q=0", "q=0.0") for q in p[1:])}


# ---- arrays


async def array(request: Request) -> Response:
    """The numbers of somebody's page."""
    with ARRAYS_LOCK:
        content = ARRAYS.get(request.path_params["name"])
    if content is None:
        return _missing("There are no such numbers.")
    headers = {"cache-control": "private, max-age=86400, immutable"}
    return Response(content, 200, headers, "application/octet-stream")


# ---- thumbnails


async def thumbnails(request: Request) -> Response:
    """A thousand images of a split on one sheet, in the order of the data set; of a set that people
    brought, for them."""
    params, who = request.path_params, visitor_of(request.cookies)
    try:
        content, built_in = await asyncio.to_thread(
            _thumbnails, params["dataset"], params["split"], params["part"], who
        )
    except LabError as error:
        return _missing(str(error))
    kept = "private, no-store"
    if built_in:
        kept = _for_good(request, _images_version(params["dataset"]))
        if kept != FOR_GOOD and "v" in request.query_params:
            return _missing("There are no such images.")
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


# ---- what runs have made


async def decoder(request: Request) -> Response:
    """A finished autoencoder's decoder or GAN's generator; `version` is for caches."""
    return await _of_run(request, _packed, "There is no such decoder.")


async def network(request: Request) -> Response:
    """A finished classifier, if it is one that a browser can run."""
    return await _of_run(request, _packed_classifier, "There is no such network.")


async def denoiser(request: Request) -> Response:
    """A finished diffusion's network, if it is one that a browser can run."""
    return await _of_run(request, _packed_denoiser, "There is no such network.")


async def translator(request: Request) -> Response:
    """A finished translation's generators, if a browser can run them."""
    return await _of_run(request, _packed_translator, "There is no such network.")


async def frames(request: Request) -> Response:
    """The making of a finished projection, snapshot by snapshot."""
    return await _of_run(request, _framed, "There is no such replay.")


async def run_file(request: Request) -> Response:
    """A file of a finished training, as it was kept."""
    name = request.path_params["name"]
    if name not in USED:
        return _missing("There is no such file.")
    content = partial(_used_file, name=name)
    return await _of_run(request, content, "There is no such file.")


async def sheet(request: Request) -> Response:
    """What a run drew after an epoch, as it was kept."""
    epoch = request.path_params["epoch"]
    if not NUMBER.fullmatch(epoch):
        return _missing("There is no such sheet.")
    picture = partial(_kept_sheet, epoch=int(epoch))
    return await _of_run(request, picture, "There is no such sheet.", kind=None)


async def dreamt(request: Request) -> Response:
    """A picture or a film of a dream, as it was kept; also of one that is being made."""
    name = request.path_params["name"]
    if not DREAMT.fullmatch(name):
        return _missing("There is no such picture.")
    kind = KINDS[name.rpartition(".")[2]]
    picture = partial(_kept_file, name=name)
    return await _of_run(request, picture, "There is no such picture.", kind, unfinished=True)


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


async def _of_run(
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
        return _missing(str(error))
    kept = _for_good(request) if shipped else "private, no-cache"
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


@lru_cache(maxsize=16)
def _packed(run_id: str, _version: int) -> bytes:
    from core import tasks
    from core.inference import browser_decoder
    from core.models.autoencoders import Autoencoder
    from core.models.gans import GAN
    from core.runs import store

    model = tasks.load_model(store.open_run(run_id))
    if not isinstance(model, Autoencoder | GAN):
        raise LabError("There is no such decoder.")
    return browser_decoder.pack_decoder(model)


@lru_cache(maxsize=8)
def _packed_classifier(run_id: str, _version: int) -> bytes:
    from core import tasks
    from core.inference import browser_classifier
    from core.models.convnets import Recogniser
    from core.runs import store

    run = store.open_run(run_id)
    model = tasks.load_model(run)
    if not isinstance(model, Recogniser):
        raise LabError("There is no such network.")
    return browser_classifier.pack_classifier(model, run.spec().data.shape)


@lru_cache(maxsize=8)
def _packed_denoiser(run_id: str, _version: int) -> bytes:
    from core import tasks
    from core.inference import browser_denoiser
    from core.models.denoising_nets import DiffusionNet
    from core.runs import store
    from core.tasks.diffusion import DIFFUSION

    run = store.open_run(run_id)
    model = tasks.load_model(run)
    if not isinstance(model, DiffusionNet):
        raise LabError("There is no such network.")
    process = DIFFUSION.variant(run.spec().variant).process
    return browser_denoiser.pack_denoiser(model, browser_denoiser.process_name(process))


@lru_cache(maxsize=8)
def _packed_translator(run_id: str, _version: int) -> bytes:
    from core import tasks
    from core.inference import browser_classifier
    from core.models.translation_nets import Translator
    from core.runs import store

    model = tasks.load_model(store.open_run(run_id))
    if not isinstance(model, Translator):
        raise LabError("There is no such network.")
    return browser_classifier.pack_translator(model)


@lru_cache(maxsize=8)
def _framed(run_id: str, _version: int) -> bytes:
    from core.projection import maps
    from core.projection.methods import PROJECTING
    from core.runs import store

    run = store.open_run(run_id)
    if run.spec().task != PROJECTING.name:
        raise LabError("There is no such replay.")
    return maps.frames(run)


async def nothing(_request: Request) -> Response:
    """Any other address of ours."""
    return _missing("There is nothing at this address.")


def _for_good(request: Request, query: str = "") -> str:
    """How long an answer is kept: for good under the one address that we give it, and under others
    not at all, or any query would be one more copy in every cache between."""
    return FOR_GOOD if request.url.query in ("", query) else UNKEPT


def _missing(sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, 404, {"cache-control": UNKEPT})


ROUTES = [
    Route("/api/plotly/{version}.js", plotly),
    Route("/api/scripts/{version}/{path:path}", script),
    Route("/api/arrays/{name}", array),
    Route("/api/thumbnails/{dataset}/{split}/{part}", thumbnails),
    Route("/api/decoders/{run_id}/{version}", decoder),
    Route("/api/networks/{run_id}/{version}", network),
    Route("/api/denoisers/{run_id}/{version}", denoiser),
    Route("/api/translators/{run_id}/{version}", translator),
    Route("/api/run-files/{run_id}/{version}/{name}", run_file),
    Route("/api/frames/{run_id}/{version}", frames),
    Route("/api/dreams/{run_id}/{changed}/{name}", dreamt),
    Route("/api/sheets/{run_id}/{version}/{epoch}", sheet),
    Route("/api/looks/{name}/{value}", previews.answer),
    Route("/api/camera/{name}", camera_answers.answer, methods=["POST"]),
    Route("/api/{rest:path}", nothing),  # else Streamlit would answer with its page
]
