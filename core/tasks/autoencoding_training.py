"""How autoencoders learn: settings, losses and bounds, and their descent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from core.data import Images
from core.models.autoencoders import Autoencoder, Code
from core.tasks.base import (
    Descent,
    Experiment,
    Schedule,
    TaskConfig,
    constant,
    unit,
)
from core.tasks.family import Variant, number

IWAE_SAMPLES = 500


class AutoencodingConfig(TaskConfig):
    """Settings of an autoencoder's training."""

    latent: int = number(20, (1, 128), "Dimensions", "numbers in a code")
    likelihood: Literal["bernoulli", "gaussian", "squared error"] = Field(
        "bernoulli",
        title="Likelihood",
        description="of a pixel given the code: Bernoulli on its grey value, Gaussian around it, "
        "or the plain squared error on the scale of [-1, 1], a Gaussian of variance 1/2 there",
    )
    sigma: float = number(
        0.2,
        (0.01, 1),
        "Sigma",
        "standard deviation of a pixel under the Gaussian likelihood",
        step=0.05,
    )
    beta: float = number(
        1.0, (0, 100), "Beta", "weight of the KL term; only 1 is the bound itself", step=0.5
    )
    warmup: float = number(
        0.0, (0, 1), "Warm-up", "share of the training over which beta rises from 0", step=0.05
    )
    free_bits: float = number(
        0.0,
        (0, 5),
        "Free nats",
        "KL in nats that each dimension may have without paying for it",
        step=0.1,
    )
    validation_share: float = number(
        0.0,
        (0, 0.5),
        "Held back",
        "share of the training images that is only watched, for a validation loss",
        step=0.05,
    )
    weight_decay: float = number(
        0.0, (0, 0.1), "Weight decay", "pull of the weights towards zero", step=5e-06
    )


class Bound(NamedTuple):
    """The two terms of the negative ELBO in nats, one number an image: (N,) and (N, d).

    Their sum bounds -log p(x), of a conditional model -log p(x | class); β is not in it.
    The plain squared error leaves out a constant: see `left_out`.
    """

    reconstruction: Tensor
    kl: Tensor


# A loss takes the network, what its decoder gives before the output function, and the images.
Loss = Callable[[Autoencoder, Tensor, Tensor], Tensor]


def mean_squared(model: Autoencoder, raw: Tensor, images: Tensor) -> Tensor:
    """Mean over all pixels of the squared error."""
    return (model.finish(raw) - images).square().mean()


def summed_squared(model: Autoencoder, raw: Tensor, images: Tensor) -> Tensor:
    """Squared error summed over the pixels and averaged over images, on the scale of [-1, 1]."""
    return 4 * (model.finish(raw) - images).square().sum() / len(images)


def reconstruction(
    config: AutoencodingConfig, model: Autoencoder, raw: Tensor, images: Tensor
) -> Tensor:
    """-log p(x | z) in nats, (N,): Bernoulli with grey values as probabilities, or Gaussian; for
    the squared error that sum itself, which differs from a Gaussian's by `left_out`."""
    if config.likelihood == "bernoulli":
        return F.binary_cross_entropy_with_logits(raw, images, reduction="none").flatten(1).sum(1)
    error = (model.finish(raw) - images).flatten(1)
    if config.likelihood == "squared error":
        return 4 * error.square().sum(1)
    error = error / config.sigma
    constant_term = math.log(config.sigma) + 0.5 * math.log(2 * math.pi)
    return 0.5 * error.square().sum(1) + constant_term * error.shape[1]


def least_cross_entropy(images: Tensor) -> Tensor:
    """The least that a Bernoulli likelihood with grey values as probabilities can cost, nats, (N,):
    the cross-entropy of images (N, C, H, W) in [0, 1] with themselves. Only black and white is
    free."""
    return F.binary_cross_entropy(images, images, reduction="none").flatten(1).sum(1)


def left_out(config: AutoencodingConfig, pixels: int) -> float:
    """Nats that the reconstruction term lacks of -log p(x | z) for a density over [0, 1]^pixels.

    The squared error on [-1, 1] is ½(x - m)²/σ² with σ² = 1/8 on [0, 1]; log(σ√2π) is missing.
    """
    return 0.5 * math.log(math.pi / 4) * pixels if config.likelihood == "squared error" else 0.0


def bound_name(config: AutoencodingConfig) -> str:
    """What a run's figures call its negative ELBO.

    Under a Gaussian it is the logarithm of a density and can be negative; grey values taken as
    Bernoulli probabilities give one of something else. So they have two names, and are nowhere
    held against each other.
    """
    return "negative_elbo" if config.likelihood == "bernoulli" else "gaussian_negative_elbo"


def kl_divergence(code: Code) -> Tensor:
    """KL(q(z|x) ‖ N(0, 1)) of each dimension in nats, (N, d) (Kingma and Welling 2014, B)."""
    assert code.logvar is not None
    return -0.5 * (1 + code.logvar - code.mu.square() - code.logvar.exp())


def bound(
    config: AutoencodingConfig,
    model: Autoencoder,
    images: Tensor,
    labels: Tensor,
    generator: torch.Generator,
) -> Bound:
    """Both terms of the bound, from one draw of the posterior an image."""
    code = model.encode(images, labels)
    raw = model.raw(code.sample(generator), labels)
    return Bound(reconstruction(config, model, raw, images), kl_divergence(code))


def importance_bound(
    config: AutoencodingConfig,
    model: Autoencoder,
    images: Tensor,
    labels: Tensor,
    generator: torch.Generator,
    samples: Iterable[object] = range(IWAE_SAMPLES),
) -> Tensor:
    """An importance-weighted bound on -log p(x), of a conditional model on -log p(x | class)
    (Burda, Grosse and Salakhutdinov 2016), nats, (N,).

    `samples` is gone through once, a sample of each code for each of its items.
    """
    mu, logvar = model.encode(images, labels)
    assert logvar is not None
    weights = []
    for _ in samples:
        noise = torch.randn(mu.shape, generator=generator, device=mu.device)
        z = mu + noise * (0.5 * logvar).exp()
        likelihood = -reconstruction(config, model, model.raw(z, labels), images)
        # log p(z) - log q(z|x); the constants of the two normal densities cancel
        ratio = 0.5 * (noise.square() - z.square() + logvar).sum(1)
        weights.append(likelihood + ratio)
    missing = left_out(config, images[0].numel())
    return math.log(len(weights)) - torch.stack(weights).logsumexp(0) + missing


def anomaly_score(
    config: AutoencodingConfig, model: Autoencoder, images: Tensor, labels: Tensor
) -> Tensor:
    """How unlike its training data an image is, (N,): the higher, the stranger.

    For a VAE the terms of its loss at the middle of the posterior, else the summed squared error.
    """
    code = model.encode(images, labels)
    raw = model.raw(code.mu, labels)
    if model.variational:
        return reconstruction(config, model, raw, images) + kl_divergence(code).sum(1)
    return (model.finish(raw) - images).flatten(1).square().sum(1)


@dataclass(frozen=True, kw_only=True)
class AutoencodingVariant(Variant):
    """An autoencoder with what it is trained by."""

    loss: Loss | None = None
    """Of an autoencoder without a posterior; None where the bound is trained on."""
    schedule: Schedule = constant
    conditional: bool = False
    """Whether encoder and decoder also get the class."""


AutoencodingExperiment = Experiment[AutoencodingConfig, AutoencodingVariant, Autoencoder]


class AutoencoderLearner(Descent):
    """An autoencoder with Adam, and what its variant says about loss and schedule."""

    def __init__(self, experiment: AutoencodingExperiment):
        self.config, self.variant = experiment.config, experiment.variant
        self.autoencoder = experiment.model
        rate, decay = self.config.learning_rate, self.config.weight_decay
        super().__init__(self.autoencoder, Adam, rate, self.variant.schedule, decay)


class PlainLearner(AutoencoderLearner):
    """An autoencoder without a posterior: its loss is the reconstruction's alone."""

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        x = unit(images.pixels)
        raw = self.autoencoder.raw(self.autoencoder.encode(x).mu)
        assert self.variant.loss
        loss = self.variant.loss(self.autoencoder, raw, x)
        self.descend(loss, progress)
        return {"loss": loss.item()}


class VariationalLearner(AutoencoderLearner):
    """Reconstruction and KL, both summed over an image and averaged over the batch."""

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        x = unit(images.pixels)
        terms = bound(self.config, self.autoencoder, x, images.labels, generator)
        recon, kl_per_dim = terms.reconstruction.mean(), terms.kl.mean(0)
        # Free bits (Kingma et al. 2016): below them a dimension costs nothing and is not pressed.
        free_bits = self.config.free_bits
        paid = kl_per_dim.clamp_min(free_bits) if free_bits else kl_per_dim
        beta = self.config.beta * self._warm(progress)
        loss = recon + beta * paid.sum()
        self.descend(loss, progress)
        return {"loss": loss.item(), "reconstruction": recon.item(), "kl": kl_per_dim.sum().item()}

    def _warm(self, progress: float) -> float:
        return min(1.0, progress / self.config.warmup) if self.config.warmup else 1.0
