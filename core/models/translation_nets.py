"""Networks that translate pictures of one set into another, and their patch discriminators."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shape = tuple[int, int, int]
LARGE = 32
"""Side up to which a generator works on patches of 2×2 pixels; beyond it, of 4×4."""
FIRST = 32
"""Channels of a discriminator's first layer."""


def patch_side(side: int) -> int:
    """Return the side of the patches that a generator makes one place of, in pixels."""
    return 2 if side <= LARGE else 4


class ResidualBlock(nn.Module):
    """Two convolutions of 3×3 with instance norm, around which the input is passed on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.first_norm, self.second_norm = (
            nn.InstanceNorm2d(width, affine=True) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, width, H, W) to features of the same shape."""
        between = F.relu(self.first_norm(self.first(x)))
        out: Tensor = x + self.second_norm(self.second(between))
        return out


class Generator(nn.Module):
    """Patches of pixels, residual blocks, patches again (Zhu et al. 2017, where strided
    convolutions stand in the place of the patches)."""

    def __init__(self, shape: Shape, width: int, blocks: int) -> None:
        """Build it for images of `shape` (C, H, W), both sides divisible by four.

        Args:
            width: channels inside.
            blocks: residual blocks.
        """
        super().__init__()
        self.patch = patch_side(max(shape[1:]))
        numbers = shape[0] * self.patch**2
        self.enter = nn.Conv2d(numbers, width, 3, padding=1)
        self.norm = nn.InstanceNorm2d(width, affine=True)
        self.blocks = nn.ModuleList([ResidualBlock(width) for _ in range(blocks)])
        self.leave = nn.Conv2d(width, numbers, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) in [-1, 1] to images of the other set, in (-1, 1)."""
        x = F.relu(self.norm(self.enter(F.pixel_unshuffle(x, self.patch))))
        for block in self.blocks:
            x = block(x)
        return F.pixel_shuffle(self.leave(x), self.patch).tanh()


class PatchDiscriminator(nn.Sequential):
    """Scores of overlapping patches, (B, 1, h, w): higher is more like the real set.

    A patch is 22×22 pixels up to a side of 32, and 46×46 beyond it (Isola et al. 2017).
    """

    def __init__(self, shape: Shape) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(shape[0], FIRST, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
        ]
        widths = [FIRST, 2 * FIRST] if max(shape[1:]) <= LARGE else [FIRST, 2 * FIRST, 4 * FIRST]
        for a, b in pairwise(widths):
            down = nn.Conv2d(a, b, 4, stride=2, padding=1)
            layers += [down, nn.InstanceNorm2d(b), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))


class Translator(nn.Module):
    """Two generators, from A to B and from B to A, and a discriminator of each set.

    Args:
        discriminators: whether it has any; a regression on pairs needs none.
    """

    def __init__(
        self, shape: Shape, width: int, blocks: int, *, discriminators: bool = True
    ) -> None:
        super().__init__()
        self.shape = shape
        self.generators = nn.ModuleDict({k: Generator(shape, width, blocks) for k in ("ab", "ba")})
        self.discriminators = nn.ModuleDict(
            {k: PatchDiscriminator(shape) for k in "ab"} if discriminators else {}
        )

    def forward_ab(self, a: Tensor) -> Tensor:
        """Translate images (B, C, H, W) in [-1, 1] of A into B."""
        out: Tensor = self.generators["ab"](a)
        return out

    def forward_ba(self, b: Tensor) -> Tensor:
        """Translate images (B, C, H, W) in [-1, 1] of B into A."""
        out: Tensor = self.generators["ba"](b)
        return out

    def forward(self, a: Tensor) -> Tensor:
        """As `forward_ab`: what is exported."""
        return self.forward_ab(a)

    def score(self, which: str, images: Tensor) -> Tensor:
        """Scores (B, 1, h, w) of the patches of images in [-1, 1], by the discriminator of set
        `which`, "a" or "b"."""
        out: Tensor = self.discriminators[which](images)
        return out

    @torch.no_grad()
    def translate(self, images: Tensor, direction: str) -> Tensor:
        """Translate images (N, C, H, W) in [0, 1] into images in [0, 1]; `direction` is "ab" or
        "ba"."""
        out: Tensor = (self.generators[direction](2 * images - 1) + 1) / 2
        return out
