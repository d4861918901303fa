"""Image quality agrees with scikit-image's definitions of it."""

import json

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from core.data import load
from core.data.corruptions import corrupt_seeded
from core.metrics.image import PSNR_CEILING, percent, psnr, rms_error, ssim, wilson_interval


def pairs(name: str = "gaussian", n: int = 6, strength: float = 0.5) -> tuple[Tensor, Tensor]:
    """Real digits, spoilt and clean, in double precision."""
    clean = load("digits", "test").pixels[:n].double() / 255
    return corrupt_seeded(clean, name, strength, seed=1), clean


def colours(shape: tuple[int, ...] = (3, 3, 17, 31)) -> tuple[Tensor, Tensor]:
    """Coloured noise of an uneven size, and the same with a little more."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(shape, generator=generator, dtype=torch.float64)
    return corrupt_seeded(clean, "gaussian", 0.1, seed=1), clean


CASES = [pairs("gaussian"), pairs("mosaic"), pairs("blur"), colours()]


@pytest.mark.parametrize(("image", "clean"), CASES)
def test_psnr_is_that_of_scikit_image(image: Tensor, clean: Tensor) -> None:
    expected = [
        peak_signal_noise_ratio(y.numpy(), x.numpy(), data_range=1.0)
        for x, y in zip(image, clean, strict=True)
    ]
    np.testing.assert_allclose(psnr(image, clean).numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize(("image", "clean"), CASES)
def test_ssim_is_that_of_scikit_image(image: Tensor, clean: Tensor) -> None:
    expected = [
        structural_similarity(
            y.numpy(), x.numpy(), data_range=1.0, channel_axis=0,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )
        for x, y in zip(image, clean, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(ssim(image, clean).numpy(), expected, rtol=1e-9)


def test_single_precision_is_enough() -> None:
    image, clean = pairs()
    for metric in (psnr, ssim, rms_error):
        single = metric(image.float(), clean.float()).double()
        torch.testing.assert_close(single, metric(image, clean), rtol=1e-4, atol=1e-5)


def test_equal_images_are_perfect_and_finite() -> None:
    _, clean = pairs()
    assert psnr(clean, clean).tolist() == [PSNR_CEILING] * len(clean)
    torch.testing.assert_close(ssim(clean, clean), torch.ones(len(clean), dtype=torch.float64))
    assert rms_error(clean, clean).tolist() == [0.0] * len(clean)
    json.dumps(psnr(clean, clean).tolist(), allow_nan=False)


def test_flat_images_have_a_similarity() -> None:
    black = torch.zeros(1, 1, 28, 28)
    assert float(ssim(black, black)) == pytest.approx(1)
    assert 0 <= float(ssim(black, black + 1)) < 0.01


def test_psnr_stops_at_its_ceiling() -> None:
    clean = torch.full((1, 1, 4, 4), 0.5, dtype=torch.float64)
    assert float(psnr(clean + 1e-7, clean)) == PSNR_CEILING
    assert float(psnr(clean + 1e-3, clean)) == pytest.approx(60)


def test_a_known_error_has_the_known_figures() -> None:
    clean = torch.zeros(2, 1, 4, 4)
    image = clean + torch.tensor([0.1, 0.5]).view(2, 1, 1, 1)
    assert psnr(image, clean).tolist() == pytest.approx([20.0, 6.0206], abs=1e-4)
    assert rms_error(image, clean).tolist() == pytest.approx([0.1, 0.5])


def test_every_image_is_measured_by_itself() -> None:
    image, clean = pairs()
    for metric in (psnr, ssim, rms_error):
        alone = torch.cat([metric(image[i : i + 1], clean[i : i + 1]) for i in range(len(clean))])
        torch.testing.assert_close(metric(image, clean), alone)


def test_more_noise_measures_worse() -> None:
    figures = [pairs(strength=s) for s in (0.1, 0.3, 0.6, 1.0)]
    for metric in (psnr, ssim):
        means = [float(metric(*pair).mean()) for pair in figures]
        assert means == sorted(means, reverse=True) and len(set(means)) == 4


# As scipy.stats.binomtest(right, n).proportion_ci(method="wilson") has them.
@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (6, 6, 0.6097, 1.0),
        (0, 10, 0.0, 0.2775),
        (7, 10, 0.3968, 0.8922),
        (1978, 2000, 0.9834, 0.9927),
    ],
)
def test_wilson_interval_of_shares(right: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(right, n) == pytest.approx((low, high), abs=2e-4)


def test_wilson_interval_holds_the_share_and_knows_nothing_of_no_pictures() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    for n in (1, 2, 3, 6, 50, 9999):
        for right in {0, 1, n // 2, n - 1, n}:
            low, high = wilson_interval(right, n)
            assert 0 <= low <= right / n <= high <= 1


@pytest.mark.parametrize(
    ("share", "places", "said"),
    [
        (1.0, 1, "100.0%"), (0.9996, 1, "> 99.9%"), (0.9994, 1, "99.9%"), (0.0, 1, "0.0%"),
        (0.0003, 1, "< 0.1%"), (0.999, 0, "> 99%"), (0.004, 0, "< 1%"), (0.5, 0, "50%"),
    ],
)  # fmt: skip
def test_a_share_is_never_rounded_to_none_or_to_all(share: float, places: int, said: str) -> None:
    assert percent(share, places) == said
