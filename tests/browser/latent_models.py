"""Decoders and generators of seeded weights, bold enough that their pictures are not flat grey."""

import numpy as np
import torch
from torch import Tensor, nn

from core.models import autoencoders, gans
from core.models.autoencoders import Autoencoder
from core.models.gans import GAN

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


def norms() -> Autoencoder:
    """Batch norm wherever it can stand."""
    decoder = nn.Sequential(
        nn.BatchNorm1d(5),
        nn.Linear(5, 6 * 4 * 3),
        nn.ReLU(),
        nn.BatchNorm1d(72),
        nn.Unflatten(1, (6, 4, 3)),
        nn.BatchNorm2d(6),
        nn.Upsample(scale_factor=3),
        nn.Conv2d(6, 8, 3, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(0.2),
        nn.BatchNorm2d(8),
        nn.SiLU(),
        nn.Flatten(),
        nn.BatchNorm1d(8 * 7 * 6),
        nn.Unflatten(1, (8, 7, 6)),
        nn.ConvTranspose2d(8, 3, (4, 3), stride=2, padding=1),
        nn.ReLU(),
        nn.BatchNorm2d(3),
    )
    return Autoencoder(nn.Sequential(), decoder, 5)


MAKERS = {
    "ae_conv": lambda: autoencoders.ae_conv(SHAPE, 4),
    "ae_mlp3": lambda: autoencoders.ae_mlp3(SHAPE),
    "ae_conv_tiny": lambda: autoencoders.ae_conv_tiny(SHAPE),
    "vae": lambda: autoencoders.vae(SHAPE, 20),
    "plane": lambda: autoencoders.vae(SHAPE, 2),
    "cvae": lambda: autoencoders.vae(SHAPE, 8, CLASSES),
    "vae_conv": lambda: autoencoders.vae_conv(SHAPE, 16),
    "everything": everything,
    "norms": norms,
}
GANS = {
    "gan": lambda: gans.mlp(SHAPE),
    "dcgan": lambda: gans.dcgan(SHAPE),
    "cgan": lambda: gans.dcgan(SHAPE, CLASSES),
    "face_dcgan": lambda: gans.face_dcgan((3, 64, 64)),
}


def model(name: str) -> Autoencoder | GAN:
    """The same network whenever it is asked for."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        result = (MAKERS | GANS)[name]()
        for module in result.generator if isinstance(result, GAN) else result.decoder:
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 2)[::3] *= -1
                module.bias.normal_(0, 0.3)
            elif hasattr(module, "weight"):
                inputs = module.weight[0].numel()
                if isinstance(module, nn.ConvTranspose2d):
                    inputs = module.weight.numel() // module.weight.shape[1] // 4
                module.weight.normal_(0, (2.5 / inputs) ** 0.5)
                if module.bias is not None:
                    module.bias.normal_(0, 0.8)
        return result.eval()


def drawn(network: Autoencoder | GAN, code: Tensor, label: int | None) -> np.ndarray:
    """What PyTorch draws of a code (latent,), as the browser's bytes: (H, W, C) in one row."""
    labels = None if label is None else torch.tensor([label])
    draw = network if isinstance(network, GAN) else network.decode
    with torch.inference_mode():
        picture = draw(code[None], labels)[0].permute(1, 2, 0)
    return (255 * picture).round().numpy().astype(np.int16).ravel()


def directions(network: Autoencoder | GAN, count: int) -> tuple[Tensor, Tensor]:
    """A base (latent,) and as many directions from there, (count, latent)."""
    generator = torch.Generator().manual_seed(2)
    result = torch.randn(1 + count, network.latent, generator=generator).round(decimals=4)
    return result[0], result[1:]
