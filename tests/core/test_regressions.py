"""The texts' regressions, as transcriptions of their loops have them."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from core.__main__ import main
from core.foundations import descent_runs
from core.foundations.regressions import (
    CONSTANT,
    CUBIC,
    DESCENDING,
    X15,
    Y15,
    curvatures,
    descend,
    fifteen,
    least_squares,
    most_likely,
    two_scores,
)
from core.runs import store

STEPS = 1000


def last(variant: str, **values: Any) -> Any:
    """The last place of a descent."""
    *_, place = descend(DESCENDING.variant(variant), DESCENDING.config(variant, values))
    return place


def in_the_text(
    model: nn.Module, loss: nn.Module, optimiser: torch.optim.Optimizer, batch: Any
) -> torch.Tensor:
    """The texts' loop: the weights after `STEPS` steps, or when the loss is small."""
    for _ in range(STEPS):
        inputs, target = batch()
        out = model(inputs)
        error = loss(out, target)
        if error.item() < 1e-2:
            break
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_linear_regression_as_in_the_text() -> None:
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    x, y = torch.tensor(X15)[:, None], torch.tensor(Y15)[:, None]
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
    weights = in_the_text(model, nn.MSELoss(), optimiser, lambda: (x, y))
    assert torch.allclose(last("linear_regression", steps=STEPS).weights, weights, atol=1e-5)


def test_polynomial_regression_as_in_the_text() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    generator = torch.Generator().manual_seed(0)

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.randn(32, generator=generator).unsqueeze(1)
        features = torch.cat([x**i for i in range(1, 4)], 1)
        return features, features.mm(torch.tensor(CUBIC).unsqueeze(1)) + CONSTANT

    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
    weights = in_the_text(model, nn.MSELoss(), optimiser, batch)
    place = last("polynomial_regression")
    assert place.loss < 1e-2 and place.step < STEPS
    assert torch.allclose(place.weights, weights, atol=1e-5)


def test_logistic_regression_as_in_the_text() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(2, 1)
    optimiser = torch.optim.SGD(linear.parameters(), lr=1e-3, momentum=0.9)
    model = nn.Sequential(linear, nn.Sigmoid())
    weights = in_the_text(model, nn.BCELoss(), optimiser, lambda: tuple(two_scores()))
    assert torch.allclose(last("logistic_regression", steps=STEPS).weights, weights, atol=1e-5)


def test_references_by_other_code() -> None:
    slope, constant = np.polyfit(X15, Y15, 1)
    assert least_squares(fifteen()).tolist() == pytest.approx([slope, constant], abs=1e-5)
    points = two_scores()
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
    model.fit(points.x.double().numpy(), points.y[:, 0].numpy())
    expected = [*model.coef_[0], *model.intercept_]
    assert most_likely(points).tolist() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    "optimiser, factor", [("sgd", 1), ("momentum", 1.9), ("nesterov", 1.9 / 2.8)]
)
def test_the_boundary_that_is_named_is_the_boundary(optimiser: str, factor: float) -> None:
    largest = curvatures(DESCENDING.variant("linear_regression"), fifteen(), torch.zeros(2))[-1]
    bound = factor * 2 / float(largest)
    below, above = (
        last("linear_regression", optimiser=optimiser, learning_rate=share * bound).loss
        for share in (0.98, 1.02)
    )
    assert below < 1 and (not math.isfinite(above) or above > 100)


@pytest.mark.usefixtures("lab")
def test_a_run_is_kept_and_measured_again(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["descend", "linear_regression", "--optimiser", "adam", "--steps", "30", "--json"]
    assert main(command) == 0
    said = json.loads(capsys.readouterr().out)
    run = store.open_run(said["run"])
    history = run.history()
    assert len(history) == 31 and list(history.columns) == ["epoch", "loss", "w", "b"]
    assert history["loss"].iloc[-1] == pytest.approx(said["metrics"]["loss"], abs=1e-6)
    again = descent_runs.evaluate(run)
    assert again == {name: said["metrics"][name] for name in again}
    assert main(command) == 0 and json.loads(capsys.readouterr().out)["cached"]


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    "optimiser, rate, sentence",
    [
        ("sgd", 1e9, "2/λ = 0.02315"),
        ("nesterov", 1e9, "2(1 + β)/((1 + 2β)λ) = 0.01571"),
        ("adam", 1e38, "less than or equal to 1"),
        ("sgd", -1, "greater than or equal to 0"),
    ],
)
def test_bad_rates(
    optimiser: str, rate: float, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--optimiser", optimiser, "--learning-rate", str(rate)]
    assert main(["descend", "linear_regression", *flags]) != 0
    assert sentence in capsys.readouterr().err
