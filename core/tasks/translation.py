"""Translation between two sets of pictures, without pairs: cycle-consistent adversarial training.

Two generators translate both ways, and a discriminator of each set scores patches of what they
make; there and back again is to be where one was. Beside it, as an upper bound, a regression that
is told the pairs.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

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
from core.tasks.adversarial import SQUARES
from core.tasks.base import (
    TEST_SEED,
    Experiment,
    Judge,
    Learner,
    Task,
    TaskConfig,
    some,
    unit,
    update_ema,
)
from core.tasks.family import Shape, Variant, by_name, number
from core.tasks.translation_figures import DIRECTIONS, QUICK_IMAGES, Seen

LEAST_SIDE, MOST_SIDE = 28, 64
POOL = 50
"""Fakes that a discriminator is shown again (Shrivastava et al. 2017)."""
COLUMNS = 10
PATIENCE = 5
"""Epochs after which translations must differ to count as not collapsed."""


class TranslationConfig(TaskConfig):
    """Settings of a translation's training."""

    batch_size: int = number(4, (1, 4096), "Batch size", "pictures of each set a step")
    target: str = Field(
        SKETCH,
        max_length=200,
        title="Target",
        description=f"the data set to translate into; `{SKETCH}` draws it from other pictures of "
        f"the first set, `{BLEND}` lays these over photographs",
    )
    source_class: str = Field(
        "", max_length=200, title="Class", description="of the first set; empty takes all"
    )
    target_class: str = Field(
        "", max_length=200, title="Target's class", description="of the target; empty takes all"
    )
    width: int = number(32, (8, 64), "Width", "channels of a generator", step=8)
    blocks: int = number(3, (1, 9), "Blocks", "residual blocks of a generator")
    cycle: float = number(
        10.0, (0, 100), "Cycle", "weight of being where one was after there and back", step=1.0
    )
    identity: float = number(
        5.0, (0, 100), "Identity", "weight of leaving pictures of the target as they are", step=1.0
    )
    identity_until: float = number(
        0.2,
        (0, 1),
        "Identity until",
        "share of the training in which pictures of the target are to stay as they are",
        step=0.1,
    )
    ema: float = number(
        0.99,
        (0, 0.9999),
        "Average",
        "share of the past in a running average of the generators' weights, which then translate "
        "in their place; 0 for none",
        step=0.001,
    )
    on_collapse: Literal["continue", "stop"] = Field(
        "continue", title="After a collapse", description="go on training, or stop and say so"
    )


@dataclass(frozen=True, kw_only=True)
class TranslationVariant(Variant):
    """A translation with what it learns by."""

    paired: bool = False
    """Whether it is told the pairs, and regresses on them."""

    def shape_for(self, of: Shape) -> Shape:
        """A square of 28 to 64 pixels, its side divisible by four."""
        side = min(max(max(of[1:]), LEAST_SIDE), MOST_SIDE) // 4 * 4
        return (3 if of[0] == 3 else 1, side, side)


TranslationExperiment = Experiment[TranslationConfig, TranslationVariant, Translator]


def sides_of(dataset: str, config: TranslationConfig) -> Sides:
    """The pair of sets that settings name."""
    return Sides(dataset, config.target, config.source_class, config.target_class)


# ---- learning


class Pool:
    """Fakes of the past: half of those that are asked for are older ones, put back for new ones."""

    def __init__(self) -> None:
        self.kept: list[Tensor] = []

    def mixed(self, fakes: Tensor, generator: torch.Generator) -> Tensor:
        """Return as many fakes (B, C, H, W), each new, or with even chance one of the pool."""
        device = fakes.device
        swap = torch.rand(len(fakes), generator=generator, device=device).tolist()
        place = torch.rand(len(fakes), generator=generator, device=device).tolist()
        shown = []
        for fake, swaps, where in zip(fakes, swap, place, strict=True):
            if len(self.kept) < POOL:
                self.kept.append(fake)
                shown.append(fake)
            elif swaps < 0.5:
                i = int(where * POOL)
                shown.append(self.kept[i])
                self.kept[i] = fake
            else:
                shown.append(fake)
        return torch.stack(shown)


def falling(progress: float) -> float:
    """Keep the learning rate for half of the training, then let it fall to 0 in a line."""
    return min(1.0, 2 * (1 - progress))


class TranslationLearner(Learner):
    """What both learners share: generators whose rate falls in the second half, and a running
    average of them."""

    def __init__(self, experiment: TranslationExperiment) -> None:
        config, model = experiment.config, experiment.model
        sides = {"generators": model.generators, "discriminators": model.discriminators}
        rate, betas = config.learning_rate, (0.5, 0.999)
        optimisers = {
            name: Adam(side.parameters(), lr=rate, betas=betas, fused=True)
            for name, side in sides.items()
            if len(side)
        }
        super().__init__(model, optimisers)
        self.config, self.net = config, model
        self.average = copy.deepcopy(model) if config.ema else None
        self.steps = 0

    def descend(self, side: str, loss: Tensor, progress: float) -> None:
        """Take one optimiser step of a side."""
        optimiser = self.optimisers[side]
        for group in optimiser.param_groups:
            group["lr"] = self.config.learning_rate * falling(progress)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    def follow(self) -> None:
        """Move the averaged generators towards the current ones."""
        self.steps += 1
        if self.average:
            average, current = (m.generators.parameters() for m in (self.average, self.net))
            update_ema(average, current, self.config.ema, self.steps)

    def eval_model(self, check: Check = silent) -> Translator:
        if self.average is None:
            return self.net
        self.average.discriminators.load_state_dict(self.net.discriminators.state_dict())
        return self.average

    def state_dict(self) -> dict[str, Any]:
        average = self.average.state_dict() if self.average else {}
        return {**super().state_dict(), "steps": self.steps, "average": average}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.steps = state["steps"]
        if self.average:
            self.average.load_state_dict(state["average"])


class _Fakes(NamedTuple):
    """What a step of the generators made, and its losses."""

    a: Tensor
    b: Tensor
    figures: dict[str, float]


class CycleLearner(TranslationLearner):
    """Both generators take a step, then both discriminators (Zhu et al. 2017)."""

    def __init__(self, experiment: TranslationExperiment) -> None:
        super().__init__(experiment)
        self.pools = {"a": Pool(), "b": Pool()}

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        a, b = both_signed(images.pixels)
        fakes = self._generators(a, b, progress)
        losses: list[Tensor] = []
        scores: dict[str, Tensor] = {}
        for which, real, fake in (("a", a, fakes.a), ("b", b, fakes.b)):
            shown = self.pools[which].mixed(fake.detach(), generator)
            both = self.net.score(which, torch.cat([real, shown]))
            of_real, of_fake = torch.split(both, len(real))
            losses.append(SQUARES.critic(of_real, of_fake))
            scores |= {f"real_score_{which}": of_real, f"fake_score_{which}": of_fake}
        self.descend("discriminators", losses[0] + losses[1], progress)
        critics = {f"critic_{k}": x.item() for k, x in zip("ab", losses, strict=True)}
        return {**fakes.figures, **critics, **{k: x.mean().item() for k, x in scores.items()}}

    def _generators(self, a: Tensor, b: Tensor, progress: float) -> _Fakes:
        """Take a step of both generators."""
        net, config = self.net, self.config
        net.discriminators.requires_grad_(False)  # they only pass the gradient on
        anchored = bool(config.identity) and progress < config.identity_until
        # Of the set that it makes too, in one pass: instance norm sees each picture alone.
        to_b, to_a = ([a, b], [b, a]) if anchored else ([a], [b])
        fake_b, *same_b = torch.split(net.forward_ab(torch.cat(to_b)), len(a))
        fake_a, *same_a = torch.split(net.forward_ba(torch.cat(to_a)), len(a))
        adversarial_ab = SQUARES.generator(net.score("b", fake_b))
        adversarial_ba = SQUARES.generator(net.score("a", fake_a))
        loss = adversarial_ab + adversarial_ba
        figures = {"adversarial_ab": adversarial_ab, "adversarial_ba": adversarial_ba}
        if config.cycle:
            way = F.l1_loss(net.forward_ba(fake_b), a) + F.l1_loss(net.forward_ab(fake_a), b)
            loss, figures["cycle"] = loss + config.cycle * way, way
        if anchored:
            kept = F.l1_loss(same_b[0], b) + F.l1_loss(same_a[0], a)
            loss, figures["identity"] = loss + config.identity * kept, kept
        self.descend("generators", loss, progress)
        net.discriminators.requires_grad_(True)
        self.follow()
        scalars = {"loss": loss.item(), **{k: x.item() for k, x in figures.items()}}
        return _Fakes(fake_a, fake_b, scalars)

    def state_dict(self) -> dict[str, Any]:
        pools = {which: list(pool.kept) for which, pool in self.pools.items()}
        return {**super().state_dict(), "pools": pools}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        for which, pool in self.pools.items():
            pool.kept = list(state["pools"][which])


class PairLearner(TranslationLearner):
    """Both generators regress on pairs that they are told: mean absolute error."""

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        a, b = both_signed(images.pixels)
        errors = F.l1_loss(self.net.forward_ab(a), b), F.l1_loss(self.net.forward_ba(b), a)
        loss = errors[0] + errors[1]
        self.descend("generators", loss, progress)
        self.follow()
        return {"loss": loss.item(), "error_ab": errors[0].item(), "error_ba": errors[1].item()}


def both_signed(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Convert uint8 (N, 2, C, H, W) to both sets in [-1, 1], channels last."""
    return 2 * unit(pixels[:, 0]) - 1, 2 * unit(pixels[:, 1]) - 1


# ---- the task

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
