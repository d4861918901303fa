"""Samples that agree with a measurement, where the posterior is known; edits of a picture."""

import pytest
import torch
from torch import Tensor, nn

from core.errors import LabError
from core.inference.linear_measurements import Measurement, holes, measure
from core.inference.posterior_sampling import (
    How,
    Prior,
    edit,
    measured,
    posterior,
    schedule,
    time_of,
    usual,
)
from core.models.noise_processes import LEAST_SIGMA, MOST_SIGMA, NOISE, RESIDUAL, VELOCITY, Process

SIDE, PATTERNS = 8, 3
PROCESSES = pytest.mark.parametrize("process", [NOISE, VELOCITY, RESIDUAL])


class Exact(nn.Module):
    """What a perfect network says of pictures W z with z ~ N(0, I), where W has orthogonal columns.

    A blind one takes the noise level from what no such picture has.
    """

    classes = 0
    shape = (1, SIDE, SIDE)

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process, self.blind = process, process is RESIDUAL
        random = torch.randn(SIDE**2, PATTERNS, generator=torch.Generator().manual_seed(5))
        self.basis = torch.linalg.qr(random).Q
        self.gains = torch.tensor([2.0, 1.6, 1.2])  # of 64 pixels: a quarter each at most

    @property
    def w(self) -> Tensor:
        return self.basis * self.gains

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        flat = x.flatten(1)
        alpha, sigma = self.process.scales(t)
        if self.blind:
            rest = flat - flat @ self.basis @ self.basis.T
            sigma = (rest.square().sum(1) / (SIDE**2 - PATTERNS)).sqrt()
        alpha, sigma = alpha[:, None], sigma[:, None]
        share = alpha * self.gains**2 / (alpha**2 * self.gains**2 + sigma**2)
        image = ((share * (flat @ self.basis)) @ self.basis.T).view_as(x)
        alpha, sigma = alpha[..., None, None], sigma[..., None, None]
        if self.blind:
            return x - image
        scales = self.process.scales(t).spread()
        return self.process.target(image, (x - alpha * image) / sigma, scales)


def prior(process: Process) -> Prior:
    return Prior(process, Exact(process))  # type: ignore[arg-type]


def known_posterior(net: Exact, measurement: Measurement, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (H·W,) and the standard deviation of each pixel (H·W,), both in [-1, 1]."""
    a = measurement.rows @ net.w  # what the numbers say of z
    inverse = torch.linalg.pinv(a)
    z, left = inverse @ numbers.flatten(), torch.eye(PATTERNS) - inverse @ a
    return net.w @ z, (net.w @ left).square().sum(1).sqrt()


def two_pixels(width: int = SIDE) -> Measurement:
    missing = torch.ones(SIDE, width, dtype=torch.bool)
    missing[0, :2] = False
    return holes(missing)


@PROCESSES
def test_samples_have_the_mean_and_spread_of_the_posterior(process: Process) -> None:
    """Two pixels of 64 are known: two of the three patterns are, and what is left is one line."""
    exact = prior(process)
    net: Exact = exact.model  # type: ignore[assignment]
    known = two_pixels()
    truth = (net.w @ torch.tensor([0.8, -0.9, 0.6])).view(1, 1, SIDE, SIDE)
    mean, spread = known_posterior(net, known, known.of(truth))
    how = usual(exact)
    drawn = posterior(exact, known, known.of(truth), 100, how)
    samples = (2 * drawn.samples - 1).flatten(1)
    # The mean of a hundred is known to a tenth of the spread, 0.018 in the mean over pixels.
    assert (samples.mean(0) - mean).square().mean().sqrt() < 0.05 < mean.square().mean().sqrt() / 5
    rms = spread.square().mean().sqrt()
    assert abs(samples.std(0).square().mean().sqrt() / rms - 1) < 0.25
    torch.testing.assert_close(drawn.mean, drawn.samples.mean(0, keepdim=True))


@pytest.mark.parametrize("process", [VELOCITY, RESIDUAL])
def test_correcting_a_guess_comes_nearer_than_projecting_it(process: Process) -> None:
    exact, known = prior(process), measure((1, SIDE, SIDE), "patterns", 0.02 + 1 / 64)
    net: Exact = exact.model  # type: ignore[assignment]
    numbers = known.of((net.w @ torch.tensor([0.8, -0.9, 0.6])).view(1, 1, SIDE, SIDE))
    mean, _ = known_posterior(net, known, numbers)

    def error(solves: int) -> float:
        drawn = posterior(exact, known, numbers, 50, How(20, solves))
        return float((2 * drawn.mean.flatten() - 1 - mean).square().mean().sqrt())

    assert error(2) < 0.3 * error(0)


@PROCESSES
def test_known_pixels_are_exact_and_a_sample_stands_alone(process: Process) -> None:
    exact, known = prior(process), two_pixels()
    picture = torch.randint(0, 256, (1, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(2))
    numbers = measured(known, picture / 255)
    drawn = posterior(exact, known, numbers, 3, How(5, seed=7))
    shown = (drawn.samples * 255).round().long()
    assert torch.equal(shown[:, :, 0, :2], picture[:, :, 0, :2].expand(3, -1, -1))
    assert 0 <= float(drawn.samples.min()) <= float(drawn.samples.max()) <= 1
    assert not torch.allclose(drawn.samples[0], drawn.samples[1])
    more = posterior(exact, known, numbers, 5, How(5, seed=7))
    torch.testing.assert_close(more.samples[:3], drawn.samples)
    other = posterior(exact, known, numbers, 3, How(5, seed=8))
    assert not torch.allclose(other.samples, drawn.samples)


def test_what_cannot_be_drawn_is_refused() -> None:
    exact, known = prior(VELOCITY), two_pixels()
    numbers = known.of(torch.zeros(1, 1, SIDE, SIDE))
    for how, count, sentence in [
        (How(0), 1, "1 and 1,000 steps"),
        (How(10_000), 1, "1 and 1,000 steps"),
        (How(5), 0, "1 and 100 pictures"),
        (How(5, solves=11), 1, "0 and 10 steps"),
        (How(5, eta=float("nan")), 1, "η of new noise"),
        (How(5, guidance=-1), 1, "guidance lies between"),
        (How(5, seed=-1), 1, "seed is a whole number"),
        (How(5, label=3), 1, "no classes"),
    ]:
        with pytest.raises(LabError, match=sentence):
            posterior(exact, known, numbers, count, how)
    with pytest.raises(LabError, match="8×8 pixels"):
        posterior(exact, two_pixels(6), numbers, 1)
    with pytest.raises(LabError, match="Measure one picture"):
        posterior(exact, known, numbers.expand(2, -1, -1), 1)
    with pytest.raises(LabError, match="infinite or none"):
        posterior(exact, known, numbers + float("nan"), 1)

    class Overflowing(Exact):
        def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
            return x * float("inf")

    broken = Prior(VELOCITY, Overflowing(VELOCITY))  # type: ignore[arg-type]
    with pytest.raises(LabError, match="beyond all bounds"):
        posterior(broken, known, numbers, 1, How(3, solves=0))


def test_an_edit_of_little_strength_keeps_the_picture_and_of_all_forgets_it() -> None:
    exact = prior(VELOCITY)
    net: Exact = exact.model  # type: ignore[assignment]
    picture = ((net.w @ torch.tensor([0.8, -0.9, 0.6])).view(1, 1, SIDE, SIDE) + 1) / 2

    def distance(strength: float) -> float:
        return float((edit(exact, picture, strength, 20, How(10)) - picture).square().mean())

    assert distance(0.05) < 0.1 * distance(0.5) < 0.1 * distance(1.0)
    again = edit(exact, 1 - picture, 1.0, 20, How(10))
    torch.testing.assert_close(again, edit(exact, picture, 1.0, 20, How(10)))
    for strength in (0, 1.5, float("nan")):
        with pytest.raises(LabError, match="strength"):
            edit(exact, picture, strength, 1, How(10))
    with pytest.raises(LabError, match="1×8×8"):
        edit(exact, picture[..., 1:], 0.5, 1, How(10))


@pytest.mark.parametrize("steps", [1, 7, 30, 100, 1000])
def test_the_ascent_ends_at_the_last_noise_level(steps: int) -> None:
    gain, keep = schedule(steps)
    level = MOST_SIGMA
    for step in range(1, steps + 1):
        level *= 1 - keep * gain * step / (1 + gain * (step - 1))
    assert level == pytest.approx(LEAST_SIGMA, rel=0.01)


def test_a_noise_level_is_at_the_time_that_it_has() -> None:
    for process in (NOISE, VELOCITY, RESIDUAL):
        for ratio in (0.1, 0.5, 1.5):
            alpha, sigma = process.scales(time_of(process, ratio)[None])
            assert float(sigma / alpha) == pytest.approx(ratio, rel=0.03)
