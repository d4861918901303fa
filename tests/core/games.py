"""What the tests of GANs share: new networks, their learners, and a few digits."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from core.data import Images
from core.models.gans import GAN
from core.tasks.adversarial import ADVERSARIAL, AdversarialConfig, AdversarialLearner
from tests.core.support import built, tiny


def seeded(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(variant: str, seed: int = 0) -> GAN:
    """A new one in training mode."""
    made = built(ADVERSARIAL, variant, seed)
    assert isinstance(made, GAN)
    return made.train()


def settings(variant: str, **values: Any) -> AdversarialConfig:
    made = ADVERSARIAL.config(variant, values)
    assert isinstance(made, AdversarialConfig)
    return made


def learner(variant: str, model: GAN | None = None, **values: Any) -> AdversarialLearner:
    model = network(variant) if model is None else model
    made = ADVERSARIAL.learner(ADVERSARIAL.experiment(variant, settings(variant, **values), model))
    assert isinstance(made, AdversarialLearner)
    return made


def digits(variant: str, n: int = 8) -> Images:
    return tiny(ADVERSARIAL, n=n, variant=variant)


def copied(weights: Iterable[nn.Parameter]) -> list[Tensor]:
    return [w.detach().clone() for w in weights]


def equal(first: Iterable[Tensor], second: Iterable[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
