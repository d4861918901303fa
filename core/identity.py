"""People, by an id that says nothing of them: anonymous visitors, and those who have signed in."""

import hashlib
from collections.abc import Mapping
from typing import Any

from core.settings import settings

SIGNED_IN = "user-"
COMMAND_LINE = "command line"
"""The owner of runs that are trained there: no visitor of a page can delete them alone."""


def signed_in_as(claims: Mapping[str, Any]) -> str:
    """The id of somebody whom a sign-in service vouches for; the same at each sign-in.

    Args:
        claims: of OpenID Connect. The address names a person, unless the service says that it has
            not been checked; else the service's own name for them.
    """
    address = str(claims.get("email") or "").strip().lower()
    if address and claims.get("email_verified", True) in (True, "true"):
        return _named(address)
    return _named(f"{claims.get('iss')} {claims.get('sub')}")


def signed_in(who: str) -> bool:
    """Whether an id is of somebody who has signed in."""
    return who.startswith(SIGNED_IN)


def anonymous(who: str) -> bool:
    """Whether an id is of a visitor whom only a cookie names."""
    return not signed_in(who) and who != COMMAND_LINE


def administrator(who: str) -> bool:
    """Whether an id is of somebody whom the settings name as administrator."""
    return who in map(_named, settings().administrator_addresses)


def _named(name: str) -> str:
    return SIGNED_IN + hashlib.sha256(name.encode()).hexdigest()[:32]
