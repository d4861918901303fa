"""Probabilities of words by counting n-grams: unigram, trigram as it is counted, Kneser-Ney.

All are of a stream of word numbers below `words`, int64. What stands before the first word of a
stream is number 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """How often each of some n-grams was seen; an n-gram is a number, see `keys`."""

    keys: Ids
    """Sorted."""
    counts: Floats

    @classmethod
    def of(cls, keys: Ids) -> "Counts":
        """Count n-grams."""
        unique, counts = np.unique(keys, return_counts=True)
        return cls(unique, counts.astype(np.float64))

    def sums(self, groups: Ids, weights: Floats | None = None) -> "Counts":
        """The sums of `weights` (of 1 where there are none) over groups of the n-grams."""
        unique, where = np.unique(groups, return_inverse=True)
        return Counts(unique, np.bincount(where, weights, len(unique)).astype(np.float64))

    def __getitem__(self, keys: Ids) -> Floats:
        """How often these were seen; 0 for those that were not."""
        if not len(self.keys):
            return np.zeros(len(keys))
        at = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        counts: Floats = np.where(self.keys[at] == keys, self.counts[at], 0.0)
        return counts


def keys(stream: Ids, words: int, order: int) -> Ids:
    """The n-gram that ends at each word of a stream, as one number."""
    if words**order >= 2**63:
        raise ValueError(f"{order}-grams of {words} words have no number.")
    padded = np.concatenate([np.zeros(order - 1, np.int64), stream])
    key = np.zeros(len(stream), np.int64)
    for back in range(order - 1, -1, -1):
        end = len(padded) - back
        key = key * words + padded[end - len(stream) : end]
    return key


def context_counts(train: Ids, stream: Ids, words: int) -> Floats:
    """How often the two words before each word of a stream stand in the training text, with a word
    behind them."""
    return Counts.of(keys(train, words, 3) // words)[keys(stream, words, 3) // words]


def unigram(train: Ids, stream: Ids, words: int) -> Floats:
    """The share of each word in the training text, one added to each count."""
    counts = np.bincount(train, minlength=words) + 1.0
    probabilities: Floats = (counts / counts.sum())[stream]
    return probabilities


def trigram(train: Ids, stream: Ids, words: int) -> Floats:
    """What followed the two words before, as a share: the maximum likelihood.

    0 where these three words never stood together, also where the two did not.
    """
    seen = Counts.of(keys(train, words, 3))
    contexts = seen.sums(seen.keys // words, seen.counts)
    wanted = keys(stream, words, 3)
    probabilities: Floats = seen[wanted] / np.maximum(contexts[wanted // words], 1)
    return probabilities


def kneser_ney(train: Ids, stream: Ids, words: int, order: int = 3) -> Floats:
    """The interpolated Kneser-Ney model, one discount an order (Chen and Goodman 1999).

    From the count of each n-gram a discount D is taken and given to the model of one word less,
    which counts in how many contexts a word stood, and not how often; the last of them is mixed
    with the even distribution. D = n₁ / (n₁ + 2 n₂), of how many were counted once and twice.
    """
    seen = Counts.of(keys(train, words, order))
    models = []
    for n in range(order, 0, -1):
        models.append((n, seen))
        if n > 1:  # in how many contexts the shorter ones stood: the first word is left out
            shorter = seen.keys % words ** (n - 1)
            seen = seen.sums(shorter)
    probabilities: Floats = np.full(len(stream), 1 / words)
    for n, counted in reversed(models):
        discount = _discount(counted.counts)
        contexts = counted.sums(counted.keys // words, counted.counts)
        kinds = counted.sums(counted.keys // words)
        wanted = keys(stream, words, order) % words**n
        total, different = contexts[wanted // words], kinds[wanted // words]
        own = np.maximum(counted[wanted] - discount, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mixed = (own + discount * different * probabilities) / total
        probabilities = np.where(total > 0, mixed, probabilities)
    return probabilities


def _discount(counts: Floats) -> float:
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    return float(once / (once + 2 * twice)) if once else 0.0


def mixing_weight(first: Floats, second: Floats, steps: int = 50) -> float:
    """The weight of the first model in the mixture that makes some words most likely, by
    expectation maximisation.

    Args:
        first, second: the probabilities that two models gave these words.
    """
    weight = 0.5
    for _ in range(steps):
        share = weight * first
        weight = float((share / np.maximum(share + (1 - weight) * second, 1e-300)).mean())
    return weight


def perplexity(probabilities: Floats) -> float:
    """How many equally likely words a model had to choose from, so to say: the inverse of the
    geometric mean of its probabilities. Infinite where one of them is 0."""
    if not len(probabilities) or (probabilities <= 0).any():
        return float("inf")
    return float(np.exp(-np.log(probabilities).mean()))


BLOCK = 1000
"""Words of a block; neighbouring words share a topic, so that they vary together."""


def perplexity_interval(probabilities: Floats) -> list[float]:
    """About where the perplexity would be with other texts of the kind, with a confidence of 95 %:
    two standard errors of the mean over blocks of 1,000 words. Empty for fewer than ten blocks, or
    where a probability is 0."""
    blocks = len(probabilities) // BLOCK
    if blocks < 10 or (probabilities <= 0).any():
        return []
    surprise = -np.log(probabilities[: blocks * BLOCK]).reshape(blocks, BLOCK).mean(1)
    error = surprise.std(ddof=1) / np.sqrt(blocks)
    return [float(np.exp(surprise.mean() + side * 1.96 * error)) for side in (-1, 1)]


def by_context(seen: Floats, models: Mapping[str, Floats]) -> list[dict[str, float]]:
    """Perplexities where the two words before were never seen together, once, and more often.

    Args:
        seen: of each measured word, see `context_counts`.
        models: the probabilities that models gave these words; those with a 0 are left out.

    Returns:
        For each of the three the `share` of the words, and the perplexities by model.
    """
    rows = []
    for where in (seen == 0, seen == 1, seen > 1):
        row = {"share": float(where.mean()) if len(where) else 0.0}
        if where.any():
            row |= {n: perplexity(p[where]) for n, p in models.items() if (p > 0).all()}
        rows.append(row)
    return rows
