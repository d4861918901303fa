"""How translators learn: settings, the pair of sets, and their games."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from core.cancellation import Check, silent
from core.data import Images
from core.data.set_pairs import BLEND, SKETCH, Sides
from core.models.translation_nets import Translator
from core.tasks.adversarial import SQUARES
from core.tasks.base import (
    Averaging,
    Experiment,
    TaskConfig,
    unit,
    update_ema,
)
from core.tasks.family import Shape, Variant, number

LEAST_SIDE, MOST_SIDE = 28, 64


POOL = 50
"""Fakes that a discriminator is shown again (Shrivastava et al. 2017)."""


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


class TranslationLearner(Averaging[Translator]):
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
        self.begin_average(model, config.ema)

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
