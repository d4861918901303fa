"""The VAE of the texts, its network and its loop transcribed: images in [-1, 1], tanh, and the
summed squared error beside the KL term."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import Compose, Normalize, ToTensor

BATCH = 128
TRANSFORM = Compose([ToTensor(), Normalize((0.5,), (0.5,))])


class VAE(nn.Module):
    """784-400, two heads of 20, 20-400-784."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 400)
        self.fc21 = nn.Linear(400, 20)
        self.fc22 = nn.Linear(400, 20)
        self.fc3 = nn.Linear(20, 400)
        self.fc4 = nn.Linear(400, 784)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparametrize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = logvar.mul(0.5).exp()
        eps = torch.randn_like(std)
        return eps.mul(std).add(mu)

    def decode(self, z: Tensor) -> Tensor:
        h3 = F.relu(self.fc3(z))
        return torch.tanh(self.fc4(h3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encode(x)
        z = self.reparametrize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Squared error and KL, summed over an image and averaged over the batch."""
    mse = F.mse_loss(recon_x, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (mse + kld) / len(x)


def text_loop(images: Dataset[Any]) -> Iterator[int]:
    """Trains a batch each time it is asked; gives how many images it had."""
    torch.manual_seed(0)
    model = VAE().train()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    loader: DataLoader[Any] = DataLoader(images, batch_size=BATCH, shuffle=True)
    while True:
        train_loss = 0.0
        for data, _ in loader:
            img = data.view(data.size(0), -1)
            optimizer.zero_grad()
            recon_batch, mu, logvar = model(img)
            loss = loss_function(recon_batch, img, mu, logvar)
            loss.backward()
            train_loss += loss.item()
            optimizer.step()
            yield len(data)
