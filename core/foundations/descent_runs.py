"""Descents as runs: their requests, computation and evaluation."""

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from core.cancellation import Check, silent
from core.errors import LabError, RunBroken
from core.foundations.regressions import (
    DESCENDING,
    DescentConfig,
    Place,
    Points,
    Regression,
    curvatures,
    descend,
    divergence,
    outputs,
)
from core.runs import store
from core.runs.schema import DataSpec, RunRequest, RunSpec
from core.runs.store import Run
from core.training.run_context import Work, describe

ROWS = 1000
"""Rows of a history, at most and but for the last one."""


def make_request(variant: str, values: Mapping[str, Any] | None = None) -> RunRequest:
    """Validate a request for a descent and name its run. Nothing is written.

    Raises:
        UnknownName, LabError: an unknown name, or a value out of bounds.
    """
    chosen, config = DESCENDING.variant(variant), DESCENDING.config(variant, values)
    points = chosen.test(config)
    fingerprint = hashlib.sha256(torch.cat([points.x, points.y], 1).numpy().tobytes()).hexdigest()
    name, changed = DESCENDING.identity(variant, config)
    return RunRequest(
        run_id=store.run_id(DESCENDING.kind, name, chosen.dataset, changed, [fingerprint]),
        config=RunSpec(
            task=DESCENDING.name,
            variant=variant,
            dataset=chosen.dataset,
            config=config.model_dump(),
            data=DataSpec(
                fingerprint=fingerprint,
                n_train=len(chosen.build(torch.Generator()).x),
                n_test=len(points.x),
                shape=(1, 1, points.x.shape[1]),
            ),
        ),
    )


def run_descent(run: Run, work: Work) -> None:
    """Descend as a run wants it, and keep the path, the last weights and their figures.

    Raises:
        LabError: the loss became no finite number; the sentence names the largest stable rate.
    """
    torch.set_num_threads(1)  # a few numbers: threads would only wait for each other
    chosen, config = DESCENDING.variant(run.spec().variant), DESCENDING.config_of(run)
    work.report("descending", state="running", error="")
    began = time.monotonic()
    every, rows, last = -(-config.steps // ROWS), list[dict[str, float]](), None
    for last in descend(chosen, config):
        if last.step % every == 0:
            rows.append(_row(chosen, last))
            work.check(f"step {last.step:,} of {config.steps:,}", done=last.step / config.steps)
    assert last is not None  # a descent begins with its first weights
    points = chosen.test(config)
    if not last.weights.isfinite().all() or not torch.tensor(last.loss).isfinite():
        largest = float(curvatures(chosen, points, torch.zeros_like(last.weights))[-1])
        raise LabError(divergence(config, largest, last.step))
    if rows[-1]["epoch"] != last.step:
        rows.append(_row(chosen, last))
    run.write_history(rows)
    run.write_weights({"weights": last.weights})
    run.write_metrics(
        {
            **_measured(chosen, config, points, last.weights),
            "steps": last.step,
            "seconds": round(time.monotonic() - began, 2),
            "device": describe(torch.device("cpu")),
        }
    )


def _row(variant: Regression, place: Place) -> dict[str, float]:
    weights = dict(zip(variant.names, place.weights.tolist(), strict=True))
    return {"epoch": place.step, "loss": place.loss, **weights}


def evaluate(run: Run, check: Check = silent) -> dict[str, Any]:
    """Measure a finished descent again; nothing is written. Raises RunBroken."""
    chosen, config = DESCENDING.variant(run.spec().variant), DESCENDING.config_of(run)
    check("measuring")
    weights = run.weights().get("weights")
    if weights is None or weights.shape != (len(chosen.names),):
        raise RunBroken(f"The run {run.id} has other weights than its regression: descend anew.")
    return _measured(chosen, config, chosen.test(config), weights)


def _measured(
    variant: Regression, config: DescentConfig, points: Points, weights: Tensor
) -> dict[str, Any]:
    """The loss of some weights beside that of the reference, and how curved the loss is."""
    reference = variant.reference(points)
    curved = curvatures(variant, points, weights)
    loss = _loss(variant, points, weights)
    figures = {
        "loss": loss,
        "reference_loss": _loss(variant, points, reference),
        **dict(zip(variant.names, weights.tolist(), strict=True)),
        **{f"reference_{n}": w for n, w in zip(variant.names, reference.tolist(), strict=True)},
        "largest_curvature": float(curved[-1]),
        "condition": float(curved[-1] / curved[0].clamp_min(1e-12)),
        "n": len(points.x),
    }
    if bool(((points.y == 0) | (points.y == 1)).all()):
        right = (outputs(weights, points.x) > 0) == (points.y > 0.5)
        share = float(points.y.mean())
        figures["accuracy"] = float(right.float().mean())
        figures["most_frequent"] = max(share, 1 - share)
        figures["log_likelihood"] = -loss * len(points.x)
    return {k: round(v, 6) if isinstance(v, float) else v for k, v in figures.items()}


def _loss(variant: Regression, points: Points, weights: Tensor) -> float:
    return float(variant.loss(outputs(weights, points.x), points.y))
