"""A game of two players on points in the plane: a generator and a discriminator, step by step.

The generator makes points of noise; the discriminator is shown real points and these fakes, and
gives each a score (Goodfellow et al. 2014). A step is some steps of the discriminator and one of
the generator. The browser's engine (pages/components/trajectory/game.js) computes the same numbers;
a test holds them together.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from core import counter_random
from core.counter_random import stream
from core.errors import LabError
from core.foundations import optimisers
from core.foundations.networks import Network, PlaneSettings
from core.foundations.point_flows import EVALUATED, Mixture, noise_of

MAX_TURNS: Final = 10
"""Steps of the discriminator for one of the generator."""
EVALUATION: Final = 512
"""Fakes that modes are counted of."""
FRESH: Final = EVALUATED + 1
"""Number of the real points beside them."""
SHARE: Final = 0.25
"""Of what a mode is due, which counts as found."""
LEAST_RADIUS: Final = 0.1
FAR: Final = 1e6
"""A mean score or a coordinate beyond it ends the game."""
Weights = dict[str, Tensor]
Score = Callable[[Tensor], Tensor]
Hidden = tuple[Annotated[int, Field(ge=1, le=48)], ...]


class Objective(NamedTuple):
    """What the players make small, of scores: its mean over real points and over fakes."""

    real: Score
    """The discriminator, of a real point's score."""
    fake: Score
    """The discriminator, of a fake's."""
    generator: Score
    """The generator, of its fake's."""


def _wasserstein() -> Objective:
    """The difference of mean scores (Arjovsky et al. 2017)."""
    return Objective(lambda s: -s, lambda s: s, lambda s: -s)


OBJECTIVES: Mapping[str, Objective] = {
    # -log D for real points, -log(1 - D) for fakes; -log D for the generator: non-saturating
    "gan": Objective(lambda s: F.softplus(-s), F.softplus, lambda s: F.softplus(-s)),
    # scores are drawn to 1 and 0, and by the generator to 1 (Mao et al. 2017)
    "lsgan": Objective(
        lambda s: (s - 1).square() / 2, lambda s: s.square() / 2, lambda s: (s - 1).square() / 2
    ),
    "wgan": _wasserstein(),
    "wgan_gp": _wasserstein(),
}


class GameSettings(BaseModel):
    """Both players and their training; the browser's settings have the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latent: int = Field(2, ge=1, le=8, description="Numbers of noise that a point is made of")
    hidden_g: Hidden = Field((16, 16), max_length=4, description="Units of G, layer by layer")
    hidden_d: Hidden = Field((16, 16), max_length=4, description="Units of D, layer by layer")
    activation: Literal["tanh", "relu", "leaky_relu", "sigmoid"] = Field(
        "tanh", description="Of hidden units"
    )
    seed: int = Field(1, ge=0, lt=2**31, description="Of first weights, noise and real points")
    game: Literal["gan", "lsgan", "wgan", "wgan_gp"] = Field("gan", description="The objective")
    optimiser: Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"] = Field(
        "adam", description="Of both players"
    )
    rate: float = Field(0.002, ge=0, le=1e9, description="The generator's learning rate")
    rate_d: float = Field(0.002, ge=0, le=1e9, description="The discriminator's")
    momentum: float = Field(0.9, ge=0, lt=1, description="β of momentum and Nesterov's")
    alpha: float = Field(0.99, ge=0, lt=1, description="RMSprop's share of old squares")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's β₁")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's β₂")
    batch: int = Field(128, ge=8, le=512, description="Real points, and fakes, of a step")
    turns: int = Field(1, ge=1, le=MAX_TURNS, description="Steps of D for one of G")
    frozen: Literal["none", "generator", "discriminator"] = Field(
        "none", description="The player who does not learn"
    )
    weight_clip: float = Field(0.1, gt=0, le=10, description="wgan: D's weights stay within ±")
    penalty: float = Field(1.0, ge=0, le=1000, description="wgan_gp: λ of the gradient penalty")
    ahead: int = Field(0, ge=0, le=10, description="Steps of D that G looks ahead")
    rate_ahead: float = Field(0.1, ge=0, le=100, description="Rate of these steps")

    def network(self, player: Literal["generator", "discriminator"]) -> PlaneSettings:
        """Settings of a player's network."""
        shape = (
            {"inputs": self.latent, "hidden": self.hidden_g, "outputs": 2, "seed": self.seed}
            if player == "generator"
            else {"hidden": self.hidden_d, "seed": 2**31 - 1 - self.seed}
        )
        return PlaneSettings.model_validate({"activation": self.activation, **shape})


class StepReport(NamedTuple):
    """Figures of a step before it is taken, of its first batch."""

    loss: float
    """The discriminator's, with the penalty."""
    generator: float
    """The generator's loss."""
    real: float
    """Mean score of real points."""
    fake: float
    """Mean score of fakes."""


@dataclass
class Player:
    """A network that learns, its optimiser's state, and how many steps it has taken."""

    network: Network
    state: optimisers.State
    taken: int = 0

    def __call__(self, x: Tensor, weights: Weights | None = None) -> Tensor:
        """Outputs of places, by other weights where such are given."""
        if weights is None:
            return torch.as_tensor(self.network(x))
        return torch.as_tensor(functional_call(self.network, weights, (x,)))

    def learn(self, gradients: tuple[Tensor, ...], settings: GameSettings, rate: float) -> None:
        """One step of the optimiser."""
        self.taken += 1
        gradient = nn.utils.parameters_to_vector(gradients)
        change, self.state = _step_of(settings)(gradient, self.state, rate, self.taken)
        nn.utils.vector_to_parameters(self.network.flat() + change, self.network.parameters())


def _step_of(settings: GameSettings) -> optimisers.Step:
    own: dict[str, dict[str, object]] = {
        "momentum": {"beta": settings.momentum},
        "nesterov": {"beta": settings.momentum},
        "rmsprop": {"alpha": settings.alpha},
        "adam": {"betas": (settings.beta1, settings.beta2)},
    }
    step = optimisers.OPTIMISERS[settings.optimiser].step
    return partial(step, **own.get(settings.optimiser, {}))


class Game:
    """Two players and the real points."""

    def __init__(self, settings: GameSettings, mixture: Mixture) -> None:
        self.settings = settings
        self.mixture = mixture
        self.generator, self.discriminator = (
            Player(network, optimisers.start(settings.optimiser, network.flat()))
            for network in (
                Network(settings.network("generator")), Network(settings.network("discriminator"))
            )
        )  # fmt: skip

    def flat(self) -> Tensor:
        """All that is learnt in one row, the discriminator's weights first."""
        return torch.cat([self.discriminator.network.flat(), self.generator.network.flat()])

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Real points (n, 2) and noise (n, latent) by counter."""
        settings = self.settings
        n, seed = settings.batch, settings.seed
        return self.mixture.draw(seed, number, n), noise_of(seed, number, n, settings.latent)

    # ---- losses

    def loss_of_scores(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss without the penalty."""
        objective = OBJECTIVES[self.settings.game]
        return objective.real(real).mean() + objective.fake(fake).mean()

    def gradient_penalty(self, real: Tensor, fake: Tensor, number: int) -> Tensor:
        """λ times the mean of (|∇D| - 1)² at places between real points and fakes (Gulrajani et al.
        2017)."""
        drawn = counter_random.uniform(self.settings.seed, stream("order", number), len(real))
        share = torch.from_numpy(drawn)[:, None]
        mixed = (share * real + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(self.discriminator(mixed).sum(), mixed, create_graph=True)
        length = (slope.square().sum(1) + 1e-12).sqrt()
        return self.settings.penalty * (length - 1).square().mean()

    def discriminator_loss(self, real: Tensor, fake: Tensor, number: int) -> Tensor:
        """What the discriminator makes small; the fakes are as they are."""
        fake = fake.detach()
        loss = self.loss_of_scores(self.discriminator(real), self.discriminator(fake))
        if self.settings.game == "wgan_gp":
            loss = loss + self.gradient_penalty(real, fake, number)
        return loss

    def generator_loss(self, real: Tensor, noise: Tensor) -> Tensor:
        """What the generator makes small: its fakes' scores by the discriminator as it is, or as it
        would be some steps later.

        Looking ahead, the discriminator takes `ahead` steps of gradient descent on this batch, and
        the generator's gradient goes through these steps (Metz et al. 2017). With `wgan_gp` nothing
        is looked ahead: the penalty would need third derivatives.
        """
        settings, fake = self.settings, self.generator(noise)
        score = OBJECTIVES[settings.game].generator
        if not settings.ahead or settings.game == "wgan_gp":
            return score(self.discriminator(fake)).mean()
        weights: Weights = dict(self.discriminator.network.named_parameters())
        for _ in range(settings.ahead):
            scores = (self.discriminator(x, weights) for x in (real, fake))
            loss = self.loss_of_scores(*scores)
            slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
            weights = {
                name: weight - settings.rate_ahead * slope
                for (name, weight), slope in zip(weights.items(), slopes, strict=True)
            }
            if settings.game == "wgan":
                c = settings.weight_clip
                weights = {name: weight.clamp(-c, c) for name, weight in weights.items()}
        return score(self.discriminator(fake, weights)).mean()

    # ---- a step

    def step(self, number: int) -> StepReport:
        """The discriminator's steps, and then the generator's, on the last batch of these.

        Raises:
            LabError: scores or fakes have left, or are no finite numbers.
        """
        settings, report = self.settings, None
        turns = 0 if settings.frozen == "discriminator" else settings.turns
        for turn in range(max(turns, 1)):
            place = number * MAX_TURNS + turn
            real, noise = self.batch(place)
            fake = self.generator(noise)
            loss = self.discriminator_loss(real, fake, place)
            report = report or self._report(loss, real, fake)
            if turns:
                self._discriminate(loss)
        if settings.frozen != "generator":
            loss = self.generator_loss(real, noise)
            slopes = torch.autograd.grad(loss, list(self.generator.network.parameters()))
            self.generator.learn(slopes, settings, settings.rate)
        assert report is not None
        return report

    def _discriminate(self, loss: Tensor) -> None:
        settings, player = self.settings, self.discriminator
        slopes = torch.autograd.grad(loss, list(player.network.parameters()))
        player.learn(slopes, settings, settings.rate_d)
        if settings.game == "wgan":
            with torch.no_grad():
                for weight in player.network.parameters():
                    weight.clamp_(-settings.weight_clip, settings.weight_clip)

    @torch.no_grad()
    def _report(self, loss: Tensor, real: Tensor, fake: Tensor) -> StepReport:
        scores = [self.discriminator(x) for x in (real, fake)]
        means = [float(score.mean()) for score in scores]
        size = torch.stack([fake.abs().max(), *(score.mean().abs() for score in scores)]).max()
        if not bool(loss.isfinite() & (size <= FAR)):
            raise LabError("Scores or fakes are too large: a rate is too large.")
        generator = OBJECTIVES[self.settings.game].generator(scores[1]).mean()
        return StepReport(float(loss), float(generator), *means)

    def fakes(self, number: int, n: int) -> Tensor:
        """Points (n, 2) that the generator makes of noise by counter."""
        with torch.no_grad():
            return self.generator(noise_of(self.settings.seed, number, n, self.settings.latent))


def play(game: Game, steps: int) -> Iterator[StepReport]:
    """Let both learn, step by step; the figures of each are of before it is taken."""
    for number in range(steps):
        yield game.step(number)


# ---- what has become of it


class Reached(NamedTuple):
    """Which modes some points reach."""

    found: int
    """Modes with `SHARE` of an even share of the points at least."""
    near: float
    """Share of the points within the radius of a mode, the nearest one's."""


def reached(points: Tensor, mixture: Mixture) -> Reached:
    """Modes found by points (n, 2), and the share of points near one: within 3 σ of its centre, or
    `LEAST_RADIUS`. Equal centres are one mode."""
    modes = torch.unique(mixture.centres, dim=0)
    radius = max(3 * float(mixture.widths.max()), LEAST_RADIUS)
    far = torch.cdist(points, modes, compute_mode="donot_use_mm_for_euclid_dist")
    least, nearest = far.min(1)
    near = least <= radius
    counts = nearest[near].bincount(minlength=len(modes))
    due = SHARE * len(points) / len(modes)
    return Reached(int((counts >= due).sum()), float(near.double().mean()))
