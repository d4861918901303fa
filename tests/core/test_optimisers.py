"""The optimisers that are written out are those of PyTorch."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, optim

from core.foundations.optimisers import OPTIMISERS, best_momentum, stable_rate, start

THEIRS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": optim.SGD,
    "momentum": partial(optim.SGD, momentum=0.9),
    "nesterov": partial(optim.SGD, momentum=0.9, nesterov=True),
    "adagrad": optim.Adagrad,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
}


def loss(w: Tensor) -> Tensor:
    """Rosenbrock's valley."""
    return (1 - w[0]) ** 2 + 5 * (w[1] - w[0] ** 2) ** 2


@pytest.mark.parametrize("name", OPTIMISERS)
def test_two_hundred_steps_are_those_of_pytorch(name: str) -> None:
    theirs = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    ours, state = theirs.detach().clone(), start(name, theirs.detach())
    solver = THEIRS[name]([theirs], lr=0.01)
    for t in range(1, 201):
        solver.zero_grad()
        loss(theirs).backward()  # type: ignore[no-untyped-call]
        solver.step()
        w = ours.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(w), w)
        step, state = OPTIMISERS[name].step(gradient, state, 0.01, t)
        ours = ours + step
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
def test_the_rate_at_which_a_parabola_is_left_is_told(name: str) -> None:
    curvature, limit = 8.0, stable_rate(8.0, name)
    assert limit is not None
    ends = []
    for rate in (0.98 * limit, 1.02 * limit):
        w = torch.tensor([1.0], dtype=torch.float64)
        state = start(name, w)
        for t in range(1, 2001):
            step, state = OPTIMISERS[name].step(curvature * w, state, rate, t)
            w = w + step
        ends.append(abs(float(w)))
    assert ends[0] < 1e-3 and ends[1] > 1e3
    assert stable_rate(8.0, "adam") is None


def test_a_round_bowl_wants_no_momentum() -> None:
    assert best_momentum(1.0) == 0
    assert best_momentum(100.0) == pytest.approx((9 / 11) ** 2)
