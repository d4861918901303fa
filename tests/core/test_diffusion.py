"""Diffusion: what is predicted, and where its steps lead, where the answer is known."""

import pytest
import torch
from torch import Tensor, nn

from core.models.denoising_nets import DiffusionNet
from core.models.noise_processes import NOISE, RESIDUAL, VELOCITY, Process
from core.models.sampling import Sampling, denoise, first_noise
from core.tasks.diffusion import DIFFUSION

MEAN, SPREAD = -0.2, 0.3


class Exact(nn.Module):
    """What a perfect network says of images whose pixels are N(MEAN, SPREAD²), each by itself."""

    classes = 0

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process = process

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        scales = self.process.scales(t).spread()
        alpha, sigma = scales
        share = alpha * SPREAD**2 / (alpha**2 * SPREAD**2 + sigma**2)
        image = MEAN + share * (x - alpha * MEAN)
        return self.process.target(image, (x - alpha * image) / sigma, scales)


@pytest.mark.parametrize("process", [NOISE, VELOCITY, RESIDUAL])
def test_what_is_to_be_said_gives_image_and_noise_back(process: Process) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(5, 1, 4, 4, generator=generator) * 2 - 1
    noise = torch.randn(image.shape, generator=generator)
    t = torch.tensor([0.05, 0.3, 0.5, 0.7, 0.95])
    scales = process.scales(t).spread()
    said = process.target(image, noise, scales)
    guess = process.guess(process.noisy(image, noise, t), said, scales)
    torch.testing.assert_close(guess.image, image, rtol=0, atol=1e-4)
    torch.testing.assert_close(guess.noise, noise, rtol=0, atol=1e-3)


@pytest.mark.parametrize("process", [NOISE, VELOCITY, RESIDUAL])
@pytest.mark.parametrize("how", [Sampling(200), Sampling(200, eta=1.0), Sampling(60, order=2)])
def test_the_steps_of_a_perfect_network_end_in_its_distribution(
    process: Process, how: Sampling
) -> None:
    noise = first_noise(4, (1, 64, 64), seed=0)
    generator = torch.Generator().manual_seed(1)
    drawn = denoise(process, Exact(process), noise, how=how, generator=generator)  # type: ignore[arg-type]
    # Of 16,384 pixels the mean is known to 0.002, the spread to 0.0017.
    assert abs(float(drawn.mean()) - MEAN) < 0.03
    assert abs(float(drawn.std()) - SPREAD) < 0.03


def test_two_looks_a_step_come_nearer_than_one() -> None:
    noise, exact = first_noise(1, (1, 32, 32), seed=0), Exact(VELOCITY)
    goal = MEAN + SPREAD * noise  # where the straight flow of this distribution ends

    def error(how: Sampling) -> float:
        drawn = denoise(VELOCITY, exact, noise, how=how)  # type: ignore[arg-type]
        return float((drawn - goal).abs().mean())

    one, two = error(Sampling(10)), error(Sampling(10, order=2))
    assert two < 0.3 * one < 0.05


def test_what_a_blind_network_says_grows_with_the_picture_from_black() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = DiffusionNet((1, 8, 8), 8, 0, blind=True)
        light = torch.rand(2, 1, 8, 8)
    said, dimmed = (net(scale * light - 1, torch.zeros(2)) for scale in (1.0, 0.3))
    torch.testing.assert_close(dimmed, 0.3 * said, rtol=1e-4, atol=1e-6)


def test_a_picture_does_not_depend_on_those_that_are_drawn_with_it() -> None:
    assert torch.equal(first_noise(3, (1, 8, 8), 7)[1], first_noise(9, (1, 8, 8), 7)[1])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = DIFFUSION.build("flow", (1, 28, 28), DIFFUSION.config("flow", {"width": 8}), 10)
        for weight in model.parameters():
            nn.init.normal_(weight, 0, 0.2)
    noise, labels = first_noise(4, (1, 28, 28), 0), torch.tensor([3, 1, 4, 1])
    how = Sampling(3, guidance=1.5)
    together = denoise(VELOCITY, model, noise, labels, how)
    alone = denoise(VELOCITY, model, noise[2:3], labels[2:3], how)
    torch.testing.assert_close(together[2:3], alone, rtol=0, atol=1e-4)
    assert not torch.allclose(together[1], together[3], atol=1e-3)
    other = denoise(VELOCITY, model, noise, labels.flip(0), how)
    assert not torch.allclose(together, other, atol=1e-3), "it is told the class"


@pytest.mark.parametrize(
    "how",
    [Sampling(0), Sampling(10_000), Sampling(5, eta=2), Sampling(5, order=3), Sampling(5, 2, 0.5)],
)
def test_impossible_samplings_are_refused(how: Sampling) -> None:
    with pytest.raises(ValueError, match=r"Between 1 and 1,000 steps"):
        denoise(VELOCITY, Exact(VELOCITY), torch.zeros(1, 1, 4, 4), how=how)  # type: ignore[arg-type]
