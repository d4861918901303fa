"""The figures of transfer learning on photographs of cats and dogs, and of its speed."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from core import data
from core.data import Images
from core.features import computed
from core.inference import explain
from core.inference.export import TOLERANCE, export
from core.models import backbones
from core.models.feature_classifiers import Transfer
from core.tasks.transfer import TRANSFER, TransferConfig, TransferExperiment, seen_by
from core.training import cross_validation
from tests.benchmarks.measuring import Row, at_least, at_most
from tests.benchmarks.shipped import shipped_runs

ASKED_FOLDS = {"new_head": 0.989, "side_by_side": 0.993}
ASKED_FEW, FEW = 0.975, 20
ASKED_SPEED, ASKED_HEAD, ASKED_PREDICTION = 30, 5, 800
DATASET = "cats-dogs"


def transfer(quick: bool) -> Iterator[Row]:
    """Folds, few pictures, speed of features and heads, prediction, export. Quick: no folds."""
    for run in shipped_runs(TRANSFER):
        with tempfile.TemporaryDirectory() as folder:
            report = export(run, Path(folder) / "model.onnx")
        note = f"{report.size / 2**20:.1f} MiB, compared on {report.compared_on}"
        yield at_most(f"transfer: export of {run.id}", report.max_difference, TOLERANCE, "", note)
    if "train" not in data.available(DATASET):
        yield Row("transfer: cats and dogs", "–", f"left out: {DATASET} is not here")
        return
    parts = [data.load(DATASET, split) for split in ("train", "test")]
    images = Images(*(torch.cat(pair) for pair in zip(*parts, strict=True)))
    yield _speed(images)
    yield _prediction(images, 10 if quick else 50)
    if not quick:
        yield from _quality(images)


def _built(variant: str, **values: object) -> tuple[Transfer, TransferConfig]:
    config = TRANSFER.config(variant, values)
    return TRANSFER.build(variant, (3, 256, 256), config, 2), config


def _speed(images: Images) -> Row:
    net = backbones.load("lite0")
    computed(net, images.pixels[:32])
    began = time.perf_counter()
    for part in torch.split(images.pixels[:256], 32):
        computed(net, part)
    seen = 256 / (time.perf_counter() - began)
    return at_least("transfer: features of Lite0", seen, ASKED_SPEED, "images/s")


def _prediction(images: Images, count: int) -> Row:
    """Class, probability, strangeness and heat map of one picture."""
    model, _ = _built("new_head")
    times = []
    for picture in images.pixels[:count]:
        began = time.perf_counter()
        said = explain.predict(model, picture[None])
        explain.heat(model, picture[None], int(said.probabilities.argmax()))
        times.append(1000 * (time.perf_counter() - began))
    p95 = float(np.percentile(times[1:], 95))
    return at_most("transfer: prediction with heat map, p95", p95, ASKED_PREDICTION, "ms")


def _quality(images: Images) -> Iterator[Row]:
    alone = []
    for name in ("lite0", "lite1", "lite2", ""):
        variant = "new_head" if name else "side_by_side"
        model, config = _built(variant, **({"backbones": name} if name else {}))
        seen = Images(seen_by(model, images.pixels), images.labels)
        experiment = TRANSFER.experiment(variant, config, model)
        result = cross_validation.cross_validated(experiment, seen)
        said = f"± {result.spread:.4f} over the folds, {result.seconds / 5:.1f} s a head"
        title = f"transfer: 5 folds, {'+'.join(model.names)}"
        if name:
            alone.append(result.mean)
        if name in ("", "lite0"):
            yield at_least(title, result.mean, ASKED_FOLDS[variant], "", said)
        else:
            yield Row(title, "–", f"{result.mean:.4f}", note=said)
        if name == "lite0":
            yield at_most("transfer: training a head", result.seconds / 5, ASKED_HEAD, "s")
            yield _few(experiment, seen)
    yield at_least("transfer: side by side against the best alone", result.mean, max(alone), "")


def _few(experiment: TransferExperiment, seen: Images) -> Row:
    """Twenty pictures a class, the others tested."""
    scores = []
    for seed in range(5):
        order = torch.randperm(len(seen.labels), generator=torch.Generator().manual_seed(seed))
        ranked = Images(seen.pixels[order], seen.labels[order])
        chosen = torch.cat([torch.nonzero(ranked.labels == k)[:FEW, 0] for k in (0, 1)])
        rest = torch.ones(len(order), dtype=torch.bool)
        rest[chosen] = False
        train, test = (Images(*(t[rows] for t in ranked)) for rows in (chosen, rest))
        scores += cross_validation.with_few(experiment, train, test, None, [seed]).accuracies
    said = f"± {statistics.stdev(scores):.4f} over 5 seeds"
    return at_least(
        f"transfer: {FEW} pictures a class", statistics.fmean(scores), ASKED_FEW, "", said
    )
