"""What browsers run: the modules of our components, and Plotly."""

import asyncio
import gzip
import json
import posixpath
import re
from functools import cache, lru_cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from pages.server.base_path import address
from pages.server.replies import cache_control, missing_reply

JAVASCRIPT = "text/javascript; charset=utf-8"
SCRIPTS = {".js": JAVASCRIPT, ".wasm": "application/wasm"}
"""Types of what browsers run, by the ends of the files' names."""
COMPONENTS = Path(__file__).parents[1] / "components"
IMPORTED = re.compile(r"""^import .* from "([^"]+)";$""", re.MULTILINE)


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


async def script(request: Request) -> Response:
    """An ES module of a component, or what one runs."""
    path = request.path_params["path"]
    content = _scripts().get(path)
    if content is None or request.path_params["version"] != _scripts_version():
        return missing_reply("There is no such script.")
    kind = SCRIPTS[PurePosixPath(path).suffix]
    return Response(content, 200, {"cache-control": cache_control(request)}, kind)


async def plotly(request: Request) -> Response:
    """The library, as it comes with the pip package."""
    if request.path_params["version"] != _plotly_version():
        return missing_reply("There is no such version.")
    small = "gzip" in accepted_encodings(request.headers)
    headers = {"cache-control": cache_control(request), "vary": "accept-encoding"}
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
