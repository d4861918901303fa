"""The DCGAN of the texts, its networks and its loop transcribed: the first 50,000 images in order,
the last batch with fewer of them, the generator's step on the noise of the discriminator's."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms import Compose, Normalize, ToTensor

BATCH, NOISE, NUM_TRAIN = 128, 96, 50_000
TRANSFORM = Compose([ToTensor(), Normalize((0.5,), (0.5,))])


def discriminator() -> nn.Module:
    """Two convolutions with pooling, two linear layers."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 5),
        nn.LeakyReLU(0.01),
        nn.MaxPool2d(2, 2),
        nn.Conv2d(32, 64, 5),
        nn.LeakyReLU(0.01),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(1024, 1024),
        nn.LeakyReLU(0.01),
        nn.Linear(1024, 1),
    )


def generator() -> nn.Module:
    """Two linear layers, two transposed convolutions, tanh."""
    return nn.Sequential(
        nn.Linear(NOISE, 1024),
        nn.ReLU(),
        nn.BatchNorm1d(1024),
        nn.Linear(1024, 7 * 7 * 128),
        nn.ReLU(),
        nn.BatchNorm1d(7 * 7 * 128),
        nn.Unflatten(1, (128, 7, 7)),
        nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.BatchNorm2d(64),
        nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1),
        nn.Tanh(),
    )


class ChunkSampler(Sampler[int]):
    """The first images, one after the other."""

    def __init__(self, num_samples: int) -> None:
        self.num_samples = num_samples

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.num_samples))

    def __len__(self) -> int:
        return self.num_samples


def sample_noise(count: int) -> Tensor:
    """Uniform on [-1, 1]."""
    return (torch.rand(count, NOISE) - 0.5) / 0.5


def text_loop(images: Dataset[Any]) -> Iterator[int]:
    """Trains a batch each time it is asked; gives how many images it had."""
    torch.manual_seed(0)
    d, g = discriminator().train(), generator().train()
    d_solver, g_solver = (
        optim.Adam(net.parameters(), lr=3e-4, betas=(0.5, 0.999)) for net in (d, g)
    )
    bce = nn.BCEWithLogitsLoss()
    sampler = ChunkSampler(min(NUM_TRAIN, len(images)))  # type: ignore[arg-type]
    loader: DataLoader[Any] = DataLoader(images, batch_size=BATCH, sampler=sampler)
    while True:
        for x, _ in loader:
            true_labels, false_labels = torch.ones(len(x), 1), torch.zeros(len(x), 1)
            d_solver.zero_grad()
            logits_real = d(x)
            noise = sample_noise(len(x))
            fake_images = g(noise)
            logits_fake = d(fake_images.detach())
            d_error = bce(logits_real, true_labels) + bce(logits_fake, false_labels)
            d_error.backward()
            d_solver.step()
            g_solver.zero_grad()
            fake_images = g(noise)
            g_error = bce(d(fake_images), true_labels)
            g_error.backward()
            g_solver.step()
            d_error.item(), g_error.item()
            yield len(x)
