"""Adversarial training: a generator learns to draw what a critic cannot tell from real images.

One procedure for all variants: a variant is its networks, its two losses, its penalty, its
conditioning and its optimiser's betas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from core.cancellation import Check, silent
from core.data import Images
from core.errors import LabError
from core.images import contact_sheet
from core.metrics.generative import verdict
from core.models import gans
from core.models.gans import GAN, SEED_NUMBERS, seeded_noise
from core.tasks.base import (
    Averaging,
    Experiment,
    Learner,
    TaskConfig,
    check_batch_size,
    unit,
    update_ema,
)
from core.tasks.family import Shape, Variant, by_name, number
from core.tasks.generating import GeneratingTask, of_row

BATCH_NORM_BATCHES = 40
"""Batches over which the batch-norm statistics of an averaged generator are computed."""
BATCH_NORM_SEED = 40_001
"""Seed of the latents in these batches."""


class AdversarialConfig(TaskConfig):
    """Settings of a GAN's training."""

    critic_steps: int = number(
        1, (1, 20), "Critic steps", "of the critic, for one of the generator"
    )
    penalty: float = number(
        0.0,
        (0, 1000),
        "Gradient penalty",
        "weight of the critic's gradient between real and drawn images being 1 long",
        step=1.0,
    )
    ema: float = number(
        0.0,
        (0, 0.9999),
        "Average",
        "share of the past in a running average of the generator's weights, which then draws in "
        "its place; 0 for none",
        step=0.001,
    )
    on_collapse: Literal["continue", "stop"] = Field(
        "continue", title="After a collapse", description="go on training, or stop and say so"
    )


@dataclass(frozen=True)
class Game:
    """The losses of critic and generator, functions of scores (B,)."""

    critic: Callable[[Tensor, Tensor], Tensor]
    """Of the scores of real and of generated images."""
    generator: Callable[[Tensor], Tensor]
    """Of the scores of generated images."""
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


@dataclass(frozen=True, kw_only=True)
class AdversarialVariant(Variant):
    """A GAN with what it is trained by."""

    game: Game = BCE
    betas: tuple[float, float] = (0.5, 0.999)
    """Of Adam, on both sides."""
    conditional: bool = False
    """Whether generator and critic also get the class."""


AdversarialExperiment = Experiment[AdversarialConfig, AdversarialVariant, GAN]


class AdversarialLearner(Averaging[GAN]):
    """A GAN with an optimiser for each side and, on request, the generator's running average."""

    def __init__(self, experiment: AdversarialExperiment) -> None:
        config, model = experiment.config, experiment.model
        sides = {"critic": model.critic_parameters(), "generator": model.generator_parameters()}
        rate, betas = config.learning_rate, experiment.variant.betas
        super().__init__(
            model, {k: Adam(v, lr=rate, betas=betas, fused=True) for k, v in sides.items()}
        )
        self.config, self.gan, self.game = config, model, experiment.variant.game
        self.sides = sides
        self.begin_average(model, config.ema)
        self.normed = any(isinstance(m, nn.BatchNorm2d) for m in model.critic.modules())
        self.drawn: dict[str, float] = {}

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        """Take one step of the critic, and at every `critic_steps`-th one of the generator."""
        real, labels = 2 * unit(images.pixels) - 1, images.labels
        noise = torch.randn(len(real), SEED_NUMBERS, generator=generator, device=real.device)
        draws = self.steps % self.config.critic_steps == 0
        with torch.set_grad_enabled(draws):
            fake = self.gan.draw(self.gan.latents(noise), labels)
        figures = self.critic_step(real, fake.detach(), labels, generator)
        if draws:
            self.drawn = self.generator_step(fake, labels)
        self.steps += 1
        return {**figures, **self.drawn}

    def eval_model(self, check: Check = silent) -> GAN:
        """Return the network to evaluate and to keep: the averaged generator, its batch-norm
        statistics recomputed over seeded latents, with the current critic."""
        if self.average is None:
            return self.gan
        self.average.critic.load_state_dict(self.gan.critic.state_dict())
        settle(self.average, check)
        return self.average

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "drawn": self.drawn}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.drawn = state["drawn"]

    def critic_step(
        self, real: Tensor, fake: Tensor, labels: Tensor, generator: torch.Generator
    ) -> dict[str, float]:
        """Take one step of the critic on real and generated images (B, C, H, W)."""
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
        logged = [s.detach().sigmoid() if self.game.probability else s.detach() for s in scores]
        return {
            "critic_loss": total.item(),
            "critic_gradient": length,
            "real_score": logged[0].mean().item(),
            "fake_score": logged[1].mean().item(),
        }

    def generator_step(self, fake: Tensor, labels: Tensor) -> dict[str, float]:
        """Take one step of the generator on the images `fake` that it has drawn."""
        for weight in self.sides["critic"]:  # it only passes the gradient on: a fifth of the step
            weight.requires_grad_(False)
        try:
            loss = self.game.generator(self.gan.score(fake, labels))
            length = self._descend("generator", loss)
        finally:
            for weight in self.sides["critic"]:
                weight.requires_grad_(True)
        if self.average:
            average, current = (g.generator_parameters() for g in (self.average, self.gan))
            updates = self.steps // self.config.critic_steps
            update_ema(average, current, self.config.ema, updates)
        return {"generator_loss": loss.item(), "generator_gradient": length}

    def _descend(self, side: str, loss: Tensor) -> float:
        """Take one optimiser step of a side; returns the length of its gradient."""
        optimiser = self.optimisers[side]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        grads = [p.grad for p in self.sides[side] if p.grad is not None]
        optimiser.step()
        return torch.nn.utils.get_total_norm(grads).item()


@torch.no_grad()
def settle(model: GAN, check: Check = silent) -> None:
    """Recompute a generator's batch-norm statistics over seeded latents: its weights are an
    average, to which the running statistics of the training do not belong."""
    norms = [m for m in model.generator.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    device = next(model.parameters()).device
    noise = seeded_noise(128 * BATCH_NORM_BATCHES, BATCH_NORM_SEED).to(device)
    model.generator.train()
    for i, u in enumerate(torch.split(noise, 128)):
        check("averaging")
        model.raw(model.latents(u), cyclic_labels(model, len(u), i))
    model.generator.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def cyclic_labels(model: GAN, count: int, start: int = 0) -> Tensor:
    """Return labels (count,) that go through the classes in turn."""
    device = next(model.parameters()).device
    return (torch.arange(count, device=device) + start) % max(model.classes, 1)


EVALUATION_SEED = 40_000
SHEET_SEED = 0
COLUMNS, ROWS = 10, 6
"""Of the sample sheet: with classes, a column each."""
SAMPLES = 10_000
CHUNK = 250
PATIENCE = 8
"""Epochs after which a generator must draw different images to count as not collapsed."""


@torch.inference_mode()
def samples(
    model: GAN,
    count: int,
    seed: int,
    labels: Tensor | None = None,
    check: Check = silent,
) -> Tensor:
    """Draw `count` images (N, C, H, W) in [0, 1]; each class in turn unless `labels` are given."""
    device = next(model.parameters()).device
    noise = seeded_noise(count, seed).to(device)
    classes = cyclic_labels(model, count) if labels is None else labels
    drawn = []
    for u, y in zip(torch.split(noise, CHUNK), torch.split(classes, CHUNK), strict=True):
        check("drawing samples")
        drawn.append(model(model.latents(u), y))
    return torch.cat(drawn)


PUBLISHED = {"learning_rate": 3e-4, "batch_size": 128, "train_images": 50_000}


class Adversarial(GeneratingTask[AdversarialConfig, AdversarialVariant, GAN]):
    """Images of any data set, drawn anew from noise."""

    name = "adversarial"
    kind = "draw"
    title = "GANs"
    config_class = AdversarialConfig
    variants = by_name(
        AdversarialVariant(
            "gan",
            "GAN",
            "Linear layers against linear layers: the game as it was first played.",
            gans.mlp,
            PUBLISHED,
            source="Lin 96-1024-1024-784 against 784-256-256-1; Goodfellow et al. 2014",
            text="Lin 96-1024-1024-784, tanh, against 784-256-256-1; noise uniform in (-1, "
            "1); Adam 3e-4, β (0.5, 0.999), batches of 128, 10 epochs over the first "
            "50,000 images in their order; both steps on one noise.",
            differs="50,000 images drawn by the seed, in a new order each epoch. The shipped "
            "run learns at 1e-3 for 20 epochs: at 3e-4 it left a class out.",
        ),
        AdversarialVariant(
            "lsgan",
            "Least-squares GAN",
            "The same networks; scores are pulled to 1 and 0 by their squared distance.",
            gans.mlp,
            PUBLISHED,
            game=SQUARES,
            source="The GAN with squared losses; Mao et al. 2017",
            text="The networks and the training of `gan` with squared losses.",
            differs="As for `gan`; at 3e-4 the shipped one collapsed onto one class.",
        ),
        AdversarialVariant(
            "dcgan",
            "DCGAN",
            "Convolutions on both sides, batch norm in the generator.",
            gans.dcgan,
            {**PUBLISHED, "epochs": 5},
            source="Lin 96-1024-6272, ConvT 64-1 against Conv 32-64, Lin 1024-1; Radford et "
            "al. 2015",
            text="Lin 1024, Lin 7·7·128, ConvT 64-1, tanh, with batch norm, against Conv "
            "32-64, Lin 1024-1; trained as `gan`, 5 epochs.",
            differs="50,000 images drawn by the seed, in a new order each epoch. Each score "
            "is logged through a sigmoid, which changes nothing in the training.",
        ),
        AdversarialVariant(
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
            game=WASSERSTEIN,
            betas=(0.5, 0.9),
            source="The DCGAN's networks; Gulrajani et al. 2017; averaged generator, ours",
            text="Described in words.",
            differs="Ours: the networks of `dcgan`, gradient penalty 10, five critic steps, "
            "Adam 3e-4 with β (0.5, 0.9), batches of 64, 15 epochs, all images, an "
            "averaged generator.",
        ),
        AdversarialVariant(
            "cgan",
            "Class-conditional GAN",
            "The DCGAN is told the class, and its critic asks for it.",
            gans.dcgan,
            {"learning_rate": 3e-4, "batch_size": 128, "epochs": 10, "ema": 0.998},
            conditional=True,
            source="The DCGAN's networks; embedding and projection, Miyato and Koyama 2018; "
            "averaged generator, ours",
            text="Described in words.",
            differs="Ours: the networks of `dcgan` with embedding and projection of the "
            "class, the latter zero at first; batches of 128, 10 epochs, all images, an "
            "averaged generator.",
        ),
        AdversarialVariant(
            "face_dcgan",
            "Face DCGAN",
            "Five convolutions up to 64×64 pixels and five down, batch norm in both.",
            gans.face_dcgan,
            {"learning_rate": 2e-4, "batch_size": 64, "epochs": 10},
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

    def build(
        self, variant: str, shape: Shape, config: AdversarialConfig | None = None, classes: int = 0
    ) -> GAN:
        chosen = self.variant(variant)
        if chosen.conditional and not classes:
            raise LabError(f"{chosen.title} needs a data set with classes; this one has none.")
        model: GAN = chosen.build(shape, classes if chosen.conditional else 0)
        return model

    def learner(self, experiment: AdversarialExperiment, data: Images | None = None) -> Learner:
        """Raises LabError for single images where batch norm has nothing to norm."""
        check_batch_size(experiment.model, experiment.config.batch_size)
        return AdversarialLearner(experiment)

    def draw(self, experiment: AdversarialExperiment, count: int, seed: int) -> Tensor:
        return samples(experiment.model, count, seed, check=experiment.check)

    def validate(
        self, experiment: AdversarialExperiment, images: Images, held: Images
    ) -> dict[str, float]:
        """The same figures as at the end, of as many samples, so that both can be compared."""
        return self.row(experiment, images, self.draw(experiment, SAMPLES, EVALUATION_SEED))

    def ended(self, config: AdversarialConfig, history: Sequence[Mapping[str, float]]) -> str:
        """Stop after a collapse if the configuration says so.

        At first all samples are alike: that counts only if it lasts for `PATIENCE` epochs.
        """
        if config.on_collapse == "continue":
            return ""
        verdicts = [verdict(of_row(row)) for row in history]
        last, varied = verdicts[-1], any(v.state != "collapsed" for v in verdicts)
        if last.state != "collapsed" or not (varied or len(verdicts) >= PATIENCE):
            return ""
        return (
            f"{last.sentence} Training stopped after epoch {len(verdicts)}, as asked; its weights "
            "are kept. Try another seed, a lower learning rate, or more critic steps."
        )

    def remark(self, history: Sequence[Mapping[str, Any]]) -> str:
        """The verdict on the generator after the last epoch."""
        return verdict(of_row(history[-1])).sentence if history and "fid" in history[-1] else ""

    def evaluate(self, experiment: AdversarialExperiment, images: Images) -> dict[str, Any]:
        """Measure ten thousand samples against the test split, at temperature 1, without selection.

        A class-conditional network draws each class in turn; `asked_accuracy` is the share of its
        samples that is classified as the requested class.
        """
        drawn = self.draw(experiment, SAMPLES, EVALUATION_SEED)
        return self.figures(experiment, images, drawn, experiment.model.classes)

    def render(self, experiment: AdversarialExperiment, images: Images) -> np.ndarray:
        """Draw samples of the same sixty latents for every network; with classes a column each."""
        drawn = self.draw(experiment, COLUMNS * ROWS, SHEET_SEED)
        return contact_sheet(drawn, COLUMNS)


ADVERSARIAL = Adversarial()
