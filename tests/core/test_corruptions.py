"""Every corruption keeps to its contract, whichever are registered."""

import pytest
import torch
from torch import Generator, Tensor

from core.data.corruptions import CORRUPTIONS, corrupt, corrupt_seeded
from core.errors import UnknownName

ALL = sorted(CORRUPTIONS)
SPOILING = [name for name in ALL if name != "none"]
DETERMINED = ["blur", "mosaic", "none"]
SHAPES = [(4, 1, 28, 28), (2, 3, 64, 64), (3, 3, 17, 30), (2, 1, 1, 1), (0, 1, 28, 28)]


def pictures(shape: tuple[int, int, int, int] = (8, 1, 28, 28)) -> Tensor:
    """Soft grey pictures with detail at every size, in [0, 1]."""
    noise = torch.rand(shape, generator=Generator().manual_seed(0))
    rows = torch.linspace(0, 1, shape[2]).view(1, 1, -1, 1)
    return (noise + rows) / 2


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shape_range_and_input_are_kept(name: str, shape: tuple[int, int, int, int]) -> None:
    for strength in (0.0, 0.3, 1.0):
        x = pictures(shape)
        y = corrupt_seeded(x, name, strength, seed=1)
        assert y.shape == x.shape and y.dtype == x.dtype
        assert torch.equal(x, pictures(shape)), "the input was changed"
        assert not y.numel() or (y.min() >= 0 and y.max() <= 1)


@pytest.mark.parametrize("name", ALL)
def test_half_and_double_precision_are_kept(name: str) -> None:
    for dtype in (torch.float64, torch.bfloat16):
        x = pictures().to(dtype)
        assert corrupt_seeded(x, name, 0.4, seed=1).dtype == dtype


@pytest.mark.parametrize("name", ALL)
def test_a_seed_decides_everything(name: str) -> None:
    x = pictures()
    first = corrupt_seeded(x, name, 0.5, seed=3)
    torch.manual_seed(99)
    assert torch.equal(first, corrupt_seeded(x, name, 0.5, seed=3))
    if name not in DETERMINED:
        assert not torch.equal(first, corrupt_seeded(x, name, 0.5, seed=4))


@pytest.mark.parametrize("name", ALL)
def test_the_global_generator_is_left_alone(name: str) -> None:
    before = torch.get_rng_state()
    corrupt_seeded(pictures(), name, 0.5, seed=3)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ALL)
def test_strength_0_changes_nothing(name: str) -> None:
    x = pictures((3, 3, 20, 28))
    assert torch.equal(corrupt_seeded(x, name, 0.0, seed=1), x)


@pytest.mark.parametrize("name", SPOILING)
def test_the_error_grows_with_the_strength(name: str) -> None:
    x = pictures((64, 1, 28, 28))
    errors = [
        float((corrupt_seeded(x, name, strength, seed=1) - x).square().mean())
        for strength in (0.0, 0.15, 0.4, 0.7, 1.0)
    ]
    assert errors == sorted(set(errors))


@pytest.mark.parametrize("name", DETERMINED)
def test_a_strength_an_image_equals_one_by_one(name: str) -> None:
    x = pictures((6, 3, 28, 20))
    strengths = torch.tensor([0.0, 0.2, 0.5, 0.5, 0.8, 1.0])
    generator = Generator().manual_seed(1)
    together = corrupt(x, name, strengths, generator)
    alone = [corrupt(x[i : i + 1], name, float(s), generator) for i, s in enumerate(strengths)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", SPOILING)
def test_each_image_has_its_own_strength(name: str) -> None:
    x = pictures((2, 1, 28, 28))
    y = corrupt(x, name, torch.tensor([0.0, 0.9]), Generator().manual_seed(1))
    assert torch.equal(y[0], x[0]) and not torch.equal(y[1], x[1])


def test_gaussian_noise_has_the_deviation_asked_for() -> None:
    x = torch.full((16, 1, 28, 28), 0.5)
    noise = corrupt_seeded(x, "gaussian", 0.1, seed=1) - x
    assert float(noise.std()) == pytest.approx(0.1, rel=0.03)
    assert float(noise.mean()) == pytest.approx(0, abs=0.005)


def test_salt_and_pepper_hits_all_channels_of_the_share_asked_for() -> None:
    x = torch.full((16, 3, 28, 28), 0.5)
    hit = corrupt_seeded(x, "salt_and_pepper", 0.3, seed=1) != 0.5
    assert torch.equal(hit[:, 0], hit[:, 1]) and torch.equal(hit[:, 0], hit[:, 2])
    assert float(hit.float().mean()) == pytest.approx(0.3, abs=0.02)


def test_a_mask_hides_one_square_of_the_side_asked_for() -> None:
    hidden = corrupt_seeded(torch.ones(16, 1, 28, 28), "mask", 0.5, seed=1) == 0
    assert hidden.sum((1, 2, 3)).tolist() == [14 * 14] * 16
    assert len({tuple(h.nonzero()[0].tolist()) for h in hidden}) > 1, "always at the same place"


def test_a_mosaic_of_a_flat_picture_is_flat_to_its_edges() -> None:
    x = torch.full((1, 1, 28, 28), 0.7)
    for strength in (0.1, 0.35, 0.8):
        torch.testing.assert_close(corrupt_seeded(x, "mosaic", strength, seed=1), x)


def test_blur_spreads_a_dot_evenly_and_keeps_its_light() -> None:
    x = torch.zeros(1, 1, 29, 29)
    x[0, 0, 14, 14] = 1
    y = corrupt_seeded(x, "blur", 0.5, seed=1)[0, 0]
    torch.testing.assert_close(y, y.flip(0))
    torch.testing.assert_close(y, y.T)
    assert float(y.sum()) == pytest.approx(1, abs=0.01)


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="gaussian"):
        corrupt_seeded(pictures(), "fog", 0.5, seed=1)


@pytest.mark.parametrize("strength", [-0.01, 1.01, float("nan"), torch.tensor([0.5, 2.0])])
@pytest.mark.parametrize("name", ALL)
def test_a_strength_out_of_range_is_refused(name: str, strength: float | Tensor) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        corrupt(pictures((2, 1, 8, 8)), name, strength, Generator())


def test_the_mixture_spoils_each_picture_by_one_of_the_five() -> None:
    x = pictures((200, 1, 28, 28))
    spoilt = corrupt_seeded(x, "mixed", 0.6, seed=2)
    black, white = (spoilt == 0).flatten(1).any(1), (spoilt == 1).flatten(1).any(1)
    assert 25 < int((black & ~white).sum()) < 55, "a missing square: about a fifth"
    assert 55 < int((black & white).sum()) < 105, "noise, or salt and pepper"
    assert 55 < int((~black & ~white).sum()) < 105, "a mosaic, or blurred"
