"""Random numbers of one's own: torch's global generator belongs to the whole process."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Arguments = tuple[Any, ...]
DRAWING = frozenset(
    {
        torch.rand,
        torch.randn,
        torch.randint,
        torch.randperm,
        torch.normal,
        torch.bernoulli,
        torch.multinomial,
        torch.Tensor.normal_,
        torch.Tensor.uniform_,
        torch.Tensor.bernoulli_,
        torch.Tensor.random_,
        torch.Tensor.exponential_,
        nn.init.uniform_,
        nn.init.normal_,
        nn.init.kaiming_uniform_,
        nn.init.trunc_normal_,
    }
)
"""What draws from the global generator unless it is given another."""


class Seeded(TorchFunctionMode):
    """Within it, what torch draws in this thread comes from a generator of its own, on the
    processor: initial weights and dropout, which take no generator.

    The global generator neither moves nor decides anything, so that pages, which are threads of one
    process, do not disturb each other. The numbers are those after `torch.manual_seed(seed)`.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Arguments = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func in DRAWING and given.get("generator") is None:
            given["generator"] = self.generator
        if func is F.dropout:
            return self._dropout(*args, **given)
        return func(*args, **given)

    def _dropout(
        self, x: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> torch.Tensor:
        """As torch does it on a processor."""
        if not training or p == 0:
            return x
        mask = torch.empty_like(x).bernoulli_(1 - p, generator=self.generator).div_(1 - p)
        return x.mul_(mask) if inplace else x * mask
