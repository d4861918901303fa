"""The game of generator and critic: its settings, what each side wants, and how they take turns."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from core.data import Images
from core.models.gans import GAN, SEED_NUMBERS, seeded_noise
from core.tasks.base import Check, Learner, TaskConfig, silent, unit

AVERAGED = 40
"""Batches over which an averaged generator finds the statistics of its batch norms."""
SETTLING_SEED = 40_001
"""Of the latents in them."""


class AdversarialConfig(TaskConfig):
    """Settings of a GAN's training."""

    critic_steps: int = Field(
        1, ge=1, le=20, title="Critic steps", description="of the critic, for one of the generator"
    )
    penalty: float = Field(
        0.0,
        ge=0,
        le=1000,
        json_schema_extra={"step": 1.0},
        title="Gradient penalty",
        description="weight of the critic's gradient between real and drawn images being 1 long",
    )
    ema: float = Field(
        0.0,
        ge=0,
        le=0.9999,
        json_schema_extra={"step": 0.001},
        title="Average",
        description="share of the past in a running average of the generator's weights, which then "
        "draws in its place; 0 for none",
    )
    on_collapse: Literal["continue", "stop"] = Field(
        "continue", title="After a collapse", description="go on training, or stop and say so"
    )


@dataclass(frozen=True)
class Game:
    """What critic and generator each want: losses of scores (B,)."""

    critic: Any
    generator: Any
    probability: bool
    """Scores are logits: they are logged between 0 and 1, as the critic's opinion on images of
    which half are real. That is no probability of being real: nobody has calibrated it."""


BCE = Game(
    # -log D(x) - log(1 - D(G(z))), and the generator's -log D(G(z)) (Goodfellow et al. 2014)
    lambda real, fake: F.softplus(-real).mean() + F.softplus(fake).mean(),
    lambda fake: F.softplus(-fake).mean(),
    probability=True,
)
SQUARES = Game(
    # ½(D(x) - 1)² + ½D(G(z))², and ½(D(G(z)) - 1)² (Mao et al. 2017)
    lambda real, fake: 0.5 * ((real - 1).square().mean() + fake.square().mean()),
    lambda fake: 0.5 * (fake - 1).square().mean(),
    probability=False,
)
WASSERSTEIN = Game(
    # D(G(z)) - D(x), and -D(G(z)) (Arjovsky et al. 2017)
    lambda real, fake: fake.mean() - real.mean(),
    lambda fake: -fake.mean(),
    probability=False,
)


def gradient_penalty(
    model: GAN, real: Tensor, fake: Tensor, labels: Tensor, generator: torch.Generator
) -> Tensor:
    """(|∇D| - 1)² of each image between a real and a drawn one, averaged (Gulrajani et al. 2017).

    The length is that of the flattened gradient of an image.
    """
    share = torch.rand(len(real), 1, 1, 1, generator=generator, device=real.device)
    between = torch.lerp(fake, real, share).requires_grad_(True)
    scores = model.score(between, labels)
    (slope,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    lengths: Tensor = slope.flatten(1).norm(dim=1)
    return (lengths - 1).square().mean()


class AdversarialLearner(Learner):
    """A GAN with an optimiser for each side and, if asked, the generator's running average."""

    def __init__(self, config: AdversarialConfig, model: GAN, options: Mapping[str, Any]) -> None:
        sides = {"critic": model.critic_parameters(), "generator": model.generator_parameters()}
        rate, betas = config.learning_rate, options["betas"]
        super().__init__(
            model, {k: Adam(v, lr=rate, betas=betas, fused=True) for k, v in sides.items()}
        )
        self.config, self.gan = config, model
        self.game: Game = options["game"]
        self.sides = sides
        self.average = copy.deepcopy(model) if config.ema else None
        self.normed = any(isinstance(m, nn.BatchNorm2d) for m in model.critic.modules())
        self.steps = 0
        self.drawn: dict[str, float] = {}

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        """One step of the critic, and at every `critic_steps`-th one of the generator."""
        real, labels = 2 * unit(images.pixels) - 1, images.labels
        noise = torch.randn(len(real), SEED_NUMBERS, generator=generator, device=real.device)
        turn = self.steps % self.config.critic_steps == 0
        with torch.set_grad_enabled(turn):
            fake = self.gan.draw(self.gan.latents(noise), labels)
        told = self._criticise(real, fake.detach(), labels, generator)
        if turn:
            self.drawn = self._draw(fake, labels)
        self.steps += 1
        return {**told, **self.drawn}

    def result(self, check: Check = silent) -> GAN:
        """The network to look at and to keep: the average, its batch norms' statistics found anew
        over seeded latents, with the critic as it is."""
        if self.average is None:
            return self.gan
        self.average.critic.load_state_dict(self.gan.critic.state_dict())
        settle(self.average, check)
        return self.average

    def state_dict(self) -> dict[str, Any]:
        average = self.average.state_dict() if self.average else {}
        own = {"steps": self.steps, "drawn": self.drawn, "average": average}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.steps, self.drawn = state["steps"], state["drawn"]
        if self.average:
            self.average.load_state_dict(state["average"])

    def _criticise(
        self, real: Tensor, fake: Tensor, labels: Tensor, generator: torch.Generator
    ) -> dict[str, float]:
        if self.normed:  # its batch norm must not see both kinds in one batch
            scores = self.gan.score(real, labels), self.gan.score(fake, labels)
        else:
            both = self.gan.score(torch.cat([real, fake]), labels.repeat(2))
            scores = both[: len(real)], both[len(real) :]
        loss = self.game.critic(*scores)
        total = loss
        if self.config.penalty:
            between = gradient_penalty(self.gan, real, fake, labels, generator)
            total = loss + self.config.penalty * between
        length = self._descend("critic", total)
        shown = [s.detach().sigmoid() if self.game.probability else s.detach() for s in scores]
        found = {"critic_loss": total.item(), "critic_gradient": length}
        return {**found, "real_score": shown[0].mean().item(), "fake_score": shown[1].mean().item()}

    def _draw(self, fake: Tensor, labels: Tensor) -> dict[str, float]:
        for weight in self.sides["critic"]:  # it only passes the gradient on: a fifth of the step
            weight.requires_grad_(False)
        try:
            loss = self.game.generator(self.gan.score(fake, labels))
            length = self._descend("generator", loss)
        finally:
            for weight in self.sides["critic"]:
                weight.requires_grad_(True)
        if self.average:
            self._remember(self.average)
        return {"generator_loss": loss.item(), "generator_gradient": length}

    def _descend(self, side: str, loss: Tensor) -> float:
        """One step of a side down its loss; gives the length of its gradient."""
        optimiser = self.optimisers[side]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        grads = [p.grad for p in self.sides[side] if p.grad is not None]
        optimiser.step()
        return torch.nn.utils.get_total_norm(grads).item()

    def _remember(self, average: GAN) -> None:
        turns = self.steps // self.config.critic_steps
        past = min(self.config.ema, (1 + turns) / (10 + turns))  # the first weights are forgotten
        mine = [p.data for p in average.generator_parameters()]
        torch._foreach_lerp_(mine, [p.data for p in self.gan.generator_parameters()], 1 - past)


@torch.no_grad()
def settle(model: GAN, check: Check = silent) -> None:
    """Find a generator's batch-norm statistics anew, over seeded latents: its weights are a mean
    of many, and the statistics that were kept are those of others."""
    norms = [m for m in model.generator.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    device = next(model.parameters()).device
    noise = seeded_noise(128 * AVERAGED, SETTLING_SEED).to(device)
    model.generator.train()
    for i, u in enumerate(torch.split(noise, 128)):
        check("averaging")
        model.raw(model.latents(u), turns(model, len(u), i))
    model.generator.eval()
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum


def turns(model: GAN, count: int, start: int = 0) -> Tensor:
    """Labels (count,): each class in turn."""
    device = next(model.parameters()).device
    return (torch.arange(count, device=device) + start) % max(model.classes, 1)
