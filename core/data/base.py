"""What a data set is: a record, and its images as whole uint8 tensors."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from torch import Tensor

Split = Literal["train", "test"]
Progress = Callable[[str, float], None]
"""Called with a sentence and the share done, 0 to 1."""


class Images(NamedTuple):
    """One split: `pixels` uint8 (N, C, H, W), `labels` int64 (N,), -1 where there is no class."""

    pixels: Tensor
    labels: Tensor

    def first(self, n: int) -> "Images":
        """The first `n` images; all of them for 0."""
        return Images(self.pixels[:n], self.labels[:n]) if n else self


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set without loading it. `shape` is (C, H, W)."""

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
    """Made from somebody's own pictures: shown only to those who brought the same."""
    left_out: tuple[str, ...] = ()
    """Files that were no pictures when it was made: the first of their names, fit to be shown."""


def fingerprint(*splits: Images) -> str:
    """SHA-256 (hex) of the pixels and labels: the same images are the same data anywhere."""
    digest = hashlib.sha256()
    for images in splits:
        for tensor in images:
            digest.update(str((tuple(tensor.shape), str(tensor.dtype))).encode())
            digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
