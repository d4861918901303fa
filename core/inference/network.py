"""What a network is made of: its layers with their shapes, weights, work, memory and time.

A copy is measured, so that nobody's network has hooks while others use it.
"""

import copy
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from core.tasks.family import Shape

N = TypeVar("N", bound=nn.Module)
FLOAT_BYTES = 4
REPEATS = 5
"""Times that a picture goes through a network; the time of a layer is their median."""


@dataclass(frozen=True)
class Row:
    """A layer of a network, in the order in which it is computed first."""

    path: str
    """As `named_modules` calls it."""
    kind: str
    """The name of its class."""
    shape: tuple[int, ...]
    """Of its output for one picture."""
    weights: int
    """Numbers that are learnt."""
    multiply_adds: int
    """Products for one picture; biases, norms and activations are left out."""
    bytes: int
    """Of its output in single precision."""
    field: tuple[int, int] | None
    """The receptive field: pixels of the picture, high and wide, on which one number of its output
    can depend; None where it is not known."""
    milliseconds: float
    """On this machine, for one picture alone."""


def layer_table(model: nn.Module, shape: Shape) -> list[Row]:
    """Return the layers of a network that takes images (N, C, H, W) in [0, 1].

    Args:
        shape: (C, H, W) of a picture.
    """
    net, picture = own_copy(model), torch.full((1, *shape), 0.5)
    fields, rows = _Fields(picture), dict[str, Row]()
    seconds: dict[str, list[float]] = {}
    for path, module in net.named_modules():
        if path and (not list(module.children()) or list(module.parameters(recurse=False))):
            seconds[path] = []
            _watch(module, path, seconds[path], rows, fields)
    with torch.inference_mode():
        with fields:
            net(picture)
        for times in seconds.values():
            times.clear()  # the first run is slower, and its receptive fields were noted
        for _ in range(REPEATS):
            net(picture)
    return [
        replace(row, milliseconds=round(1000 * statistics.median(seconds[path]), 3))
        for path, row in rows.items()
    ]


def own_copy(model: N) -> N:
    """A copy of a network's structure around the same weights, to hook or to change: the network
    itself, which others use, stays as it is."""
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, shared).eval()


class Box(NamedTuple):
    """A part of a picture, in pixels; bottom and right are the first ones outside."""

    top: int
    left: int
    bottom: int
    right: int


class Seen(NamedTuple):
    """A layer, with what it is given and what it gives for one picture."""

    module: nn.Module
    given: Tensor
    output: Tensor
    field: "_Field | None"
    picture: tuple[int, int]

    def box(self, row: int, column: int) -> Box | None:
        """The pixels on which a position of the output can depend; None where it is not known."""
        if self.field is None:
            return None
        (top, left), (down, across) = self.field.start, self.field.step
        top, left = top + row * down, left + column * across
        (high, wide), (height, width) = self.field.size, self.picture
        return Box(max(top, 0), max(left, 0), min(top + high, height), min(left + wide, width))


@torch.inference_mode()
def looked_at(
    model: nn.Module, image: Tensor, kinds: tuple[type[nn.Module], ...]
) -> dict[str, Seen]:
    """Return the layers of some kinds, by path, in the order in which they are computed.

    Args:
        image: one picture, (1, C, H, W) in [0, 1].
    """
    net, fields, seen = own_copy(model), _Fields(image), dict[str, Seen]()

    def watch(path: str, module: nn.Module) -> None:
        def after(module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
            field = fields.known.get(id(out))
            seen[path] = Seen(module, inputs[0], out, field, fields.picture)

        module.register_forward_hook(after)

    for path, module in net.named_modules():
        if isinstance(module, kinds):
            watch(path, module)
    with fields:
        net(image)
    return seen


def totals(rows: Sequence[Row]) -> dict[str, float]:
    """Weights, multiply-adds, bytes of all activations, and milliseconds of all layers."""
    return {
        "weights": sum(row.weights for row in rows),
        "multiply_adds": sum(row.multiply_adds for row in rows),
        "bytes": sum(row.bytes for row in rows),
        "milliseconds": round(sum(row.milliseconds for row in rows), 3),
    }


def _watch(
    module: nn.Module, path: str, times: list[float], rows: dict[str, Row], fields: "_Fields"
) -> None:
    """Note a layer's time at each run, and its row at the first."""
    began = 0.0

    def before(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal began
        began = time.perf_counter()

    def after(module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        times.append(time.perf_counter() - began)
        if path not in rows:
            rows[path] = Row(
                path,
                type(module).__name__,
                tuple(out.shape[1:]),
                sum(p.numel() for p in module.parameters(recurse=False)),
                _products(module, inputs[0], out),
                FLOAT_BYTES * out[0].numel(),
                fields.of(out),
                0.0,
            )

    module.register_forward_pre_hook(before)
    module.register_forward_hook(after)


def _products(module: nn.Module, x: Tensor, out: Tensor) -> int:
    """Of weights with activations, for one picture."""
    if isinstance(module, nn.ConvTranspose2d):
        return x[0].numel() * prod(module.weight.shape[1:])
    if isinstance(module, nn.Conv2d):
        return out[0].numel() * prod(module.weight.shape[1:])
    if isinstance(module, nn.Linear):
        return out[0].numel() * module.in_features
    return 0


# ---- receptive fields


class _Field(NamedTuple):
    """On how many pixels a number depends, and how many lie between two neighbours, both high and
    wide; `sides` of its map are there as long as its numbers have places. The first one depends on
    pixels from `start` on, which lies outside of the picture where maps are padded."""

    size: tuple[int, int]
    step: tuple[int, int]
    sides: tuple[int, int]
    start: tuple[int, int] = (0, 0)

    def seen_through(
        self, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int] = (0, 0)
    ) -> "_Field":
        """After a layer that looks at `kernel` neighbours and goes `stride` of them a step."""
        (high, wide), (down, across), (top, left) = self.size, self.step, self.start
        return self._replace(
            size=(high + (kernel[0] - 1) * down, wide + (kernel[1] - 1) * across),
            step=(down * stride[0], across * stride[1]),
            start=(top - padding[0] * down, left - padding[1] * across),
        )

    def whole(self) -> "_Field":
        """After a layer that looks at all places."""
        return self.seen_through(self.sides, (1, 1))._replace(sides=(1, 1))


class _Fields(TorchFunctionMode):
    """Follows the receptive field of every tensor that is computed from a picture."""

    def __init__(self, picture: Tensor) -> None:
        super().__init__()
        height, width = picture.shape[2:]
        self.picture = (int(height), int(width))
        self.known: dict[int, _Field | None] = {
            id(picture): _Field((1, 1), (1, 1), self.picture),
        }
        self.kept = [picture]  # an id is another tensor's as soon as its own is gone

    def of(self, tensor: Tensor) -> tuple[int, int] | None:
        """The receptive field of a number of a tensor, at most the picture."""
        field = self.known.get(id(tensor))
        if field is None:
            return None
        high, wide = (min(a, b) for a, b in zip(field.size, self.picture, strict=True))
        return high, wide

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        out = function(*args, **given)
        if isinstance(out, Tensor):
            name = getattr(function, "__name__", "")
            self.known[id(out)] = self._after(name, out, args, given)
            self.kept.append(out)
        return out

    def _after(self, name: str, out: Tensor, args: Any, given: Mapping[str, Any]) -> _Field | None:
        joined = args[0] if args and isinstance(args[0], (list, tuple)) else args[:2]
        ids = [id(one) for one in joined if isinstance(one, Tensor)]
        before = [self.known[i] for i in ids if i in self.known]
        if not before or any(field is None for field in before):
            return None
        field = _widest([field for field in before if field is not None])
        if name in WINDOWS:
            return _placed(field.seen_through(*WINDOWS[name](args, given)), out)
        if name == "pad" and out.dim() == 4:
            left, _, top, _ = (*args[1], 0, 0)[:4]
            return _placed(field.seen_through((1, 1), (1, 1), (top, left)), out)
        if name == "linear":
            return field.whole()
        if name in ("adaptive_avg_pool2d", "mean"):
            return field.whole() if out.dim() == 2 or out.shape[2:] == (1, 1) else None
        if name == "__getitem__" and out.dim() == 4:  # every second place of a shortcut
            (height, width), (high, wide) = field.sides, out.shape[2:]
            return _placed(field.seen_through((1, 1), (height // high, width // wide)), out)
        same = out.dim() == 2 or tuple(out.shape[2:]) == field.sides
        return field if same and name not in UNKNOWN else None


def _widest(fields: Sequence[_Field]) -> _Field:
    """Of what is added or joined the smallest receptive field around all of them."""
    top, left = (min(field.start[i] for field in fields) for i in (0, 1))
    bottom, right = (max(field.start[i] + field.size[i] for field in fields) for i in (0, 1))
    return fields[0]._replace(size=(bottom - top, right - left), start=(top, left))


def _placed(field: _Field, out: Tensor) -> _Field:
    return field._replace(sides=(int(out.shape[2]), int(out.shape[3])))


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


Window = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Sides, steps and padding, high and wide."""


def _convolution(args: Any, given: Mapping[str, Any]) -> Window:
    kernel, dilation = args[1].shape[2:], _pair(args[5])
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    padding = (0, 0) if isinstance(args[4], str) else _pair(args[4])
    return _pair(reach), _pair(args[3]), padding


def _pooling(args: Any, given: Mapping[str, Any]) -> Window:
    kernel = _pair(args[1] if len(args) > 1 else given["kernel_size"])
    stride = args[2] if len(args) > 2 else given.get("stride")
    padding = args[3] if len(args) > 3 else given.get("padding", 0)
    return kernel, kernel if stride is None else _pair(stride), _pair(padding)


WINDOWS: Mapping[str, Callable[[Any, Mapping[str, Any]], Window]] = {
    "conv2d": _convolution,
    "max_pool2d": _pooling,
    "avg_pool2d": _pooling,
}
"""Functions that look at a window, with what gives its sides, steps and padding."""
UNKNOWN = {"conv_transpose2d", "interpolate", "pixel_shuffle", "pixel_unshuffle", "layer_norm"}
"""Functions after which nothing is known: they mix or make places."""
