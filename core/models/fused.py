"""Forms of the convolutional denoisers that give the same outputs and gradients from less work.

`core.models.denoisers` is what to read; this is what is run where speed matters.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
