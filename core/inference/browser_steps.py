"""Layers of a network as steps of a browser, and steps as bytes.

The bytes are the length of the header (4, little-endian), the header (JSON, filled up with blanks
so that what follows begins at a multiple of four), and the weights, in half precision; a layer of a
classifier or translator that would lose by that has them in single precision, and says so.
Activations are laid out HWC in the browser; every weight has its outputs on the last axis, so that
the innermost loop runs over neighbours and inputs that are zero are skipped.

Batch norm is folded before anything is rounded. After a linear layer or a convolution it becomes
part of that layer. Elsewhere it is a step of its own; in a decoder only its scale is, which leaves
zeros as they are: its shift is carried on, through whatever follows, to the next layer's biases. A
convolution has then a bias for each of its outputs, for at borders less of the shift reaches them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import LabError

NO_TENSOR = torch.empty(0)


@dataclass
class Step:
    """One operation of the browser; `weight` and `bias` are in float64, not rounded yet.

    A convolution has a bias for each channel, or one for each output, (H, W, C).
    """

    kind: str
    facts: dict[str, Any] = field(default_factory=dict)
    weight: Tensor = NO_TENSOR
    bias: Tensor = NO_TENSOR


# ---- layers


def _linear(layer: nn.Linear, place: int | str, x: Tensor, y: Tensor) -> list[Step]:
    if x.ndim != 2:
        raise unsupported(layer, place, "its input is no row of numbers")
    return [Step("linear", {}, layer.weight.T, y[0])]  # [in][out]


def _conv(
    layer: nn.Conv2d | nn.ConvTranspose2d, place: int | str, x: Tensor, y: Tensor
) -> list[Step]:
    plain = layer.groups == 1 and set(layer.dilation) == {1} and layer.padding_mode == "zeros"
    if not plain or isinstance(layer.padding, str):
        raise unsupported(layer, place, "groups, dilation and named padding are beyond it")
    facts = {
        "kernel": list(layer.kernel_size),
        "stride": list(layer.stride),
        "padding": list(layer.padding),
    }
    bias = hwc(y) if x.any() else y[0, :, 0, 0]  # y holds nothing but biases
    if isinstance(layer, nn.ConvTranspose2d):
        weight = layer.weight.permute(0, 2, 3, 1)  # [in][ky][kx][out]
    else:
        weight = layer.weight.permute(2, 3, 1, 0)  # [ky][kx][in][out]
    return [Step(WEIGHTED[type(layer)], facts, weight, bias)]


def _reorder(
    layer: nn.Flatten | nn.Unflatten, place: int | str, x: Tensor, y: Tensor
) -> list[Step]:
    """Return the step from CHW to HWC or back; none if both are the same order."""
    if x.ndim == y.ndim:
        return []
    if {x.ndim, y.ndim} != {2, 4}:
        raise unsupported(layer, place, "it changes between rows of numbers and pictures only")
    _, channels, height, width = (x if x.ndim == 4 else y).shape
    if channels == 1 or height * width == 1:
        return []
    return [Step("to_hwc" if y.ndim == 4 else "to_chw", {"shape": [channels, height, width]})]


def _upsample(layer: nn.Upsample, place: int | str, x: Tensor, y: Tensor) -> list[Step]:
    factor = y.shape[-1] // x.shape[-1]
    square = x.ndim == 4 and [s * factor for s in x.shape[2:]] == list(y.shape[2:])
    if layer.mode != "nearest" or not square:
        raise unsupported(layer, place, "it repeats pixels a whole number of times, no more")
    return [Step("upsample", {"factor": factor})]


WEIGHTED = {nn.Linear: "linear", nn.Conv2d: "conv", nn.ConvTranspose2d: "conv_transpose"}
CONVERTERS: dict[type[nn.Module], Callable[..., list[Step]]] = {
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


def scale_and_shift(
    layer: nn.BatchNorm1d | nn.BatchNorm2d, place: int | str
) -> tuple[Tensor, Tensor]:
    """Return what a batch norm multiplies each channel by, and what it adds then."""
    if layer.running_mean is None or layer.running_var is None:
        raise unsupported(layer, place, "it keeps no running statistics")
    scale = (layer.running_var + layer.eps).rsqrt()
    shift = -layer.running_mean * scale
    if layer.affine:
        scale, shift = layer.weight * scale, layer.weight * shift + layer.bias
    return scale, shift


def fold(before: Step, scale: Tensor, shift: Tensor) -> bool:
    """Make a batch norm part of the layer before it; false where that cannot be."""
    linear = before.kind in WEIGHTED.values() and "activation" not in before.facts
    if not linear or before.weight.shape[-1] != len(scale):
        return False
    before.weight = before.weight * scale
    before.bias = before.bias * scale + shift
    return True


def wide(channels: Tensor, x: Tensor) -> Tensor:
    """Return a number a channel in the shape of the activations x."""
    return channels.reshape(1, -1, *[1] * (x.ndim - 2)).expand_as(x)


def with_shapes(step: Step, x: Tensor, y: Tensor) -> Step:
    """Add the shapes of the input and the output, (H, W, C), to a step and return it."""
    for name, t in (("in", x), ("out", y)):
        step.facts[name] = [*t.shape[2:], t.shape[1]] if t.ndim == 4 else [1, 1, t.shape[1]]
    return step


def hwc(t: Tensor) -> Tensor:
    """Return the only element of a batch as the browser lays it out: (H, W, C), or (N,)."""
    return t[0].permute(1, 2, 0) if t.ndim == 4 else t[0]


def unsupported(layer: nn.Module, place: int | str, why: str) -> LabError:
    """The error for a layer that the browser cannot run."""
    name = type(layer).__name__
    return LabError(f"The browser cannot run layer {place} of this network, a {name}: {why}.")


# ---- bytes


def serialised(header: dict[str, Any], steps: list[Step], *, exact: bool = False) -> bytes:
    """Write a header, completed by the steps as its `layers`, and their weights.

    Args:
        exact: in half precision only where that loses nothing, else in single precision.

    Raises:
        LabError: a weight that is no number, or too large.
    """
    parts: list[bytes] = []
    offset = 0  # in float16 numbers
    layers = []
    for step in steps:
        facts = {"kind": step.kind, **step.facts}
        if step.weight.numel():
            numbers, single = [step.weight, step.bias], False
            if exact and not all(bool((t == t.half()).all()) for t in numbers):
                facts["single"] = single = True
                if offset % 2:  # they begin at a multiple of four bytes
                    parts, offset = [*parts, b"\0\0"], offset + 1
            size = 2 if single else 1
            facts |= {"weight": offset, "bias": offset + size * step.weight.numel()}
            if step.bias.ndim == 3:
                facts["map"] = True
            parts += [_rounded(t, single) for t in numbers]
            offset = int(facts["bias"]) + size * step.bias.numel()
        layers.append(facts)
    text = json.dumps({**header, "layers": layers}).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([len(text).to_bytes(4, "little"), text, *parts])


def _rounded(numbers: Tensor, single: bool) -> bytes:
    most = torch.finfo(torch.float32 if single else torch.float16).max
    if not bool((numbers.abs() <= most).all()):  # so written, nan is caught too
        raise LabError("The browser cannot run this network: a weight is too large for it.")
    return numbers.numpy().astype(np.dtype("<f4" if single else "<f2")).tobytes()
