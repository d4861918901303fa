"""What tasks that draw images from noise have in common: how their samples are measured."""

import weakref
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from core.data import Images
from core.metrics.generative import Extractor, Health, Real, frechet_distance, health
from core.tasks.base import Experiment, Task, TaskConfig
from core.tasks.family import Variant

C = TypeVar("C", bound=TaskConfig)
V = TypeVar("V", bound=Variant)
M = TypeVar("M", bound=nn.Module)
Seen = tuple[Callable[[], Tensor | None], nn.Module | None, Real | None]


AnyExperiment = Experiment[Any, Any, Any]


class SampleFigures:
    """How images that a network draws are held against the test images."""

    judge: tuple[str, str] | None = ("recognition", "cnn_strong")
    _cached: Seen = (lambda: None, None, None)

    @abstractmethod
    def draw(self, experiment: AnyExperiment, count: int, seed: int) -> Tensor:
        """Draw `count` images (N, C, H, W) in [0, 1], at temperature 1 and without selection; with
        classes each in turn."""

    def row(self, experiment: AnyExperiment, images: Images, drawn: Tensor) -> dict[str, float]:
        """Return the health of samples as the figures of an epoch's row."""
        measured = health(drawn, self._real(experiment, images), check=experiment.check)
        figures = measured.figures()
        row = {k: float(v) for k, v in figures.items() if isinstance(v, int | float)}
        for i, count in enumerate(measured.histogram or ()):
            row[f"class_{i:02d}"] = count
        return row

    @torch.inference_mode()
    def figures(
        self, experiment: AnyExperiment, images: Images, drawn: Tensor, classes: int
    ) -> dict[str, Any]:
        """Return the health of samples, and with `classes` the share of them that is classified as
        the requested class, each class in turn."""
        real = self._real(experiment, images)
        figures = health(drawn, real, check=experiment.check).figures()
        figures["n_test"] = len(images.labels)
        if classes and real.extractor.classes == classes:
            predicted = real.extractor.features(drawn, experiment.check).classes
            assert predicted is not None
            asked = torch.arange(len(drawn), device=predicted.device) % classes
            figures["asked_accuracy"] = round(float((predicted == asked).float().mean()), 4)
        return figures

    @torch.inference_mode()
    def distance(self, experiment: AnyExperiment, images: Images, drawn: Tensor) -> float:
        """Return the Fréchet distance of samples alone."""
        real = self._real(experiment, images)
        drawn_features = real.extractor.features(drawn, experiment.check)
        return frechet_distance(real.values, drawn_features.values)

    def _real(self, experiment: AnyExperiment, images: Images) -> Real:
        """Return the statistics of the test images, computed once for all epochs of a training."""
        judge = experiment.judge
        pixels, network, real = self._cached
        if pixels() is images.pixels and network == (judge and judge.model) and real is not None:
            return real
        training = None
        if judge and judge.training:
            training = judge.training(FLOOR_IMAGES).pixels.to(images.pixels.device)
        extractor = Extractor(judge.model, judge.name) if judge else Extractor()
        real = Real(images.pixels, extractor, training, experiment.check)
        self._cached = (weakref.ref(images.pixels), judge and judge.model, real)
        return real


class GeneratingTask(SampleFigures, Task[C, V, M]):
    """Images of any data set, drawn anew from noise, and held against its test images."""

    headline = "fid"
    lower_is_better = True
    half = True
    sheets = 200
    least_test = 2  # of one image no covariance can be taken


FLOOR_IMAGES = 10_000
"""Training images whose distance to the test images is the floor of every generator's."""


def of_row(row: Mapping[str, Any]) -> Health:
    """Read the health from an epoch's row of history. Raises KeyError if it is missing."""
    names: Iterable[str] = sorted(n for n in row if n.startswith("class_"))
    histogram = [int(row[n]) for n in names]
    return Health.read({"extractor": "", **row, "histogram": histogram})
