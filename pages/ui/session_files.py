"""What a page holds in memory for its visitor beside uploads: camera shots, files made on demand.

All of it counts towards `LATENT_LAB_MAX_SESSION_MB`, as uploads do, and goes with the session.
"""

from collections.abc import Mapping
from weakref import WeakValueDictionary

import streamlit as st

from core.errors import Refused
from core.settings import settings
from pages.server.streamlit_private import get_script_run_ctx, uploaded_bytes

KEY = "held"


class SessionFiles:
    """The files of one session, by group and name."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, bytes]] = {}

    def size(self) -> int:
        """Bytes of all of them."""
        groups = list(self.groups.values())
        return sum(len(content) for group in groups for content in list(group.values()))


SESSIONS: WeakValueDictionary[str, SessionFiles] = WeakValueDictionary()
"""By session; one that has ended is gone from here with its state."""


def add(group: str, name: str, content: bytes) -> None:
    """Keep a file for as long as the session lives.

    Raises:
        Refused: with it the page would hold more than one may.
    """
    files = _mine().groups.setdefault(group, {})
    check_room(len(content) - len(files.get(name, b"")))
    files[name] = content


def files_of(group: str) -> Mapping[str, bytes]:
    """The files of a group, the oldest first."""
    return _mine().groups.get(group, {})


def remove(group: str, *names: str) -> None:
    """Drop files of a group; all of them where none is named."""
    files = _mine().groups.get(group, {})
    for name in names or tuple(files):
        files.pop(name, None)


def check_room(size: int) -> None:
    """Whether so many bytes more may be held.

    Raises:
        Refused: they may not.
    """
    most = settings().max_session_mb
    if size > 0 and total(_session()) + size > most * 2**20:
        raise Refused(
            f"This page may hold {most:,} MB in all, and this would be more. Remove some files, or "
            "reload the page."
        )


def total(session: str) -> int:
    """Bytes that a session holds, uploads included."""
    mine = SESSIONS.get(session)
    return uploaded_bytes(session) + (mine.size() if mine is not None else 0)


def _mine() -> SessionFiles:
    mine: SessionFiles = st.session_state.setdefault(KEY, SessionFiles())
    SESSIONS[_session()] = mine
    return mine


def _session() -> str:
    context = get_script_run_ctx()
    return context.session_id if context is not None else ""
