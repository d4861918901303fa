"""Shares of few pictures, with how far they can be trusted."""

from core.metrics import wilson_interval


def interval(share: float, n: int) -> str:
    """The 95 % interval of a share of `n` pictures, as text."""
    low, high = wilson_interval(round(share * n), n)
    return f"{low:.1%} to {high:.1%}"
