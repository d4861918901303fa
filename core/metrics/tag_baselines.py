"""What taggers are set beside, and how sure their figures are."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

MAX_SUFFIX = 5
"""Last letters of a word by which the bigram model guesses the tag of one that it has not seen."""
RARE = 10
"""A word seen as often at most is one from which it learns what unseen words are like."""
RESAMPLES = 2000


class Tagged(NamedTuple):
    """A sentence: its words, and the number of each one's tag."""

    words: list[str]
    tags: list[int]


class MostFrequent:
    """Each word's most frequent tag in training; of words never seen the most frequent tag."""

    def __init__(self, sentences: Sequence[Tagged], tags: int) -> None:
        counts: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for sentence in sentences:
            for word, tag in zip(*sentence, strict=True):
                counts[word.lower()][tag] += 1
        self.best = {word: count.most_common(1)[0][0] for word, count in counts.items()}
        self.usual = Counter(tag for s in sentences for tag in s.tags).most_common(1)[0][0]

    def __call__(self, words: Sequence[str]) -> list[int]:
        """The tags of a sentence."""
        return [self.best.get(word.lower(), self.usual) for word in words]


class Bigram:
    """A hidden Markov model: a tag depends on the one before, a word on its tag; Viterbi finds
    the likeliest tags of the whole sentence. Words never seen are guessed by their last letters and
    their capital, as rare words of training have them (Brants 2000, with his smoothing)."""

    def __init__(self, sentences: Sequence[Tagged], tags: int) -> None:
        follows, first = np.full((tags, tags), 0.1), np.full(tags, 0.1)
        emitted: defaultdict[str, np.ndarray] = defaultdict(lambda: np.zeros(tags))
        for words, numbers in sentences:
            np.add.at(follows, (numbers[:-1], numbers[1:]), 1)
            first[numbers[0]] += 1
            for word, tag in zip(words, numbers, strict=True):
                emitted[word][tag] += 1
        self.first = np.log(first / first.sum())
        self.follows = np.log(follows / follows.sum(1, keepdims=True))
        every = np.sum(list(emitted.values()), axis=0) + 0.1
        self.prior = every / every.sum()
        with np.errstate(divide="ignore"):
            self.emitted = {w: np.log(count / every) for w, count in emitted.items()}
        self.suffixes = self._suffixes(emitted)

    def __call__(self, words: Sequence[str]) -> list[int]:
        """The tags of a sentence."""
        answers = [self._of(word) for word in words]
        score, back = self.first + answers[0], []
        for answer in answers[1:]:
            ways = score[:, None] + self.follows
            back.append(ways.argmax(0))
            score = ways.max(0) + answer
        path = [int(score.argmax())]
        for best in reversed(back):
            path.append(int(best[path[-1]]))
        return path[::-1]

    def _of(self, word: str) -> np.ndarray:
        """How likely each tag gives the word, but for a factor, as logarithms."""
        if word in self.emitted:
            seen: np.ndarray = self.emitted[word]
            return seen
        for length in range(MAX_SUFFIX, -1, -1):
            if (key := _suffix(word, length)) in self.suffixes:
                guess: np.ndarray = self.suffixes[key]
                return guess
        return np.zeros_like(self.prior)

    def _suffixes(self, emitted: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        counts: defaultdict[str, np.ndarray] = defaultdict(lambda: np.zeros_like(self.prior))
        for word, count in emitted.items():
            if count.sum() <= RARE:
                for length in range(MAX_SUFFIX + 1):
                    counts[_suffix(word, length)] += count
        theta, shares = float(self.prior.std()), dict[str, np.ndarray]()
        for key in sorted(counts, key=len):  # a shorter suffix smooths the next longer one
            shorter = shares.get(key[0] + key[2:], self.prior)
            share = counts[key] / counts[key].sum()
            shares[key] = (share + theta * shorter) / (1 + theta)
        return {key: np.log(share / self.prior) for key, share in shares.items()}


def _suffix(word: str, length: int) -> str:
    """Whether it begins with a capital, and its last letters."""
    return f"{word[:1].isupper():d}" + (word[-length:].lower() if length else "")


def interval(right: Tensor, group: Tensor, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of a share, resampling groups (texts), whose words are alike.

    Args:
        right: bool (N,), whether each was right.
        group: int64 (N,), the text that it is of.
    """
    _, group = torch.unique(group, return_inverse=True)
    n = int(group.max()) + 1
    hits = torch.bincount(group, right.double(), n)
    counts = torch.bincount(group, minlength=n).double()
    drawn = torch.randint(n, (RESAMPLES, n), generator=torch.Generator().manual_seed(seed))
    shares = hits[drawn].sum(1) / counts[drawn].sum(1)
    low, high = shares.quantile(torch.tensor([0.025, 0.975], dtype=torch.double)).tolist()
    return low, high
