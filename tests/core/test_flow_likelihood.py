"""Bits per dimension by a flow whose density is known, and filters of a linear denoiser."""

import math

import pytest
import torch
from torch import Tensor, nn

from core.errors import LabError
from core.inference.adaptive_filters import filter_at
from core.inference.flow_likelihood import (
    START,
    bits_by_place,
    bits_per_dimension,
    log_density,
    one_of_each,
    read,
)
from core.inference.posterior_sampling import How, Prior, time_of
from core.models.noise_processes import NOISE, RESIDUAL, VELOCITY, Process

SIDE = 6
PIXELS = SIDE**2


class Normal(nn.Module):
    """What a perfect network says of pictures from N(mean, C), C the same at all noise levels."""

    classes = 0
    shape = (1, SIDE, SIDE)

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process, self.blind = process, process is RESIDUAL
        places = torch.arange(PIXELS)
        places = torch.stack([places // SIDE, places % SIDE], 1).double()
        self.covariance = 0.1 * torch.exp(-torch.cdist(places, places)) + 0.01 * torch.eye(PIXELS)
        self.mean = torch.full((PIXELS,), -0.2, dtype=torch.float64)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        scales = self.process.scales(t).spread()
        alpha, sigma = (float(s[0]) for s in scales)
        matrix = self.gain(alpha, sigma)
        flat = x.flatten(1).double() - alpha * self.mean
        image = (self.mean + flat @ matrix.T).view_as(x).float()
        if sigma == 0:  # of a straight flow, at the end: E[n | x₀] = 0
            return -image if self.process is VELOCITY else torch.zeros_like(x)
        return self.process.target(image, (x - alpha * image) / sigma, scales)

    def gain(self, alpha: float, sigma: float) -> Tensor:
        noisy = alpha**2 * self.covariance + sigma**2 * torch.eye(PIXELS)
        return alpha * torch.linalg.solve(noisy, self.covariance).T


def prior(process: Process = VELOCITY) -> Prior:
    return Prior(process, Normal(process))  # type: ignore[arg-type]


def drawn(count: int) -> tuple[Tensor, Tensor]:
    """Pictures (N, 1, H, W) in [-1, 1] or a little beyond, and their log densities (N,)."""
    net = Normal(VELOCITY)
    exact = torch.distributions.MultivariateNormal(net.mean, net.covariance)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        x = exact.sample((count,))
    return x.view(count, 1, SIDE, SIDE).float(), exact.log_prob(x).float()


def test_the_density_of_a_normal_flow_is_found() -> None:
    x, _ = drawn(64)
    net = Normal(VELOCITY)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    x = (1 - START) * x + START * noise
    covariance = (1 - START) ** 2 * net.covariance + START**2 * torch.eye(PIXELS)
    there = torch.distributions.MultivariateNormal((1 - START) * net.mean, covariance)
    exact = there.log_prob(x.flatten(1).double()).float()
    signs = torch.randint(0, 2, x.shape, generator=torch.Generator().manual_seed(1)) * 2.0 - 1
    errors = (log_density(prior(), x, signs, How(10)) - exact) / (PIXELS * math.log(2))
    # Bits per pixel: the mean of 64 differs from the truth by what its probes allow.
    assert abs(float(errors.mean())) < 4 * float(errors.std()) / 8 + 0.01
    coarse = (log_density(prior(), x, signs, How(1)) - exact) / (PIXELS * math.log(2))
    assert abs(float(coarse.mean())) > abs(float(errors.mean()))


def test_bits_per_dimension_with_their_errors() -> None:
    x, exact = drawn(64)
    pixels = ((x + 1) / 2 * 255).round().clamp(0, 255).byte()
    few, more = (bits_per_dimension(prior(), pixels[:24], n, How(6)) for n in (2, 8))
    # A grey's probability is the density times the step between greys, where it is smooth.
    truth = float(-exact[:24].mean()) / (PIXELS * math.log(2)) + math.log2(255 / 2)
    assert abs(few.mean - truth) < 4 * few.error
    assert few.probe_error < few.error
    assert more.probe_error < 0.75 * few.probe_error
    assert few.each.shape == (24,)
    assert few.halved != few.mean
    assert math.isnan(bits_per_dimension(prior(), pixels[:1], 1, How(2)).error)


def test_greys_are_read_by_their_distance() -> None:
    greys = torch.tensor([0, 0, 100, 255], dtype=torch.uint8).view(4, 1, 1, 1)
    noise = torch.tensor([0.0, -9, 1, 1]).view(4, 1, 1, 1)
    distances = noise.flatten()[:, None] + 2 * (greys.flatten()[:, None] - torch.arange(256.0))
    everywhere = (-0.5 * distances.square()).log_softmax(1)
    result = read(greys, noise, 2.0)
    torch.testing.assert_close(result, everywhere[range(4), greys.flatten().long()])


def test_only_flows_and_pictures_of_their_shape_are_measured() -> None:
    pixels = torch.zeros(2, 1, SIDE, SIDE, dtype=torch.uint8)
    with pytest.raises(LabError, match="those of a flow"):
        bits_per_dimension(prior(NOISE), pixels)
    with pytest.raises(LabError, match="1×6×6 numbers"):
        bits_per_dimension(prior(), pixels[..., 1:])
    with pytest.raises(LabError, match="1×6×6 numbers"):
        bits_per_dimension(prior(), pixels[:0])
    with pytest.raises(LabError, match="1 and 64 probes"):
        bits_per_dimension(prior(), pixels, 0)
    with pytest.raises(LabError, match="1 and 1,000 steps"):
        bits_per_dimension(prior(), pixels, 1, How(0))


@pytest.mark.parametrize("process", [NOISE, VELOCITY, RESIDUAL])
def test_the_filter_of_a_linear_denoiser_is_its_row(process: Process) -> None:
    made, ratio, pixel = prior(process), 0.8, (0, 2, 3)
    picture = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    result = filter_at(made, picture, pixel, ratio, How())
    alpha, sigma = process.scales(time_of(process, ratio)[None])
    row = Normal(process).gain(float(alpha), float(sigma))[2 * SIDE + 3] * float(alpha)
    torch.testing.assert_close(result.weights.flatten(), row.float(), rtol=0, atol=1e-4)
    assert result.total == pytest.approx(float(row.sum()), abs=1e-3)
    assert result.weights.abs().max() == result.weights[pixel]
    wider = filter_at(made, picture, pixel, 2.5, How())
    assert wider.width > result.width


@pytest.mark.parametrize(
    ("pixel", "ratio", "sentence"),
    [
        ((0, SIDE, 0), 0.5, "outside of the picture"),
        ((1, 0, 0), 0.5, "outside of the picture"),
        ((0, 0, -1), 0.5, "outside of the picture"),
        ((0, 0, 0), 0.0, "Choose noise from"),
        ((0, 0, 0), float("nan"), "Choose noise from"),
    ],
)
def test_filters_that_there_are_not(
    pixel: tuple[int, int, int], ratio: float, sentence: str
) -> None:
    with pytest.raises(LabError, match=sentence):
        filter_at(prior(), torch.zeros(1, 1, SIDE, SIDE), pixel, ratio, How())


def test_a_choice_has_as_many_of_each_class_whatever_their_order() -> None:
    labels = torch.arange(100).div(10, rounding_mode="floor").sort(descending=True).values
    assert labels[one_of_each(labels, 2)].tolist() == [i for i in range(10) for _ in (0, 1)]
    assert not torch.equal(one_of_each(labels, 2), one_of_each(labels, 2, seed=1))
    assert len(one_of_each(torch.full((100,), -1), 2)) == 20


def test_greys_that_always_stand_in_a_place_take_hardly_a_bit() -> None:
    others = torch.zeros(1000, 1, 1, 2, dtype=torch.uint8)
    others[::2, ..., 1] = 255  # the second place is black or white, the first always black
    usual, unseen = (
        torch.tensor(p, dtype=torch.uint8).view(1, 1, 1, 2) for p in ([0, 255], [7, 0])
    )
    assert bits_by_place(others, usual) == pytest.approx(0.5, abs=0.01)
    assert bits_by_place(others, unseen) > 8
