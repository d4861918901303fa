"""Before a head is taught: how long it will take, and which learning rate suits it."""

from __future__ import annotations

import math
import time
from functools import lru_cache
from typing import NamedTuple

import torch

from core import data, features
from core.data import Images
from core.models import backbones, pretrained
from core.models.transfer import Transfer
from core.randomness import Seeded
from core.tasks.transfer import TRANSFER, TransferConfig
from core.training.request import TEST_SEED, some

HEAD_SECONDS = 4e-5
"""A head of 1,280 features, for a picture and epoch: seen on two slow cores."""
BACKWARD = 3
"""Passes through a network that a training step is worth."""
FROZEN = 1 / 3
"""Share of a fine-tuning in which only the head learns."""
TRIED = 8
STEPS = 100
RATES = (1e-5, 1.0)
SMOOTHING = 0.9
LOST = 4.0
"""Times the least loss so far, from which on a sweep has seen enough."""


class Estimate(NamedTuple):
    """Seconds for looking at pictures that no backbone has seen yet, and for learning, and the
    number of pictures."""

    looking: float
    learning: float
    pictures: int

    @property
    def seconds(self) -> float:
        """Of both."""
        return self.looking + self.learning


class Sweep(NamedTuple):
    """Learning rates tried one after the other, the smoothed losses, and the rate at which the loss
    fell fastest."""

    rates: list[float]
    losses: list[float]
    best: float


def estimate(variant: str, config: TransferConfig, dataset: str) -> Estimate:
    """How long a training will take on this machine, roughly.

    Raises:
        DataMissing: the pictures, or the weights of a backbone, are not here.
    """
    whole = data.load(dataset, "train")
    parts = (
        some(whole, config.train_images or len(whole.labels), config.seed),
        data.load(dataset, "test").choice(TRANSFER.most_test, TEST_SEED),
    )
    train, test = (TRANSFER.prepare(variant, part).pixels for part in parts)
    names, n, count = config.backbones.split("+"), len(train), len(train) + len(test)
    if TRANSFER.variant(variant).options["trained"]:
        passes = config.epochs * (n * (FROZEN + (1 - FROZEN) * BACKWARD) + len(test)) + len(test)
        return Estimate(0.0, sum(passes * _seconds(name) for name in names), count)
    looking = 0.0
    for name in names:
        missing = sum(len(part) - features.known(name, part) for part in (train, test))
        looking += missing * _seconds(name)
    width = sum(backbones.backbone(name).width for name in names)
    return Estimate(looking, HEAD_SECONDS * width / 1280 * n * config.epochs, count)


@lru_cache(maxsize=16)
def _seconds(name: str) -> float:
    """That a backbone takes for one picture here."""
    net = backbones.load(name)
    side = round(net.preprocess.side / pretrained.CROP)
    pictures = torch.zeros(TRIED, 3, side, side, dtype=torch.uint8)
    features.computed(net, pictures)
    began = time.perf_counter()
    features.computed(net, pictures)
    return (time.perf_counter() - began) / TRIED


def sweep(model: Transfer, variant: str, config: TransferConfig, seen: Images) -> Sweep:
    """Raise the learning rate step by step on a new head and watch its loss (Smith 2017).

    Args:
        model: of frozen backbones; its head is not touched.
        seen: features (N, width) and labels.
    """
    with Seeded(config.seed):
        fresh = model.with_new_head(config.head, model.classes)
        learner = TRANSFER.learner(variant, config, fresh, seen)
        generator = torch.Generator().manual_seed(config.seed)
        low, high = (math.log10(rate) for rate in RATES)
        rates = torch.logspace(low, high, STEPS).tolist()
        losses: list[float] = []
        mean = 0.0
        for i, rate in enumerate(rates):
            rows = torch.randint(len(seen.labels), (config.batch_size,), generator=generator)
            learner.config = config.model_copy(update={"learning_rate": rate})  # type: ignore[attr-defined]
            batch = Images(seen.pixels[rows], seen.labels[rows])
            loss = learner.step(batch, 0.0, generator)["loss"]
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            losses.append(mean / (1 - SMOOTHING ** (i + 1)))
            if not losses[-1] < LOST * min(losses):  # so written, nan ends it too
                break
    return Sweep(rates[: len(losses)], losses, _fastest(rates, losses))


def _fastest(rates: list[float], losses: list[float]) -> float:
    """The rate at which the loss falls most steeply, before it is least."""
    least = min(range(len(losses)), key=losses.__getitem__)
    falls = [losses[i + 1] - losses[i] for i in range(max(1, min(least, len(losses) - 1)))]
    return float(f"{rates[min(range(len(falls)), key=falls.__getitem__)]:.1g}")
