"""Augmentations do to a batch what torchvision's transforms do to an image."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from core.data import augmentations as aug


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pixels() -> Tensor:
    """Forty colour pictures of 12 × 10, in which every pixel is another."""
    return torch.randint(0, 256, (40, 3, 12, 10), generator=seeded(7)).byte()


def windows(picture: Tensor, side: int) -> list[Tensor]:
    height, width = picture.shape[1:]
    return [
        picture[:, y : y + side, x : x + side]
        for y in range(height - side + 1)
        for x in range(width - side + 1)
    ]


@pytest.mark.parametrize("side", [8, 10, 15])
def test_fixed_ones_are_torchvision_s(pixels: Tensor, side: int) -> None:
    scaled, theirs = aug.scale(pixels, side), v2.Resize(side, antialias=True)(pixels)
    assert scaled.shape == theirs.shape
    assert (scaled.int() - theirs.int()).abs().max() <= 1
    assert torch.equal(aug.centre_crop(pixels, side), v2.CenterCrop(side)(pixels))
    assert torch.equal(aug.pad(pixels, 3, 9), v2.Pad(3, 9)(pixels))


def test_a_crop_is_a_part_of_its_image_and_any_part(pixels: Tensor) -> None:
    result = aug.random_crop(pixels, 9, seeded())
    places = []
    for before, after in zip(pixels, result, strict=True):
        fits = [i for i, part in enumerate(windows(before, 9)) if torch.equal(part, after)]
        assert len(fits) == 1
        places += fits
    assert set(places) == set(range(8)), "4 rows by 2 columns"
    larger = aug.random_crop(pixels, 14, seeded())
    assert larger.shape[2:] == (14, 14) and (larger.sum((1, 2, 3)) > 0).all()


def test_a_sized_crop_keeps_a_share_of_the_area(pixels: Tensor) -> None:
    ramp = torch.arange(64, dtype=torch.uint8).repeat(64, 1).expand(200, 1, 64, 64)
    result = aug.random_sized_crop(ramp, 16, seeded(), share=(0.25, 0.25), ratio=(1, 1)).float()
    step = (result[:, 0, :, -1] - result[:, 0, :, 0]).mean(1) / 15
    assert torch.allclose(step, torch.full_like(step, 2.0), atol=0.1), "half of the side"
    left = result[:, 0, 0, 0]
    assert left.min() < 3 and left.max() > 28, "anywhere"
    whole = aug.random_sized_crop(pixels, 10, seeded(), share=(1, 1), ratio=(1, 1))
    assert whole.shape == (40, 3, 10, 10)


def test_a_square_is_cut_out(pixels: Tensor) -> None:
    bright = torch.full_like(pixels, 200)
    hidden = aug.cutout(bright, 4, seeded()) == 0
    for mask in hidden[:, 0]:
        rows, columns = mask.any(1).sum(), mask.any(0).sum()
        assert int(mask.sum()) == int(rows * columns) and max(rows, columns) <= 5
    assert 8 < float(hidden[:, 0].float().sum((1, 2)).mean()) < 20


@pytest.mark.parametrize(
    "vary",
    [
        aug.flip,
        lambda p, g: aug.shift(p, 2, g),
        lambda p, g: aug.random_crop(p, 9, g),
        lambda p, g: aug.random_sized_crop(p, 9, g),
        lambda p, g: aug.cutout(p, 3, g),
    ],
)
def test_what_is_random_follows_its_seed_and_spares_its_input(
    pixels: Tensor, vary: Callable[[Tensor, torch.Generator], Tensor]
) -> None:
    before = pixels.clone()
    result = vary(pixels, seeded())
    assert result.dtype == torch.uint8 and torch.equal(pixels, before)
    assert torch.equal(result, vary(pixels, seeded()))
    assert not torch.equal(result, vary(pixels, seeded(1)))
