"""Curves with less noise."""

import math
from collections.abc import Sequence


def smoothed(values: Sequence[float], share: float) -> list[float]:
    """An exponential moving average, corrected for its start as in Adam (Kingma and Ba 2015).

    Args:
        values: a number a step; those that are not finite stay as they are, and count for nothing.
        share: of the average that each step keeps, from 0 (nothing is smoothed) to less than 1.
    """
    average, steps, result = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            result.append(value)
            continue
        average, steps = share * average + (1 - share) * value, steps + 1
        result.append(average / (1 - share**steps))
    return result
