"""Convolutions of small maps as products of matrices: the same numbers, and only where they are
meant."""

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import nn

from core.models import convnets, fused
from core.models.fused import SmallMaps


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "height", "width", "bias"),
    [(3, 1, 1, 2, 2, False), (3, 2, 1, 4, 4, True), ((3, 2), (2, 1), (0, 1), 4, 3, True)],
)
def test_outputs_and_gradients_are_those_of_a_convolution(
    kernel: Any, stride: Any, padding: Any, height: int, width: int, bias: bool
) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(6, 5, kernel, stride=stride, padding=padding, bias=bias)
    x = torch.randn(3, 6, height, width, requires_grad=True)
    result = []
    for mode in (nullcontext(), SmallMaps()):
        with mode:
            y = layer(x)
        result.append([y, *torch.autograd.grad(y.square().sum(), [x, *layer.parameters()])])
    for plain, other in zip(*result, strict=True):
        torch.testing.assert_close(plain, other, rtol=1e-4, atol=1e-4)


def test_only_small_maps_are_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    laid_out = fused._by_patches

    def counted(x: torch.Tensor, *rest: object) -> torch.Tensor:
        seen.append(tuple(x.shape))
        return laid_out(x, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(fused, "_by_patches", counted)
    net = convnets.resnet((3, 32, 32), 10).eval()
    with torch.no_grad(), SmallMaps():
        net(torch.zeros(2, 3, 32, 32))
        nn.Conv2d(4, 4, 3, groups=4, padding=1)(torch.zeros(1, 4, 2, 2))
        nn.Conv2d(4, 4, 1)(torch.zeros(1, 4, 2, 2))
    assert seen == [(2, 256, 4, 4), *[(2, 512, 2, 2)] * 3]
