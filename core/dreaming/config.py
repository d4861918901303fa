"""Settings of a dream, and the mixture of layers and channels that is its target."""

import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

from pydantic import Field, field_validator
from torch import Tensor, nn

from core.errors import LabError, UnknownName
from core.models import backbones
from core.models.pretrained import FeatureNet
from core.tasks.family import FamilyConfig, number

CLASSES = "classes"
"""Name of the layer after the last one: the logits of ImageNet's classes."""
ATLAS, FROM_NOISE = "atlas", ("visualise", "atlas")
"""The variant that shows all channels, and the variants that start from noise."""
SQUEEZED_SIDE = 224
"""Side in pixels to which the classic dream resizes its octaves: the input of its network."""
MAX_SIDE = 2048
"""Maximum longer side of a dream in pixels."""
_TERM = re.compile(r"([A-Za-z0-9_.]+)(?:/(\d{1,4}))?(?:\*(-?\d{1,2}(?:\.\d{1,3})?))?", re.ASCII)


class DreamConfig(FamilyConfig):
    """Settings of a dream; a variant's `fixed` names those that it does not have."""

    backbone: Literal[
        "lite0", "lite1", "lite2", "resnet18", "resnet50", "vgg16", "googlenet", "mobilenet_v3"
    ] = Field("lite0", title="Network", description="whose activations the picture maximises")
    layers: str = Field(
        "blocks.4",
        max_length=400,
        title="Layers",
        description="the target: layers, or channels of them, with weights, such as "
        "`blocks.4 + blocks.2/17*0.5`; `classes/207` is a class of ImageNet",
    )
    measure: Literal["mean square", "mean", "norm", "guide"] = Field(
        "mean square",
        title="Measure",
        description="of the activations, over all positions; `guide`: their similarity to those of "
        "a guide picture",
    )
    side: int = number(512, (32, MAX_SIDE), "Size", "pixels of the picture's longer side", 32)
    octaves: int = number(5, (1, 20), "Octaves", "sizes it is dreamt at, from small to large")
    ratio: float = number(1.4, (1.1, 4), "Ratio", "of one octave's size to the one before", 0.1)
    steps: int = number(20, (1, 1000), "Steps", "of ascent in each octave")
    rate: float = number(
        0.01,
        (0.0005, 2),
        "Strength",
        "how far each step goes: the change of a pixel, as a share of its range",
        0.001,
    )
    shift: int = number(
        32,
        (0, 256),
        "Shift",
        "maximum random shift in pixels, which shrinks within an octave",
        4,
    )
    smooth: bool = Field(
        True, title="Smooth", description="the gradient is summed over three Gaussian blurs"
    )
    bands: int = number(
        0, (0, 6), "Bands", "of a Laplacian pyramid, each normalised, instead of `smooth`"
    )
    flatness: float = number(
        0.0, (0, 2), "Flatness", "penalty on differences of neighbouring pixels", 0.05
    )
    keep_colours: bool = Field(
        False, title="Keep colours", description="only the brightness changes"
    )
    blur: float = number(2.0, (0, 10), "Blur", "radius before each halving, in pixels", 0.5)
    blend: float = number(0.6, (0, 1), "Blend", "share of the smaller octave's dream", 0.05)
    squeeze: bool = Field(
        True,
        title="Squeeze to 224",
        description=f"every octave is brought to {SQUEEZED_SIDE}×{SQUEEZED_SIDE} pixels for the "
        "network, whatever its shape; otherwise it stays as large as it is",
    )
    add_up: bool = Field(
        True,
        title="Gradients add up",
        description="within an octave each step goes along the sum of all gradients so far; "
        "otherwise along the last one",
    )
    wobble: bool = Field(
        True, title="Wobble", description="a small random shift, scale and turn at each step"
    )
    frames: int = number(60, (2, 600), "Frames", "of the video", 5)
    zoom: float = number(1.03, (0.9, 1.25), "Zoom", "from one frame to the next", 0.01)
    turn: float = number(0.5, (-10, 10), "Turn", "degrees from one frame to the next", 0.25)
    fps: int = number(15, (1, 60), "Speed", "frames a second")
    tile: int = number(
        512, (128, MAX_SIDE), "Tile", "side in pixels of the parts that are processed at once", 64
    )
    seed: int = number(0, (0, 2**31 - 1), "Seed", "of shifts and noise")

    @field_validator("layers")
    @classmethod
    def _canonical_layers(cls, value: str) -> str:
        """Return the canonical text of a mixture, so that each mixture is one run."""
        try:
            return format_targets(targets(value))
        except LabError as error:
            raise ValueError(str(error)) from error


class Target(NamedTuple):
    """A layer, or one channel of it, and its weight in the mixture."""

    layer: str
    channel: int | None = None
    weight: float = 1.0


def targets(text: str) -> tuple[Target, ...]:
    """Parse the mixture in a text. Raises LabError if it is invalid."""
    mixture = []
    for part in re.split(r"[,+]", text):
        match = _TERM.fullmatch("".join(part.split()))
        if match is None:
            raise LabError(
                f"{part.strip()[:60]!r} is no layer: write it like `blocks.4`, `blocks.4/17` or "
                "`blocks.4/17*0.5`."
            )
        layer, channel, weight = match.groups()
        number = None if channel is None else int(channel)
        mixture.append(Target(layer, number, float(weight or 1)))
    if all(t.weight == 0 for t in mixture):
        raise LabError("Every weight is 0: nothing would be dreamt.")
    return tuple(mixture)


def format_targets(mixture: tuple[Target, ...]) -> str:
    """Return the canonical text of a mixture."""
    parts = []
    for layer, channel, weight in mixture:
        of = "" if channel is None else f"/{channel}"
        parts.append(f"{layer}{of}" + ("" if weight == 1 else f"*{weight:g}"))
    return " + ".join(parts)


def layer_channels(backbone: str) -> dict[str, int]:
    """Return the number of channels of each layer of a network; the classes are its last layer."""
    channels = {layer.name: layer.channels for layer in backbones.layers(backbone)}
    return {**channels, CLASSES: backbones.CLASSES}


def check_targets(config: DreamConfig, *, each: bool = False) -> None:
    """Raise UnknownName or LabError if the network has no such layer or channel.

    Args:
        each: a picture is made for each channel, also for each of the classes; else one of them
            has to be named.
    """
    known = layer_channels(config.backbone)
    for layer, channel, _ in targets(config.layers):
        if layer not in known:
            raise UnknownName(f"layer of {config.backbone}", layer, known)
        if channel is not None and channel >= known[layer]:
            raise LabError(f"The channels of {layer} go from 0 to {known[layer] - 1}.")
        if layer == CLASSES and channel is None and not each:
            raise LabError("Say which class, such as `classes/207`.")


class Scene(NamedTuple):
    """The inputs of a dream: a picture (3, H, W) in [0, 1], a mask (H, W) in [0, 1], a guide
    picture, and the network with its classifier head. `tick` is called before each forward pass,
    and may raise to stop."""

    picture: Tensor
    net: FeatureNet
    mask: Tensor | None = None
    guide: Tensor | None = None
    head: nn.Module | None = None
    tick: Callable[[], None] = lambda: None


class Dream(NamedTuple):
    """The result of a dream: the picture (3, H, W) in [0, 1], its stages by their names, a row
    for each step, and remarks. A film has its frames, uint8 (F, 3, H, W), too."""

    picture: Tensor
    stages: list[tuple[str, Tensor]]
    history: list[dict[str, float]]
    remarks: list[str]
    film: Tensor | None = None


class Report(Protocol):
    """A callback that reports progress after each step; raises `Cancelled` to stop it."""

    def __call__(
        self, stage: str, picture: Callable[[], Tensor] | None = None, **progress: Any
    ) -> None:
        """`picture` returns the current picture; `progress` is `epoch`, `epochs` and `done`."""
