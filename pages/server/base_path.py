"""The address of the lab: the path that it is mounted below, and its host names."""

import re
import socket
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pages.server.streamlit_private import get_display_address, is_host_allowed

HOST = re.compile(r"\[(?P<six>[0-9A-Fa-f:.]+)\](:\d+)?|(?P<name>[^\s:/@\[\]]+)(:\d+)?")
FOREIGN = (
    "This lab does not go by that name. Whoever runs it lists its names in "
    "STREAMLIT_SERVER_ALLOWED_HOSTS, or as server.allowedHosts in .streamlit/config.toml."
)


def root() -> str:
    """The path that the lab is mounted below, such as `/class/lab`; empty where there is none."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def address(path: str) -> str:
    """Where browsers find a path of ours."""
    return f"{root()}{path}"


def own_address() -> str:
    """The lab's address on this machine, for whoever started it with `streamlit run`."""
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    host = st.get_option("browser.serverAddress")
    if host == "localhost":  # not said
        host = get_display_address(st.get_option("server.address") or "localhost")
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}:{st.get_option('server.port')}{root()}/"


def here() -> str:
    """Where the lab keeps what a visitor of this page brings, in words."""
    host = HOST.fullmatch(st.context.headers.get("host") or "localhost")
    name = (host["six"] or host["name"]).lower() if host else ""
    own = name == "localhost" or (_is_number(name) and ip_address(name).is_loopback)
    return "on this machine" if own else "on the lab's server"


def mounted(routes: Sequence[Route]) -> list[Route]:
    """The same routes, below the path that the lab is mounted at."""
    return [Route(address(r.path), r.endpoint, methods=list(r.methods or ())) for r in routes]


class Hosts:
    """Answers only under names that are ours.

    A page of a stranger's whose name is made to lead to this machine (DNS rebinding) is of the same
    origin as the lab, as far as browsers can tell, and could read all that its visitor may.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or say that nobody of that name is here."""
        if scope["type"] not in ("http", "websocket") or all(map(ours, _hosts(scope))):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # against the rules
        else:
            headers = {"cache-control": "no-store"}
            await PlainTextResponse(FOREIGN, 403, headers)(scope, receive, send)


def ours(host: str) -> bool:
    """Whether a `Host` header names the lab.

    An address of numbers cannot be made to lead elsewhere, and `localhost` is this machine in every
    browser. Other names are those of `server.allowedHosts`; where that is empty, those that the
    server was started with and this machine's own.
    """
    match = HOST.fullmatch(host)
    if match is None:
        return False
    name = (match["six"] or match["name"]).lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost") or _is_number(name):
        return True
    if st.get_option("server.allowedHosts"):
        return is_host_allowed(host)
    started_with = (st.get_option("server.address"), st.get_option("browser.serverAddress"))
    return name in {str(one).lower() for one in started_with if one} | _own_names()


def _hosts(scope: Scope) -> list[str]:
    """What a request calls us: once by the rules, and not at all by programs of old."""
    return Headers(scope=scope).getlist("host")


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1)
def _own_names() -> frozenset[str]:
    """This machine's name, also as it is known without a name server (mDNS)."""
    own = socket.gethostname().lower().rstrip(".")
    return frozenset({own, f"{own.partition('.')[0]}.local"} - {"", ".local"})
