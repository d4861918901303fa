"""What people and workers do, a line of JSON each, for those who run a server.

No names, no addresses, nothing of what is in a file: what was done, and to which run or set.
"""

import json
import logging
from datetime import UTC, datetime

log = logging.getLogger("latent_lab.actions")


def begin() -> None:
    """Write actions to the standard error of this process."""
    if not log.handlers:
        log.addHandler(logging.StreamHandler())
        log.setLevel(logging.INFO)
        log.propagate = False


def note(action: str, **facts: str | float) -> None:
    """Write one action to the log.

    Args:
        facts: of what, how much; never of whom.
    """
    if log.isEnabledFor(logging.INFO):
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        log.info(json.dumps({"time": now, "action": action, **facts}))
