"""A denoiser used over and over, where the answer is known."""

import pytest
import torch

from core.errors import LabError
from core.inference.repeated_denoising import repeated
from core.models.noise_processes import NOISE, RESIDUAL, VELOCITY, Process
from tests.core.test_diffusion import MEAN, SPREAD, Exact


def exact(process: Process) -> Exact:
    network = Exact(process)
    network.shape = (1, 32, 32)  # type: ignore[assignment]
    return network


@pytest.mark.parametrize("process", [NOISE, VELOCITY, RESIDUAL])
def test_little_noise_gives_the_picture_back_and_much_another(process: Process) -> None:
    generator = torch.Generator().manual_seed(7)
    image = MEAN + SPREAD * torch.randn(2, 1, 32, 32, generator=generator)
    picture = ((image + 1) / 2).clamp(0, 1)
    network = exact(process)
    little, much = (repeated(process, network, picture, t, 50) for t in (0.05, 1.0))  # type: ignore[arg-type]

    def likeness(end: torch.Tensor) -> float:
        return float(torch.corrcoef(torch.stack([end.flatten(), picture.flatten()]))[0, 1])

    assert likeness(little.end) > 0.8 > 0.2 > likeness(much.end)
    assert abs(float(much.end.mean()) - (MEAN + 1) / 2) < 0.02
    assert abs(float(much.end.std()) - SPREAD / 2) < 0.02
    assert len(much.seen) == len(much.guesses) == 50
    assert much.guesses[0].std() < much.guesses[-1].std()  # a mean at first, a draw at last


def test_bad_numbers_are_refused() -> None:
    network, picture = exact(VELOCITY), torch.zeros(1, 1, 32, 32)
    for strength, steps, given in ((0, 9, picture), (1.1, 9, picture), (1, 0, picture),
                                   (1, 101, picture), (1, 9, picture[..., :8])):  # fmt: skip
        with pytest.raises(LabError):
            repeated(VELOCITY, network, given, strength, steps)  # type: ignore[arg-type]
