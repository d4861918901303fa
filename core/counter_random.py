"""Random numbers by counter: Philox 2×32-10 (Salmon et al. 2011).

A number depends on seed, stream and place alone, so that any step of a trajectory can be computed
again, and the browser (pages/components/trajectory/random.js) draws the same.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MULTIPLIER: Final = np.uint64(0xD256D193)
WEYL: Final = np.uint64(0x9E3779B9)
LOW: Final = np.uint64(0xFFFFFFFF)
HALF: Final = np.uint64(32)
NAMES: Final = ("weights", "order", "dropout", "points", "noise", "split", "sparse")
STREAMS: Final = 8


def stream(name: str, number: int = 0) -> int:
    """The stream for a purpose, one of `NAMES`; with a number (a layer, a step), one of many."""
    return (NAMES.index(name) + STREAMS * number) & 0xFFFFFFFF


def philox(first: NDArray[np.uint64], second: int, key: int) -> tuple[NDArray[np.uint64], ...]:
    """Two words of 32 bits for each counter of two words, under a key."""
    x, y, k = first & LOW, np.full_like(first, second), np.uint64(key & 0xFFFFFFFF)
    for _ in range(10):
        product = x * MULTIPLIER
        x, y = (product >> HALF) ^ k ^ y, product & LOW
        k = (k + WEYL) & LOW
    return x, y


def uniform(seed: int, of: int, places: int | Sequence[int] | NDArray[np.int64]) -> Floats:
    """Numbers in [0, 1) with 53 bits.

    Args:
        seed: 32 bits.
        of: a stream.
        places: in the stream; a number n stands for 0 … n - 1.
    """
    counters = np.arange(places) if isinstance(places, int) else np.asarray(places)
    x, y = philox(counters.astype(np.uint64), of, seed)
    return ((x >> np.uint64(5)) * 67108864.0 + (y >> np.uint64(6))) / 9007199254740992.0


def normal(seed: int, of: int, count: int) -> Floats:
    """Numbers of mean 0 and variance 1 at the first places of a stream (Box and Muller 1958)."""
    drawn = uniform(seed, of, 2 * count)
    radius = np.sqrt(-2 * np.log(1 - drawn[0::2]))
    return np.asarray(radius * np.cos(2 * np.pi * drawn[1::2]))


def noises(count: int, shape: tuple[int, int, int], seed: int) -> Floats:
    """Normal noise (count, C, H, W) for pictures of a shape: that of a number is the same however
    many there are. `firstNoise` in pages/components/diffusion/sampling.js draws the same."""
    channels, height, width = shape
    size = channels * height * width
    drawn = np.stack([normal(seed, stream("noise", index), size) for index in range(count)])
    return drawn.reshape(count, height, width, channels).transpose(0, 3, 1, 2)


def order(seed: int, of: int, n: int) -> NDArray[np.int64]:
    """The numbers 0 … n - 1, shuffled: by the size of a random number for each."""
    return np.argsort(uniform(seed, of, n), kind="stable")
