"""Small networks on points, and how they learn: what the browser plays, in PyTorch, to be read.

Lines, polynomials and logistic models are such networks without hidden layers. The browser's engine
(pages/components/trajectory) computes the same numbers; a test holds them together.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from core import counter_random
from core.counter_random import stream
from core.errors import LabError
from core.foundations import optimisers
from core.randomness import Seeded

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "bce": F.binary_cross_entropy_with_logits,
    "cross_entropy": F.cross_entropy,
}
Width = Annotated[int, Field(ge=1, le=48)]
MAX_STEPS = 100_000


class PlaneSettings(BaseModel):
    """A network on points and its training; the browser's settings have the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: int = Field(2, ge=1, le=16, description="Features of a point")
    hidden: tuple[Width, ...] = Field((), max_length=20, description="Units of each hidden layer")
    outputs: int = Field(1, ge=1, le=8, description="Outputs; as many as classes, or one")
    activation: Literal["linear", "relu", "leaky_relu", "tanh", "sigmoid"] = Field(
        "tanh", description="Of hidden units"
    )
    initialisation: Literal[
        "zeros", "normal", "uniform", "xavier_normal", "kaiming_normal", "sparse"
    ] = Field("xavier_normal", description="Weights before the first step")
    scale: float = Field(
        0.5, ge=0, le=10, description="σ of normal and sparse weights, and ± of uniform ones"
    )
    bias: float = Field(0.0, ge=-10, le=10, description="Biases before the first step")
    batch_norm: bool = Field(False, description="Batch norm after each hidden layer's sums")
    loss: Literal["mse", "bce", "cross_entropy"] = Field("mse", description="What is made small")
    seed: int = Field(0, ge=0, lt=2**31, description="Of weights, batches and dropout")
    optimiser: Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"] = Field(
        "sgd", description="How a gradient becomes a step"
    )
    rate: float = Field(0.1, ge=0, le=1e9, description="Learning rate")
    momentum: float = Field(0.9, ge=0, lt=1, description="β of momentum and Nesterov's")
    batch: int = Field(0, ge=0, le=2000, description="Points of a step; 0 takes all")
    clip: float = Field(0.0, ge=0, le=1e6, description="Largest norm of a gradient; 0 for any")
    l1: float = Field(0.0, ge=0, le=10, description="Times Σ|w| is added to the loss")
    l2: float = Field(0.0, ge=0, le=10, description="Times Σw² is added to the loss")
    dropout: float = Field(0.0, ge=0, le=0.9, description="Share of hidden units left out")


class Row(NamedTuple):
    """What is told of a step, before it is taken."""

    step: int
    loss: float
    """Of its batch, without the penalty."""
    norm: float
    """Of the gradient, before it is clipped."""


class Network(nn.Module):
    """Linear layers, each but the last with batch norm (if chosen), activation and dropout."""

    def __init__(self, settings: PlaneSettings) -> None:
        super().__init__()
        self.settings = settings
        sizes = (settings.inputs, *settings.hidden, settings.outputs)
        with Seeded(settings.seed):  # what it draws is replaced below
            linear = [nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(sizes)]
        self.layers = nn.ModuleList(linear)
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(size, dtype=torch.float64) if settings.batch_norm else nn.Identity()
            for size in settings.hidden
        )
        self.step = 0
        """Which dropout's masks are drawn for."""
        with torch.no_grad():
            for place, layer in enumerate(linear):
                layer.weight.copy_(initial_weights(settings, place, layer.weight.shape))
                layer.bias.fill_(settings.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (n, outputs) of points (n, inputs)."""
        unit = 0
        for layer, norm in zip(self.layers, self.norms, strict=False):
            x = ACTIVATIONS[self.settings.activation](norm(layer(x)))
            if self.training and self.settings.dropout:
                x = x * self._kept(x.shape, unit)
            unit += x.shape[1]
        return torch.as_tensor(self.layers[-1](x))

    def _kept(self, shape: torch.Size, unit: int) -> Tensor:
        """Dropout's factors: 0, or what keeps the mean as it is."""
        n, units = shape
        places = range(unit * n, (unit + units) * n)
        drawn = counter_random.uniform(self.settings.seed, stream("dropout", self.step), places)
        share = self.settings.dropout
        return torch.from_numpy(drawn >= share).double().view(units, n).T / (1 - share)

    def flat(self) -> Tensor:
        """All that is learnt in one row, layer by layer: weights, biases, and batch norm's."""
        return nn.utils.parameters_to_vector(self.in_order()).detach().clone()

    def in_order(self) -> list[nn.Parameter]:
        """The parameters in the order of `flat`."""
        ordered: list[nn.Parameter] = []
        for place, layer in enumerate(self.layers):
            ordered += layer.parameters()
            if place < len(self.norms):
                ordered += self.norms[place].parameters()
        return ordered


def initial_weights(settings: PlaneSettings, place: int, shape: torch.Size) -> Tensor:
    """The weights (outputs, inputs) of a layer before the first step."""
    outputs, inputs = shape
    of = stream("weights", place)
    match settings.initialisation:
        case "zeros":
            return torch.zeros(shape, dtype=torch.float64)
        case "uniform":
            drawn = counter_random.uniform(settings.seed, of, inputs * outputs)
            return torch.from_numpy(settings.scale * (2 * drawn - 1)).view(shape)
        case "xavier_normal":
            spread = (2 / (inputs + outputs)) ** 0.5
        case "kaiming_normal":
            spread = (2 / inputs) ** 0.5
        case "normal" | "sparse":
            spread = settings.scale
    drawn = counter_random.normal(settings.seed, of, inputs * outputs)
    weights = torch.from_numpy(spread * drawn).view(shape)
    if settings.initialisation == "sparse":  # half of each unit's weights, drawn, are 0
        for o in range(outputs):
            mixed = counter_random.order(settings.seed, stream("sparse", place * 1024 + o), inputs)
            weights[o, mixed[: inputs // 2]] = 0
    return weights


def batch_of(settings: PlaneSettings, step: int, n: int) -> Tensor:
    """The places of the points of a step.

    An epoch has as many whole batches as there are, in an order of its own; what is left over may
    come in the next one.
    """
    size = settings.batch
    if not 0 < size < n:
        return torch.arange(n)
    epoch, place = divmod(step, n // size)
    mixed = counter_random.order(settings.seed, stream("order", epoch), n)
    return torch.from_numpy(mixed[place * size : (place + 1) * size])


def penalty(network: Network) -> Tensor:
    """l1 · Σ|w| + l2 · Σw² over weights, not biases."""
    settings = network.settings
    weights = torch.cat([p.flatten() for p in network.layers.parameters() if p.dim() > 1])
    return settings.l1 * weights.abs().sum() + settings.l2 * (weights**2).sum()


Batch = Callable[[int], tuple[Tensor, Tensor]]
"""Of a step the points (n, inputs) that it learns from, and what the outputs should be."""


def train(network: Network, x: Tensor, y: Tensor, steps: int) -> Iterator[Row]:
    """Let a network learn, step by step; a row tells of each before it is taken.

    Args:
        x: points (n, inputs), in double precision.
        y: what the outputs should be (n, outputs); for cross-entropy the classes (n,).
        steps: at most `MAX_STEPS`.

    Raises:
        LabError: there are no points, or a loss is no finite number any more.
    """
    settings, n = network.settings, len(x)
    if not n:
        raise LabError("There are no points to learn from.")

    def batch(step: int) -> tuple[Tensor, Tensor]:
        places = batch_of(settings, step, n)
        return x[places], y[places]

    yield from descend(network, batch, steps)


def descend(network: Network, batch: Batch, steps: int) -> Iterator[Row]:
    """As `train`, of batches that a function gives."""
    settings = network.settings
    parameters, weights = network.in_order(), network.flat()
    state = optimisers.start(settings.optimiser, weights)
    step_of = optimisers.OPTIMISERS[settings.optimiser].step
    if settings.optimiser in ("momentum", "nesterov"):
        step_of = partial(step_of, beta=settings.momentum)  # type: ignore[call-arg]
    network.train()
    for step in range(min(steps, MAX_STEPS)):
        network.step = step
        x, y = batch(step)
        loss = LOSSES[settings.loss](network(x), y)
        gradients = torch.autograd.grad(loss + penalty(network), parameters)
        gradient = nn.utils.parameters_to_vector(gradients)
        norm = gradient.norm()
        if not bool(loss.isfinite() & norm.isfinite()):
            raise LabError(
                f"The loss is no finite number after {step} steps: the rate is too large."
            )
        yield Row(step, loss.item(), norm.item())
        if settings.clip:
            gradient = gradient * (settings.clip / (norm + 1e-6)).clamp(max=1)
        change, state = step_of(gradient, state, settings.rate, step + 1)
        weights = weights + change
        nn.utils.vector_to_parameters(weights, parameters)
