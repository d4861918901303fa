"""Units that no image wakes."""

from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class DeadUnits(TorchFunctionMode):
    """Notes which units, outputs of a ReLU, are zero for every image that goes through a network
    while it is on. A channel of a convolution is one unit: it is dead where it is zero everywhere.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.paths = {
            id(module.weight): path
            for path, module in model.named_modules()
            if isinstance(module, nn.Conv2d | nn.Linear)
        }
        self.alive: dict[str, Tensor] = {}
        self.latest: Tensor | None = None
        """What was computed last of the layer with weights at `path`."""
        self.path = ""

    def shares(self) -> dict[str, float]:
        """The share of dead units behind each layer with weights that has a ReLU."""
        return {path: 1 - float(alive.float().mean()) for path, alive in self.alive.items()}

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        if not isinstance(out, Tensor):
            return out
        name = getattr(function, "__name__", "")
        if name in ("conv2d", "linear"):
            self.latest, self.path = out, self.paths[id(args[1])]
        elif any(arg is self.latest for arg in args):
            self.latest = out
            if name == "relu":
                alive = (out > 0).flatten(2).any(2).any(0) if out.dim() > 2 else (out > 0).any(0)
                self.alive[self.path] = self.alive.get(self.path, alive) | alive
        return out
