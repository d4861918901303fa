"""Forms of networks that give the same outputs and gradients from less work.

`core.models.denoisers` and `convnets` are what to read; this is what is run where speed matters.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from core.models.denoisers import ConvDenoiser, ConvPyramid

_ROWS = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]])
_SUMS = torch.kron(_ROWS, _ROWS)
"""A 3×3 kernel times this, (9, 16), is it over 2×2 ones, turned as transposed convolutions ask."""


def fused(model: nn.Module) -> Callable[..., Tensor]:
    """The forward pass of `model` in its fused form; `model` itself where there is none."""
    form = _FORMS.get(type(model))
    return model if form is None else partial(form, model)


def _conv_denoiser(model: ConvDenoiser, x: Tensor) -> Tensor:
    down, further, up, last = (m for m in model.layers if isinstance(m, nn.Conv2d))
    x = _halved(further, _halved(down, x))
    return _doubled(last, F.relu(_doubled(up, x)))


def _conv_pyramid(model: ConvPyramid, x: Tensor) -> Tensor:
    for convolution in model.down:
        x = _halved(convolution, x)
    for convolution, size in zip(model.up, model.sizes, strict=True):
        x = F.relu(_resized(convolution, x, size))
    out: Tensor = model.last(x)
    return out


def _halved(convolution: nn.Module, x: Tensor) -> Tensor:
    """Convolution, ReLU, pooling; the ReLU comes last, where it gives the same on a quarter."""
    return F.relu(F.max_pool2d(convolution(x), 2, ceil_mode=True))


def _resized(convolution: nn.Module, x: Tensor, size: tuple[int, int]) -> Tensor:
    """Nearest resizing, then the convolution."""
    assert isinstance(convolution, nn.Conv2d)
    if size == (2 * x.shape[2], 2 * x.shape[3]):
        return _doubled(convolution, x)
    out: Tensor = convolution(F.interpolate(x, size, mode="nearest"))
    return out


def _doubled(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    """Nearest resizing to twice the sides, then a 3×3 convolution, as one transposed convolution.

    Resizing is a transposed convolution by 2×2 ones, so the two make one of 4×4: four products
    a pixel instead of nine, and no enlarged picture in between.
    """
    kernel = convolution.weight.flatten(2) @ _SUMS.to(x)  # (out, in, 16)
    kernel = kernel.view(*kernel.shape[:2], 4, 4).transpose(0, 1)
    return F.conv_transpose2d(x, kernel, convolution.bias, stride=2, padding=1)


_FORMS: Mapping[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    ConvDenoiser: _conv_denoiser,
    ConvPyramid: _conv_pyramid,
}


# ---- maps of few pixels

SMALL_MAP = 4
"""Pixels of a map up to which a convolution's patches are laid out beside each other."""


class SmallMaps(TorchFunctionMode):
    """Within it, a convolution on a processor that gives maps of at most `SMALL_MAP` pixels is one
    product of matrices.

    There oneDNN's own takes three times as long: 162 ms for 32 maps of 512 × 2 × 2, forwards and
    backwards on one thread, against 49.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is torch.conv2d and not kwargs and len(args) == 7 and _is_small(*args):
            return _by_patches(*args[:5])
        return func(*args, **(kwargs or {}))


def _is_small(
    x: Tensor, weight: Tensor, _bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> bool:
    if isinstance(padding, str) or x.device.type != "cpu":
        return False
    if groups != 1 or any(d != 1 for d in dilation):
        return False
    sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, strict=True)
    height, width = ((size + 2 * p - k) // s + 1 for size, k, s, p in sizes)
    return weight[0, 0].numel() > 1 and height * width <= SMALL_MAP


def _by_patches(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any
) -> Tensor:
    (up, left), (down, right), (high, wide) = padding, stride, weight.shape[2:]
    padded = F.pad(x, (left, left, up, up))
    patches = padded.unfold(2, high, down).unfold(3, wide, right)  # (N, C, h, w, high, wide)
    n, channels, h, w = patches.shape[:4]
    rows = patches.permute(0, 2, 3, 4, 5, 1).reshape(n * h * w, -1)
    matrix = weight.permute(2, 3, 1, 0).reshape(high * wide * channels, -1)
    out = (rows @ matrix).view(n, h, w, -1).permute(0, 3, 1, 2)
    return out if bias is None else out + bias[:, None, None]
