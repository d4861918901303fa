"""Decoders, generators, classifiers and translators as bytes that a browser can run: layers, then
weights.

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

import copy
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import LabError
from core.models.autoencoders import Autoencoder
from core.models.convnets import Fast, Inception, Padded, Recogniser, Residual, Scaled, Shape
from core.models.gans import GAN
from core.models.translation_nets import Generator, ResidualBlock, Translator

MAX_MULTIPLY_ADDS = 128_000_000
"""Of a classifier, for one picture: a browser makes some 700 million a second, and a pen that waits
longer than a fifth of a second is no pen."""
MAX_TRANSLATION = 64_000_000
"""Of a generator, for one picture: with WASM a browser makes some four thousand million a second,
and there and back are to take no longer than a frame or two."""
MAX_BYTES = 16 * 2**20
"""Of a classifier's weights, which come with the page."""
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
            scale, shift = _scale_and_shift(layer, place)
            if not (steps and _fold(steps[-1], scale, shift)):
                steps.append(_with_shapes(_affine(_hwc(_wide(scale, x))), x, x))
                x = layer(x)
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


def _linear(layer: nn.Linear, place: int | str, x: Tensor, y: Tensor) -> list[_Step]:
    if x.ndim != 2:
        raise _unsupported(layer, place, "its input is no row of numbers")
    return [_Step("linear", {}, layer.weight.T, y[0])]  # [in][out]


def _conv(
    layer: nn.Conv2d | nn.ConvTranspose2d, place: int | str, x: Tensor, y: Tensor
) -> list[_Step]:
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


def _reorder(
    layer: nn.Flatten | nn.Unflatten, place: int | str, x: Tensor, y: Tensor
) -> list[_Step]:
    """Return the step from CHW to HWC or back; none if both are the same order."""
    if x.ndim == y.ndim:
        return []
    if {x.ndim, y.ndim} != {2, 4}:
        raise _unsupported(layer, place, "it changes between rows of numbers and pictures only")
    _, channels, height, width = (x if x.ndim == 4 else y).shape
    if channels == 1 or height * width == 1:
        return []
    return [_Step("to_hwc" if y.ndim == 4 else "to_chw", {"shape": [channels, height, width]})]


def _upsample(layer: nn.Upsample, place: int | str, x: Tensor, y: Tensor) -> list[_Step]:
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


def _scale_and_shift(
    layer: nn.BatchNorm1d | nn.BatchNorm2d, place: int | str
) -> tuple[Tensor, Tensor]:
    """Return what a batch norm multiplies each channel by, and what it adds then."""
    if layer.running_mean is None or layer.running_var is None:
        raise _unsupported(layer, place, "it keeps no running statistics")
    scale = (layer.running_var + layer.eps).rsqrt()
    shift = -layer.running_mean * scale
    if layer.affine:
        scale, shift = layer.weight * scale, layer.weight * shift + layer.bias
    return scale, shift


def _fold(before: _Step, scale: Tensor, shift: Tensor) -> bool:
    """Make a batch norm part of the layer before it; false where that cannot be."""
    linear = before.kind in WEIGHTED.values() and "activation" not in before.facts
    if not linear or before.weight.shape[-1] != len(scale):
        return False
    before.weight = before.weight * scale
    before.bias = before.bias * scale + shift
    return True


def _wide(channels: Tensor, x: Tensor) -> Tensor:
    """Return a number a channel in the shape of the activations x."""
    return channels.reshape(1, -1, *[1] * (x.ndim - 2)).expand_as(x)


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


def _unsupported(layer: nn.Module, place: int | str, why: str) -> LabError:
    name = type(layer).__name__
    return LabError(f"The browser cannot run layer {place} of this network, a {name}: {why}.")


# ---- classifiers


@torch.inference_mode()
def pack_classifier(model: Recogniser, shape: Shape) -> bytes:
    """Serialise a classifier of pictures (C, H, W), in which each activation can be looked at.

    What a browser computes is what PyTorch computes: no weight is rounded. Each layer has a `name`,
    the `path` of its module, what comes `after` and is part of it with the path of where that
    ends, and where its input comes `from`: -1 is the picture, moved to [-1, 1].

    Raises:
        LabError: a layer that the browser cannot run, or a network that is too large for it.
    """
    steps = _graph_steps(model, shape, MAX_MULTIPLY_ADDS)
    header = {"shape": list(shape), "classes": steps[-1].facts["out"][2]}
    return _within_bounds(_serialised(header, steps, exact=True))


@torch.inference_mode()
def pack_translator(model: Translator) -> bytes:
    """Serialise both generators, from a set of pictures in [-1, 1] to another and back.

    As for a classifier no weight is rounded; the first `there` layers are those of one generator,
    the others those of the other, and each has its input `from` a layer of its own generator.

    Raises:
        LabError: a layer that the browser cannot run, or a network that is too large for it.
    """
    there, back = (
        _graph_steps(model.generators[name], model.shape, MAX_TRANSLATION) for name in ("ab", "ba")
    )
    header = {"shape": list(model.shape), "there": len(there)}
    return _within_bounds(_serialised(header, [*there, *back], exact=True))


def _graph_steps(model: nn.Module, shape: Shape, most: int) -> list[_Step]:
    """The steps of a network that is a graph; `most` multiplications it may make at a picture."""
    held = sum(p.numel() for p in model.parameters())
    if 2 * held > MAX_BYTES:
        raise _too_large(f"{held / 1e6:.0f} million weights")
    graph = _Graph(shape)
    graph.run(copy.deepcopy(model).double().cpu().eval(), "", -1)
    work = sum(_multiply_adds(step) for step in graph.steps)
    if work > most:
        raise _too_large(f"{work / 1e6:.0f} million multiplications a picture")
    return graph.steps


def _within_bounds(content: bytes) -> bytes:
    if len(content) > MAX_BYTES:
        raise _too_large(f"{len(content) / 2**20:.0f} MB")
    return content


def _too_large(size: str) -> LabError:
    return LabError(
        f"This network is too large to follow a pen in the browser ({size}): its layers are "
        "computed on the server, when the pen is lifted."
    )


def _multiply_adds(step: _Step) -> int:
    if step.kind == "conv":
        return int(prod(step.facts["out"][:2]) * step.weight.numel())
    return step.weight.numel()


class _Graph:
    """The steps of a classifier so far. A place is a step's index, and -1 is the picture."""

    def __init__(self, shape: Shape) -> None:
        self.steps: list[_Step] = []
        self.zeros = {-1: torch.zeros(1, *shape, dtype=torch.float64)}
        """By place: no activations, in the shape of those that are there."""

    def run(self, module: nn.Module, path: str, at: int) -> int:
        """Add a module that goes on from a place; return the place where it ends."""
        kind = type(module)
        if kind in PARTS:
            return PARTS[kind](self, module, path, at)
        if kind in (nn.Dropout, nn.Identity):
            return at
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            return self.norm(module, path, at)
        if kind in ACTIVATIONS:
            return self.activate(module, path, at)
        if kind not in LAYERS:
            supported = [*PARTS, *LAYERS, *ACTIVATIONS, nn.BatchNorm1d, nn.BatchNorm2d, nn.Dropout]
            raise _unsupported(
                module, path, "it supports " + ", ".join(k.__name__ for k in supported)
            )
        x = self.zeros[at]
        y = module(x)
        for step in LAYERS[kind](module, path, x, y) or [_Step("copy")]:  # flat already
            at = self.add(step, [at], y, path)
        return at

    def add(self, step: _Step, sources: list[int], y: Tensor, path: str) -> int:
        """Add a step from places to activations of the shape of y; return its place."""
        _with_shapes(step, self.zeros[sources[0]], y)
        step.facts.setdefault("name", _name(step))
        step.facts |= {"from": sources, "path": path, "end": path, "after": []}
        self.steps.append(step)
        self.zeros[len(self.steps) - 1] = torch.zeros_like(y)
        return len(self.steps) - 1

    def sum(self, at: int, other: int, path: str) -> int:
        """Add a step that adds the activations of two places."""
        return self.add(_Step("add"), [at, other], self.zeros[at], path)

    def norm(self, layer: nn.BatchNorm1d | nn.BatchNorm2d, path: str, at: int) -> int:
        """Add a batch norm: to the layer before it, or as a step of its own."""
        scale, shift = _scale_and_shift(layer, path)
        if at >= 0 and _fold(self.steps[at], scale, shift):
            self.steps[at].facts["end"] = path
            self.steps[at].facts["after"].append("batch norm")
            return at
        x = self.zeros[at]
        scale, shift = (_hwc(_wide(t, x)) for t in (scale, shift))
        return self.add(_Step("affine", {}, scale, shift), [at], x, path)

    def activate(self, layer: nn.Module, path: str, at: int) -> int:
        """Add an activation to the step before it, or as a step of its own."""
        if at < 0 or "activation" in self.steps[at].facts:
            at = self.add(_Step("copy"), [at], self.zeros[at], path)
        facts = self.steps[at].facts
        facts |= {"activation": ACTIVATIONS[type(layer)], "end": path}
        facts["after"].append(type(layer).__name__)
        if isinstance(layer, nn.LeakyReLU):
            facts["slope"] = layer.negative_slope
        return at


def _name(step: _Step) -> str:
    """What a step is called on screen."""
    sides = " × ".join(str(side) for side in step.facts.get("kernel", ()))
    return f"{NAMES.get(step.kind, '')} {sides}".strip()


def _sequence(graph: _Graph, module: nn.Module, path: str, at: int) -> int:
    """All children, one after the other."""
    return _children(graph, module, path, at, [name for name, _ in module.named_children()])


def _children(graph: _Graph, module: nn.Module, path: str, at: int, names: Iterable[str]) -> int:
    for name in names:
        at = graph.run(module.get_submodule(name), f"{path}.{name}".lstrip("."), at)
    return at


def _residual(graph: _Graph, block: Residual, path: str, at: int) -> int:
    first = _children(graph, block, path, at, ["first", "first_norm"])
    first = graph.activate(nn.ReLU(), f"{path}.first_norm", first)
    last = _children(graph, block, path, first, ["second", "second_norm"])
    if block.shortcut is not None:
        last = graph.sum(last, _children(graph, block, path, at, ["shortcut"]), path)
    return graph.activate(nn.ReLU(), path, last)


def _fast(graph: _Graph, block: Fast, path: str, at: int) -> int:
    first = _children(graph, block, path, at, ["first"])
    first = graph.run(nn.MaxPool2d(2), f"{path}.first", first)
    graph.steps[first].facts["end"] = None  # no module gives these numbers
    first = _children(graph, block, path, first, ["first_norm"])
    first = graph.activate(nn.ReLU(), f"{path}.first_norm", first)
    last = _children(graph, block, path, first, ["second", "second_norm"])
    return graph.activate(nn.ReLU(), path, graph.sum(last, first, path))


def _scaled(graph: _Graph, layer: Scaled, path: str, at: int) -> int:
    x = graph.zeros[at]
    weight = torch.full_like(_hwc(x), layer.factor)
    return graph.add(
        _Step("affine", {"name": "Scaled"}, weight, torch.zeros_like(weight)), [at], x, path
    )


def _padded(graph: _Graph, layer: Padded, path: str, at: int) -> int:
    return graph.add(_Step("every_second"), [at], layer(graph.zeros[at]), path)


def _inception(graph: _Graph, block: Inception, path: str, at: int) -> int:
    names = ("one", "five", "three", "pooled")  # in the order in which they are joined
    ends = [_children(graph, block, path, at, [name]) for name in names]
    joined = torch.cat([graph.zeros[end] for end in ends], 1)
    return graph.add(_Step("concat"), ends, joined, path)


def _generator(graph: _Graph, model: Generator, path: str, at: int) -> int:
    at = graph.run(nn.PixelUnshuffle(model.patch), path, at)
    at = _children(graph, model, path, at, ["enter", "norm"])
    at = _sequence(graph, model.blocks, "blocks", graph.activate(nn.ReLU(), path, at))
    at = _children(graph, model, path, at, ["leave"])
    return graph.activate(nn.Tanh(), path, graph.run(nn.PixelShuffle(model.patch), path, at))


def _residual_block(graph: _Graph, block: ResidualBlock, path: str, at: int) -> int:
    first = _children(graph, block, path, at, ["first", "first_norm"])
    first = graph.activate(nn.ReLU(), path, first)
    return graph.sum(_children(graph, block, path, first, ["second", "second_norm"]), at, path)


def _pool(
    layer: nn.MaxPool2d | nn.AvgPool2d, place: int | str, x: Tensor, y: Tensor
) -> list[_Step]:
    largest = isinstance(layer, nn.MaxPool2d)
    plain = not layer.ceil_mode and (
        _pair(layer.dilation) == [1, 1] and not layer.return_indices
        if isinstance(layer, nn.MaxPool2d)
        else layer.divisor_override is None and (layer.count_include_pad or not layer.padding)
    )
    if not plain:
        raise _unsupported(layer, place, "it counts whole windows of neighbours only")
    sides = {name: _pair(getattr(layer, name)) for name in ("kernel_size", "stride", "padding")}
    sides["kernel"] = sides.pop("kernel_size")
    return [_Step("max_pool" if largest else "mean_pool", sides)]


def _mean(layer: nn.AdaptiveAvgPool2d, place: int | str, x: Tensor, y: Tensor) -> list[_Step]:
    kernel = [a // b for a, b in zip(x.shape[2:], y.shape[2:], strict=True)]
    if [k * b for k, b in zip(kernel, y.shape[2:], strict=True)] != list(x.shape[2:]):
        raise _unsupported(layer, place, "its windows have different sizes")
    return [_Step("mean_pool", {"kernel": kernel, "stride": kernel, "padding": [0, 0]})]


def _instance_norm(layer: nn.InstanceNorm2d, place: int | str, x: Tensor, y: Tensor) -> list[_Step]:
    if layer.track_running_stats:
        raise _unsupported(layer, place, "it takes mean and spread of the picture itself only")
    scale = torch.ones(x.shape[1], dtype=x.dtype) if layer.weight is None else layer.weight
    shift = torch.zeros_like(scale) if layer.bias is None else layer.bias
    return [_Step("instance_norm", {"eps": layer.eps}, scale, shift)]


def _shuffle(
    layer: nn.PixelShuffle | nn.PixelUnshuffle, place: int | str, x: Tensor, y: Tensor
) -> list[_Step]:
    if isinstance(layer, nn.PixelShuffle):
        return [_Step("pixel_shuffle", {"factor": layer.upscale_factor})]
    return [_Step("pixel_unshuffle", {"factor": layer.downscale_factor})]


def _pair(value: int | tuple[int, ...]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


LAYERS: dict[type[nn.Module], Callable[..., list[_Step]]] = {
    nn.Linear: _linear,
    nn.Conv2d: _conv,
    nn.Flatten: _reorder,
    nn.MaxPool2d: _pool,
    nn.AvgPool2d: _pool,
    nn.AdaptiveAvgPool2d: _mean,
    nn.InstanceNorm2d: _instance_norm,
    nn.PixelShuffle: _shuffle,
    nn.PixelUnshuffle: _shuffle,
}
NAMES = {
    "linear": "Fully connected",
    "conv": "Convolution",
    "max_pool": "Max pooling",
    "mean_pool": "Mean",
    "add": "Residual sum",
    "concat": "Joined",
    "affine": "Batch norm",
    "every_second": "Every second pixel",
    "instance_norm": "Instance norm",
    "pixel_shuffle": "Pixels from channels",
    "pixel_unshuffle": "Pixels to channels",
}
PARTS: dict[type[nn.Module], Callable[..., int]] = {
    Recogniser: _sequence,
    nn.Sequential: _sequence,
    Residual: _residual,
    Padded: _padded,
    Fast: _fast,
    Scaled: _scaled,
    Inception: _inception,
    Generator: _generator,
    ResidualBlock: _residual_block,
}


# ---- bytes


def _serialised(header: dict[str, Any], steps: list[_Step], *, exact: bool = False) -> bytes:
    """
    Args:
        exact: in half precision only where that loses nothing, else in single precision.
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
