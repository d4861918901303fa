"""Decoders with seeded random weights, made bold enough that their pictures are not flat grey."""

import torch
from torch import nn

from core.models import autoencoders
from core.models.autoencoders import Autoencoder

SHAPE = (1, 28, 28)
CLASSES = 4


def everything() -> Autoencoder:
    """A colour decoder of all layers that the networks of the lab do not have yet."""
    decoder = nn.Sequential(
        nn.Linear(6, 32),
        nn.BatchNorm1d(32),
        nn.SiLU(),
        nn.Unflatten(1, (8, 2, 2)),
        nn.Conv2d(8, 12, 1, bias=False),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(48, 8 * 7 * 7),
        nn.Tanh(),
        nn.Unflatten(1, (8, 7, 7)),
        nn.Upsample(scale_factor=4),
        nn.Conv2d(8, 10, (3, 5), padding=(1, 2)),
        nn.BatchNorm2d(10),
        nn.SiLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(10, 6, 4, stride=2, padding=1),
        nn.Sigmoid(),
        nn.ReLU(),
        nn.ConvTranspose2d(6, 3, 3, padding=1),
    )
    return Autoencoder(nn.Sequential(), decoder, 6, output="tanh")


MAKERS = {
    "ae_conv": lambda: autoencoders.ae_conv(SHAPE, 4),
    "ae_mlp3": lambda: autoencoders.ae_mlp3(SHAPE),
    "ae_conv_tiny": lambda: autoencoders.ae_conv_tiny(SHAPE),
    "vae": lambda: autoencoders.vae(SHAPE, 20),
    "plane": lambda: autoencoders.vae(SHAPE, 2),
    "cvae": lambda: autoencoders.vae(SHAPE, 8, CLASSES),
    "vae_conv": lambda: autoencoders.vae_conv(SHAPE, 16),
    "everything": everything,
}


def model(name: str) -> Autoencoder:
    """The same network whenever it is asked for."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        found = MAKERS[name]()
        for module in found.decoder:
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 2)
                module.bias.normal_(0, 0.3)
            elif hasattr(module, "weight"):
                inputs = module.weight[0].numel()
                if isinstance(module, nn.ConvTranspose2d):
                    inputs = module.weight.numel() // module.weight.shape[1] // 4
                module.weight.normal_(0, (2.5 / inputs) ** 0.5)
                if module.bias is not None:
                    module.bias.normal_(0, 0.8)
        return found.eval()
