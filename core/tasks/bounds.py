"""Losses of autoencoders: squared errors, the evidence lower bound, and the tighter one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from core.models.autoencoders import Autoencoder, Code

if TYPE_CHECKING:
    from core.tasks.autoencoding import AutoencodingConfig

IWAE_SAMPLES = 500


class Bound(NamedTuple):
    """The two terms of the negative ELBO in nats, one number an image: (N,) and (N, d)."""

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
    """-log p(x | z) in nats, (N,): Bernoulli with grey values as probabilities, or Gaussian."""
    if config.likelihood == "bernoulli":
        return F.binary_cross_entropy_with_logits(raw, images, reduction="none").flatten(1).sum(1)
    error = (model.finish(raw) - images).flatten(1) / config.sigma
    constant_term = math.log(config.sigma) + 0.5 * math.log(2 * math.pi)
    return 0.5 * error.square().sum(1) + constant_term * error.shape[1]


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
    """-log p(x), importance-weighted (Burda, Grosse and Salakhutdinov 2016), nats, (N,).

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
    return math.log(samples) - torch.stack(weights).logsumexp(0)


def anomaly_score(
    config: AutoencodingConfig, model: Autoencoder, images: Tensor, labels: Tensor
) -> Tensor:
    """How unlike its training data an image is, (N,): the higher, the stranger.

    For a VAE the bound in nats at the middle of the posterior, else the summed squared error.
    """
    code = model.encode(images, labels)
    raw = model.raw(code.mu, labels)
    if model.variational:
        return reconstruction(config, model, raw, images) + kl_divergence(code).sum(1)
    return (model.finish(raw) - images).flatten(1).square().sum(1)
