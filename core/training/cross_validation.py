"""How far a figure is to be trusted: the same head trained again on other parts of the pictures.

Works on features that are kept, so that a fold takes seconds. Photographs that are nearly the same
stay in one fold: else the test would be on pictures that were learnt.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core.cancellation import Check, silent
from core.data import Images
from core.errors import LabError
from core.models.feature_classifiers import Transfer
from core.randomness import Seeded
from core.runs.store import Run
from core.tasks import load_model
from core.tasks.transfer import TRANSFER, TransferExperiment, seen_by
from core.training.request import test_images, train_images

MIN_DUPLICATE_COSINE = 0.98
"""Cosine of two pictures' features from which on they count as nearly the same."""
CHUNK = 1000
CURVE_SIZES = (2, 5, 10, 20, 50, 100, 200, 500)
"""Pictures of a class, of which a learning curve is made."""


class Scores(NamedTuple):
    """Accuracies of several trainings, each on pictures that it did not see."""

    accuracies: list[float]
    seconds: float

    @property
    def mean(self) -> float:
        """Of the accuracies."""
        return statistics.fmean(self.accuracies)

    @property
    def spread(self) -> float:
        """Their standard deviation; 0 for one."""
        return statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else 0.0


def cross_validated(experiment: TransferExperiment, data: Images, folds: int = 5) -> Scores:
    """Each picture is tested once, by a head that was trained on the other folds.

    Args:
        experiment: its network has frozen backbones; its head is not touched.
        data: features (N, width) and labels.
        folds: 2 to 20.

    Raises:
        LabError: another number of folds, or a class with fewer pictures than folds.
    """
    if not 2 <= folds <= 20:
        raise LabError("Folds: a number from 2 to 20.")
    fewest = int(torch.bincount(data.labels)[torch.unique(data.labels)].min())
    if fewest < folds:
        advice = (
            f"Choose from 2 to {fewest} folds." if fewest > 1 else "Bring two of each at least."
        )
        raise LabError(
            f"Every class needs {folds} pictures for {folds} folds; the smallest has {fewest}. "
            + advice
        )
    started, outcomes = time.monotonic(), []
    for number, (train, test) in enumerate(_folds(data, folds, experiment.config.seed)):
        experiment.check(f"fold {number + 1} of {folds}")
        outcomes.append(_trained(experiment, data, train, test))
    return Scores(outcomes, time.monotonic() - started)


def with_few(
    experiment: TransferExperiment,
    train: Images,
    test: Images,
    each: int | None,
    seeds: Sequence[int] = range(5),
) -> Scores:
    """Trained with each of the seeds, tested on all of `test`.

    Args:
        experiment: its network has frozen backbones; its head is not touched.
        train, test: features (N, width) and labels.
        each: pictures of a class to train on, drawn by the seed; None for all that there are.

    Raises:
        LabError: a class has fewer pictures.
    """
    counts = torch.bincount(train.labels)
    fewest = int(counts[counts > 0].min())
    if each is not None and not 1 <= each <= fewest:
        raise LabError(
            f"{each} pictures of each class cannot be trained on; the smallest class has {fewest}. "
            f"Choose from 1 to {fewest}."
        )
    both = Images(*(torch.cat(pair) for pair in zip(train, test, strict=True)))
    tested = torch.arange(len(train.labels), len(both.labels))
    started, outcomes = time.monotonic(), []
    for seed in seeds:
        stage = f"seed {seed}" if each is None else f"{each} pictures a class, seed {seed}"
        experiment.check(stage)
        seeded = replace(experiment, config=experiment.config.model_copy(update={"seed": seed}))
        outcomes.append(_trained(seeded, both, _drawn(train.labels, each, seed), tested))
    return Scores(outcomes, time.monotonic() - started)


def _drawn(labels: Tensor, each: int | None, seed: int) -> Tensor:
    """Rows of `each` pictures of every class."""
    if each is None:
        return torch.arange(len(labels))
    generator = torch.Generator().manual_seed(seed)
    own = [torch.nonzero(labels == label)[:, 0] for label in torch.unique(labels).tolist()]
    return torch.cat([rows[torch.randperm(len(rows), generator=generator)[:each]] for rows in own])


class Prepared(NamedTuple):
    """A run's frozen backbones with its settings, and both splits as features (N, width)."""

    experiment: TransferExperiment
    train: Images
    test: Images


def prepared(run: Run, check: Check = silent) -> Prepared:
    """What is needed to train heads like the run's again.

    Raises:
        LabError: its backbones were trained themselves; DataMissing: its pictures are not here.
    """
    model = load_model(run)
    if not isinstance(model, Transfer) or model.trained:
        raise LabError("Only heads on frozen networks can be trained again in seconds.")
    train, test = (
        Images(seen_by(model, images.pixels, check), images.labels)
        for images in (train_images(run), test_images(run))
    )
    config = TRANSFER.config_of(run)
    experiment = TRANSFER.experiment(run.spec().variant, config, model, check=check)
    return Prepared(experiment, train, test)


def curve(prepared: Prepared) -> dict[int, Scores]:
    """Accuracy on the test pictures by the number of pictures of each class to learn from: a few,
    then about twice as many each time, at last as many as the smallest class has."""
    experiment, train, test = prepared
    counts = torch.bincount(train.labels)
    smallest_class = int(counts[counts > 0].min())
    steps = [n for n in CURVE_SIZES if n < smallest_class] + [smallest_class]
    return {n: with_few(experiment, train, test, n) for n in steps}


def groups(features: Tensor, check: Check = silent) -> Tensor:
    """A number (N,) that pictures share with those that are nearly the same, by their features."""
    unit = F.normalize(features - features.mean(0), dim=1)
    owner = torch.arange(len(unit))

    def root(i: int) -> int:
        while int(owner[i]) != i:
            i = int(owner[i])
        return i

    for start in range(0, len(unit), CHUNK):
        check("looking for pictures that are nearly the same")
        duplicates = torch.nonzero(unit[start : start + CHUNK] @ unit.T > MIN_DUPLICATE_COSINE)
        for a, b in ((int(i) + start, int(j)) for i, j in duplicates):
            if a < b:
                owner[root(b)] = root(a)
    return torch.tensor([root(i) for i in range(len(unit))])


def _folds(data: Images, folds: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    from sklearn.model_selection import StratifiedGroupKFold  # here: it takes a second

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    parts = splitter.split(
        np.zeros(len(data.labels)), data.labels.numpy(), groups(data.pixels).numpy()
    )
    for train, test in parts:
        yield torch.from_numpy(train), torch.from_numpy(test)


def _trained(experiment: TransferExperiment, data: Images, train: Tensor, test: Tensor) -> float:
    """Accuracy on the rows `test` of a new head, trained on the rows `train`."""
    config, classes = experiment.config, int(data.labels.max()) + 1
    with Seeded(config.seed):
        fresh = experiment.model.with_new_head(config.head, classes)
        experiment = replace(experiment, model=fresh, check=silent)
        given = Images(*(t[train] for t in data))
        own, held = TRANSFER.split(config, given)
        learner = TRANSFER.learner(experiment, own)
        generator = torch.Generator().manual_seed(config.seed)
        for epoch in range(config.epochs):
            if learner.should_stop:
                break
            fresh.train()
            order = torch.randperm(len(own.labels), generator=generator)
            for rows in torch.split(order, config.batch_size):
                batch = Images(*(t[rows] for t in own))
                learner.step(batch, epoch / config.epochs, generator)
            fresh.eval()
            learner.on_epoch_end(TRANSFER.validate(experiment, held, held))
        learner.finish().eval()
    with torch.inference_mode():
        predicted = fresh.read(data.pixels[test]).argmax(1)
    return float((predicted == data.labels[test]).float().mean())
