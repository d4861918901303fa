"""Optimisers, written out: each a few lines from a gradient to a step.

They give the numbers of `torch.optim`; a test holds them together. `rate` is the learning rate, and
a state is a tuple of tensors in the shape of the weights, all zero at first.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

State = tuple[Tensor, ...]
Step = Callable[[Tensor, State, float, int], tuple[Tensor, State]]
"""From a gradient, a state, the rate and the number of the step, from 1, to what is added to the
weights and the next state."""

MOMENTUM = 0.9
SMALL = 1e-8
"""Added to denominators."""


def sgd(g: Tensor, state: State, rate: float, t: int) -> tuple[Tensor, State]:
    """Against the gradient."""
    return -rate * g, state


def momentum(
    g: Tensor, state: State, rate: float, t: int, beta: float = MOMENTUM
) -> tuple[Tensor, State]:
    """Against a sum of gradients in which older ones fade (Polyak 1964)."""
    (v,) = state
    v = beta * v + g
    return -rate * v, (v,)


def nesterov(
    g: Tensor, state: State, rate: float, t: int, beta: float = MOMENTUM
) -> tuple[Tensor, State]:
    """The same, one step ahead of itself (Nesterov 1983, as Sutskever et al. 2013 have it)."""
    (v,) = state
    v = beta * v + g
    return -rate * (g + beta * v), (v,)


def adagrad(g: Tensor, state: State, rate: float, t: int) -> tuple[Tensor, State]:
    """Less in directions in which much was moved (Duchi et al. 2011)."""
    (squares,) = state
    squares = squares + g**2
    return -rate * g / (squares.sqrt() + 1e-10), (squares,)


def rmsprop(
    g: Tensor, state: State, rate: float, t: int, alpha: float = 0.99
) -> tuple[Tensor, State]:
    """The same with squares that fade (Tieleman and Hinton 2012)."""
    (squares,) = state
    squares = alpha * squares + (1 - alpha) * g**2
    return -rate * g / (squares.sqrt() + SMALL), (squares,)


def adam(
    g: Tensor, state: State, rate: float, t: int, betas: tuple[float, float] = (0.9, 0.999)
) -> tuple[Tensor, State]:
    """Both, freed of the zeros with which they begin (Kingma and Ba 2015)."""
    mean, squares = state
    first, second = betas
    mean = first * mean + (1 - first) * g
    squares = second * squares + (1 - second) * g**2
    unbiased_mean, unbiased_squares = mean / (1 - first**t), squares / (1 - second**t)
    return -rate * unbiased_mean / (unbiased_squares.sqrt() + SMALL), (mean, squares)


@dataclass(frozen=True)
class Optimiser:
    """An optimiser as it is chosen: by its name, with a rate that is good to begin with."""

    title: str
    step: Step
    states: int
    """Tensors that it keeps beside the weights."""
    rate: float
    formula: str
    """In LaTeX: what is taken from the weights."""


OPTIMISERS: Mapping[str, Optimiser] = {
    "sgd": Optimiser("SGD", sgd, 0, 0.1, r"\eta\,g"),
    "momentum": Optimiser("Momentum", momentum, 1, 0.01, r"\eta\,v,\; v \leftarrow 0.9\,v + g"),
    "nesterov": Optimiser(
        "Nesterov", nesterov, 1, 0.01, r"\eta\,(g + 0.9\,v),\; v \leftarrow 0.9\,v + g"
    ),
    "adagrad": Optimiser("Adagrad", adagrad, 1, 0.1, r"\eta\,g / \sqrt{\textstyle\sum g^2}"),
    "rmsprop": Optimiser(
        "RMSprop", rmsprop, 1, 0.01, r"\eta\,g / \sqrt{s},\; s \leftarrow 0.99\,s + 0.01\,g^2"
    ),
    "adam": Optimiser(
        "Adam",
        adam,
        2,
        0.01,
        r"\eta\,\hat m / \sqrt{\hat s},\; m \leftarrow 0.9\,m + 0.1\,g,\;"
        r" s \leftarrow 0.999\,s + 0.001\,g^2",
    ),
}


def start(name: str, weights: Tensor) -> State:
    """The state before the first step."""
    return tuple(torch.zeros_like(weights) for _ in range(OPTIMISERS[name].states))


# ---- how fast one may go


class Bound(NamedTuple):
    """The largest rate with which a parabola is descended."""

    formula: str
    """As one writes it, with the curvature λ and the momentum β."""
    times_curvature: Callable[[float], float]
    """Of β: the bound times λ."""


BOUNDS: Mapping[str, Bound] = {
    "sgd": Bound("2/λ", lambda beta: 2),
    "momentum": Bound("2(1 + β)/λ", lambda beta: 2 * (1 + beta)),
    "nesterov": Bound("2(1 + β)/((1 + 2β)λ)", lambda beta: 2 * (1 + beta) / (1 + 2 * beta)),
}
"""By optimiser, where one is known. Momentum's is that of Goh 2017; Nesterov's goes by
(1 + β)(1 - ηλ) w - β (1 - ηλ) v from w and the one before, v."""


def stable_rate(curvature: float, optimiser: str, beta: float = MOMENTUM) -> float | None:
    """The largest rate with which a parabola is descended; None where none is known.

    Args:
        curvature: the largest eigenvalue λ of the second derivatives, above 0.
        optimiser: a key of `OPTIMISERS`.
        beta: the momentum, from 0 to below 1.
    """
    bound = BOUNDS.get(optimiser)
    return bound.times_curvature(beta) / curvature if bound else None


def best_momentum(condition: float) -> float:
    """The momentum with which a parabola of a condition number is descended soonest (Polyak)."""
    root = math.sqrt(condition)
    return ((root - 1) / (root + 1)) ** 2
