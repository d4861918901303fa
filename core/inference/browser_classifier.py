"""Classifiers and translators as bytes that a browser can run (`browser_steps`): a graph, in which
each activation can be looked at."""

import copy
from collections.abc import Callable, Iterable
from math import prod

import torch
from torch import Tensor, nn

from core.errors import LabError
from core.inference.browser_steps import (
    ACTIVATIONS,
    CONVERTERS,
    Step,
    fold,
    hwc,
    scale_and_shift,
    serialised,
    unsupported,
    wide,
    with_shapes,
)
from core.models.convnets import Fast, Inception, Padded, Recogniser, Residual, Scaled, Shape
from core.models.translation_nets import Generator, ResidualBlock, Translator

MAX_MULTIPLY_ADDS = 128_000_000
"""Of a classifier, for one picture: a browser makes some 700 million a second, and a pen that waits
longer than a fifth of a second is no pen."""
MAX_TRANSLATION = 64_000_000
"""Of a generator, for one picture: with WASM a browser makes some four thousand million a second,
and there and back are to take no longer than a frame or two."""
MAX_BYTES = 16 * 2**20
"""Of a classifier's weights, which come with the page."""


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
    return _within_bounds(serialised(header, steps, exact=True))


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
    return _within_bounds(serialised(header, [*there, *back], exact=True))


def _graph_steps(model: nn.Module, shape: Shape, most: int) -> list[Step]:
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


def _multiply_adds(step: Step) -> int:
    if step.kind == "conv":
        return int(prod(step.facts["out"][:2]) * step.weight.numel())
    return step.weight.numel()


class _Graph:
    """The steps of a classifier so far. A place is a step's index, and -1 is the picture."""

    def __init__(self, shape: Shape) -> None:
        self.steps: list[Step] = []
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
            raise unsupported(
                module, path, "it supports " + ", ".join(k.__name__ for k in supported)
            )
        x = self.zeros[at]
        y = module(x)
        for step in LAYERS[kind](module, path, x, y) or [Step("copy")]:  # flat already
            at = self.add(step, [at], y, path)
        return at

    def add(self, step: Step, sources: list[int], y: Tensor, path: str) -> int:
        """Add a step from places to activations of the shape of y; return its place."""
        with_shapes(step, self.zeros[sources[0]], y)
        step.facts.setdefault("name", _name(step))
        step.facts |= {"from": sources, "path": path, "end": path, "after": []}
        self.steps.append(step)
        self.zeros[len(self.steps) - 1] = torch.zeros_like(y)
        return len(self.steps) - 1

    def sum(self, at: int, other: int, path: str) -> int:
        """Add a step that adds the activations of two places."""
        return self.add(Step("add"), [at, other], self.zeros[at], path)

    def norm(self, layer: nn.BatchNorm1d | nn.BatchNorm2d, path: str, at: int) -> int:
        """Add a batch norm: to the layer before it, or as a step of its own."""
        scale, shift = scale_and_shift(layer, path)
        if at >= 0 and fold(self.steps[at], scale, shift):
            self.steps[at].facts["end"] = path
            self.steps[at].facts["after"].append("batch norm")
            return at
        x = self.zeros[at]
        scale, shift = (hwc(wide(t, x)) for t in (scale, shift))
        return self.add(Step("affine", {}, scale, shift), [at], x, path)

    def activate(self, layer: nn.Module, path: str, at: int) -> int:
        """Add an activation to the step before it, or as a step of its own."""
        if at < 0 or "activation" in self.steps[at].facts:
            at = self.add(Step("copy"), [at], self.zeros[at], path)
        facts = self.steps[at].facts
        facts |= {"activation": ACTIVATIONS[type(layer)], "end": path}
        facts["after"].append(type(layer).__name__)
        if isinstance(layer, nn.LeakyReLU):
            facts["slope"] = layer.negative_slope
        return at


def _name(step: Step) -> str:
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
    weight = torch.full_like(hwc(x), layer.factor)
    return graph.add(
        Step("affine", {"name": "Scaled"}, weight, torch.zeros_like(weight)), [at], x, path
    )


def _padded(graph: _Graph, layer: Padded, path: str, at: int) -> int:
    return graph.add(Step("every_second"), [at], layer(graph.zeros[at]), path)


def _inception(graph: _Graph, block: Inception, path: str, at: int) -> int:
    names = ("one", "five", "three", "pooled")  # in the order in which they are joined
    ends = [_children(graph, block, path, at, [name]) for name in names]
    joined = torch.cat([graph.zeros[end] for end in ends], 1)
    return graph.add(Step("concat"), ends, joined, path)


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


def _pool(layer: nn.MaxPool2d | nn.AvgPool2d, place: int | str, x: Tensor, y: Tensor) -> list[Step]:
    largest = isinstance(layer, nn.MaxPool2d)
    plain = not layer.ceil_mode and (
        _pair(layer.dilation) == [1, 1] and not layer.return_indices
        if isinstance(layer, nn.MaxPool2d)
        else layer.divisor_override is None and (layer.count_include_pad or not layer.padding)
    )
    if not plain:
        raise unsupported(layer, place, "it counts whole windows of neighbours only")
    sides = {name: _pair(getattr(layer, name)) for name in ("kernel_size", "stride", "padding")}
    sides["kernel"] = sides.pop("kernel_size")
    return [Step("max_pool" if largest else "mean_pool", sides)]


def _mean(layer: nn.AdaptiveAvgPool2d, place: int | str, x: Tensor, y: Tensor) -> list[Step]:
    kernel = [a // b for a, b in zip(x.shape[2:], y.shape[2:], strict=True)]
    if [k * b for k, b in zip(kernel, y.shape[2:], strict=True)] != list(x.shape[2:]):
        raise unsupported(layer, place, "its windows have different sizes")
    return [Step("mean_pool", {"kernel": kernel, "stride": kernel, "padding": [0, 0]})]


def _instance_norm(layer: nn.InstanceNorm2d, place: int | str, x: Tensor, y: Tensor) -> list[Step]:
    if layer.track_running_stats:
        raise unsupported(layer, place, "it takes mean and spread of the picture itself only")
    scale = torch.ones(x.shape[1], dtype=x.dtype) if layer.weight is None else layer.weight
    shift = torch.zeros_like(scale) if layer.bias is None else layer.bias
    return [Step("instance_norm", {"eps": layer.eps}, scale, shift)]


def _shuffle(
    layer: nn.PixelShuffle | nn.PixelUnshuffle, place: int | str, x: Tensor, y: Tensor
) -> list[Step]:
    if isinstance(layer, nn.PixelShuffle):
        return [Step("pixel_shuffle", {"factor": layer.upscale_factor})]
    return [Step("pixel_unshuffle", {"factor": layer.downscale_factor})]


def _pair(value: int | tuple[int, ...]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


LAYERS: dict[type[nn.Module], Callable[..., list[Step]]] = {
    **{kind: CONVERTERS[kind] for kind in (nn.Linear, nn.Conv2d, nn.Flatten)},
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
