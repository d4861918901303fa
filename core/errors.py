"""The errors that are meant for people: each message says what went wrong and what to do."""

import errno

DISK_FULL = "The disk is full. Make room and resume; the last whole epoch is kept."


def disk_is_full(error: BaseException) -> bool:
    """Whether that is what an error says: of the disk, or of what somebody may have of it."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


class LabError(Exception):
    """Something that a visitor can understand and act on; its text is shown as it stands."""


class DataMissing(LabError):
    """A data set is not on this machine and could not be fetched."""


class BadUpload(LabError):
    """A file from outside that is not what it says, is too large, or would do harm."""


class UnknownName(LabError):
    """A name that no registry knows; the message lists the known ones."""

    def __init__(self, what: str, name: object, known: object) -> None:
        names = ", ".join(str(k) for k in known)  # type: ignore[attr-defined]
        super().__init__(f"There is no {what} called {str(name)[:80]!r}. Known: {names}.")


class RunBroken(LabError):
    """A run directory whose files are missing, damaged or not ours."""


class Refused(LabError):
    """Something that this server does not allow, or not now (queue full, training off)."""


class Cancelled(Exception):
    """Raised inside a job that is to be cancelled; never shown."""
