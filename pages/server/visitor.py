"""Who a request is from: an anonymous visitor with a signed cookie, or somebody who has signed in.

Signing in is Streamlit's own (`st.login`, OpenID Connect), and there where its secrets name a
service; see tests/hosting/README.md.
"""

import json
import secrets
from collections.abc import Mapping
from functools import lru_cache

import streamlit as st
from itsdangerous import BadSignature, Signer

from core import files, identity
from core.settings import settings
from pages.server.base_path import address
from pages.server.streamlit_private import (
    USER_COOKIE_NAME,
    decode_signed_value,
    get_cookie_secret,
    get_cookie_with_chunks,
    get_secrets_auth_section,
    session_claims,
)

COOKIE = "latent_lab_visitor"
YEAR = 365 * 24 * 3600


def who() -> str:
    """The person of this session; the same in all of a browser's tabs, and after a restart."""
    if (claims := session_claims()).get("is_logged_in"):
        return identity.signed_in_as(claims)
    visitor = _anonymous(st.context.cookies)
    if visitor is not None:
        return visitor
    if "visitor" not in st.session_state:  # no cookies: known for this session only
        st.session_state["visitor"] = secrets.token_hex(16)
    return str(st.session_state["visitor"])


def visitor_of(cookies: Mapping[str, str]) -> str | None:
    """The person that a request's cookies name, or None when none is there that we have signed."""
    return _signed_in(cookies) or _anonymous(cookies)


def signing_in() -> None:
    """Who is here, and the way in and out, at the foot of the sidebar; nothing where there is none.

    Runs that somebody started in this browser before they signed in become theirs.
    """
    if not get_secrets_auth_section():
        return
    if not st.user.get("is_logged_in"):
        st.sidebar.button("Sign in", icon=":material/login:", on_click=st.login)
        return
    if (before := _anonymous(st.context.cookies)) and "taken_over" not in st.session_state:
        from core.jobs import queue  # heavy, and this file is read before the server is up

        st.session_state["taken_over"] = queue.take_over(before, who())
    name = str(st.user.get("name") or st.user.get("email") or "Signed in")
    st.sidebar.button(
        "Sign out", icon=":material/logout:", on_click=st.logout, help=f"You are {name}."
    )


def admitted() -> bool:
    """Whether this visitor may start jobs here; says why not, with the way in."""
    from core.jobs import queue

    sentence = queue.refusal(who())
    if not sentence:
        return True
    st.info(sentence)
    if settings().training == "signed-in" and get_secrets_auth_section():
        st.button("Sign in", icon=":material/login:", key="sign-in-here", on_click=st.login)
    return False


def cookie_header(*, secure: bool) -> bytes:
    """The value of a set-cookie header that makes somebody a visitor: of this lab, where others
    are on the same host below other paths."""
    value = _signer().sign(secrets.token_hex(16)).decode()
    flags = "; Secure" if secure else ""
    path = address("") or "/"
    return f"{COOKIE}={value}; Path={path}; Max-Age={YEAR}; HttpOnly; SameSite=Lax{flags}".encode()


def _anonymous(cookies: Mapping[str, str]) -> str | None:
    cookie = cookies.get(COOKIE)
    try:
        return _signer().unsign(cookie).decode() if cookie else None
    except BadSignature:
        return None


def _signed_in(cookies: Mapping[str, str]) -> str | None:
    """What Streamlit reads for its sessions, for requests that belong to none."""

    def part(name: str) -> bytes | None:
        value = cookies.get(name, "").encode("latin-1", "replace")
        return decode_signed_value(get_cookie_secret(), name, value) if value else None

    cookie = get_cookie_with_chunks(part, USER_COOKIE_NAME)
    claims = json.loads(cookie) if cookie else {}
    return identity.signed_in_as(claims) if claims.get("is_logged_in") else None


@lru_cache(maxsize=1)
def _signer() -> Signer:
    return Signer(settings().secret or _kept_secret(), salt="visitor")


def _kept_secret() -> str:
    """A key of this installation, made once; on a read-only disk, one for this process."""
    try:
        return files.shared_secret(settings().runs / ".secret")
    except OSError:
        return secrets.token_hex(32)
