"""Links that share a private run with whoever has them.

Of a link's token only the SHA-256 is kept, beside the run. Who has opened a link is known to this
process alone and for some hours; that counts only while the run still has this very link, so a
withdrawn one is dead at once, for everybody and in every process.
"""

import hashlib
import hmac
import secrets
from threading import Lock

from cachetools import TTLCache

from core import files
from core.runs.store import Run

HOURS_OPEN = 12
"""Hours for which somebody who has opened a link sees its run without opening it again."""
TOKEN_BYTES = 24
SHARED = "shared.json"
OPENED: TTLCache[tuple[str, str], str] = TTLCache(10_000, HOURS_OPEN * 3600)
"""By visitor and run: the hash of the token that opened it."""
LOCK = Lock()


def make_link(run: Run) -> str:
    """Return the token of a new link to a run; the one before is dead."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    files.write_json(run.path / SHARED, _hash(token))
    return token


def withdraw(run: Run) -> None:
    """Make the link to a run dead, if there is one."""
    (run.path / SHARED).unlink(missing_ok=True)


def shared(run: Run) -> bool:
    """Whether there is a link to the run."""
    return bool(_kept(run))


def open_link(run: Run, token: str, who: str) -> bool:
    """Whether a token is that of the link to a run; then `who` has opened it."""
    digest = _hash(token)
    if not who or not hmac.compare_digest(digest, _kept(run)):
        return False
    with LOCK:
        OPENED[who, run.id] = digest
    return True


def opened(run: Run, who: str) -> bool:
    """Whether `who` has opened the link that the run has now."""
    with LOCK:
        digest = OPENED.get((who, run.id))
    return digest is not None and hmac.compare_digest(digest, _kept(run))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _kept(run: Run) -> str:
    try:
        kept = files.read_json_cached(run.path / SHARED)
    except (OSError, ValueError):
        return ""
    return kept if isinstance(kept, str) and kept.isascii() else ""
