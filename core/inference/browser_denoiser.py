"""A diffusion's network as bytes that a browser can run.

The bytes are the length of the header (4, little-endian), the header (JSON, filled up with blanks
so that what follows begins at a multiple of four), and the weights by name. They are in single
precision, so that a picture of many steps is the one that PyTorch draws: where little of the image
is left, DDPM divides an error by almost nothing. A convolution's are laid out [ky][kx][in][out],
those of a linear layer [in][out].
"""

import json

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import LabError
from core.models.denoising_nets import DiffusionNet
from core.models.noise_processes import NOISE, RESIDUAL, VELOCITY, Process

PROCESSES = {"noise": NOISE, "velocity": VELOCITY, "residual": RESIDUAL}
"""What the browser knows of, by what the network says."""
MAX_BYTES = 16 * 2**20
"""Of the weights, which come with the page."""
MAX_MULTIPLY_ADDS = 256_000_000
"""Of a look: a browser makes some four thousand million a second, and twenty looks are to be drawn
while one waits."""


def process_name(process: Process) -> str:
    """What the browser calls a process.

    Raises:
        LabError: it does not know it.
    """
    for name, known in PROCESSES.items():
        if process == known:
            return name
    raise LabError("The browser cannot draw with this network: it does not know its process.")


@torch.inference_mode()
def pack_denoiser(model: DiffusionNet, process_name: str) -> bytes:
    """Serialise a network for the browser.

    Args:
        process_name: one of `PROCESSES`.

    Raises:
        LabError: a network that is too large, or a weight that is no number.
    """
    weights = {name: _as_read(weight) for name, weight in model.named_parameters()}
    if 4 * sum(weight.size for weight in weights.values()) > MAX_BYTES:
        raise _too_large(f"{sum(w.size for w in weights.values()) / 1e6:.0f} million weights")
    work = multiply_adds(model)
    if work > MAX_MULTIPLY_ADDS:
        raise _too_large(f"{work / 1e6:.0f} million multiplications a look")
    if not all(np.isfinite(weight).all() for weight in weights.values()):
        raise LabError("The browser cannot run this network: a weight is no number.")
    header = {
        "shape": list(model.shape),
        "width": model.enter.out_channels,
        "classes": model.classes,
        "blind": model.blind,
        "process": process_name,
        "weights": {name: list(weight.shape) for name, weight in weights.items()},
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    parts = [weight.tobytes() for weight in weights.values()]
    return b"".join([len(text).to_bytes(4, "little"), text, *parts])


def multiply_adds(model: DiffusionNet) -> int:
    """Return how many multiplications the convolutions of one look make."""
    _, height, width = model.shape
    total = 0
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d):
            side = 4 if name.startswith(("shrink", "middle")) else 2
            total += layer.weight.numel() * (height // side) * (width // side)
    return total


def _as_read(weight: Tensor) -> np.ndarray:
    weight = weight.detach().cpu()
    if weight.ndim == 4:
        weight = weight.permute(2, 3, 1, 0)
    elif weight.ndim == 2:
        weight = weight.T
    return np.ascontiguousarray(weight.numpy(), np.dtype("<f4"))


def _too_large(size: str) -> LabError:
    return LabError(f"This network is too large for the browser ({size}).")
