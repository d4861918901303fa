"""Copies of training images are found though they differ a little; new images are no copies."""

import pytest
import torch
from torch import Tensor

from core import data
from core.data import Images
from core.errors import LabError
from core.inference import copying
from core.inference.copying import Library


@pytest.fixture(scope="module")
def known() -> tuple[Images, Library]:
    images = data.load("mnist", "test").choice(1000)
    return images, copying.library(images)


def copies(x: Tensor, how: str) -> Tensor:
    noise = 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    return {
        "as they are": x,
        "with 5 % noise": (x + noise).clamp(0, 1),
        "moved by 1": x.roll((1, -1), (2, 3)),
        "moved by 2": x.roll((-2, 0), (2, 3)),
        "turned": copying.rotated(x, 10),
        "turned back": copying.rotated(x, -10),
        "thicker": copying.with_strokes(x, 1),
        "thinner": copying.with_strokes(x, -1),
        "paler": 0.6 * x + 0.1,
    }[how]


@pytest.mark.parametrize(
    ("how", "least"),
    [("as they are", 8), ("with 5 % noise", 8), ("moved by 1", 8), ("moved by 2", 8),
     ("turned", 7), ("turned back", 7), ("thicker", 7), ("thinner", 6), ("paler", 8)],
)  # fmt: skip
def test_changed_copies_are_found(known: tuple[Images, Library], how: str, least: int) -> None:
    images, library = known
    rows = torch.arange(0, 1000, 125)
    result = copying.search(copies(images.pixels[rows].float() / 255, how), library, 3)
    right = result.copies & (result.ids[:, 0] == rows)
    assert int(right.sum()) >= least
    assert result.ids.shape == result.distances.shape == (8, 3)


def test_new_images_are_no_copies(known: tuple[Images, Library]) -> None:
    new = data.load("mnist", "test").choice(1020)
    old = {bytes(p.numpy()) for p in known[0].pixels}
    fresh = torch.stack([p for p in new.pixels if bytes(p.numpy()) not in old][:20])
    assert int(copying.search(fresh, known[1]).copies.sum()) <= 2


def test_pictures_in_colour_of_any_size_are_searched() -> None:
    pixels = torch.randint(0, 256, (12, 3, 40, 40), generator=torch.Generator().manual_seed(0))
    images = Images(pixels.byte(), torch.full((12,), -1))
    result = copying.search(images.pixels[3:4], copying.library(images), 2)
    assert int(result.ids[0, 0]) == 3 and bool(result.copies[0])
    with pytest.raises(LabError, match="too few"):
        copying.library(images.first(9))
