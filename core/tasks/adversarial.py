"""Adversarial training: a generator learns to draw what a critic cannot tell from real images.

One procedure for all variants: a variant is its networks, its two losses, its penalty, its
conditioning and its optimiser's betas.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from core.data import Images
from core.errors import LabError
from core.images import contact_sheet
from core.metrics.generative import Extractor, Health, Real, health, verdict
from core.models import gans
from core.models.gans import GAN, seeded_noise
from core.tasks.base import Check, Judge, Learner, Task, TaskConfig, silent
from core.tasks.family import Shape, Variant
from core.tasks.games import (
    BCE,
    SQUARES,
    WASSERSTEIN,
    AdversarialConfig,
    AdversarialLearner,
    turns,
)

EVALUATION_SEED = 40_000
SHEET_SEED = 0
COLUMNS, ROWS = 10, 6
"""Of the sample sheet: with classes, a column each."""
SAMPLES = 10_000
CHUNK = 250
PATIENCE = 8
"""Epochs that a generator may take to draw different things at all."""


@torch.inference_mode()
def samples(
    model: GAN,
    count: int,
    seed: int,
    labels: Tensor | None = None,
    check: Check = silent,
) -> Tensor:
    """`count` images (N, C, H, W) in [0, 1] from the prior; each class in turn unless `labels`."""
    device = next(model.parameters()).device
    noise = seeded_noise(count, seed).to(device)
    asked = turns(model, count) if labels is None else labels
    drawn = []
    for u, y in zip(torch.split(noise, CHUNK), torch.split(asked, CHUNK), strict=True):
        check("drawing samples")
        drawn.append(model(model.latents(u), y))
    return torch.cat(drawn)


REFERENCE: dict[str, Any] = {"game": BCE, "betas": (0.5, 0.999)}
PUBLISHED = {"learning_rate": 3e-4, "batch_size": 128, "train_images": 50_000}


class Adversarial(Task):
    """Images of any data set, drawn anew from noise."""

    name = "adversarial"
    kind: ClassVar[str] = "draw"
    title: ClassVar[str] = "GANs"
    headline = "fid"
    lower_is_better = True
    half: ClassVar[bool] = True
    sheets: ClassVar[int] = 200
    least_test: ClassVar[int] = 2  # of one image no covariance can be taken
    judge: ClassVar[tuple[str, str] | None] = ("recognition", "cnn_strong")
    config_class: ClassVar[type[TaskConfig]] = AdversarialConfig
    variants: ClassVar[Mapping[str, Variant]] = {
        v.name: v
        for v in (
            Variant(
                "gan",
                "GAN",
                "Linear layers against linear layers: the game as it was first played.",
                gans.mlp,
                PUBLISHED,
                REFERENCE,
                source="Lin 96-1024-1024-784 against 784-256-256-1; Goodfellow et al. 2014",
                text="Lin 96-1024-1024-784, tanh, against 784-256-256-1; noise uniform in (-1, "
                "1); Adam 3e-4, β (0.5, 0.999), batches of 128, 10 epochs over the first "
                "50,000 images in their order; both steps on one noise.",
                differs="50,000 images drawn by the seed, in a new order each epoch. The shipped "
                "run learns at 1e-3 for 20 epochs: at 3e-4 it left a class out.",
            ),
            Variant(
                "lsgan",
                "Least-squares GAN",
                "The same networks; scores are pulled to 1 and 0 by their squared distance.",
                gans.mlp,
                PUBLISHED,
                {**REFERENCE, "game": SQUARES},
                source="The GAN with squared losses; Mao et al. 2017",
                text="The networks and the training of `gan` with squared losses.",
                differs="As for `gan`; at 3e-4 the shipped one collapsed onto one class.",
            ),
            Variant(
                "dcgan",
                "DCGAN",
                "Convolutions on both sides, batch norm in the generator.",
                gans.dcgan,
                {**PUBLISHED, "epochs": 5},
                REFERENCE,
                source="Lin 96-1024-6272, ConvT 64-1 against Conv 32-64, Lin 1024-1; Radford et "
                "al. 2015",
                text="Lin 1024, Lin 7·7·128, ConvT 64-1, tanh, with batch norm, against Conv "
                "32-64, Lin 1024-1; trained as `gan`, 5 epochs.",
                differs="50,000 images drawn by the seed, in a new order each epoch. Each score "
                "is logged through a sigmoid, which changes nothing in the training.",
            ),
            Variant(
                "wgan_gp",
                "Wasserstein GAN",
                "A critic that measures a distance, kept smooth by a gradient penalty.",
                gans.dcgan,
                {
                    "learning_rate": 3e-4,
                    "batch_size": 64,
                    "epochs": 15,
                    "critic_steps": 5,
                    "penalty": 10.0,
                    "ema": 0.995,
                },
                {**REFERENCE, "game": WASSERSTEIN, "betas": (0.5, 0.9)},
                source="The DCGAN's networks; Gulrajani et al. 2017; averaged generator, ours",
                text="Described in words.",
                differs="Ours: the networks of `dcgan`, gradient penalty 10, five critic steps, "
                "Adam 3e-4 with β (0.5, 0.9), batches of 64, 15 epochs, all images, an "
                "averaged generator.",
            ),
            Variant(
                "cgan",
                "Class-conditional GAN",
                "The DCGAN is told the class, and its critic asks for it.",
                gans.dcgan,
                {"learning_rate": 3e-4, "batch_size": 128, "epochs": 10, "ema": 0.998},
                {**REFERENCE, "conditional": True},
                source="The DCGAN's networks; embedding and projection, Miyato and Koyama 2018; "
                "averaged generator, ours",
                text="Described in words.",
                differs="Ours: the networks of `dcgan` with embedding and projection of the "
                "class, the latter zero at first; batches of 128, 10 epochs, all images, an "
                "averaged generator.",
            ),
            Variant(
                "face_dcgan",
                "Face DCGAN",
                "Five convolutions up to 64×64 pixels and five down, batch norm in both.",
                gans.face_dcgan,
                {"learning_rate": 2e-4, "batch_size": 64, "epochs": 10},
                REFERENCE,
                shape=(3, 64, 64),
                source="ConvT 512-256-128-64-3 against Conv 64-128-256-512-1; Radford et al. 2015",
                text="ConvT 512-256-128-64-3, tanh, against Conv 64-128-256-512-1, batch norm "
                "in both; Adam 2e-4, β (0.5, 0.999), 10 epochs; colour faces, centre crop "
                "90, 64×64. Real images stay in [0, 1] against fakes in [-1, 1], 16 real "
                "and 64 fake a step.",
                differs="Real images in [-1, 1] as the fakes, or their range alone would tell "
                "them apart; 64 and 64 a step; grey faces in three equal channels, "
                "already cropped, for those are what the data set has.",
            ),
        )
    }

    def build(
        self, variant: str, shape: Shape, config: TaskConfig | None = None, classes: int = 0
    ) -> nn.Module:
        chosen = self.variant(variant)
        conditional = bool(chosen.options.get("conditional"))
        if conditional and not classes:
            raise LabError(f"{chosen.title} needs a data set with classes; this one has none.")
        return cast(nn.Module, chosen.build(shape, classes if conditional else 0))

    def learner(
        self, variant: str, config: TaskConfig, model: nn.Module, data: Images | None = None
    ) -> Learner:
        """Raises LabError for single images where batch norm has nothing to norm."""
        norms = nn.modules.batchnorm._BatchNorm
        if config.batch_size == 1 and any(isinstance(m, norms) for m in model.modules()):
            raise LabError("This network needs batches of two images at least.")
        options = self.variant(variant).options
        return AdversarialLearner(cast(AdversarialConfig, config), cast(GAN, model), options)

    def validate(
        self,
        variant: str,
        config: TaskConfig,
        model: nn.Module,
        images: Images,
        held: Images,
        judge: Judge | None = None,
        check: Check = silent,
    ) -> dict[str, float]:
        """The same figures as at the end, of as many samples, so that both can be compared."""
        drawn = samples(cast(GAN, model), SAMPLES, EVALUATION_SEED, check=check)
        found = health(drawn, self._real(images, judge, check), check=check)
        figures = found.figures()
        row = {k: float(v) for k, v in figures.items() if isinstance(v, int | float)}
        for i, count in enumerate(found.histogram or ()):
            row[f"class_{i:02d}"] = count
        return row

    def ended(self, config: TaskConfig, history: Sequence[Mapping[str, float]]) -> str:
        """After a collapse, if it was asked to stop then.

        All samples are alike at first: that counts only if it lasts for `PATIENCE` epochs.
        """
        if cast(AdversarialConfig, config).on_collapse == "continue":
            return ""
        found = [verdict(of_row(row)) for row in history]
        last, varied = found[-1], any(v.state != "collapsed" for v in found)
        if last.state != "collapsed" or not (varied or len(found) >= PATIENCE):
            return ""
        return (
            f"{last.sentence} Training stopped after epoch {len(found)}, as asked; its weights "
            "are kept. Try another seed, a lower learning rate, or more critic steps."
        )

    def remark(self, history: Sequence[Mapping[str, Any]]) -> str:
        """The verdict on the generator after the last epoch."""
        return verdict(of_row(history[-1])).sentence if history and "fid" in history[-1] else ""

    @torch.inference_mode()
    def evaluate(
        self,
        variant: str,
        config: TaskConfig,
        model: nn.Module,
        images: Images,
        check: Check,
        judge: Judge | None = None,
    ) -> dict[str, Any]:
        """Health of ten thousand samples against the test split, at temperature 1, none left out.

        A class-conditional network draws each class in turn; `asked_accuracy` is the share of its
        samples that is read as the class asked for.
        """
        network = cast(GAN, model)
        drawn = samples(network, SAMPLES, EVALUATION_SEED, check=check)
        real = self._real(images, judge, check)
        extractor = real.extractor
        figures = health(drawn, real, check=check).figures()
        figures["n_test"] = len(images.labels)
        if network.classes and extractor.classes == network.classes:
            read = extractor.features(drawn, check).classes
            right = (cast(Tensor, read) == turns(network, SAMPLES)).float().mean()
            figures["asked_accuracy"] = round(float(right), 4)
        return figures

    def _real(self, images: Images, judge: Judge | None, check: Check) -> Real:
        """The test images as the judge sees them: looked at once, for all epochs of a training."""
        known, by, real = self._seen
        if known() is images.pixels and by == (judge and judge.model) and real is not None:
            return real
        training = None
        if judge and judge.training:
            training = judge.training(SAMPLES).pixels.to(images.pixels.device)
        extractor = Extractor(judge.model, judge.name) if judge else Extractor()
        real = Real(images.pixels, extractor, training, check)
        self._seen = (weakref.ref(images.pixels), judge and judge.model, real)
        return real

    _seen: tuple[Callable[[], Tensor | None], nn.Module | None, Real | None] = (
        lambda: None,
        None,
        None,
    )

    def render(
        self,
        variant: str,
        config: TaskConfig,
        model: nn.Module,
        images: Images,
        check: Check = silent,
    ) -> np.ndarray:
        """Samples of the same sixty seeds for every network; with classes a column each."""
        return contact_sheet(
            samples(cast(GAN, model), COLUMNS * ROWS, SHEET_SEED, check=check), COLUMNS
        )


def of_row(row: Mapping[str, Any]) -> Health:
    """The health that an epoch's row of history tells of. Raises KeyError where it is missing."""
    names: Iterable[str] = sorted(n for n in row if n.startswith("class_"))
    histogram = [int(row[n]) for n in names]
    return Health.read({"extractor": "", **row, "histogram": histogram})


ADVERSARIAL = Adversarial()
