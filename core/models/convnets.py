"""Classifiers of images, from the perceptron to the residual network: images to logits.

The layers of each stand in its function, in the order in which they work; shapes are of the
images that the text has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shape = tuple[int, int, int]


class Recogniser(nn.Module):
    """A body that turns a picture into features, and a head that reads classes from them.

    Args:
        body: images (N, C, H, W) in [-1, 1] to features (N, d).
        head: features to logits (N, classes).
    """

    def __init__(self, body: nn.Sequential, head: nn.Linear) -> None:
        super().__init__()
        self.body, self.head = body, head

    @property
    def width(self) -> int:
        """Dimension of the features."""
        return self.head.in_features

    def features(self, images: Tensor) -> Tensor:
        """Return the features (N, width) of images (N, C, H, W) in [0, 1]."""
        features: Tensor = self.body(2 * images - 1)
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, C, H, W) in [0, 1]."""
        logits: Tensor = self.head(self.features(images))
        return logits


def numbers(layers: Sequence[nn.Module], shape: Shape) -> int:
    """How many numbers layers make of an image of a shape."""
    with torch.no_grad():
        seen: Tensor = nn.Sequential(*layers).eval()(torch.zeros(1, *shape))
    return seen.numel()


def _read(
    layers: list[nn.Module],
    shape: Shape,
    hidden: Sequence[int],
    classes: int,
    between: Callable[[], list[nn.Module]] = lambda: [nn.ReLU()],
) -> Recogniser:
    """Layers, flattened, with linear layers of `hidden` widths behind them; the last one reads the
    classes. `between` comes after each but that."""
    widths = (numbers(layers, shape), *hidden)
    body = [*layers, nn.Flatten()]
    for inputs, outputs in pairwise(widths):
        body += [nn.Linear(inputs, outputs), *between()]
    return Recogniser(nn.Sequential(*body), nn.Linear(widths[-1], classes))


# ---- the perceptron, and networks of plain convolutions


def mlp(shape: Shape, classes: int) -> Recogniser:
    """Lin 784-300-100-k, batch norm and ReLU after the first two."""
    body: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise((torch.Size(shape).numel(), 300, 100)):
        body += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    return Recogniser(nn.Sequential(*body), nn.Linear(100, classes))


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3), nn.BatchNorm2d(outputs), nn.ReLU()]


def cnn(shape: Shape, classes: int) -> Recogniser:
    """Conv 3 16, 32, pool, 64, 128, pool, batch norm and ReLU after each; Lin 2048-1024-128-k.

    Convolutions are not padded: 28 → 26 → 24 → 12 → 10 → 8 → 4, so 4·4·128 = 2,048 numbers.
    """
    layers = [
        *(*_block(shape[0], 16), *_block(16, 32), nn.MaxPool2d(2)),
        *(*_block(32, 64), *_block(64, 128), nn.MaxPool2d(2)),
    ]
    return _read(layers, shape, (1024, 128), classes)


def pooled_cnn(shape: Shape, classes: int) -> Recogniser:
    """Pool; conv 3 24, 48, 48, padded, batch norm and ReLU after each, pool after the last two;
    dropout; Lin 432-96-k (1×28×28). It is soon taught, and reads hands that it has not seen: of
    MNIST's digits 87 % after scikit-learn's alone, where `lenet_relu` reads 76 %.
    """
    layers: list[nn.Module] = [nn.AvgPool2d(2)]
    for i, (inputs, outputs) in enumerate(pairwise((shape[0], 24, 48, 48))):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if i else []
    return _read([*layers, nn.Dropout(0.3)], shape, (96,), classes)


def simple_cnn(shape: Shape, classes: int) -> Recogniser:
    """Conv 3 32, 64, 128, padded, ReLU and pool after each; Lin 2048-512-64-k (3×32×32)."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((shape[0], 32, 64, 128)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return _read(layers, shape, (512, 64), classes)


def lenet(shape: Shape, classes: int) -> Recogniser:
    """Conv 3 6 padded, pool; Conv 5 16, pool; Lin 400-120-84-k, and no activations, as printed.

    Between two linear layers nothing bends: they could be one. Pooling alone is not linear.
    """
    return _read(_lenet(shape, list), shape, (120, 84), classes, between=list)


def lenet_relu(shape: Shape, classes: int) -> Recogniser:
    """The same with a ReLU after each layer (LeCun et al. 1998 have a scaled tanh)."""
    return _read(_lenet(shape, lambda: [nn.ReLU()]), shape, (120, 84), classes)


def _lenet(shape: Shape, after: Callable[[], list[nn.Module]]) -> list[nn.Module]:
    return [
        *(nn.Conv2d(shape[0], 6, 3, padding=1), *after(), nn.MaxPool2d(2)),  # 28 → 14
        *(nn.Conv2d(6, 16, 5), *after(), nn.MaxPool2d(2)),  # 14 → 10 → 5: 16·5·5 = 400
    ]


def quick_cnn(shape: Shape, classes: int) -> Recogniser:
    """Ours: Conv 5 16 with stride 2, Conv 3 32, pool 2, Conv 3 64, pool 2, batch norm and ReLU
    after each convolution; Lin 576-k. Small maps from the start are what makes it quick."""
    layers: list[nn.Module] = []
    for inputs, outputs, side, stride in ((shape[0], 16, 5, 2), (16, 32, 3, 1), (32, 64, 3, 1)):
        conv = nn.Conv2d(inputs, outputs, side, stride, padding=side // 2, bias=False)
        layers += [conv, nn.BatchNorm2d(outputs), nn.ReLU()]  # 28 → 14 → 14; 7
        layers += [nn.MaxPool2d(2)] if stride == 1 else []  # 14 → 7; 7 → 3: 64·3·3 = 576
    return _read(layers, shape, (), classes)


def alexnet(shape: Shape, classes: int) -> Recogniser:
    """AlexNet as the text has it (Krizhevsky et al. 2012), for 3×224×224."""
    conv, pool = nn.Conv2d, partial(nn.MaxPool2d, 3, 2)
    layers = [
        *(conv(shape[0], 64, 11, stride=4, padding=2), nn.ReLU(), pool()),  # 224 → 55 → 27
        *(conv(64, 192, 5, padding=2), nn.ReLU(), pool()),  # 27 → 13
        *(conv(192, 384, 3, padding=1), nn.ReLU()),
        *(conv(384, 256, 3, padding=1), nn.ReLU()),
        *(conv(256, 256, 3, padding=1), nn.ReLU(), pool()),  # 13 → 6: 256·6·6 = 9,216
    ]
    return _dropped(layers, shape, (4096, 4096), classes)


def alexnet_small(shape: Shape, classes: int) -> Recogniser:
    """Ours, for 3×32×32: AlexNet's five convolutions at strides that leave something to see."""
    conv, pool = nn.Conv2d, partial(nn.MaxPool2d, 3, 2, padding=1)
    layers = [
        *(conv(shape[0], 64, 5, padding=2), nn.ReLU(), pool()),  # 32 → 16
        *(conv(64, 192, 5, padding=2), nn.ReLU(), pool()),  # 16 → 8
        *(conv(192, 384, 3, padding=1), nn.ReLU()),
        *(conv(384, 256, 3, padding=1), nn.ReLU()),
        *(conv(256, 256, 3, padding=1), nn.ReLU(), pool()),  # 8 → 4: 256·4·4 = 4,096
    ]
    return _dropped(layers, shape, (512, 512), classes)


def vgg(shape: Shape, classes: int) -> Recogniser:
    """VGG with thirteen convolutions (Simonyan and Zisserman 2015), for 3×224×224."""
    groups = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)
    return _dropped(_vgg(shape[0], groups), shape, (4096, 4096), classes)


def vgg_small(shape: Shape, classes: int) -> Recogniser:
    """Ours, for 3×32×32: VGG's groups up to 4×4 pixels, half as wide, with batch norm, without
    which it does not begin to learn at this depth."""
    groups = ((32, 32), (64, 64), (128,) * 3)
    return _dropped(_vgg(shape[0], groups, norm=True), shape, (256,), classes)


def _vgg(inputs: int, groups: Sequence[Sequence[int]], *, norm: bool = False) -> list[nn.Module]:
    """Convolutions of 3×3, padded, a ReLU after each; pooled after each group."""
    layers: list[nn.Module] = []
    for group in groups:
        for outputs in group:
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=1))
            layers += [nn.BatchNorm2d(outputs)] if norm else []
            layers.append(nn.ReLU())
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    return layers


def _dropped(
    layers: list[nn.Module], shape: Shape, hidden: Sequence[int], classes: int
) -> Recogniser:
    """Linear layers behind dropout: before each but the last."""
    widths = (numbers(layers, shape), *hidden)
    body = [*layers, nn.Flatten()]
    for inputs, outputs in pairwise(widths):
        body += [nn.Dropout(), nn.Linear(inputs, outputs), nn.ReLU()]
    return Recogniser(nn.Sequential(*body), nn.Linear(widths[-1], classes))


# ---- Inception


class Inception(nn.Module):
    """Four ways through a layer, joined by depth (Szegedy et al. 2016): 1×1 64; 1×1 48 and 5×5 64;
    1×1 64, 3×3 96 and 3×3 96; the mean of 3×3 and 1×1 `pooled`. Of (N, C, H, W) it makes
    (N, 224 + pooled, H, W).
    """

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.one = _conv(inputs, 64, 1)
        self.five = nn.Sequential(_conv(inputs, 48, 1), _conv(48, 64, 5))
        self.three = nn.Sequential(_conv(inputs, 64, 1), _conv(64, 96, 3), _conv(96, 96, 3))
        mean = nn.AvgPool2d(3, stride=1, padding=1)
        self.pooled = nn.Sequential(mean, _conv(inputs, pooled, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Join the four."""
        return torch.cat([self.one(x), self.five(x), self.three(x), self.pooled(x)], 1)


def _conv(inputs: int, outputs: int, side: int) -> nn.Sequential:
    """A convolution that keeps the size, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, side, padding=side // 2, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3),
        nn.ReLU(),
    )


def inception(shape: Shape, classes: int) -> Recogniser:
    """Ours, for 3×32×32: Conv 3 64, pool, two of the text's modules, pool, one, the mean."""
    layers = [
        *(_conv(shape[0], 64, 3), nn.MaxPool2d(2)),  # 32 → 16
        *(Inception(64, 32), Inception(256, 64), nn.MaxPool2d(2)),  # 16 → 8, 288 channels
        *(Inception(288, 64), nn.AdaptiveAvgPool2d(1)),  # 288 numbers
    ]
    return _read(layers, shape, (), classes)


# ---- residual networks


class Residual(nn.Module):
    """Conv 3, BN, ReLU, Conv 3, BN; the input added; ReLU (He et al. 2016).

    Args:
        shortcut: what is added; None: nothing, as in a plain network.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        out: Tensor = self.second_norm(self.second(F.relu(self.first_norm(self.first(x)))))
        return F.relu(out if self.shortcut is None else out + self.shortcut(x))


class Padded(nn.Module):
    """A shortcut without weights: every second pixel, and channels of zeros (option A of He et
    al. 2016)."""

    def __init__(self, missing: int) -> None:
        super().__init__()
        self.missing = missing

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C + missing, H / 2, W / 2)."""
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.missing))


def resnet(shape: Shape, classes: int) -> Recogniser:
    """Conv 7 64, stride 2; pool 3; stages of two residual blocks with 64, 128, 256 and 512
    channels; pool 2; Lin 512-k (3×32×32). Where the shape changes, the shortcut is a 1×1
    convolution."""
    layers: list[nn.Module] = [
        nn.Conv2d(shape[0], 64, 7, stride=2, padding=3),  # 32 → 16, no batch norm and no ReLU
        nn.MaxPool2d(3, stride=1),  # 14
    ]
    for inputs, outputs in pairwise((64, 64, 128, 256, 512)):  # 14 → 14 → 7 → 4 → 2
        stride = 1 if inputs == outputs else 2
        same = inputs == outputs
        change = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride=stride)
        layers.append(Residual(inputs, outputs, stride, change))
        layers.append(Residual(outputs, outputs, 1, nn.Identity()))
    layers.append(nn.AvgPool2d(2))
    return _read(layers, shape, (), classes)


def resnet20(shape: Shape, classes: int, *, residual: bool = True) -> Recogniser:
    """Nineteen convolutions of 3×3 in three stages of 16, 32 and 64 channels, the mean, Lin 64-k
    (He et al. 2016, for CIFAR).

    Args:
        residual: with the shortcuts, which have no weights; else it is the plain network.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(shape[0], 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
    ]
    for inputs, outputs in pairwise((16, 16, 32, 64)):
        for block in range(3):
            first = block == 0 and inputs != outputs
            added = Padded(outputs - inputs) if first else nn.Identity()
            layers.append(
                Residual(
                    inputs if block == 0 else outputs,
                    outputs,
                    2 if first else 1,
                    added if residual else None,
                )
            )
    layers.append(nn.AdaptiveAvgPool2d(1))
    made = _read(layers, shape, (), classes)
    for module in made.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    return made


def plain20(shape: Shape, classes: int) -> Recogniser:
    """`resnet20` without its shortcuts."""
    return resnet20(shape, classes, residual=False)


class Fast(nn.Module):
    """Conv 3, pool, BN, ReLU; Conv 3, BN added to it; ReLU. Both convolutions begin as identities,
    as far as there are channels, and batch norm has no scales (Jordan 2024)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs, momentum=0.4)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs, momentum=0.4)
        for conv in (self.first, self.second):
            nn.init.dirac_(conv.weight.data[:inputs])
        for norm in (self.first_norm, self.second_norm):
            norm.weight.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / 2, W / 2)."""
        out = F.relu(self.first_norm(F.max_pool2d(self.first(x), 2)))
        return F.relu(out + self.second_norm(self.second(out)))


class Scaled(nn.Module):
    """Features times a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """The shape stays."""
        return x * self.factor


def fast_resnet(shape: Shape, classes: int) -> Recogniser:
    """Ours, for 3×32×32: Conv 2 that whitens patches, ReLU; three groups of 64, 256 and 256
    channels, each a convolution, pooled, and one with a shortcut; pool 3; Lin 256-k.

    The first layer is not trained; `whiten` sets it.
    """
    patch = 4 * shape[0]
    whitening = nn.Conv2d(shape[0], 2 * patch, 2, bias=False).requires_grad_(False)
    layers = [
        *(whitening, nn.ReLU()),  # 32 → 31
        *(Fast(2 * patch, 64), Fast(64, 256), Fast(256, 256)),  # 31 → 15 → 7 → 3
        *(nn.MaxPool2d(3), Scaled(1 / 9), nn.Flatten()),  # 3 → 1: 256 numbers
    ]
    width = numbers(layers, shape)
    return Recogniser(nn.Sequential(*layers), nn.Linear(width, classes, bias=False))


@torch.no_grad()
def whiten(conv: nn.Conv2d, images: Tensor, least: float = 5e-4) -> None:
    """Set the first layer of `fast_resnet`: its channels are the principal components of the
    images' patches, each with variance 1, and their negatives (Page 2019).

    Args:
        images: (N, C, H, W) in [0, 1]; the network sees them in [-1, 1].
        least: added to each variance, so that components of noise do not become loud.
    """
    patches = F.unfold(2 * images - 1, 2).transpose(1, 2).flatten(0, 1).double()
    variances, components = torch.linalg.eigh(patches.T.cov(correction=0))
    rows = (components / (variances + least).sqrt()).T.flip(0)  # the largest first
    conv.weight.copy_(torch.cat([rows, -rows]).view_as(conv.weight))


# ---- initial weights by hand


@torch.no_grad()
def initialise(model: nn.Module, how: str) -> None:
    """Draw all weights of convolutions and linear layers again, with biases of zero.

    Args:
        how: "default" leaves them; "normal": all N(0, 1); "xavier" (Glorot and Bengio 2010);
            "kaiming" (He et al. 2015); "text": Kaiming for convolutions and N(0, 1) for linear
            layers, as the text does it by hand.
    """
    draw: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
        "normal": (nn.init.normal_, nn.init.normal_),
        "xavier": (nn.init.xavier_normal_, nn.init.xavier_normal_),
        "kaiming": (nn.init.kaiming_normal_, nn.init.kaiming_normal_),
        "text": (nn.init.kaiming_normal_, nn.init.normal_),
    }
    if how == "default":
        return
    convolutions, linear = draw[how]
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.requires_grad:
            (convolutions if isinstance(module, nn.Conv2d) else linear)(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
