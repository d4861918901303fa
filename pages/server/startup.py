"""What is heavy, loaded while the first visitor's browser still fetches the page's files."""

import gc
from threading import Event

_begun, _done = Event(), Event()
loaded = Event()
"""All went well: visitors can be sent here."""


def begin() -> None:
    """From now on pages wait. Say so before `load` runs in another thread."""
    _begun.set()


def load() -> None:
    """The libraries, a model and its first pass."""
    try:
        import torch

        torch.set_num_threads(1)  # a picture is small, and visitors are many
        from core.inference import restoration
        from core.jobs import queue  # noqa: F401 - loaded

        restoration.warm_up()
        gc.collect()
        gc.freeze()
        loaded.set()
    finally:
        _done.set()


def wait() -> None:
    """Until `load` has ended; modules that two threads import at once can be seen half made. Where
    nothing was begun, as in tests, there is nothing to wait for."""
    if _begun.is_set():
        _done.wait()
