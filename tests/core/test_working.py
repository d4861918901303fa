"""Work: what a process that carries it out does with its memory."""

import platform
import resource

import pytest
import torch

from core.memory import keep_memory


def faults() -> int:
    """Pages that this process has been given so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def ask_for_memory() -> None:
    for _ in range(10):
        torch.zeros(4_000_000)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="elsewhere it does nothing")
def test_memory_that_is_asked_for_again_is_the_same() -> None:
    keep_memory()
    ask_for_memory()
    before = faults()
    ask_for_memory()
    assert faults() - before < 10_000, "of about 39,000 pages of 4 KiB"
