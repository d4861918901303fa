"""Translation between two sets of pictures, without pairs: cycle-consistent adversarial training.

Two generators translate both ways, and a discriminator of each set scores patches of what they
make; there and back again is to be where one was. Beside it, as an upper bound, a regression that
is told the pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from core import data
from core.cancellation import Check, silent
from core.data import DatasetInfo, Images
from core.data.dataset import Split
from core.data.set_pairs import BLEND, SKETCH, Sides, side_by_side, sizes, two_sets
from core.errors import LabError
from core.images import contact_sheet, fit
from core.metrics import translations
from core.metrics.generative import MAX_COLLAPSED_VARIETY
from core.models.translation_nets import Translator
from core.runs.schema import DataSpec
from core.runs.store import Run
from core.tasks.base import (
    TEST_SEED,
    Judge,
    Task,
    some,
)
from core.tasks.family import Shape, by_name
from core.tasks.translation_figures import DIRECTIONS, QUICK_IMAGES, Seen
from core.tasks.translation_training import (
    CycleLearner,
    PairLearner,
    TranslationConfig,
    TranslationExperiment,
    TranslationLearner,
    TranslationVariant,
    sides_of,
)

COLUMNS = 10
PATIENCE = 5
"""Epochs after which translations must differ to count as not collapsed."""


TRAINED = {"epochs": 10, "batch_size": 4, "learning_rate": 5e-4, "train_images": 3000}


class Translation(Task[TranslationConfig, TranslationVariant, Translator]):
    """Pictures of one set as if they were of another."""

    name = "translation"
    kind = "translate"
    title = "Translation"
    config_class = TranslationConfig
    headline = "fid"
    lower_is_better = True
    half = True
    most_test = 2000
    variants = by_name(
        TranslationVariant(
            "cyclegan",
            "CycleGAN",
            "Learns both ways from two sets without pairs: there and back is where it was.",
            Translator,
            TRAINED,
            source="Two generators, two patch discriminators, least squares; Zhu et al. 2017",
            text="Described in words.",
            differs="Ours: generators on patches of pixels instead of strided convolutions, three "
            "residual blocks of 32 channels, batches of 4, identity in the first fifth of the "
            "training, an averaged generator.",
        ),
        TranslationVariant(
            "paired",
            "Told the pairs",
            "Regresses on pairs that the other is never told: an upper bound.",
            Translator,
            TRAINED | {"learning_rate": 1e-3},
            fixed=frozenset({"cycle", "identity", "identity_until"}),
            paired=True,
            source="Mean absolute error on pairs, as in Isola et al. 2017 without its critic",
            differs="Ours: the generators of `cyclegan`, on pictures and their own sketches.",
        ),
    )

    # ---- data

    def others(self, config: TranslationConfig) -> tuple[str, ...]:
        return sides_of("", config).names()[1:]

    def describe(
        self, variant: str, config: TranslationConfig, info: DatasetInfo, fingerprint: str
    ) -> tuple[DataSpec, dict[str, bytes]]:
        """Raises LabError for an unknown class, or a regression where nobody knows the pairs."""
        spec, files = super().describe(variant, config, info, fingerprint)
        sides = sides_of(info.name, config)
        if self.variant(variant).paired and not sides.drawn:
            raise LabError(
                "The pairs are known only where one set is drawn from the other: choose "
                f"`{SKETCH}` or `{BLEND}` as the target, or learn without pairs."
            )
        shape = spec.shape
        if sides.target == BLEND:
            shape = (3, *shape[1:])
        elif not sides.drawn:
            target = data.info(sides.target)
            super().describe(variant, config, target, fingerprint)  # it has test images, too
            other = self.variant(variant).shape_for(target.shape)
            shape = (max(shape[0], other[0]), max(shape[1], other[1]), max(shape[2], other[2]))
        splits: tuple[Split, ...] = ("train", "test")
        counts = {s: max(sizes(sides, s)) for s in splits}
        most = config.train_images or counts["train"]
        return spec.model_copy(
            update={
                "shape": shape,
                "n_train": min(counts["train"], most),
                "n_test": min(counts["test"], self.most_test),
            }
        ), files

    def training(self, run: Run) -> Images:
        """Return both sets side by side, (N, 2, C, H, W), or a seeded choice of each."""
        spec, config = run.spec(), self.config_of(run)
        paired = self.variant(spec.variant).paired
        sets = two_sets(sides_of(spec.dataset, config), "train", paired=paired)
        count = config.train_images or max(len(images.labels) for images in sets)
        a, b = (some(images, count, config.seed) for images in sets)
        return side_by_side(a, b, spec.data.shape)

    def testing(self, run: Run) -> Images:
        """Return both sets' test images side by side; of sketches the hidden pairs are rows."""
        spec = run.spec()
        sets = two_sets(sides_of(spec.dataset, self.config_of(run)), "test")
        a, b = (images.choice(self.most_test, TEST_SEED) for images in sets)
        return side_by_side(a, b, spec.data.shape)

    def own_judge(self, run: Run, device: torch.device, check: Check = silent) -> Judge | None:
        """Fit a classifier to the real training images of each set, where both have the same
        classes; None where training images are missing."""
        spec, config = run.spec(), self.config_of(run)
        sides = sides_of(spec.dataset, config)
        if any("train" not in data.available(name) for name in sides.names()):
            return None
        sets = two_sets(sides, "train")
        a, b = (self._shaped(images, spec.data.shape, device) for images in sets)
        models = {}
        if same_classes(sides):
            models = {
                which: translations.fitted_classifier(images, spec.data.classes, check)
                for which, images in (("a", a), ("b", b))
            }
        return Judge(
            "classifiers fitted to real images" if models else "",
            nn.ModuleDict(models),
            lambda count: side_by_side(a.choice(count), b.choice(count), spec.data.shape),
        )

    @staticmethod
    def _shaped(images: Images, shape: Shape, device: torch.device) -> Images:
        few = images.choice(translations.FIT_IMAGES)
        return Images(fit(few.pixels, shape).to(device), few.labels.to(device))

    # ---- network and learner

    def build(
        self, variant: str, shape: Shape, config: TranslationConfig | None = None, classes: int = 0
    ) -> Translator:
        chosen, config = self.variant(variant), config or self.config(variant)
        return Translator(shape, config.width, config.blocks, discriminators=not chosen.paired)

    def learner(
        self, experiment: TranslationExperiment, data: Images | None = None
    ) -> TranslationLearner:
        return (PairLearner if experiment.variant.paired else CycleLearner)(experiment)

    # ---- figures

    def validate(
        self, experiment: TranslationExperiment, images: Images, held: Images
    ) -> dict[str, float]:
        """Cycle errors, variety and, where the truth is known, how much of it is met, on some of
        the test images."""
        few = Images(images.pixels[:QUICK_IMAGES], images.labels[:QUICK_IMAGES])
        row: dict[str, float] = {}
        for direction in DIRECTIONS:
            seen = Seen(experiment, few, direction)
            row[f"cycle_error_{direction[0]}"] = seen.cycle_error()
            row[f"variety_{direction}"] = seen.variety()
            for name, value in {**seen.kept(), **seen.truth()}.items():
                if name in ("kept", "psnr", "ssim"):
                    row[f"{name}_{direction}"] = float(value)
        return row

    def evaluate(self, experiment: TranslationExperiment, images: Images) -> dict[str, Any]:
        """Both directions on the test images: distance to the target set, what is kept of the
        class or met of hidden pairs, cycle error, and the hidden-message test.

        `fid` is the mean of both directions' Fréchet distances, each beside its `floor`: that of
        real training images of the target set.
        """
        figures: dict[str, Any] = {"n_test": len(images.labels)}
        for direction in DIRECTIONS:
            seen = Seen(experiment, images, direction)
            own = {
                "n": len(seen.inputs),
                "cycle_error": round(seen.cycle_error(), 5),
                "moved": round(float((seen.translated - seen.inputs).abs().mean()), 5),
                **seen.truth(),
                **seen.health(),
                **seen.kept(),
                "hidden": seen.hidden(),
                "hidden_n": min(len(seen.inputs), QUICK_IMAGES),
            }
            figures |= {f"{name}_{direction}": value for name, value in own.items()}
        figures["fid"] = round((figures["fid_ab"] + figures["fid_ba"]) / 2, 4)
        return figures

    def ended(self, config: TranslationConfig, history: Sequence[Mapping[str, float]]) -> str:
        """Stop after a collapse if the configuration says so."""
        collapse = self.remark(history)
        if config.on_collapse == "continue" or not collapse or len(history) < PATIENCE:
            return ""
        return (
            f"{collapse} Training stopped after epoch {len(history)}, as asked; its weights are "
            "kept. Try another seed, a lower learning rate, or a larger weight of the cycle."
        )

    def remark(self, history: Sequence[Mapping[str, Any]]) -> str:
        """The verdict on a collapse after the last epoch; empty where there is none."""
        return collapse_sentence(history[-1]) if history else ""

    def render(self, experiment: TranslationExperiment, images: Images) -> np.ndarray:
        """Ten pictures of each set: as they are, translated, and there and back, a row each."""
        rows = []
        for direction in DIRECTIONS:
            few = Images(images.pixels[:COLUMNS], images.labels[:COLUMNS])
            seen = Seen(experiment, few, direction, repeats=True)
            rows += [seen.inputs, seen.translated, seen.back]
        return contact_sheet(torch.cat(rows), columns=len(rows[0]))


def collapse_sentence(row: Mapping[str, Any]) -> str:
    """Say which direction has collapsed after an epoch; empty where none has.

    Args:
        row: figures of an epoch, with `variety_ab` and `variety_ba`.
    """
    names = {"ab": "from the first set to the second", "ba": "from the second set to the first"}
    return " ".join(
        f"The translation {names[way]} has collapsed: its pictures are {100 * variety:.0f} % as "
        "varied as real ones of that set."
        for way in DIRECTIONS
        if (variety := row.get(f"variety_{way}", 1.0)) <= MAX_COLLAPSED_VARIETY
    )


def same_classes(sides: Sides) -> bool:
    """Whether both sets of a pair have the same classes, so that a class can be kept."""
    if sides.source_class or sides.target_class:
        return False
    names = (sides.source,) if sides.drawn else (sides.source, sides.target)
    classes = {data.info(name).classes for name in names}
    return len(classes) == 1 and () not in classes


TRANSLATION = Translation()
