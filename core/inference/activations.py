"""What each layer of a network makes of one picture, in the order in which it is computed.

No module is hooked: networks are shared by all visitors, and a hook would note everybody's
pictures. A `TorchFunctionMode` notes what its own thread computes while it is on, modules and
functions alike, so that networks are read as they are, with pooling, resizing and skip connections.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from core.errors import LabError
from core.inference import latent
from core.models.autoencoders import Autoencoder
from core.models.classical import Classical
from core.tasks.denoising import DENOISING

Role = Literal["input", "layer", "code", "output", "gradient"]


@dataclass(frozen=True)
class Layer:
    """A layer, and what it gives for one picture."""

    name: str
    """In words of the field: "Convolution 3 × 3, 32 channels"."""
    short: str
    """The same in a word or two."""
    about: str
    """What such a layer does, in whole sentences."""
    values: Tensor
    """(C, h, w), or (d,) where they have no places; after `steps`."""
    role: Role = "layer"
    steps: tuple[str, ...] = ()
    """What follows it and is part of it: batch norm, ReLU."""
    skip: int | None = None
    """Of a sum, the place in the list of the layer that is added by a skip connection."""
    path: str = ""
    """Of a classifier's layer with weights, its module as `named_modules` calls it."""
    norm: str = ""
    """The same of the batch norm among its `steps`."""
    gradient: Tensor | None = None
    """Of a classifier's layer, how the logit of a class changes with `values`, in their shape."""


@torch.inference_mode()
def denoiser_layers(variant: str, model: nn.Module, noisy: Tensor) -> list[Layer]:
    """Return the layers of a denoiser from input to output; none of a classical method.

    Args:
        noisy: one spoilt picture, (1, C, H, W) in [0, 1].
    """
    if isinstance(model, Classical):
        return []
    about = "What the network is given: the spoilt picture."
    with _Recorder(Layer("Input", "Input", about, noisy[0], "input"), noisy) as recorder:
        raw = model(noisy)
    layers = _with_code(recorder.layers)
    chosen = DENOISING.variant(variant)
    how = "through a sigmoid" if chosen.logits else "cut to grey values from 0 to 1"
    about = f"The restored picture: what the last layer gives, {how}."
    return [*layers, Layer("Output", "Output", about, chosen.squash(raw)[0], "output")]


def _with_code(layers: list[Layer]) -> list[Layer]:
    """The same with the code marked: the narrowest layer, if it has fewer numbers than the input
    and no skip connection passes it by."""
    sizes = [layer.values.numel() for layer in layers[:-1]]
    narrowest, least = sizes.index(min(sizes)), min(sizes)
    passed = any(layer.skip is not None and layer.skip < narrowest for layer in layers[narrowest:])
    if narrowest and not passed:
        layer = layers[narrowest]
        about = (
            f"{layer.about} This is the code, the narrowest place: {least:,} numbers for the "
            f"picture's {sizes[0]:,}. All that is restored comes from them."
        )
        name, short = f"{layer.name} (code)", f"{layer.short} (code)"
        layers[narrowest] = replace(layer, name=name, short=short, about=about, role="code")
    return layers


def classifier_layers(model: nn.Module, image: Tensor, label: int | None = None) -> list[Layer]:
    """Return the layers of a classifier from the input to the logits.

    Args:
        model: from images (N, C, H, W) in [0, 1] to logits (N, classes), in evaluation mode.
        image: one picture, (1, C, H, W) in [0, 1].
        label: the class by whose logit each layer gets its gradient; None leaves gradients out.

    Raises:
        LabError: there is no such class.
    """
    about = "What the network is given: the picture."
    with torch.inference_mode(False), torch.set_grad_enabled(label is not None):
        given = image.clone().requires_grad_(label is not None)
        with _Recorder(Layer("Input", "Input", about, given[0], "input"), given) as recorder:
            recorder.paths = {id(m.weight): n for n, m in model.named_modules() if _weighs(m)}
            logits = model(given)
        outputs, gradients = [recorder.outputs[i] for i in range(len(recorder.layers))], None
        if label is not None:
            logit = logits[0, checked_class(label, logits.shape[1])]
            gradients = torch.autograd.grad(logit, outputs, allow_unused=True)
    return [
        replace(
            layer,
            values=layer.values.detach(),
            gradient=None if gradients is None or (g := gradients[i]) is None else g[0],
        )
        for i, layer in enumerate(recorder.layers)
    ]


def as_gradients(layers: Sequence[Layer], name: str) -> list[Layer]:
    """The same layers with their gradients instead of what they give.

    Args:
        layers: of `classifier_layers` with a class, whose `name` this is.
    """
    about = (
        f"How the logit of {name} changes with each of these numbers: where it is above 0, more "
        "would speak for the class, and where it is below, against it."
    )
    return [
        replace(
            layer,
            values=torch.zeros_like(layer.values) if layer.gradient is None else layer.gradient,
            about=about,
            role="gradient" if layer.role == "input" else layer.role,
            steps=(),
        )
        for layer in layers
    ]


def checked_class(label: int, classes: int) -> int:
    """Return a class that is there. Raises LabError otherwise."""
    if not 0 <= label < classes:
        raise LabError(f"The classes go from 0 to {classes - 1}.")
    return label


def _weighs(module: nn.Module) -> bool:
    return isinstance(getattr(module, "weight", None), nn.Parameter)


@torch.inference_mode()
def autoencoder_layers(
    model: Autoencoder,
    image: Tensor | None,
    code: Tensor,
    label: int | None = None,
    image_label: int | None = None,
) -> list[Layer]:
    """Return the layers of the encoder for an image, and of the decoder for a code.

    Args:
        image: (1, C, H, W) in [0, 1]; None leaves the encoder out.
        code: (1, d), which need not be the image's.
        label: the class that is drawn, for a conditional model.
        image_label: the class that the encoder is told.

    Raises:
        LabError: a class is missing, or the model does not have it.
    """
    labels = latent.checked_labels(model, label, 1)
    encoder = [] if image is None else _encoder_layers(model, image, image_label)
    of = f"{model.latent} numbers"
    about = "The code on the stage, from which the decoder draws: the "
    about += "posterior's mean" if model.variational else "encoder's answer"
    about += " until it is moved."
    start = Layer(f"Code, {of}", "Code", about, code[0], "code")
    with _Recorder(start, code, len(encoder)) as recorder:
        raw = model.raw(code, labels)
    decoder = _told_class(recorder.layers, model)
    how = "a sigmoid" if model.output == "sigmoid" else "tanh, moved from [-1, 1] to [0, 1]"
    about = f"The decoded picture: the last layer's values through {how}."
    return [*encoder, *decoder, Layer("Output", "Output", about, model.finish(raw)[0], "output")]


def _encoder_layers(model: Autoencoder, image: Tensor, label: int | None) -> list[Layer]:
    """From the input to µ and σ of a variational model, or to the last layer before the code."""
    about = "What the encoder is given" + (", moved to [-1, 1]." if model.output == "tanh" else ".")
    given = Layer("Input", "Input", about, image[0], "input")
    with _Recorder(given, image) as recorder:
        mu, logvar = model.encode(image, latent.checked_labels(model, label, 1))
    layers = _told_class(recorder.layers, model)
    if logvar is None:
        return layers
    of = f"{model.latent} numbers"
    cloud = "The encoder answers with a cloud of codes, a normal distribution in each dimension."
    return [
        *layers[:-2],  # the two heads give µ and log σ², which say less than σ does
        Layer(f"Mean µ, {of}", "Mean µ", f"{cloud} This is its middle.", mu[0], "code"),
        Layer(
            f"Standard deviation σ, {of}",
            "Spread σ",
            f"{cloud} This is its spread: 1 is that of the prior, and tells nothing of the image.",
            (0.5 * logvar[0]).exp(),
            "code",
        ),
    ]


def _told_class(layers: list[Layer], model: Autoencoder) -> list[Layer]:
    """The layers of a half, of which the first after the input is also given the class."""
    if model.classes:
        about = (
            f"{layers[1].about} Among them is the class: {model.classes} numbers, one of them 1."
        )
        layers[1] = replace(layers[1], about=about)
    return layers


class _Recorder(TorchFunctionMode):
    """Notes the layers that this thread computes from a start, the input or a code."""

    def __init__(self, start: Layer, tensor: Tensor, first: int = 0) -> None:
        """
        Args:
            first: the place of the start among all layers.
        """
        super().__init__()
        self.layers, self.first = [start], first
        self.indices = {id(tensor): first}
        """Of each tensor on the way, the place of the layer that it comes from."""
        self.outputs = {first: tensor}
        """By the place of a layer what it gives, (1, …)."""
        self.paths: dict[int, str] = {}
        """Of weights by their id, the module that they belong to."""
        self.kept = [tensor]  # an id is another tensor's as soon as its own is gone

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        if isinstance(out, Tensor):
            self._note(name, out, args, kwargs or {})
        return out

    def _note(self, name: str, out: Tensor, args: Any, kwargs: Mapping[str, Any]) -> None:
        several = args[0] if name == "cat" else args[:2]
        sources = [self.indices.get(id(arg)) for arg in several]
        known = [source for source in sources if source is not None]
        if name in LAYERS:
            path = self.paths.get(id(args[1]), "") if len(args) > 1 else ""
            self._add(Layer(*LAYERS[name](out, args, kwargs), out[0], path=path), out)
        elif name in ADDING and len(known) == 2:
            self._add(_sum(min(known), out), out)
        elif name == "cat" and out.dim() == 4 and known:
            self._add(_joined(len(several), out), out)
        elif sources and (index := sources[0]) is not None:
            before = self.layers[index - self.first]
            if name in STEPS:
                before = replace(before, values=out[0], steps=(*before.steps, STEPS[name]))
                if name == "batch_norm":
                    scale = kwargs.get("weight")  # torch passes it by name
                    before = replace(before, norm=self.paths.get(id(scale), ""))
                self.outputs[index] = out
            elif name == "unflatten":
                before = replace(before, values=out[0])
            elif name not in SAME:
                return
            self.layers[index - self.first] = before
            self._keep(out, index)

    def _add(self, layer: Layer, out: Tensor) -> None:
        self.layers.append(layer)
        index = self.first + len(self.layers) - 1
        self.outputs[index] = out
        self._keep(out, index)

    def _keep(self, out: Tensor, index: int) -> None:
        self.indices[id(out)] = index
        self.kept.append(out)


def _sum(index: int, out: Tensor) -> Layer:
    of = f"layer {index}" if index else "the input"
    about = f"A skip connection: adds what {of} gave, which did not go through the layers between."
    if not index:
        about += " So these only predict the correction."
    return Layer(f"Sum with {of}, a skip connection", f"+ {of}", about, out[0], skip=index)


def _joined(ways: int, out: Tensor) -> Layer:
    about = f"The channels of {ways} ways through the network, one behind the other."
    return Layer(f"Joined by depth, {out.shape[1]:,} channels", "Joined", about, out[0])


Texts = tuple[str, str, str]
"""Name, short name, and what such a layer does."""


def _convolution(out: Tensor, args: Any, kwargs: Mapping[str, Any]) -> Texts:
    side, stride = args[1].shape[2], args[3][0]
    about = f"Each channel looks for one pattern of {side} × {side} positions, everywhere alike."
    if stride > 1:
        about += f" It goes {stride} positions a step, so the sides get {stride} times shorter."
    return f"Convolution {_sized(side, stride, out)}", "Convolution", about


def _transposed(out: Tensor, args: Any, kwargs: Mapping[str, Any]) -> Texts:
    side, stride = args[1].shape[2], args[3][0]
    about = (
        f"A convolution the other way round: each position paints a pattern of {side} × {side} "
        f"positions, {stride} apart, and where patterns overlap they are added."
    )
    return f"Transposed convolution {_sized(side, stride, out)}", "Transposed convolution", about


def _sized(side: int, stride: int, out: Tensor) -> str:
    step = f", stride {stride}" if stride > 1 else ""
    channels = out.shape[1]
    return f"{side} × {side}{step}, {channels} channel{'s' if channels > 1 else ''}"


def _linear(out: Tensor, args: Any, kwargs: Mapping[str, Any]) -> Texts:
    about = f"Each output is a weighted sum of all {args[1].shape[1]:,} numbers before it."
    return f"Fully connected, {out.shape[1]:,} outputs", "Fully connected", about


def _pooling(out: Tensor, args: Any, kwargs: Mapping[str, Any]) -> Texts:
    side = args[1] if isinstance(args[1], int) else args[1][0]
    about = f"Keeps the largest of {side} × {side} positions, channel by channel."
    return f"Max pooling {side} × {side}", "Max pooling", about


def _mean(out: Tensor, args: Any, kwargs: Mapping[str, Any]) -> Texts:
    size = f"{out.shape[2]} × {out.shape[3]}"
    return f"Mean pooling to {size}", "Mean pooling", "Means of neighbours, channel by channel."


def _resizing(out: Tensor, args: Any, kwargs: Mapping[str, Any]) -> Texts:
    size = f"{out.shape[2]} × {out.shape[3]}"
    about = f"Repeats positions until each channel is {size}; nothing is learnt here."
    return f"Resizing to {size}", "Resizing", about


def _to_channels(out: Tensor, args: Any, kwargs: Mapping[str, Any]) -> Texts:
    side = args[1]
    about = f"Each square of {side} × {side} pixels becomes {side**2} channels: the same numbers."
    return "Pixels to channels", "Pixels to channels", about


def _to_pixels(out: Tensor, args: Any, kwargs: Mapping[str, Any]) -> Texts:
    side = args[1]
    about = f"Each {side**2} channels become squares of {side} × {side} pixels: the same numbers."
    return "Channels to pixels", "Channels to pixels", about


LAYERS: Mapping[str, Callable[[Tensor, Any, Mapping[str, Any]], Texts]] = {
    "conv2d": _convolution,
    "conv_transpose2d": _transposed,
    "linear": _linear,
    "max_pool2d": _pooling,
    "avg_pool2d": _mean,
    "adaptive_avg_pool2d": _mean,
    "interpolate": _resizing,
    "pixel_unshuffle": _to_channels,
    "pixel_shuffle": _to_pixels,
}
"""What counts as a layer, by the name of torch's function."""
STEPS = {
    "batch_norm": "batch norm",
    "relu": "ReLU",
    "relu6": "ReLU up to 6",
    "hardtanh": "ReLU up to 6",
    "hardswish": "hard swish",
    "leaky_relu": "leaky ReLU",
}
"""What is a part of the layer before."""
SAME = {
    "flatten", "view", "reshape", "contiguous", "float", "mul", "sub", "div", "dropout", "pad",
    "__getitem__",
}  # fmt: skip
"""What moves or scales the numbers of a layer and is shown nowhere."""
ADDING = {"add", "iadd"}
