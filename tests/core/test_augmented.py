"""Augmentations of the stage's picture, and which of them break a label."""

import pytest
import torch
from torch import nn

from core.data import Images
from core.inference.augmented import AUGMENTATIONS, augmented, effect

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 1, 1), (3, 20, 30)]


class LeftOrRight(nn.Module):
    """Reads 1 where the left half is the brighter one."""

    def forward(self, x):
        middle = x.shape[3] // 2
        left, right = x[..., :middle].mean((1, 2, 3)), x[..., middle:].mean((1, 2, 3))
        return torch.stack([right - left, left - right], 1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_augmentation_takes_any_picture_and_gives_its_size_back(name, shape):
    pixels = torch.randint(256, (5, *shape), generator=torch.Generator().manual_seed(0)).byte()
    one = AUGMENTATIONS[name]
    for strength in (one.low, one.default, one.high):
        drawn = augmented(pixels, name, strength, 3)
        assert drawn.shape == pixels.shape and drawn.dtype == torch.uint8
        assert torch.equal(drawn, augmented(pixels, name, strength, 3))


@pytest.mark.parametrize("name", ["random_crop", "random_sized_crop", "cutout"])
def test_another_seed_draws_another_picture(name):
    pixels = torch.randint(256, (4, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte()
    draws = [augmented(pixels, name, 0.5, seed) for seed in (0, 1)]
    assert not torch.equal(*draws)


def test_at_its_full_side_nothing_is_cut_off():
    pixels = torch.randint(256, (4, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte()
    for name, strength in {
        "random_crop": 1,
        "centre_crop": 1,
        "scale": 1,
        "pad": 0,
        "flip": 0,
    }.items():
        assert torch.equal(augmented(pixels, name, strength, 0), pixels)
    assert torch.equal(augmented(pixels, "flip", 1, 0), pixels.flip(3))


def test_what_breaks_a_label_is_found_by_the_answers():
    pixels = torch.zeros(200, 1, 8, 8, dtype=torch.uint8)
    labels = torch.arange(200) % 2
    pixels[labels == 1, :, :, :4] = 255
    pixels[labels == 0, :, :, 4:] = 255
    images = Images(pixels, labels)
    turned = effect(LeftOrRight(), images, "flip", 1.0, 0)
    assert turned.accuracy(turned.before) == (1.0, 200)
    assert turned.accuracy(turned.after, 1) == (0.0, 100)
    assert turned.breaks() and turned.breaks(0) and turned.taken_for(0) == 1
    cut = effect(LeftOrRight(), images, "scale", 0.5, 0)
    assert not cut.breaks() and not cut.breaks(1) and cut.taken_for(1) is None
    none = effect(LeftOrRight(), images, "flip", 0.0, 0)
    assert not none.breaks(7), "a class without images shows nothing"
