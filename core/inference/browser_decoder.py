"""Decoders and generators as bytes that a browser can run (`browser_steps`).

In a decoder only the scale of a batch norm that cannot be folded is a step, which leaves zeros as
they are: its shift is carried on to the next layer's biases.
"""

import copy

import torch
from torch import Tensor, nn

from core.errors import LabError
from core.inference.browser_steps import (
    ACTIVATIONS,
    CONVERTERS,
    WEIGHTED,
    Step,
    fold,
    hwc,
    scale_and_shift,
    serialised,
    unsupported,
    wide,
    with_shapes,
)
from core.models.autoencoders import Autoencoder
from core.models.gans import GAN

SUPPORTED = [*CONVERTERS, *ACTIVATIONS, nn.BatchNorm1d, nn.BatchNorm2d]


@torch.inference_mode()
def pack_decoder(model: Autoencoder | GAN) -> bytes:
    """Serialise the model's decoder or generator, output function included, for the browser.

    Classes are concatenated to the code one-hot, even if the model embeds them.

    Raises:
        LabError: a layer that the browser cannot run, or a weight too large for half precision.
    """
    layers = _layers(model).double().cpu().eval()
    # The shift of the batch norms so far that no step applies yet, in the shape of the activations.
    x = torch.zeros(1, model.latent + model.classes, dtype=torch.float64)
    steps: list[Step] = []
    for place, layer in enumerate(layers):
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            scale, shift = scale_and_shift(layer, place)
            if not (steps and fold(steps[-1], scale, shift)):
                steps.append(with_shapes(_affine(hwc(wide(scale, x))), x, x))
                x = layer(x)
        elif type(layer) in ACTIVATIONS:
            x = _add_pending_shift(steps, x)
            _activate(steps, layer, x)
        elif type(layer) in CONVERTERS:
            y = layer(x)
            converted = CONVERTERS[type(layer)](layer, place, x, y)
            steps += [with_shapes(step, x, y) for step in converted]
            x = torch.zeros_like(y) if type(layer) in WEIGHTED else y
        else:
            raise unsupported(
                layer, place, "it supports " + ", ".join(k.__name__ for k in SUPPORTED)
            )
    x = _add_pending_shift(steps, x)
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        raise LabError("The browser cannot run this decoder: it does not end in one picture.")
    header = {
        "latent": model.latent,
        "classes": model.classes,
        "output": "tanh" if isinstance(model, GAN) else model.output,
        "shape": list(x.shape[1:]),
    }
    return serialised(header, steps)


def _layers(model: Autoencoder | GAN) -> nn.Sequential:
    """Return a copy of the layers from a code and its one-hot class to the picture."""
    if isinstance(model, Autoencoder):
        return copy.deepcopy(model.decoder)
    layers = copy.deepcopy(model.generator)
    if not model.classes:
        return layers
    first = layers[0]
    if not isinstance(first, nn.Linear):
        raise unsupported(first, 0, "a class can be joined to the input of a linear layer only")
    own, embedded = first.weight.double().tensor_split([model.latent], 1)
    drawn = embedded @ model.classes_drawn.weight.double().T  # (out, classes)
    first.weight = nn.Parameter(torch.cat([own, drawn], 1))
    return layers


def _add_pending_shift(steps: list[Step], x: Tensor) -> Tensor:
    """Add the pending shift in a step of its own; returns the new one, which is zero."""
    if x.any():
        steps.append(with_shapes(_affine(torch.ones_like(hwc(x)), hwc(x)), x, x))
    return torch.zeros_like(x)


def _affine(weight: Tensor, bias: Tensor | None = None) -> Step:
    """Return a step that multiplies each number by its own weight and adds a bias."""
    return Step("affine", {}, weight, weight.new_zeros(weight.shape[-1]) if bias is None else bias)


def _activate(steps: list[Step], layer: nn.Module, y: Tensor) -> None:
    """Append an activation to the last step."""
    if not steps or "activation" in steps[-1].facts:
        steps.append(with_shapes(Step("copy"), y, y))
    steps[-1].facts["activation"] = ACTIVATIONS[type(layer)]
    if isinstance(layer, nn.LeakyReLU):
        steps[-1].facts["slope"] = layer.negative_slope
