"""Weights as they are kept: in half precision where it can hold them, the largest in eight bits."""

from collections.abc import Mapping

import torch
from torch import Tensor

MIN_INT8_NUMBERS = 300_000
"""Size of a weight from which on it is kept in eight bits: a few such hold most of a network."""
SCALE = ".scale"
"""Ends the name of the row scales that stand beside such a weight."""


def packed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert to half precision, and weights of `MIN_INT8_NUMBERS` or more to int8 with one scale
    a row (along the first dimension): its largest number / 127. What half precision, which ends at
    65,504, cannot hold stays as it is: a batch norm's variances may lie beyond.

    Args:
        state: a network's weights and buffers by name.
    """
    packed_state: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if tensor.is_floating_point() and tensor.numel() >= MIN_INT8_NUMBERS:
            others = tuple(range(1, tensor.ndim))
            scale = (tensor.float().abs().amax(others, keepdim=True) / 127).clamp_min(1e-12)
            packed_state[name] = (tensor.float() / scale).round().to(torch.int8)
            packed_state[name + SCALE] = scale
        else:
            half = tensor.half() if tensor.is_floating_point() else tensor
            packed_state[name] = half if torch.equal(half.isfinite(), tensor.isfinite()) else tensor
    return packed_state


def unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `packed` was given, as near as it was kept; other weights stay as they are.

    Raises:
        ValueError: scales that are not one a row of their weight.
    """
    check_scales({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    state = {}
    for name, tensor in tensors.items():
        if name + SCALE in tensors:
            state[name] = tensor.float() * tensors[name + SCALE]
        elif not name.endswith(SCALE):
            state[name] = tensor
    return state


def check_scales(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises ValueError where the scales of a weight are not one a row."""
    for name, shape in shapes.items():
        scale = shapes.get(name + SCALE)
        if scale is not None and (not shape or scale != (shape[0], *[1] * (len(shape) - 1))):
            raise ValueError(f"the scales of {name} have the shape {scale}")
