"""Networks that take noise away, to be used over and over."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GROUPS = 8
TIME_NUMBERS = 64
"""Sines and cosines that a time is written as."""


def time_code(t: Tensor, numbers: int = TIME_NUMBERS) -> Tensor:
    """Write times (B,) in [0, 1] as sines and cosines (B, numbers) of falling wavelengths, the
    longest 2π, the shortest 2π / 1000 (Vaswani et al. 2017)."""
    rates = torch.exp(math.log(1000) * torch.linspace(0, 1, numbers // 2, device=t.device))
    angles = t[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


class Block(nn.Module):
    """Two convolutions of 3×3 around which the input is passed on; between them each channel is
    scaled and shifted by what is known of time and class (Perez et al. 2018).

    The second convolution is zero at first, so that the block begins as its shortcut.
    """

    def __init__(self, inputs: int, outputs: int, known: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = (nn.GroupNorm(GROUPS, n) for n in (inputs, outputs))
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        self.modulation = nn.Linear(known, 2 * outputs) if known else None
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor, known: Tensor | None) -> Tensor:
        """Features (B, C, H, W) and what is known (B, K) to features (B, C', H, W)."""
        between = self.second_norm(self.first(F.silu(self.first_norm(x))))
        if self.modulation is not None:
            assert known is not None
            scale, shift = self.modulation(known)[:, :, None, None].chunk(2, 1)
            between = between * (1 + scale) + shift
        out: Tensor = self.shortcut(x) + self.second(F.silu(between))
        return out


class DiffusionNet(nn.Module):
    """A U-Net of two resolutions on patches of 2×2 pixels, told the time and the class, or nothing.

    Half the resolution is where most of it works: four times fewer sums than on pixels.
    """

    def __init__(
        self, shape: tuple[int, int, int], width: int, classes: int, *, blind: bool
    ) -> None:
        """Build it for images of `shape` (C, H, W), both sides divisible by four.

        Args:
            width: channels at half the resolution; twice as many at a quarter.
            classes: that it can be asked for; 0 for none. One more stands for “any”.
            blind: it is told neither time nor class, and has to see how much noise there is.
        """
        super().__init__()
        self.shape, self.classes, self.blind = shape, classes, blind
        known = 0 if blind else 4 * width
        if not blind:
            self.time = nn.Sequential(nn.Linear(TIME_NUMBERS, known), nn.SiLU())
            self.label = nn.Embedding(classes + 1, known)
        patch = 4 * shape[0]
        self.enter = nn.Conv2d(patch, width, 3, padding=1)
        self.down = nn.ModuleList([Block(width, width, known) for _ in range(2)])
        self.shrink = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.middle = nn.ModuleList([Block(2 * width, 2 * width, known) for _ in range(3)])
        self.grow = nn.Conv2d(2 * width, width, 3, padding=1)
        self.up = nn.ModuleList([Block(2 * width, width, known), Block(width, width, known)])
        self.norm = nn.GroupNorm(GROUPS, width)
        self.leave = nn.Conv2d(width, patch, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """Noisy images (B, C, H, W) to what they are to be (B, C, H, W).

        A blind network sees images at one size of their numbers, which are counted from black, and
        what it says grows with them: twice the image and its noise are twice the answer.

        Args:
            t: times (B,) in [0, 1].
            labels: classes (B,); negative ones, and None, stand for “any”.
        """
        known, size = None, torch.ones_like(t)[:, None, None, None]
        if self.blind:
            x = x + 1
            size = x.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-6)
        else:
            label = torch.full_like(t, -1, dtype=torch.long) if labels is None else labels
            label = torch.where((label < 0) | (label >= self.classes), self.classes, label)
            known = F.silu(self.time(time_code(t)) + self.label(label))
        x = self.enter(F.pixel_unshuffle(x / size, 2))  # (B, 4C, H/2, W/2)
        for block in self.down:
            x = block(x, known)
        skip, x = x, self.shrink(x)  # (B, 2w, H/4, W/4)
        for block in self.middle:
            x = block(x, known)
        x = self.grow(F.interpolate(x, size=skip.shape[-2:], mode="nearest"))
        x = torch.cat([x, skip], 1)
        for block in self.up:
            x = block(x, known)
        out: Tensor = size * F.pixel_shuffle(self.leave(F.silu(self.norm(x))), 2)
        return out
