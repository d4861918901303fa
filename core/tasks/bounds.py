"""Losses of autoencoders and their settings: squared errors, the evidence lower bound, and the
tighter one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from core.models.autoencoders import Autoencoder, Code
from core.tasks.base import TaskConfig

IWAE_SAMPLES = 500


class AutoencodingConfig(TaskConfig):
    """Settings of an autoencoder's training."""

    latent: int = Field(20, ge=1, le=128, title="Dimensions", description="numbers in a code")
    likelihood: Literal["bernoulli", "gaussian", "squared error"] = Field(
        "bernoulli",
        title="Likelihood",
        description="of a pixel given the code: Bernoulli on its grey value, Gaussian around it, "
        "or the plain squared error on the scale of [-1, 1], a Gaussian of variance 1/2 there",
    )
    sigma: float = Field(
        0.2,
        ge=0.01,
        le=1,
        json_schema_extra={"step": 0.05},
        title="Sigma",
        description="standard deviation of a pixel under the Gaussian likelihood",
    )
    beta: float = Field(
        1.0,
        ge=0,
        le=100,
        json_schema_extra={"step": 0.5},
        title="Beta",
        description="weight of the KL term; only 1 is the bound itself",
    )
    warmup: float = Field(
        0.0,
        ge=0,
        le=1,
        json_schema_extra={"step": 0.05},
        title="Warm-up",
        description="share of the training over which beta rises from 0",
    )
    free_bits: float = Field(
        0.0,
        ge=0,
        le=5,
        json_schema_extra={"step": 0.1},
        title="Free nats",
        description="KL in nats that each dimension may have without paying for it",
    )
    validation_share: float = Field(
        0.0,
        ge=0,
        le=0.5,
        json_schema_extra={"step": 0.05},
        title="Held back",
        description="share of the training images that is only watched, for a validation loss",
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=0.1,
        json_schema_extra={"step": 5e-06},
        title="Weight decay",
        description="pull of the weights towards zero",
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
    samples: int = IWAE_SAMPLES,
    tick: Callable[[], None] = lambda: None,
) -> Tensor:
    """An importance-weighted bound on -log p(x), of a conditional model on -log p(x | class)
    (Burda, Grosse and Salakhutdinov 2016), nats, (N,).

    `tick` is called before each sample, and may raise to stop.
    """
    mu, logvar = model.encode(images, labels)
    assert logvar is not None
    weights = []
    for _ in range(samples):
        tick()
        noise = torch.randn(mu.shape, generator=generator, device=mu.device)
        z = mu + noise * (0.5 * logvar).exp()
        likelihood = -reconstruction(config, model, model.raw(z, labels), images)
        # log p(z) - log q(z|x); the constants of the two normal densities cancel
        ratio = 0.5 * (noise.square() - z.square() + logvar).sum(1)
        weights.append(likelihood + ratio)
    missing = left_out(config, images[0].numel())
    return math.log(samples) - torch.stack(weights).logsumexp(0) + missing


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
