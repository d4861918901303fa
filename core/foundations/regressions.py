"""The texts' three regressions: descents of a loss over two to four numbers, step by step.

Each is set beside its reference: the closed form of least squares, the coefficients that the points
were drawn from, or the most likely logistic model.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from core.foundations.optimisers import BOUNDS, OPTIMISERS, stable_rate, start
from core.randomness import Seeded
from core.tasks.family import Family, FamilyConfig, Variant, by_name, number

X15 = (
    3.3,
    4.4,
    5.5,
    6.71,
    6.93,
    4.168,
    9.779,
    6.182,
    7.59,
    2.167,
    7.042,
    10.791,
    5.313,
    7.997,
    3.1,
)
Y15 = (
    1.7,
    2.76,
    2.09,
    3.19,
    1.694,
    1.573,
    3.366,
    2.596,
    2.53,
    1.221,
    2.827,
    3.465,
    1.65,
    2.904,
    1.3,
)
"""The text's 15 points."""
CUBIC, CONSTANT = (0.5, 3.0, 2.4), 0.9
"""The polynomial that the text's points are drawn from: 0.9 + 0.5 x + 3 x² + 2.4 x³."""
POINTS = {
    "fifteen_points": "15 points",
    "cubic": "Points of a cubic polynomial",
    "two_scores": "100 points of two classes",
}
"""Titles of the points by their names."""
BATCH = 32
SCORES, LOW, HIGH = 100, 30.0, 100.0
"""Points of the logistic regression, and the bounds of their two features."""
FRESH = 10_000
"""Points of the polynomial that it is measured on, none of which it has learnt from."""
NEWTON_STEPS = 50


class Points(NamedTuple):
    """Points with targets."""

    x: Tensor
    """Features, float (n, d)."""
    y: Tensor
    """Targets, float (n, 1); of a class 0 or 1."""


def fifteen() -> Points:
    """The text's 15 points."""
    return Points(torch.tensor(X15)[:, None], torch.tensor(Y15)[:, None])


def cubic(n: int, generator: torch.Generator) -> Points:
    """Points of the polynomial: x ~ N(0, 1), as x, x² and x³."""
    x = torch.randn(n, generator=generator)[:, None] ** torch.arange(1, 4)
    return Points(x, x @ torch.tensor(CUBIC)[:, None] + CONSTANT)


def two_scores(seed: int = 0) -> Points:
    """Two features between 30 and 100, and a class. The text's file is out of reach: these are
    points of its kind, whose class is drawn by the logistic model of (x₁ + x₂ - 130) / 8."""
    generator = torch.Generator().manual_seed(seed)
    x = LOW + (HIGH - LOW) * torch.rand(SCORES, 2, generator=generator)
    likely = torch.sigmoid((x.sum(1) - LOW - HIGH) / 8)
    return Points(x, torch.bernoulli(likely, generator=generator)[:, None])


def binary_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """As the text computes it, of σ: where that is 0 or 1 in single precision, nothing flows."""
    return F.binary_cross_entropy(logits.sigmoid(), y)


class DescentConfig(FamilyConfig):
    """Settings of a descent."""

    steps: int = number(1000, (1, 100_000), "Steps", "at most so many", step=100)
    optimiser: Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"] = Field(
        "sgd", title="Optimiser", description="what makes a step of a gradient"
    )
    learning_rate: float = number(
        1e-3, (0, 1e9), "Learning rate", "step size of the optimiser", step=1e-4
    )
    stop_below: float = number(
        0.0, (0, 1e6), "Stop below", "end when the loss is smaller; 0 never ends early", step=1e-3
    )
    seed: int = number(0, (0, 2**31 - 1), "Seed", "decides the first weights and drawn points")


@dataclass(frozen=True, kw_only=True)
class Regression(Variant):
    """A regression: `build` gives the points of a step from a generator."""

    dataset: str
    loss: Callable[[Tensor, Tensor], Tensor]
    """Of outputs and targets, both (n, 1)."""
    names: tuple[str, ...]
    """Of the weights, the constant last."""
    test: Callable[[DescentConfig], Points]
    """The points that it is measured on."""
    reference: Callable[[Points], Tensor]
    """The weights that it is set beside, (d + 1,), the constant last."""
    reference_title: str
    measured_on: str = "the {n:,} points that it learns from"
    """What its figures are of, `n` points."""
    quick: bool = True


class Place(NamedTuple):
    """Where a descent is before its next step."""

    step: int
    weights: Tensor
    """(d + 1,), the constant last."""
    loss: float


def descend(variant: Regression, config: DescentConfig) -> Iterator[Place]:
    """Descend from PyTorch's own first weights; the last place is that after the last step.

    It ends early when the loss is below `stop_below`, or no finite number: that place is yielded
    too.
    """
    generator = torch.Generator().manual_seed(config.seed)
    points = variant.build(generator)
    with Seeded(config.seed):
        linear = nn.Linear(points.x.shape[1], 1)
    weights = torch.cat([linear.weight.detach()[0], linear.bias.detach()]).requires_grad_()
    optimiser, state = OPTIMISERS[config.optimiser], start(config.optimiser, weights.detach())
    for t in range(config.steps + 1):
        loss = variant.loss(outputs(weights, points.x), points.y)
        yield Place(t, weights.detach().clone(), loss.item())
        if t == config.steps or loss.item() < config.stop_below or not loss.isfinite():
            return
        (gradient,) = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            update, state = optimiser.step(gradient, state, config.learning_rate, t + 1)
            weights += update
        points = variant.build(generator)


def outputs(weights: Tensor, x: Tensor) -> Tensor:
    """w · x + b of weights (d + 1,) and features (n, d): (n, 1)."""
    return torch.addmm(weights[-1], x, weights[:-1, None])


# ---- what a descent is set beside


def least_squares(points: Points) -> Tensor:
    """The closed form, (d + 1,): the weights of the least squared error."""
    x = torch.cat([points.x, torch.ones(len(points.x), 1)], 1).double()
    solution: Tensor = torch.linalg.lstsq(x, points.y.double()).solution
    return solution[:, 0].float()


def most_likely(points: Points) -> Tensor:
    """The logistic model of the greatest likelihood, (d + 1,), by Newton's method."""
    x = torch.cat([points.x, torch.ones(len(points.x), 1)], 1).double()
    weights = torch.zeros(x.shape[1], dtype=torch.float64)
    for _ in range(NEWTON_STEPS):
        p = torch.sigmoid(x @ weights)
        hessian = x.mT @ (x * (p * (1 - p))[:, None])
        weights += torch.linalg.solve(hessian, x.mT @ (points.y[:, 0].double() - p))
    return weights.float()


def standardised_classes() -> dict[str, Any]:
    """The points of the logistic regression as numbers for a surface over two weights.

    Returns:
        `x`: both features of each, of mean 0 and variance 1; `y`: their classes; `best`: the
        weights of the most likely model; `bias`: its constant, which the surface holds.
    """
    x, y = two_scores()
    points = Points((x - x.mean(0)) / x.std(0, correction=0), y)
    *best, bias = most_likely(points).tolist()
    return {"x": points.x.tolist(), "y": y[:, 0].tolist(), "best": best, "bias": bias}


def curvatures(variant: Regression, points: Points, weights: Tensor) -> Tensor:
    """The eigenvalues of the second derivatives of the loss at some weights, rising, (d + 1,)."""

    def loss(w: Tensor) -> Tensor:
        return variant.loss(outputs(w, points.x.double()), points.y.double())

    eigenvalues: Tensor = torch.linalg.eigvalsh(torch.func.hessian(loss)(weights.double()))
    return eigenvalues


def divergence(config: DescentConfig, largest: float, step: int) -> str:
    """A sentence on a descent whose loss is no finite number any more.

    Args:
        largest: eigenvalue λ of the second derivatives of the loss.
    """
    title, rate = OPTIMISERS[config.optimiser].title, config.learning_rate
    bound = stable_rate(largest, config.optimiser)
    why = (
        f" The largest curvature of the loss is λ = {largest:.4g}, so {title} is stable below "
        f"{BOUNDS[config.optimiser].formula} = {bound:.4g}."
        if bound is not None
        else " Choose a smaller rate."
    )
    return f"The descent diverged at step {step:,} with the rate {rate:g}.{why}"


class Descending(Family[DescentConfig, Regression]):
    """Descents of the loss of a regression."""

    name = "descending"
    kind = "descend"
    title = "Descending"
    headline = "loss"
    rows_are = "step"
    lower_is_better = True
    config_class = DescentConfig
    variants = by_name(
        Regression(
            "linear_regression",
            "Linear regression",
            "A line through 15 points, beside its closed form.",
            lambda generator: fifteen(),
            dataset="fifteen_points",
            loss=F.mse_loss,
            names=("w", "b"),
            test=lambda config: fifteen(),
            reference=least_squares,
            reference_title="Closed form",
            shape=(1, 1, 1),
            source="y = wx + b; squared error; SGD",
            text="15 points; y = wx + b, mean squared error, SGD 1e-3, the whole set each step, "
            "1,000 steps.",
            differs="Nothing; the closed form stands beside it.",
        ),
        Regression(
            "polynomial_regression",
            "Polynomial regression",
            "A polynomial of degree three learns from 32 new points a step.",
            lambda generator: cubic(BATCH, generator),
            {"steps": 20_000, "stop_below": 1e-2},
            dataset="cubic",
            loss=F.mse_loss,
            names=("w1", "w2", "w3", "b"),
            test=lambda config: cubic(FRESH, torch.Generator().manual_seed(config.seed + 1)),
            reference=lambda points: torch.tensor([*CUBIC, CONSTANT]),
            reference_title="Drawn from",
            measured_on="{n:,} further points",
            shape=(1, 1, 3),
            source="y = w · (x, x², x³) + b; squared error; SGD",
            text="x ~ N(0, 1), 32 new ones a step, y = 0.9 + 0.5 x + 3 x² + 2.4 x³; "
            "w · (x, x², x³) + b, SGD 1e-3, until the loss is below 1e-2.",
            differs="Nothing; it is measured on 10,000 further points.",
        ),
        Regression(
            "logistic_regression",
            "Logistic regression",
            "Two features and two classes, beside the most likely model.",
            lambda generator: two_scores(),
            {"steps": 20_000, "optimiser": "momentum"},
            dataset="two_scores",
            loss=binary_cross_entropy,
            names=("w1", "w2", "b"),
            test=lambda config: two_scores(),
            reference=most_likely,
            reference_title="Most likely",
            shape=(1, 1, 2),
            source="σ(w · x + b); binary cross-entropy; SGD with momentum",
            text="100 points with two features between 30 and 100 and a class; σ(w · x + b), "
            "binary cross-entropy, SGD 1e-3, momentum 0.9, 20,000 steps.",
            differs="The text's file is out of reach: 100 points of its kind, drawn by a seed. "
            "The most likely model stands beside it.",
        ),
    )


DESCENDING = Descending()
