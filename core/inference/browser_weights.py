"""Decoders and generators as bytes that a browser can run: layers, then weights in half precision.

The bytes are the length of the header (4, little-endian), the header (JSON, filled up with blanks
so that what follows begins at a multiple of four), and the float16 weights. Activations are laid
out HWC in the browser; every weight has its outputs on the last axis, so that the innermost loop
runs over neighbours and inputs that are zero are skipped.

Batch norm is folded before anything is rounded. After a linear layer or a convolution it becomes
part of that layer. After an activation its scale is a step of its own, which leaves zeros as they
are; its shift is carried on, through whatever follows, to the next layer's biases. A convolution
has then a bias for each of its outputs, for at borders less of the shift reaches them.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import LabError
from core.models.autoencoders import Autoencoder
from core.models.gans import GAN

MAX_FLOAT16 = float(torch.finfo(torch.float16).max)
NO_TENSOR = torch.empty(0)


@dataclass
class _Step:
    """One operation of the browser; `weight` and `bias` are in float64, not rounded yet.

    A convolution has a bias for each channel, or one for each output, (H, W, C).
    """

    kind: str
    facts: dict[str, Any] = field(default_factory=dict)
    weight: Tensor = NO_TENSOR
    bias: Tensor = NO_TENSOR


@torch.inference_mode()
def pack(model: Autoencoder | GAN) -> bytes:
    """Serialise the model's decoder or generator, output function included, for the browser.

    Classes are concatenated to the code one-hot, even if the model embeds them.

    Raises:
        LabError: a layer that the browser cannot run, or a weight too large for half precision.
    """
    layers = _layers(model).double().cpu().eval()
    # The shift of the batch norms so far that no step applies yet, in the shape of the activations.
    x = torch.zeros(1, model.latent + model.classes, dtype=torch.float64)
    steps: list[_Step] = []
    for place, layer in enumerate(layers):
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            x = _fold_norm(steps, layer, place, x)
        elif type(layer) in ACTIVATIONS:
            x = _add_pending_shift(steps, x)
            _activate(steps, layer, x)
        elif type(layer) in CONVERTERS:
            y = layer(x)
            converted = CONVERTERS[type(layer)](layer, place, x, y)
            steps += [_with_shapes(step, x, y) for step in converted]
            x = torch.zeros_like(y) if type(layer) in WEIGHTED else y
        else:
            raise _unsupported(
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
    return _serialised(header, steps)


def _layers(model: Autoencoder | GAN) -> nn.Sequential:
    """Return a copy of the layers from a code and its one-hot class to the picture."""
    if isinstance(model, Autoencoder):
        return copy.deepcopy(model.decoder)
    layers = copy.deepcopy(model.generator)
    if not model.classes:
        return layers
    first = layers[0]
    if not isinstance(first, nn.Linear):
        raise _unsupported(first, 0, "a class can be joined to the input of a linear layer only")
    own, embedded = first.weight.double().tensor_split([model.latent], 1)
    drawn = embedded @ model.classes_drawn.weight.double().T  # (out, classes)
    first.weight = nn.Parameter(torch.cat([own, drawn], 1))
    return layers


# ---- layers


def _linear(layer: nn.Linear, place: int, x: Tensor, y: Tensor) -> list[_Step]:
    if x.ndim != 2:
        raise _unsupported(layer, place, "its input is no row of numbers")
    return [_Step("linear", {}, layer.weight.T, y[0])]  # [in][out]


def _conv(layer: nn.Conv2d | nn.ConvTranspose2d, place: int, x: Tensor, y: Tensor) -> list[_Step]:
    plain = layer.groups == 1 and set(layer.dilation) == {1} and layer.padding_mode == "zeros"
    if not plain or isinstance(layer.padding, str):
        raise _unsupported(layer, place, "groups, dilation and named padding are beyond it")
    facts = {
        "kernel": list(layer.kernel_size),
        "stride": list(layer.stride),
        "padding": list(layer.padding),
    }
    bias = _hwc(y) if x.any() else y[0, :, 0, 0]  # y holds nothing but biases
    if isinstance(layer, nn.ConvTranspose2d):
        weight = layer.weight.permute(0, 2, 3, 1)  # [in][ky][kx][out]
    else:
        weight = layer.weight.permute(2, 3, 1, 0)  # [ky][kx][in][out]
    return [_Step(WEIGHTED[type(layer)], facts, weight, bias)]


def _reorder(layer: nn.Flatten | nn.Unflatten, place: int, x: Tensor, y: Tensor) -> list[_Step]:
    """Return the step from CHW to HWC or back; none if both are the same order."""
    if x.ndim == y.ndim:
        return []
    if {x.ndim, y.ndim} != {2, 4}:
        raise _unsupported(layer, place, "it changes between rows of numbers and pictures only")
    _, channels, height, width = (x if x.ndim == 4 else y).shape
    if channels == 1 or height * width == 1:
        return []
    return [_Step("to_hwc" if y.ndim == 4 else "to_chw", {"shape": [channels, height, width]})]


def _upsample(layer: nn.Upsample, place: int, x: Tensor, y: Tensor) -> list[_Step]:
    factor = y.shape[-1] // x.shape[-1]
    square = x.ndim == 4 and [s * factor for s in x.shape[2:]] == list(y.shape[2:])
    if layer.mode != "nearest" or not square:
        raise _unsupported(layer, place, "it repeats pixels a whole number of times, no more")
    return [_Step("upsample", {"factor": factor})]


WEIGHTED = {nn.Linear: "linear", nn.Conv2d: "conv", nn.ConvTranspose2d: "conv_transpose"}
CONVERTERS: dict[type[nn.Module], Callable[..., list[_Step]]] = {
    nn.Linear: _linear,
    nn.Conv2d: _conv,
    nn.ConvTranspose2d: _conv,
    nn.Flatten: _reorder,
    nn.Unflatten: _reorder,
    nn.Upsample: _upsample,
}
ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.SiLU: "silu",
    nn.LeakyReLU: "leaky_relu",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
}
SUPPORTED = [*CONVERTERS, *ACTIVATIONS, nn.BatchNorm1d, nn.BatchNorm2d]


def _fold_norm(
    steps: list[_Step], layer: nn.BatchNorm1d | nn.BatchNorm2d, place: int, x: Tensor
) -> Tensor:
    """Fold a batch norm into the layer before it, or else scale, and return the pending shift."""
    if layer.running_mean is None or layer.running_var is None:
        raise _unsupported(layer, place, "it keeps no running statistics")
    scale = (layer.running_var + layer.eps).rsqrt()
    shift = -layer.running_mean * scale
    if layer.affine:
        scale, shift = layer.weight * scale, layer.weight * shift + layer.bias
    before = steps[-1] if steps else _Step("none")
    linear = before.kind in WEIGHTED.values() and "activation" not in before.facts
    if linear and before.weight.shape[-1] == len(scale):
        before.weight = before.weight * scale
        before.bias = before.bias * scale + shift
        return x
    wide = scale.reshape(1, -1, *[1] * (x.ndim - 2)).expand_as(x)
    steps.append(_with_shapes(_affine(_hwc(wide)), x, x))
    after: Tensor = layer(x)
    return after


def _add_pending_shift(steps: list[_Step], x: Tensor) -> Tensor:
    """Add the pending shift in a step of its own; returns the new one, which is zero."""
    if x.any():
        steps.append(_with_shapes(_affine(torch.ones_like(_hwc(x)), _hwc(x)), x, x))
    return torch.zeros_like(x)


def _affine(weight: Tensor, bias: Tensor | None = None) -> _Step:
    """Return a step that multiplies each number by its own weight and adds a bias."""
    return _Step("affine", {}, weight, weight.new_zeros(weight.shape[-1]) if bias is None else bias)


def _activate(steps: list[_Step], layer: nn.Module, y: Tensor) -> None:
    """Append an activation to the last step."""
    if not steps or "activation" in steps[-1].facts:
        steps.append(_with_shapes(_Step("copy"), y, y))
    steps[-1].facts["activation"] = ACTIVATIONS[type(layer)]
    if isinstance(layer, nn.LeakyReLU):
        steps[-1].facts["slope"] = layer.negative_slope


def _with_shapes(step: _Step, x: Tensor, y: Tensor) -> _Step:
    """Add the shapes of the input and the output, (H, W, C), to a step and return it."""
    for name, t in (("in", x), ("out", y)):
        step.facts[name] = [*t.shape[2:], t.shape[1]] if t.ndim == 4 else [1, 1, t.shape[1]]
    return step


def _hwc(t: Tensor) -> Tensor:
    """Return the only element of a batch as the browser lays it out: (H, W, C), or (N,)."""
    return t[0].permute(1, 2, 0) if t.ndim == 4 else t[0]


def _unsupported(layer: nn.Module, place: int, why: str) -> LabError:
    name = type(layer).__name__
    return LabError(f"The browser cannot run layer {place} of this decoder, a {name}: {why}.")


# ---- bytes


def _serialised(header: dict[str, Any], steps: list[_Step]) -> bytes:
    parts: list[bytes] = []
    offset = 0  # in float16 numbers
    layers = []
    for step in steps:
        facts = {"kind": step.kind, **step.facts}
        if step.weight.numel():
            facts |= {"weight": offset, "bias": offset + step.weight.numel()}
            if step.bias.ndim == 3:
                facts["map"] = True
            parts += [_half(step.weight), _half(step.bias)]
            offset = int(facts["bias"]) + step.bias.numel()
        layers.append(facts)
    text = json.dumps({**header, "layers": layers}).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([len(text).to_bytes(4, "little"), text, *parts])


def _half(numbers: Tensor) -> bytes:
    if not bool((numbers.abs() <= MAX_FLOAT16).all()):  # so written, nan is caught too
        raise LabError("The browser cannot run this decoder: a weight is too large for it.")
    return numbers.numpy().astype(np.dtype("<f2")).tobytes()
