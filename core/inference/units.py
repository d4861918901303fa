"""Single units of a network: where in the picture a number comes from, and the sum that it is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.cancellation import Check, silent, watched
from core.data import Images
from core.errors import LabError, UnknownName
from core.images import signed
from core.inference.network import Box, Seen, looked_at, own_copy
from core.inference.surgery import CHUNK, check_finite, cuttable, place_in_body
from core.models.convnets import Recogniser
from core.tasks.base import unit
from core.tasks.family import Shape

SUMMING = (nn.Conv2d, nn.Linear, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
"""Kinds of layers whose numbers are sums (or the largest) of what they are given."""


@dataclass(frozen=True)
class Unit:
    """One number of a layer's output, and how it comes about: the sum of `patch` × `kernel`, plus
    the bias. Batch norm and ReLU, which follow, are not in it."""

    path: str
    kind: str
    channel: int
    position: tuple[int, int] | None
    """Row and column; None where the layer has no places."""
    box: Box | None
    """The pixels of the picture on which it can depend; None where that is not known."""
    patch: Tensor
    """What it looks at, (C, h, w) with the zeros around a padded map, or (d,)."""
    kernel: Tensor
    """What each number of the patch is multiplied by. Of a maximum it is 1 at the largest and else
    0; of a mean the share of each."""
    bias: float
    value: float
    """As PyTorch computes it."""
    source: tuple[int, ...]
    """The shape of what the layer is given."""
    winner: tuple[int, int] | None = None
    """Of max pooling the row and column, in the map before, of the largest."""

    @property
    def products(self) -> Tensor:
        """In the shape of the patch; their sum and the bias are the value."""
        return torch.where(self.kernel == 0, torch.zeros_like(self.patch), self.patch * self.kernel)


class Term(NamedTuple):
    """A product of a sum: where its number stands in what the layer is given (or in the patch of a
    convolution), the number, and its weight."""

    place: tuple[int, ...]
    given: float
    weight: float
    product: float


def readable(model: nn.Module, shape: Shape) -> dict[str, tuple[int, ...]]:
    """Return the layers whose units can be read, with the shape of their output, by path.

    Args:
        shape: (C, H, W) of a picture.
    """
    seen = looked_at(model, torch.zeros(1, *shape), SUMMING)
    return {path: tuple(one.output.shape[1:]) for path, one in seen.items()}


def read_unit(
    model: nn.Module, image: Tensor, path: str, channel: int, position: tuple[int, int] = (0, 0)
) -> Unit:
    """Read one number of a layer.

    Args:
        image: one picture, (1, C, H, W) in [0, 1].
        channel: or output of a linear layer.
        position: row and column, where the layer has places.

    Raises:
        UnknownName: no such layer.
        LabError: no such channel or position.
    """
    layers = looked_at(model, image, SUMMING)
    if path not in layers:
        raise UnknownName("layer that sums", path, layers)
    seen, output = layers[path], layers[path].output[0]
    sides = tuple(output.shape)
    wanted = (channel, *position) if len(sides) == 3 else (channel,)
    for what, place, side in zip(("channel", "row", "column"), wanted, sides, strict=False):
        if not 0 <= place < side:
            raise LabError(f"{path} has no {what} {place}: they go from 0 to {side - 1}.")
    value = float(output[wanted])
    if isinstance(seen.module, nn.Linear):
        return _of_linear(path, seen, layers, channel, value)
    return _of_window(path, seen, channel, position, value)


def _of_linear(
    path: str, seen: Seen, layers: Mapping[str, Seen], channel: int, value: float
) -> Unit:
    """Of a linear layer, whose numbers are those of the last map before it, if they come from
    one."""
    layer, given = seen.module, seen.given[0]
    assert isinstance(layer, nn.Linear)
    bias = 0.0 if layer.bias is None else float(layer.bias.detach()[channel])
    shape = tuple(given.shape)
    for other, one in layers.items():
        if other == path:
            break
        shape = tuple(one.output.shape[1:])
    if math.prod(shape) != len(given):
        shape = tuple(given.shape)
    weight = layer.weight[channel].detach()
    return Unit(path, "Linear", channel, None, seen.box(0, 0), given, weight, bias, value, shape)


def _of_window(
    path: str, seen: Seen, channel: int, position: tuple[int, int], value: float
) -> Unit:
    """Of a convolution or of pooling, which look at a window of the map before."""
    layer, given = seen.module, seen.given[0]
    high, wide, top, left = _window(layer, seen, position)
    bias, winner = 0.0, None
    if isinstance(layer, nn.Conv2d):
        group = channel // (layer.out_channels // layer.groups)
        size = layer.in_channels // layer.groups
        maps, empty = given[group * size : (group + 1) * size], 0.0
        kernel = layer.weight[channel].detach()
        bias = 0.0 if layer.bias is None else float(layer.bias.detach()[channel])
        dilation = _pair(layer.dilation)
    else:
        maps, dilation = given[channel : channel + 1], (1, 1)
        empty = -math.inf if isinstance(layer, nn.MaxPool2d) else 0.0
    below, right = top + high - given.shape[1], left + wide - given.shape[2]
    edges = (max(-left, 0), max(right, 0), max(-top, 0), max(below, 0))
    padded = F.pad(maps, edges, value=empty)
    top, left = top + edges[2], left + edges[0]
    patch = padded[:, top : top + high : dilation[0], left : left + wide : dilation[1]]
    if isinstance(layer, nn.MaxPool2d):
        first = int(patch.flatten().argmax())
        kernel = F.one_hot(torch.tensor(first), patch.numel()).float().view_as(patch)
        winner = (top - edges[2] + first // wide, left - edges[0] + first % wide)
    elif not isinstance(layer, nn.Conv2d):
        kernel = torch.full_like(patch, 1 / (high * wide))
    box = seen.box(*position)
    kind, source = type(layer).__name__, tuple(given.shape)
    return Unit(path, kind, channel, position, box, patch, kernel, bias, value, source, winner)


def _window(layer: nn.Module, seen: Seen, position: tuple[int, int]) -> tuple[int, int, int, int]:
    """Height, width, top and left of what a position looks at, in the map before."""
    row, column = position
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        (high, wide), (rows, columns) = seen.given.shape[2:], seen.output.shape[2:]
        if high % rows or wide % columns:
            raise LabError("The windows of this pooling have several sizes: they are not read.")
        return high // rows, wide // columns, row * (high // rows), column * (wide // columns)
    assert isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d)
    kernel, stride = _pair(layer.kernel_size), _pair(layer.stride)
    if isinstance(layer.padding, str):
        raise LabError("This convolution is padded by a rule of its own: its units are not read.")
    padding = _pair(layer.padding)
    dilation = _pair(layer.dilation) if isinstance(layer, nn.Conv2d) else (1, 1)
    high, wide = ((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    return high, wide, row * stride[0] - padding[0], column * stride[1] - padding[1]


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def largest_terms(read: Unit, count: int) -> list[Term]:
    """Return the products of a unit that are largest in absolute value, the largest first."""
    products, patch, kernel = (x.flatten() for x in (read.products, read.patch, read.kernel))
    shape = read.patch.shape if read.patch.dim() > 1 else read.source
    order = products.abs().argsort(descending=True, stable=True)[:count]
    return [
        Term(
            tuple(int(i) for i in torch.unravel_index(index, shape)),
            float(patch[index]),
            float(kernel[index]),
            float(products[index]),
        )
        for index in order
    ]


# ---- filters


def filters(model: nn.Module, shape: Shape, path: str, channel: int | None = None) -> Tensor:
    """Return the weights of a convolution as pictures, or those of a linear layer that reads maps.

    Args:
        shape: (C, H, W) of a picture.
        channel: whose filter is shown, a picture for each channel before; None shows those of all
            channels, where there is one channel before.

    Returns:
        uint8 (M, 3, h, w): orange above 0, blue below, black at 0, the strongest at full light.

    Raises:
        UnknownName: no such layer.
        LabError: no such channel, or weights without places.
    """
    layers = looked_at(model, torch.zeros(1, *shape), (nn.Conv2d, nn.Linear))
    if path not in layers:
        raise UnknownName("layer with weights", path, layers)
    layer = layers[path].module
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    weight = layer.weight.detach()
    if weight.dim() == 2:
        before: tuple[int, ...] = shape
        for other, seen in looked_at(model, torch.zeros(1, *shape), SUMMING).items():
            if other == path:
                break
            before = tuple(seen.output.shape[1:])
        if len(before) != 3 or math.prod(before) != weight.shape[1]:
            raise LabError(f"{path} reads numbers that have no places: its weights are no picture.")
        weight = weight.view(-1, *before)
    if channel is not None and not 0 <= channel < len(weight):
        raise LabError(f"{path} has no channel {channel}: they go from 0 to {len(weight) - 1}.")
    if channel is None and weight.shape[1] > 1:
        raise LabError(f"Each filter of {path} has {weight.shape[1]} parts: choose a channel.")
    chosen = weight[:, :1] if channel is None else weight[channel][:, None]
    return signed(chosen / chosen.abs().max().clamp_min(1e-12))


# ---- the images that excite a channel most


class Excited(NamedTuple):
    """The images of a split that excite a channel most, the strongest first: their indices (k,),
    the values (k,), where they are, (k, 2) as row and column, if there are places, and the parts of
    the pictures seen there; out of `n` images. The mean over all of them is the baseline."""

    rows: Tensor
    values: Tensor
    positions: list[tuple[int, int]]
    boxes: list[Box | None]
    n: int
    mean: float


@torch.inference_mode()
def exciting(
    model: Recogniser,
    images: Images,
    path: str,
    channel: int,
    count: int = 16,
    check: Check = silent,
) -> Excited:
    """Find the images that excite a channel most, behind its batch norm and before its ReLU.

    Raises:
        UnknownName: no such layer.
        LabError: no such channel, or weights that are no numbers.
    """
    check_finite(model)
    height, width = images.pixels.shape[2:]
    shape: Shape = (images.pixels.shape[1], height, width)
    parts = cuttable(model, shape)
    if path not in parts:
        raise UnknownName("layer", path, parts)
    if not 0 <= channel < parts[path].channels:
        most = parts[path].channels - 1
        raise LabError(f"{path} has no channel {channel}: they go from 0 to {most}.")
    end, net, kept = parts[path].end, own_copy(model), list[Tensor]()
    net.get_submodule(end).register_forward_hook(lambda module, given, out: kept.append(out))
    body = net.body[: place_in_body(net, end) + 1]
    highest, places, total, numbers = [], [], 0.0, 0
    for pixels in watched(torch.split(images.pixels, CHUNK), check, "looking for exciting images"):
        features = body(2 * unit(pixels) - 1)  # nothing is computed behind it
        if end == "head":
            net.head(features)
        out = kept.pop()[:, channel].reshape(len(pixels), -1)
        best = out.max(1)
        highest.append(best.values)
        places.append(best.indices)
        total, numbers = total + float(out.sum()), numbers + out.numel()
    values, at = torch.cat(highest), torch.cat(places)
    rows = values.argsort(descending=True, stable=True)[:count]
    seen = looked_at(model, unit(images.pixels[:1]), (type(model.get_submodule(end)),))[end]
    side = seen.output.shape[3] if seen.output.dim() == 4 else 1
    positions = [(int(i) // side, int(i) % side) for i in at[rows]]
    boxes = [seen.box(*position) for position in positions]
    return Excited(rows, values[rows], positions, boxes, len(values), total / max(numbers, 1))
