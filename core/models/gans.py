"""Generative adversarial networks: a generator, and a critic that scores real and fake images.

Every generator is one `nn.Sequential` of plain layers that ends before its tanh, and every critic
ends before its sigmoid, so that both can be read, exported and run elsewhere layer by layer.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from core.errors import LabError

Shape = tuple[int, int, int]
Prior = Literal["uniform", "normal"]
SEED_NUMBERS = 128
"""Numbers that one seed draws for an image: as many as the widest latent has."""
CLASS_NUMBERS = 32
"""Dimensions of the class embedding of a conditional generator."""
CLASS_SCALE = 0.1
"""Of these numbers at first. As large as the noise, the class is all that the generator listens to:
it then draws one picture of each."""


class GAN(nn.Module):
    """A generator and its critic, with or without a class.

    Args:
        generator: (N, latent), or with classes (N, latent + CLASS_NUMBERS), to an image before its
            tanh.
        body: the critic up to its features: images (N, C, H, W) in [-1, 1] to (N, width, …).
        head: features to one score an image: a logit, or a Wasserstein critic's number.
        prior: what latents are drawn from: uniform on [-1, 1], or standard normal.
        classes: how many classes there are; 0 for an unconditional generator.
    """

    def __init__(
        self,
        generator: nn.Sequential,
        body: nn.Sequential,
        head: nn.Linear | nn.Conv2d,
        latent: int,
        *,
        prior: Prior = "uniform",
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.generator = generator
        self.critic = nn.ModuleDict({"body": body, "head": head})
        self.latent, self.classes = latent, classes
        self.prior: Prior = prior
        if classes:
            self.classes_drawn = nn.Embedding(classes, CLASS_NUMBERS)
            nn.init.normal_(self.classes_drawn.weight, std=CLASS_SCALE)
            projection = nn.Embedding(classes, head.weight.shape[1])
            nn.init.zeros_(projection.weight)  # the critic begins with no opinion on classes
            self.critic["classes"] = projection

    def latents(self, seeds: Tensor) -> Tensor:
        """This network's latents (N, latent) from u (N, SEED_NUMBERS) of N(0, 1).

        One seed serves all networks: a uniform prior takes 2Φ(u) - 1.
        """
        u = seeds[:, : self.latent]
        return torch.erf(u / math.sqrt(2)) if self.prior == "uniform" else u

    def raw(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Draw (N, C, H, W) before the tanh."""
        if self.classes:
            latents = torch.cat([latents, self.classes_drawn(self._known(labels))], 1)
        out: Tensor = self.generator(latents)
        return out

    def draw(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) in [-1, 1], as the critic sees them."""
        return self.raw(latents, labels).tanh()

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) in [0, 1] of latents (N, latent)."""
        return (self.draw(latents, labels) + 1) / 2

    def score(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Score images (N, C, H, W) in [-1, 1]: (N,), higher is more real.

        A class is judged by projection: its embedding times the features (Miyato and Koyama 2018).
        """
        features = self.critic["body"](images)
        scores: Tensor = self.critic["head"](features).flatten()
        if self.classes:
            scores = scores + (self.critic["classes"](self._known(labels)) * features).sum(1)
        return scores

    def critic_parameters(self) -> list[nn.Parameter]:
        """Return the weights that the critic's optimiser trains."""
        return list(self.critic.parameters())

    def generator_parameters(self) -> list[nn.Parameter]:
        """Return the weights that the generator's optimiser trains."""
        critic = {id(p) for p in self.critic_parameters()}
        return [p for p in self.parameters() if id(p) not in critic]

    def _known(self, labels: Tensor | None) -> Tensor:
        if labels is None:
            raise LabError("This generator draws a class: say which.")
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < self.classes:
            raise LabError(f"This generator has the classes 0 to {self.classes - 1}.")
        return labels


def seeded_noise(count: int, seed: int) -> Tensor:
    """u (count, SEED_NUMBERS) of N(0, 1): from one seed the same start for every network.

    A longer draw begins with a shorter one of the same seed.
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(SEED_NUMBERS, generator=generator) for _ in range(count)])


def mlp(shape: Shape, classes: int = 0) -> GAN:
    """Linear layers alone: 96-1024-1024-784 against 784-256-256-1 (Goodfellow et al. 2014)."""
    pixels = math.prod(shape)
    generator = nn.Sequential(
        nn.Linear(96, 1024),
        nn.ReLU(),
        nn.Linear(1024, 1024),
        nn.ReLU(),
        nn.Linear(1024, pixels),
        nn.Unflatten(1, shape),
    )
    body = nn.Sequential(
        nn.Flatten(),
        nn.Linear(pixels, 256),
        nn.LeakyReLU(0.2),
        nn.Linear(256, 256),
        nn.LeakyReLU(0.2),
    )
    return GAN(generator, body, nn.Linear(256, 1), 96)


def dcgan(shape: Shape, classes: int = 0) -> GAN:
    """Two transposed convolutions up, two convolutions down; batch norm in the generator only.

    With `classes` the generator's input is joined by the class's embedding, and the critic's score
    by its projection. Sides divisible by four.
    """
    channels, h, w = shape[0], shape[1] // 4, shape[2] // 4
    latent = 96 + (CLASS_NUMBERS if classes else 0)
    flat = 128 * h * w
    generator = nn.Sequential(
        nn.Linear(latent, 1024),
        nn.ReLU(),
        nn.BatchNorm1d(1024),
        nn.Linear(1024, flat),
        nn.ReLU(),
        nn.BatchNorm1d(flat),
        nn.Unflatten(1, (128, h, w)),
        nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1),  # (64, 14, 14)
        nn.ReLU(),
        nn.BatchNorm2d(64),
        nn.ConvTranspose2d(64, channels, 4, stride=2, padding=1),  # (1, 28, 28)
    )
    convolutions = [
        nn.Conv2d(channels, 32, 5),  # (32, 24, 24)
        nn.LeakyReLU(0.01),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5),  # (64, 8, 8)
        nn.LeakyReLU(0.01),
        nn.MaxPool2d(2),  # (64, 4, 4)
        nn.Flatten(),
    ]
    critic_features = 64 * ((h * 4 - 4) // 2 - 4 >> 1) * ((w * 4 - 4) // 2 - 4 >> 1)
    body = nn.Sequential(*convolutions, nn.Linear(critic_features, 1024), nn.LeakyReLU(0.01))
    return GAN(generator, body, nn.Linear(1024, 1), 96, classes=classes)


def face_dcgan(shape: Shape, classes: int = 0) -> GAN:
    """Five convolutions up to 64×64 pixels and five down, batch norm in both (Radford et al. 2015).

    No biases: batch norm has its own.
    """
    channels = shape[0]
    generator: list[nn.Module] = [
        nn.Unflatten(1, (128, 1, 1)),
        nn.ConvTranspose2d(128, 512, 4, bias=False),  # (512, 4, 4)
    ]
    for a, b in ((512, 256), (256, 128), (128, 64)):  # 8, 16, 32
        up = nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False)
        generator += [nn.BatchNorm2d(a), nn.ReLU(), up]
    last = nn.ConvTranspose2d(64, channels, 4, stride=2, padding=1, bias=False)
    generator += [nn.BatchNorm2d(64), nn.ReLU(), last]  # (3, 64, 64)

    body: list[nn.Module] = [nn.Conv2d(channels, 64, 3, stride=2, padding=1, bias=False)]
    for a, b in ((64, 128), (128, 256), (256, 512)):  # 16, 8, 4
        down = nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False)
        body += [nn.BatchNorm2d(a), nn.ReLU(), down]
    body += [nn.BatchNorm2d(512), nn.ReLU()]
    head = nn.Conv2d(512, 1, 4, bias=False)
    return GAN(nn.Sequential(*generator), nn.Sequential(*body), head, 128, prior="normal")
