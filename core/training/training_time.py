"""How long the training of a head will take on this machine, before it starts."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import NamedTuple

import torch

from core import data, features
from core.models import backbones, pretrained
from core.tasks.base import TEST_SEED, some
from core.tasks.transfer import TRANSFER, TransferConfig

HEAD_SECONDS = 4e-5
"""A head of 1,280 features, for a picture and epoch: seen on two slow cores."""
BACKWARD_COST = 3
"""Passes through a network that a training step is worth."""
FROZEN_SHARE = 1 / 3
"""Share of a fine-tuning in which only the head learns."""
TIMED_IMAGES = 8


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


def estimate(variant: str, config: TransferConfig, dataset: str) -> Estimate:
    """How long a training will take on this machine, roughly.

    Raises:
        DataMissing: the pictures, or the weights of a backbone, are not here.
    """
    images = data.load(dataset, "train")
    parts = (
        some(images, config.train_images or len(images.labels), config.seed),
        data.load(dataset, "test").choice(TRANSFER.most_test, TEST_SEED),
    )
    train, test = (TRANSFER.prepare(variant, part).pixels for part in parts)
    names, n, count = config.backbones.split("+"), len(train), len(train) + len(test)
    if TRANSFER.variant(variant).trained:
        passes = config.epochs * (
            n * (FROZEN_SHARE + (1 - FROZEN_SHARE) * BACKWARD_COST) + len(test)
        ) + len(test)
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
    side = round(net.preprocess.side / pretrained.CROP_SHARE)
    pictures = torch.zeros(TIMED_IMAGES, 3, side, side, dtype=torch.uint8)
    features.computed(net, pictures)
    began = time.perf_counter()
    features.computed(net, pictures)
    return (time.perf_counter() - began) / TIMED_IMAGES
