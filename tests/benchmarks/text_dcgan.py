"""The DCGAN of the texts, its networks and its loop transcribed."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader, Dataset

BATCH, NOISE = 128, 96


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


def sample_noise() -> Tensor:
    """Uniform on [-1, 1]."""
    return torch.rand(BATCH, NOISE) * 2 - 1


def text_loop(images: Dataset[Any]) -> Iterator[int]:
    """Trains a batch each time it is asked; gives how many images it had."""
    torch.manual_seed(0)
    d, g = discriminator().train(), generator().train()
    d_solver, g_solver = (
        optim.Adam(net.parameters(), lr=3e-4, betas=(0.5, 0.999)) for net in (d, g)
    )
    bce = nn.BCEWithLogitsLoss()
    true_labels, false_labels = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    loader: DataLoader[Any] = DataLoader(images, batch_size=BATCH, shuffle=True)
    while True:
        for x, _ in loader:
            if len(x) != BATCH:
                continue
            d_solver.zero_grad()
            logits_real = d(2 * (x - 0.5))
            fake_images = g(sample_noise()).detach()
            logits_fake = d(fake_images)
            d_error = bce(logits_real, true_labels) + bce(logits_fake, false_labels)
            d_error.backward()
            d_solver.step()
            g_solver.zero_grad()
            fake_images = g(sample_noise())
            g_error = bce(d(fake_images), true_labels)
            g_error.backward()
            g_solver.step()
            d_error.item(), g_error.item()
            yield len(x)
