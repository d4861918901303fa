"""Who is asking: an anonymous visitor with a signed cookie."""

import secrets
from functools import lru_cache

import streamlit as st
from itsdangerous import BadSignature, Signer

from core import files
from core.settings import settings

COOKIE = "latent_lab_visitor"
YEAR = 365 * 24 * 3600


def who() -> str:
    """The visitor of this session; the same in all of a browser's tabs, and after a restart."""
    found = identity(st.context.cookies.get(COOKIE))
    if found is not None:
        return found
    if "visitor" not in st.session_state:  # no cookies: known for this session only
        st.session_state["visitor"] = secrets.token_hex(16)
    return str(st.session_state["visitor"])


def identity(cookie: str | None) -> str | None:
    """The visitor that a cookie names, or None when it is missing or not signed by us."""
    try:
        return _signer().unsign(cookie).decode() if cookie else None
    except BadSignature:
        return None


def cookie_header(*, secure: bool) -> bytes:
    """The value of a set-cookie header that makes somebody a visitor."""
    value = _signer().sign(secrets.token_hex(16)).decode()
    flags = "; Secure" if secure else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={YEAR}; HttpOnly; SameSite=Lax{flags}".encode()


@lru_cache(maxsize=1)
def _signer() -> Signer:
    return Signer(settings().secret or _kept_secret(), salt="visitor")


def _kept_secret() -> str:
    """A key of this installation, made once; on a read-only disk, one for this process."""
    path = settings().runs / ".secret"
    try:
        if not path.exists():
            files.write_bytes(path, secrets.token_hex(32).encode())
            path.chmod(0o600)
        return path.read_text()
    except OSError:
        return secrets.token_hex(32)
