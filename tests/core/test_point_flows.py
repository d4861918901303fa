"""Noise and points, where the right answer is known."""

import pytest
import torch

from core.foundations import point_flows
from core.foundations.networks import Network
from core.foundations.point_flows import PROCESSES, Learnt, Mixture


def mixture(process):
    """Three bumps of their own widths."""
    centres = torch.tensor([[-1.5, 0.2], [1.0, 1.2], [0.4, -1.7]], dtype=torch.float64)
    rest = torch.tensor([[0.3, 0.15, 0.5], [0.5, 0.2, 0.3]], dtype=torch.float64)
    return Mixture(centres, rest[0], rest[1], process)


def places(n):
    """Some places of the plane."""
    return 2 * torch.randn(n, 2, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("process", PROCESSES)
def test_the_score_is_the_slope_of_the_log_density(process):
    known = mixture(process)
    for t in (0.02, 0.3, 0.7, 1.0):
        at = torch.tensor(t, dtype=torch.float64)
        x = places(50).requires_grad_()
        (slope,) = torch.autograd.grad(known.log_density(x, at).sum(), x)
        torch.testing.assert_close(point_flows.score(known, x.detach(), at), slope)
        alpha, sigma, *_ = PROCESSES[process](at)
        image, noise = known.look(x.detach(), at)
        torch.testing.assert_close(alpha * image + sigma * noise, x.detach())


@pytest.mark.parametrize("process", PROCESSES)
def test_the_density_moves_along_the_velocity(process):
    """∂p/∂t = -div(p v), so that the flow has the density of the process at every time."""
    known, t = mixture(process), torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    x = places(30).requires_grad_()
    by_time = torch.stack([
        torch.autograd.grad(p, t, retain_graph=True)[0] for p in known.log_density(x, t).exp()
    ])  # fmt: skip
    flux = known.log_density(x, t).exp()[:, None] * point_flows.velocity(known, x, t)
    divergence = sum(
        torch.autograd.grad(flux[:, k].sum(), x, retain_graph=True)[0][:, k] for k in range(2)
    )
    torch.testing.assert_close(by_time, -divergence)


def test_a_reflow_makes_ways_straight():
    known = mixture("straight")
    settings = point_flows.flow_settings(
        2, hidden=(24, 24), optimiser="adam", rate=0.01, batch=64, seed=1
    )
    network = Network(settings)
    learnt, noise = Learnt(network), point_flows.noise_of(3, 0, 100, 2)
    point_flows.learn(network, known, 300)
    bent = point_flows.detour(point_flows.paths(learnt, noise, 20))
    pairs = point_flows.reflow(learnt, 1, 1, 2)
    point_flows.learn(network, known, 200, pairs)
    after = point_flows.detour(point_flows.paths(learnt, noise, 20))
    assert after < 1 + (bent - 1) / 3
    one, many = (point_flows.paths(learnt, noise, steps)[-1] for steps in (1, 20))
    real = known.draw(5, 0, 100)
    far = point_flows.energy_distance
    assert far(one, many) < 0.05 < far(one, noise)
    assert far(many, real) < far(noise, real) / 3
