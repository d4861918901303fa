"""Shares of few pictures, with how far they can be trusted."""

from core.metrics.image import wilson_interval


def farther(share: float, k: int, what: str) -> str:
    """How far something lies from a set's own images, as a sentence.

    Args:
        share: of the set's images that are nearer to their k-th nearest other.
        what: the set's images, such as "training images".
    """
    than = f"any of the {what} is" if share >= 1 else f"{_floored(share)} of the {what} are"
    return f"It is farther from its {_ordinal(k)} among the {what} than {than} from theirs."


def _floored(share: float) -> str:
    """In whole percent, never rounded up to what it is not."""
    return f"{int(100 * share + 1e-9)}%"


def _ordinal(k: int) -> str:
    named = {1: "", 2: "second ", 3: "third ", 10: "tenth "}
    return f"{named.get(k, f'{k}th ')}nearest"


def interval(share: float, n: int) -> str:
    """The 95 % interval of a share of `n` pictures, as text."""
    low, high = wilson_interval(round(share * n), n)
    return f"{low:.1%} to {high:.1%}"
