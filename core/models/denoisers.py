"""Networks that take a spoilt image and give it back clean: (N, C, H, W) to the same shape.

The first four are those of the texts, layer by layer; `UNet` is ours. Where speed matters, the
convolutional ones are run in the forms of `core.models.fused`.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

Shape = tuple[int, int, int]
"""(C, H, W) of an image."""


class LinearDenoiser(nn.Module):
    """Fully connected autoencoder, 784-128-64-32-64-128-784 for 28×28 grey images."""

    def __init__(self, shape: Shape, widths: Sequence[int] = (128, 64, 32)) -> None:
        super().__init__()
        channels, height, width = shape
        pixels = channels * height * width
        down = [pixels, *widths]
        layers: list[nn.Module] = [nn.Flatten()]
        for a, b in pairwise(down):
            layers += [nn.Linear(a, b), nn.ReLU()]  # (N, a) -> (N, b)
        up = down[::-1]
        for a, b in pairwise(up):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1], nn.Unflatten(1, shape))  # linear output

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


class ConvDenoiser(nn.Module):
    """Two convolutions down, two up, 64 and 128 channels; sides divisible by four."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        channels = shape[0]
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 64, 3, padding=1),  # (N, 64, 28, 28)
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 128, 3, padding=1),  # (N, 128, 14, 14)
            nn.ReLU(),
            nn.MaxPool2d(2),  # (N, 128, 7, 7)
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(128, 64, 3, padding=1),  # (N, 64, 14, 14)
            nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(64, channels, 3, padding=1),  # (N, C, 28, 28)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


class ConvPyramid(nn.Module):
    """Three convolutions with pooling down to a 4×4 code, four up by nearest resizing.

    Gives logits: the sigmoid is in the loss.
    """

    def __init__(self, shape: Shape, down: Sequence[int], up: Sequence[int]) -> None:
        super().__init__()
        channels, height, width = shape
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise([channels, *down])
        )
        self.up = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise([down[-1], *up]))
        self.last = nn.Conv2d(up[-1], channels, 3, padding=1)
        sizes = [(height, width)]
        for _ in down:
            sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))  # 28 -> 14 -> 7 -> 4
        self.sizes = sizes[-2::-1]  # on the way up: 7, 14, 28

    def forward(self, x: Tensor) -> Tensor:
        for convolution in self.down:
            x = F.max_pool2d(F.relu(convolution(x)), 2, ceil_mode=True)
        for convolution, size in zip(self.up, self.sizes, strict=True):
            x = F.relu(convolution(F.interpolate(x, size, mode="nearest")))
        out: Tensor = self.last(x)
        return out


class ResidualBlock(nn.Module):
    """x + two 3×3 convolutions; it begins as the identity and so needs no normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        _zero(self.second)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.relu(self.first(x)))
        return out


class UNet(nn.Module):
    """Residual U-Net (Ronneberger et al. 2015; residual as in DnCNN, Zhang et al. 2017), ours.

    The noise level is not an input. It works on 2×2 pixels at a time
    (space to depth, as in FFDNet, Zhang et al. 2018), a quarter of the positions for the same
    picture, and predicts what to add to its input. Sides divisible by four.
    """

    def __init__(self, shape: Shape, width: int = 48) -> None:
        super().__init__()
        inner = 4 * shape[0]
        self.stem = nn.Conv2d(inner, width, 3, padding=1)
        self.encoder = ResidualBlock(width)
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.bottom = nn.Sequential(ResidualBlock(2 * width), ResidualBlock(2 * width))
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.decoder = ResidualBlock(width)
        self.head = nn.Conv2d(width, inner, 3, padding=1)
        _zero(self.head)  # the first answer is the input itself

    def forward(self, x: Tensor) -> Tensor:
        fine = self.encoder(self.stem(F.pixel_unshuffle(x, 2)))  # (N, 48, 14, 14)
        coarse = self.bottom(self.down(fine))  # (N, 96, 7, 7)
        out = self.head(self.decoder(fine + self.up(coarse)))  # (N, 4C, 14, 14)
        return x + F.pixel_shuffle(out, 2)


def _zero(convolution: nn.Conv2d) -> None:
    nn.init.zeros_(convolution.weight)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
