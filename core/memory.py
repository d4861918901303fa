"""The memory of this process: how much of what is freed stays with it."""

import contextlib
import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Names of glibc's `mallopt`."""
MAX_KEPT, MAX_POOLED = 2**30, 2**25
"""Bytes of free memory that stay, and of the largest block that may be among them (the most that
glibc allows)."""


def keep_memory() -> None:
    """Have freed memory kept by this process, where its C library is glibc.

    torch frees and asks for the same sizes at every step. Given back to the system each time,
    their pages have to be filled with zeros again: half of a step of a small network.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(TRIM_THRESHOLD, MAX_KEPT)
        mallopt(MMAP_THRESHOLD, MAX_POOLED)
