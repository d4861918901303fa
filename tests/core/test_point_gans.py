"""The game of two players on points in the plane."""

import pytest
import torch
from torch import nn

from core.errors import LabError
from core.foundations.point_flows import Mixture
from core.foundations.point_gans import Game, GameSettings, play, reached


def mixture():
    """Two bumps."""
    centres = torch.tensor([[-1.5, 0.2], [1.0, 1.2]], dtype=torch.float64)
    widths, shares = torch.tensor([[0.2, 0.1], [0.5, 0.5]], dtype=torch.float64)
    return Mixture(centres, widths, shares)


def game(**values):
    """A small one."""
    made = GameSettings(hidden_g=(4,), hidden_d=(5,), batch=8, **values)
    return Game(made, mixture())


@pytest.mark.parametrize("name", ["gan", "lsgan", "wgan"])
def test_the_generator_descends_what_the_discriminator_would_answer(name):
    """The slope through the steps looked ahead is that of the loss at their end, by differences."""
    ahead = game(game=name, ahead=3, rate_ahead=0.5, weight_clip=0.4)
    real, noise = ahead.batch(0)
    parameters = list(ahead.generator.network.parameters())
    slopes = torch.autograd.grad(ahead.generator_loss(real, noise), parameters)
    flat = ahead.generator.network.flat()
    direction = torch.randn(len(flat), generator=torch.Generator().manual_seed(0)).double()
    losses = []
    for by in (1e-5, -1e-5):
        nn.utils.vector_to_parameters(flat + by * direction, parameters)
        losses.append(ahead.generator_loss(real, noise).item())
    slope = nn.utils.parameters_to_vector(slopes) @ direction
    assert float(slope) == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-4)
    assert not torch.allclose(slopes[0], _at_once(ahead, real, noise))


def _at_once(ahead, real, noise):
    """The slope without looking ahead."""
    plain = Game(ahead.settings.model_copy(update={"ahead": 0}), ahead.mixture)
    parameters = list(plain.generator.network.parameters())
    return torch.autograd.grad(plain.generator_loss(real, noise), parameters)[0]


def test_clipped_weights_stay_within_and_a_frozen_player_stands():
    clipped = game(game="wgan", weight_clip=0.05, frozen="generator")
    before = clipped.generator.network.flat()
    list(play(clipped, 3))
    assert clipped.discriminator.network.flat().abs().max() <= 0.05
    assert torch.equal(clipped.generator.network.flat(), before)


def test_modes_are_found_by_a_quarter_of_an_even_share():
    known = mixture()
    points = torch.tensor([[-1.5, 0.7]] * 2 + [[1.0, 1.2]] * 6 + [[9.0, 9.0]] * 8).double()
    assert reached(points, known) == (2, 0.5)  # 2 of 16 are a quarter of 8
    assert reached(points[1:], known) == (1, 7 / 15)
    doubled = Mixture(known.centres[[0, 0]], known.widths, known.shares)
    assert reached(points[:2], doubled) == (1, 1.0)


def test_a_rate_that_is_too_large_is_told():
    with pytest.raises(LabError, match="too large"):
        list(play(game(rate=1e9, optimiser="sgd", game="lsgan", rate_d=1e9), 20))
