"""A data set: a record, and its images as whole uint8 tensors."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Split = Literal["train", "test"]
Medium = Literal["pictures", "series", "text"]
Progress = Callable[[str, float], None]
"""Called with a sentence and the share done, 0 to 1."""
CHOICE_SEED = 60_000
"""Of the images that a figure is taken on, where it is taken on a part of a set."""


class Images(NamedTuple):
    """One split: `pixels` uint8 (N, C, H, W), `labels` int64 (N,), -1 where there is no class.

    What a task makes of them to learn from has a row an example too: features of images (N, d), or
    of a sequence what is seen (N, steps, …) and what is to be said of it (N, …).
    """

    pixels: Tensor
    labels: Tensor

    def first(self, n: int) -> "Images":
        """Return the first `n` images, for display; all of them for 0.

        Never for a figure: a set may be in an order (MNIST's test images are), so that its
        beginning is another distribution. Figures on a part are taken on `choice`.
        """
        return Images(self.pixels[:n], self.labels[:n]) if n else self

    def choice(self, n: int, seed: int = CHOICE_SEED) -> "Images":
        """Return a seeded choice of `n` images in which each class has its share of the set.

        All of them for 0, or where there are no more. They stay in the order of the set, so that
        only the whole choice is fair, and not its beginning. Images without classes are one class.
        """
        total = len(self.labels)
        if not 0 < n < total:
            return self
        labels, generator = self.labels.cpu(), torch.Generator().manual_seed(seed)
        order = torch.randperm(total, generator=generator)
        _, classes, counts = labels.unique(return_inverse=True, return_counts=True)
        quotas, remainders = counts * n // total, counts * n % total
        # What is left of n goes to the largest remainders; of equal ones to the first class.
        largest = remainders.sort(descending=True, stable=True).indices
        quotas[largest[: n - int(quotas.sum())]] += 1
        order = order[classes[order].sort(stable=True).indices]  # class by class, each shuffled
        rank = torch.arange(total) - (counts.cumsum(0) - counts).repeat_interleave(counts)
        chosen = order[rank < quotas.repeat_interleave(counts)]
        rows = chosen.sort().values.to(self.labels.device)
        return Images(self.pixels[rows], self.labels[rows])


@dataclass(frozen=True)
class DatasetInfo:
    """The record of a data set, known without loading it.

    `shape` is (C, H, W) of a picture; a sequence has none, (1, 1, 1). `splits` are the number of
    pictures, of a series' values or of a text's sentences.
    """

    name: str
    title: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    licence: str
    source: str
    splits: Mapping[Split, int] = field(hash=False)
    fingerprint: str = ""
    """That of the published images, where they never change: a run can be named without them."""
    by_hand: str = ""
    """The file that has to be put into the data folder, where no address is known to fetch it."""
    private: bool = False
    """Whether it was made from uploaded pictures, which are shown only to its owners."""
    medium: Medium = "pictures"
    left_out: tuple[str, ...] = ()
    """Pictures that could not be read when it was made: the first of them by path, and why."""


def fingerprint(*splits: Iterable[Tensor]) -> str:
    """SHA-256 (hex) of the tensors of all splits: the same images are the same data anywhere."""
    digest = hashlib.sha256()
    for images in splits:
        for tensor in images:
            digest.update(str((tuple(tensor.shape), str(tensor.dtype))).encode())
            digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
