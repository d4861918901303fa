"""Learning-rate finder for a head: the rate rises until the loss diverges (Smith 2017)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch

from core.data import Images
from core.randomness import Seeded
from core.tasks.transfer import TRANSFER, TransferExperiment

STEPS = 100
RATES = (1e-5, 1.0)
SMOOTHING = 0.9
DIVERGENCE_FACTOR = 4.0
"""A sweep ends when the loss exceeds the lowest one by this factor."""


class Sweep(NamedTuple):
    """Learning rates tried one after the other, the smoothed losses, and the rate at which the loss
    fell fastest."""

    rates: list[float]
    losses: list[float]
    best: float


def sweep(experiment: TransferExperiment, data: Images) -> Sweep:
    """Raise the learning rate step by step on a new head and watch its loss (Smith 2017).

    Args:
        experiment: its network has frozen backbones; its head is not touched.
        data: features (N, width) and labels.
    """
    config, model = experiment.config, experiment.model
    with Seeded(config.seed):
        fresh = model.with_new_head(config.head, model.classes)
        learner = TRANSFER.learner(replace(experiment, model=fresh), data)
        generator = torch.Generator().manual_seed(config.seed)
        low, high = (math.log10(rate) for rate in RATES)
        rates = torch.logspace(low, high, STEPS).tolist()
        losses: list[float] = []
        mean = 0.0
        for i, rate in enumerate(rates):
            rows = torch.randint(len(data.labels), (config.batch_size,), generator=generator)
            learner.config = config.model_copy(update={"learning_rate": rate})
            batch = Images(data.pixels[rows], data.labels[rows])
            loss = learner.step(batch, 0.0, generator)["loss"]
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            losses.append(mean / (1 - SMOOTHING ** (i + 1)))
            if not losses[-1] < DIVERGENCE_FACTOR * min(losses):  # so written, nan ends it too
                break
    return Sweep(rates[: len(losses)], losses, _fastest(rates, losses))


def _fastest(rates: list[float], losses: list[float]) -> float:
    """Return the rate at which the loss falls most steeply, before its minimum."""
    lowest = min(range(len(losses)), key=losses.__getitem__)
    falls = [losses[i + 1] - losses[i] for i in range(max(1, min(lowest, len(losses) - 1)))]
    return float(f"{rates[min(range(len(falls)), key=falls.__getitem__)]:.1g}")
