"""Ways through a latent space, and draws from it: where they begin, end and how they spread."""

import math

import pytest
import torch

from core.inference import latent
from core.inference.latent import Dimension

A, B = torch.tensor([3.0, 0.0, 4.0]), torch.tensor([0.0, -5.0, 0.0])
SHARES = torch.linspace(0, 1, 11)


# ---- between two codes


@pytest.mark.parametrize("path", latent.INTERPOLATIONS)
def test_both_ends_are_met(path: latent.Interpolation) -> None:
    for a, b in ((A, B), (B, A), (A, 0.1 * B), (A, torch.zeros(3)), (A, A), (A, -A)):
        result = latent.between(a, b, 7, path)
        assert result.shape == (7, 3) and bool(result.isfinite().all())
        torch.testing.assert_close(result[0], a, atol=1e-5, rtol=0)
        torch.testing.assert_close(result[-1], b, atol=1e-5, rtol=0)


def test_the_straight_way_is_even() -> None:
    steps = latent.lerp(A, B, SHARES).diff(dim=0)
    torch.testing.assert_close(steps, ((B - A) / 10).expand(10, 3))


def test_the_arc_keeps_its_distance_from_the_middle_and_its_pace() -> None:
    result = latent.slerp(A, B, SHARES)
    torch.testing.assert_close(result.norm(dim=1), torch.full((11,), 5.0))
    paces = (result[:-1] * result[1:]).sum(1) / 25
    torch.testing.assert_close(paces, torch.full((10,), math.cos(math.pi / 2 / 10)))
    assert float(latent.lerp(A, B, SHARES).norm(dim=1).min()) < 4, "the straight way cuts across"


def test_the_arc_between_unequal_lengths_blends_them() -> None:
    lengths = latent.slerp(A, 3 * B, SHARES).norm(dim=1)
    torch.testing.assert_close(lengths, 5 + 10 * SHARES)


@pytest.mark.parametrize(
    "b",
    [2 * A, A + 1e-7, -A, torch.zeros(3), 1e-9 * B],
    ids=["longer", "near", "against", "zero", "nearly zero"],
)
def test_codes_without_an_arc_go_straight(b: torch.Tensor) -> None:
    result = latent.slerp(A, b, SHARES)
    torch.testing.assert_close(result, latent.lerp(A, b, SHARES), atol=1e-4, rtol=0)


@pytest.mark.parametrize("path", latent.INTERPOLATIONS)
def test_a_loop_is_closed_and_passes_every_corner_once(path: latent.Interpolation) -> None:
    corners = latent.prior_samples(4, 3, seed=0)
    result = latent.loop(corners, 5, path)
    assert result.shape == (15, 4)
    torch.testing.assert_close(result[::5], corners, atol=1e-5, rtol=1e-5)
    around = torch.cat([result, result[:1]]).diff(dim=0).norm(dim=1)
    assert float(around.min()) > 1e-3, "no code twice"
    assert float(around[-1]) < 2 * float(around[10:14].max()), "the last step is like the others"


# ---- sheets


def test_a_traversal_moves_one_number_over_its_range() -> None:
    chosen = [Dimension(2, 1.0, 0.5, None, False), Dimension(0, 0.0, 1.0, 3.0, False)]
    result = latent.traversals(torch.tensor([[7.0, 8.0, 9.0]]), chosen, 5)
    assert result.shape == (2, 5, 3)
    assert result[0, :, 2].tolist() == pytest.approx([-0.5, 0.25, 1.0, 1.75, 2.5])
    assert result[0, :, :2].tolist() == [[7.0, 8.0]] * 5
    assert result[1, :, 0].tolist() == pytest.approx([-3, -1.5, 0, 1.5, 3])
    assert result[1, :, 1:].tolist() == [[8.0, 9.0]] * 5


def test_a_rectangle_is_read_like_a_chart() -> None:
    """x grows to the right, y upwards: the first row of pictures is the top."""
    result = latent.rectangle((-1.0, 1.0), (10.0, 30.0), 3)
    assert result.tolist() == [
        [-1, 30], [0, 30], [1, 30],
        [-1, 20], [0, 20], [1, 20],
        [-1, 10], [0, 10], [1, 10],
    ]  # fmt: skip


def test_quantiles_lie_evenly_under_the_prior_and_like_a_chart() -> None:
    result = latent.quantiles(4)
    assert result.shape == (16, 2)
    shares = torch.special.ndtr(result)
    columns = torch.tensor([0.125, 0.375, 0.625, 0.875])
    torch.testing.assert_close(shares[:, 0], columns.repeat(4))
    torch.testing.assert_close(shares[:, 1], columns.flip(0).repeat_interleave(4))


# ---- draws


def test_the_seed_decides_the_draws_and_the_temperature_their_spread() -> None:
    first, again, other = (latent.prior_samples(8, 4000, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(latent.prior_samples(8, 4000, 0, 0.5), 0.5 * first)
    assert float(latent.prior_samples(8, 5, 0, 0.0).abs().max()) == 0
    torch.testing.assert_close(first.T.cov(), torch.eye(8), atol=0.1, rtol=0)
    torch.testing.assert_close(first.mean(0), torch.zeros(8), atol=0.06, rtol=0)


def clouds() -> torch.Tensor:
    """Three hundred codes around (-4, 0), a hundred longish ones around (4, 4)."""
    codes = latent.prior_samples(2, 400, seed=3)
    codes[:300] = 0.5 * codes[:300] + torch.tensor([-4.0, 0.0])
    codes[300:] = codes[300:] @ torch.tensor([[2.0, 0.5], [0.0, 0.3]]) + torch.tensor([4.0, 4.0])
    return codes


def test_a_mixture_draws_where_the_codes_lie() -> None:
    codes = clouds()
    mixture = latent.fit_mixture(codes, 2)
    drawn = latent.mixture_samples(mixture, 20_000, seed=0)
    assert drawn.shape == (20_000, 2) and drawn.dtype == torch.float32
    torch.testing.assert_close(drawn.mean(0), codes.mean(0), atol=0.15, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), codes.T.cov(), atol=0.6, rtol=0.05)
    left = drawn[:, 0] < -1
    assert float(left.float().mean()) == pytest.approx(0.75, abs=0.02)
    for drawn_part, part in ((drawn[left], codes[:300]), (drawn[~left], codes[300:])):
        torch.testing.assert_close(drawn_part.mean(0), part.mean(0), atol=0.1, rtol=0)
        torch.testing.assert_close(drawn_part.T.cov(), part.T.cov(), atol=0.15, rtol=0.1)


def test_a_mixture_is_seeded_and_its_draws_are_in_no_order() -> None:
    mixture = latent.fit_mixture(clouds(), 2)
    first, again, other = (latent.mixture_samples(mixture, 100, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    left = (first[:, 0] < 0).tolist()
    assert left != sorted(left) and left != sorted(left, reverse=True)
    refitted = latent.mixture_samples(latent.fit_mixture(clouds(), 2), 100, 0)
    torch.testing.assert_close(first, refitted)


def test_one_gaussian_has_the_mean_and_covariance_of_the_codes() -> None:
    codes = clouds()
    mixture = latent.fit_mixture(codes, 1)
    assert mixture.means_[0].tolist() == pytest.approx(codes.mean(0).tolist(), abs=1e-3)
    expected = codes.T.cov(correction=0).flatten().tolist()
    assert mixture.covariances_[0].ravel().tolist() == pytest.approx(expected, abs=1e-3)
