"""Decoders as bytes that a browser can run: a list of layers, then weights in half precision.

The bytes are the length of the header (4, little-endian), the header (JSON, filled up with blanks
so that what follows begins at a multiple of four), and the float16 weights. Activations are laid
out HWC in the browser; every weight has its outputs on the last axis, so that the innermost loop
runs over neighbours and inputs that are zero are skipped.
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

LARGEST = float(torch.finfo(torch.float16).max)


@dataclass
class _Step:
    """One thing that the browser does; `weight` and `bias` are kept unrounded, in float64."""

    kind: str
    facts: dict[str, Any] = field(default_factory=dict)
    weight: Tensor | None = None
    bias: Tensor | None = None


@torch.inference_mode()
def pack(model: Autoencoder) -> bytes:
    """The model's decoder, output function included, as bytes for the browser.

    Batch norm is folded into the layer before it, before anything is rounded to half precision.

    Raises:
        LabError: a layer that the browser cannot run, or a weight too large for half precision.
    """
    decoder = copy.deepcopy(model.decoder).float().cpu().eval()  # the model itself is shared
    x = torch.zeros(1, model.latent + model.classes)
    steps: list[_Step] = []
    for place, layer in enumerate(decoder):
        y = layer(x)
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            _fold(steps[-1] if steps else None, layer, place)
        elif type(layer) in ACTIVATIONS:
            _activate(steps, layer, y)
        elif type(layer) in KINDS:
            steps += [_sized(step, x, y) for step in KINDS[type(layer)](layer, place, x, y)]
        else:
            raise _refusal(layer, place, "it knows " + ", ".join(k.__name__ for k in KNOWN))
        x = y
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        raise LabError("The browser cannot run this decoder: it does not end in one picture.")
    header = {
        "latent": model.latent,
        "classes": model.classes,
        "output": model.output,
        "shape": list(x.shape[1:]),
    }
    return _written(header, steps)


# ---- layers


def _linear(layer: nn.Linear, place: int, x: Tensor, y: Tensor) -> list[_Step]:
    if x.ndim != 2:
        raise _refusal(layer, place, "its input is no row of numbers")
    return [_weighted("linear", {}, layer.weight.T, layer.bias)]  # [in][out]


def _conv(layer: nn.Conv2d | nn.ConvTranspose2d, place: int, x: Tensor, y: Tensor) -> list[_Step]:
    plain = layer.groups == 1 and set(layer.dilation) == {1} and layer.padding_mode == "zeros"
    if not plain or isinstance(layer.padding, str):
        raise _refusal(layer, place, "groups, dilation and named padding are beyond it")
    facts = {
        "kernel": list(layer.kernel_size),
        "stride": list(layer.stride),
        "padding": list(layer.padding),
    }
    if isinstance(layer, nn.ConvTranspose2d):
        weight = layer.weight.permute(0, 2, 3, 1)  # [in][ky][kx][out]
        return [_weighted("conv_transpose", facts, weight, layer.bias)]
    return [_weighted("conv", facts, layer.weight.permute(2, 3, 1, 0), layer.bias)]


def _reorder(layer: nn.Flatten | nn.Unflatten, place: int, x: Tensor, y: Tensor) -> list[_Step]:
    """From CHW to HWC or back; nothing where both are the same order."""
    if x.ndim == y.ndim:
        return []
    if {x.ndim, y.ndim} != {2, 4}:
        raise _refusal(layer, place, "it changes between rows of numbers and pictures only")
    _, channels, height, width = (x if x.ndim == 4 else y).shape
    if channels == 1 or height * width == 1:
        return []
    return [_Step("to_hwc" if y.ndim == 4 else "to_chw", {"shape": [channels, height, width]})]


def _upsample(layer: nn.Upsample, place: int, x: Tensor, y: Tensor) -> list[_Step]:
    factor = y.shape[-1] // x.shape[-1]
    square = x.ndim == 4 and [s * factor for s in x.shape[2:]] == list(y.shape[2:])
    if layer.mode != "nearest" or not square:
        raise _refusal(layer, place, "it repeats pixels a whole number of times, no more")
    return [_Step("upsample", {"factor": factor})]


KINDS: dict[type[nn.Module], Callable[..., list[_Step]]] = {
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
KNOWN = [*KINDS, *ACTIVATIONS, nn.BatchNorm1d, nn.BatchNorm2d]


def _fold(before: _Step | None, layer: nn.BatchNorm1d | nn.BatchNorm2d, place: int) -> None:
    """Let the layer before do the work of a batch norm too."""
    if before is None or before.weight is None or "activation" in before.facts:
        raise _refusal(layer, place, "there is no linear layer or convolution right before it")
    if layer.running_mean is None or layer.running_var is None:
        raise _refusal(layer, place, "it keeps no running statistics")
    if layer.num_features != before.weight.shape[-1]:
        raise _refusal(layer, place, "it is of another width than the layer right before it")
    scale = (layer.running_var.double() + layer.eps).rsqrt()
    shift = -layer.running_mean.double() * scale
    if layer.affine:
        shift = layer.weight.double() * shift + layer.bias.double()
        scale = layer.weight.double() * scale
    assert before.bias is not None
    before.weight = before.weight * scale
    before.bias = before.bias * scale + shift


def _activate(steps: list[_Step], layer: nn.Module, y: Tensor) -> None:
    """Let the layer before end with an activation."""
    if not steps or "activation" in steps[-1].facts:
        steps.append(_sized(_Step("copy"), y, y))
    steps[-1].facts["activation"] = ACTIVATIONS[type(layer)]
    if isinstance(layer, nn.LeakyReLU):
        steps[-1].facts["slope"] = layer.negative_slope


def _weighted(kind: str, facts: dict[str, Any], weight: Tensor, bias: Tensor | None) -> _Step:
    found = torch.zeros(weight.shape[-1]) if bias is None else bias
    return _Step(kind, facts, weight.double(), found.double())


def _sized(step: _Step, x: Tensor, y: Tensor) -> _Step:
    """With the sizes of what goes in and comes out, (H, W, C)."""
    for name, t in (("in", x), ("out", y)):
        step.facts[name] = [*t.shape[2:], t.shape[1]] if t.ndim == 4 else [1, 1, t.shape[1]]
    return step


def _refusal(layer: nn.Module, place: int, why: str) -> LabError:
    name = type(layer).__name__
    return LabError(f"The browser cannot run layer {place} of this decoder, a {name}: {why}.")


# ---- bytes


def _written(header: dict[str, Any], steps: list[_Step]) -> bytes:
    parts: list[bytes] = []
    offset = 0  # in float16 numbers
    layers = []
    for step in steps:
        facts = {"kind": step.kind, **step.facts}
        if step.weight is not None and step.bias is not None:
            facts |= {"weight": offset, "bias": offset + step.weight.numel()}
            parts += [_half(step.weight), _half(step.bias)]
            offset = int(facts["bias"]) + step.bias.numel()
        layers.append(facts)
    text = json.dumps({**header, "layers": layers}).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([len(text).to_bytes(4, "little"), text, *parts])


def _half(numbers: Tensor) -> bytes:
    if not bool((numbers.abs() <= LARGEST).all()):  # so written, nan is caught too
        raise LabError("The browser cannot run this decoder: a weight is too large for it.")
    return numbers.numpy().astype(np.dtype("<f2")).tobytes()
