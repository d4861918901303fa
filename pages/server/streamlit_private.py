"""Every part of Streamlit that is not its public interface and is used here.

Nobody else imports such parts, and `tests/pages/test_private_parts.py` names the version for which
they were read: another version is let in by `requirements.txt` only when that test says so.
"""

import logging
from typing import Any

from streamlit import config, net_util
from streamlit.auth_util import get_cookie_with_chunks, get_secrets_auth_section
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.widgets.file_uploader import UploadedFile  # type: ignore[attr-defined]
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.watcher.local_sources_watcher import LocalSourcesWatcher
from streamlit.web.server.server_util import get_cookie_secret, get_display_address
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

__all__ = [
    "USER_COOKIE_NAME",
    "DeltaGenerator",
    "UploadedFile",
    "ask_nobody_for_our_address",
    "decode_signed_value",
    "draw_outside_of_pages",
    "get_cookie_secret",
    "get_cookie_with_chunks",
    "get_display_address",
    "get_script_run_ctx",
    "get_secrets_auth_section",
    "is_host_allowed",
    "session_claims",
    "started_by_streamlit",
    "uploaded_bytes",
    "watch_no_files",
]


def ask_nobody_for_our_address() -> None:
    """Streamlit asks a server of Amazon's for this machine's address, when it prints where it
    listens and at each WebSocket of a foreign origin; for as long, nobody else is answered."""
    net_util.get_external_ip = lambda: None


def draw_outside_of_pages() -> None:
    """What is cached for pages is also drawn by threads of ours, for the first pictures and while a
    slider is dragged: Streamlit would warn each time that no page is there to show a spinner."""
    log = logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context")
    log.addFilter(lambda record: "missing ScriptRunContext" not in record.getMessage())


def watch_no_files() -> None:
    """Where no files are watched, nobody who comes back after a break of the network has all
    modules looked through for some: half a second, in which the server answers nobody."""
    if config.get_option("server.fileWatcherType") == "none":
        LocalSourcesWatcher.update_watched_modules = lambda self: None  # type: ignore[method-assign]


def started_by_streamlit() -> bool:
    """Whether `streamlit run` has started this server, and so knows its port."""
    return config._server_mode == "starlette-app"


def session_claims() -> dict[str, Any]:
    """What the service says of the person who has signed in to this session; empty for others.

    `st.user` gives the same, and looks for files of secrets each time: a tenth of what a moved
    slider costs the server.
    """
    context = get_script_run_ctx(suppress_warning=True)
    return dict(context.user_info) if context else {}


def uploaded_bytes(session: str) -> int:
    """Bytes of the files that a session has uploaded and that are held in memory."""
    try:
        manager = Runtime.instance().uploaded_file_mgr
    except RuntimeError:  # without a server, as in tests of pages
        return 0
    held = getattr(manager, "file_storage", {}).get(session, {})
    return sum(len(file.data) for file in list(held.values()))
