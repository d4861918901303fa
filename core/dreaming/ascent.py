"""Gradient ascent on a picture, from small octaves to large ones."""

import math
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from core.dreaming.config import Dream, DreamConfig, Report, Scene
from core.dreaming.objectives import Objective
from core.errors import LabError

BLUR_SIGMAS = (0.5, 1.0, 2.0)
"""Standard deviations of the Gaussian blurs of the gradient that are summed."""
TILE_MARGIN = 64
"""Pixels around a tile that the network sees too."""
TILE_STRIDE = 32
"""Tiles start at its multiples, so that they are aligned with the strides of every network."""
MIN_SIDE = 32
"""Minimum shorter side of an octave in pixels."""
MOMENTUM = 0.5
"""Momentum of the steps, which averages over the random shifts. With it 95 % of the steps raise the
objective of the unshifted picture, without it 88 %, and it ends higher."""
MIN_GRADIENT_STD = 1e-12
"""Minimum standard deviation of a gradient; below it there is no direction of ascent."""
NO_GRADIENT = (
    "The gradient is zero for this picture: choose another layer or channel, or another picture."
)
NOISE_STD = 0.02
"""Standard deviation of the noise that is added to a picture without a gradient."""
LUMA_WEIGHTS = (0.299, 0.587, 0.114)


class Tile(NamedTuple):
    """A part of a picture: what the network sees, and its core, without the margin."""

    seen: tuple[slice, slice]
    core: tuple[slice, slice]


def dream(scene: Scene, config: DreamConfig, report: Report) -> Dream:
    """Raise the objective on a picture, octave by octave; only the new detail is carried on.

    Raises:
        LabError: the gradient is zero.
    """
    objective = Objective(scene, config)
    generator = torch.Generator().manual_seed(config.seed)
    sizes = octaves(scene.picture.shape[1:], config.octaves, config.ratio)
    remarks = []
    if len(sizes) < config.octaves:
        remarks.append(
            f"{len(sizes)} octaves instead of {config.octaves}: a smaller picture would be less "
            f"than {MIN_SIDE} pixels high or wide."
        )
    detail = torch.zeros(1, 3, *sizes[0])
    stages, history = [], []
    for number, size in enumerate(sizes):
        base = resized(scene.picture[None], size)
        detail = resized(detail, size)
        mask = None if scene.mask is None else resized(scene.mask[None, None], size)
        image, velocity = (base + detail).clamp(0, 1), torch.zeros(())
        for step in range(config.steps):
            max_shift = round(config.shift * (1 - step / config.steps) ** 2)
            direction, value = ascent(objective, image, config, generator, max_shift)
            if direction is None:
                if not number and not step:
                    image = _with_noise(image, generator)
                    direction, value = ascent(objective, image, config, generator, max_shift)
                    remarks.append(
                        "It started with a little noise, since the gradient was zero without."
                    )
                if direction is None:
                    raise LabError(NO_GRADIENT)
            velocity = direction + MOMENTUM * velocity
            change = config.rate * velocity / velocity.std()
            image = (image + (change if mask is None else change * mask)).clamp(0, 1)
            done = number * config.steps + step + 1
            history.append({"epoch": done, "octave": number + 1, "objective": value})
            report(
                f"octave {number + 1} of {len(sizes)}",
                partial(with_detail, scene, image - base, config),
                epoch=done,
                epochs=len(sizes) * config.steps,
                done=share_done(sizes, number, (step + 1) / config.steps),
            )
        detail = image - base
        stages.append((f"{size[1]}×{size[0]}", with_detail(scene, detail, config)))
    return Dream(stages[-1][1], stages, history, remarks)


def octaves(size: tuple[int, ...], count: int, ratio: float) -> list[tuple[int, int]]:
    """Return the heights and widths of the octaves, the smallest first: `count` of them, or as many
    as have sides of `MIN_SIDE` pixels."""
    every = [tuple(max(1, round(s / ratio**i)) for s in size) for i in range(count)]
    large = [s for s in every if min(s) >= MIN_SIDE] or every[:1]
    return [(high, wide) for high, wide in reversed(large)]


def share_done(sizes: list[tuple[int, int]], octave: int, within: float) -> float:
    """Return the share of the work that is done, 0 to 1, in proportion to the pixels."""
    pixels = [high * wide for high, wide in sizes]
    return (sum(pixels[:octave]) + within * pixels[octave]) / sum(pixels)


def resized(image: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize (N, C, H, W) to another height and width."""
    if tuple(image.shape[2:]) == tuple(size):
        return image
    return F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)


def with_detail(scene: Scene, detail: Tensor, config: DreamConfig) -> Tensor:
    """Add detail of any size to the picture (3, H, W), in all colours or only in its brightness."""
    resized_detail = resized(detail, tuple(scene.picture.shape[1:]))[0]
    if config.keep_colours:
        resized_detail = (
            resized_detail * resized_detail.new_tensor(LUMA_WEIGHTS).view(3, 1, 1)
        ).sum(0, keepdim=True)
    return (scene.picture + resized_detail).clamp(0, 1)


def _with_noise(image: Tensor, generator: torch.Generator) -> Tensor:
    return (image + NOISE_STD * torch.randn(image.shape, generator=generator)).clamp(0, 1)


# ---- one step


def ascent(
    objective: Objective,
    image: Tensor,
    config: DreamConfig,
    generator: torch.Generator,
    max_shift: int,
) -> tuple[Tensor | None, float]:
    """Return the direction of one step, of standard deviation 1 (None without a gradient), and the
    objective before it.

    Args:
        image: (1, 3, H, W) in [0, 1].
        max_shift: maximum shift of the picture in pixels. It shrinks within an octave: large
            shifts leave no trace of the network's grid, small ones let the last steps converge.
    """
    shift = torch.randint(-max_shift, max_shift + 1, (2,), generator=generator).tolist()
    slope, value = gradient(objective, image.roll(shift, (2, 3)), config.tile)
    slope = slope.roll([-s for s in shift], (2, 3))
    if not float(slope.std()) > MIN_GRADIENT_STD:  # written this way, nan is caught too
        return None, value
    slope = normalised_bands(slope, config.bands) if config.bands else slope
    slope = blurred_sum(slope) if config.smooth and not config.bands else slope
    slope = slope / slope.std()
    if config.flatness:
        smoothness = _smoothness_gradient(image)
        slope = slope + config.flatness * smoothness / smoothness.std().clamp_min(MIN_GRADIENT_STD)
    return slope, value


def gradient(objective: Objective, image: Tensor, tile: int) -> tuple[Tensor, float]:
    """Return the gradient of the objective (1, 3, H, W), and its value.

    Args:
        tile: side of the tiles in pixels; a picture that is not much larger is one tile.
    """
    height, width = image.shape[2:]
    if len(list(tiles(height, width, tile))) == 1:
        with torch.enable_grad():
            pixels = image.detach().requires_grad_(True)
            value = objective(pixels).sum()
            (slope,) = torch.autograd.grad(value, pixels)
        return slope, float(value.detach())
    whole = _aligned(image)
    pieces = list(tiles(whole.shape[2], whole.shape[3], tile))
    slope, reached = _by_tiles(objective, whole, pieces)
    return slope[:, :, :height, :width], reached


def _aligned(image: Tensor) -> Tensor:
    """Pad a picture with its last row and column, so that all tiles are aligned."""
    missing = [-side % TILE_STRIDE for side in image.shape[2:]]
    return F.pad(image, (0, missing[1], 0, missing[0]), mode="replicate").detach()


def tiles(height: int, width: int, tile: int) -> Iterator[Tile]:
    """Cover a picture with tiles of at most `tile` pixels, each with the margin around it."""
    for top, bottom in _spans(height, tile):
        for left, right in _spans(width, tile):
            seen = (
                slice(max(0, top - TILE_MARGIN), min(height, bottom + TILE_MARGIN)),
                slice(max(0, left - TILE_MARGIN), min(width, right + TILE_MARGIN)),
            )
            yield Tile(seen, (slice(top, bottom), slice(left, right)))


def _spans(length: int, tile: int) -> list[tuple[int, int]]:
    if length <= tile + 2 * TILE_MARGIN:
        return [(0, length)]
    count = math.ceil(length / tile)
    step = math.ceil(length / count / TILE_STRIDE) * TILE_STRIDE
    return [(start, min(start + step, length)) for start in range(0, length, step)]


def _by_tiles(objective: Objective, whole: Tensor, pieces: list[Tile]) -> tuple[Tensor, float]:
    """Compute the gradient tile by tile, by what each adds to the means of the densities."""
    before = _means(objective, whole, pieces if objective.is_norm else pieces[:1])
    weights = objective.gradients(
        before.means, before.counts
    )  # without a root they do not depend on the means
    slope, reached = torch.zeros_like(whole), Means()
    for piece in pieces:
        with torch.enable_grad():
            pixels = whole[:, :, *piece.seen].detach().requires_grad_(True)
            densities = objective.densities(pixels)
            share = pixels[0, 0].numel() / whole[0, 0].numel()
            total = torch.stack(
                [d.mean() * w * share for d, w in zip(densities, weights, strict=True)]
            )
            (part,) = torch.autograd.grad(total.sum(), pixels)
        inside = tuple(_relative(c, s) for c, s in zip(piece.core, piece.seen, strict=True))
        slope[:, :, *piece.core] = part[:, :, *inside]
        reached.add(densities, piece, whole)
    return slope, float(objective.value(reached.means, reached.counts).sum())


@torch.no_grad()
def _means(objective: Objective, whole: Tensor, pieces: list[Tile]) -> "Means":
    reached = Means()
    for piece in pieces:
        reached.add(objective.densities(whole[:, :, *piece.seen]), piece, whole)
    return reached


class Means:
    """The means of the densities over a whole picture, accumulated over its tiles."""

    def __init__(self) -> None:
        self.means: list[Tensor] = []
        self.counts: list[int] = []

    def add(self, densities: list[Tensor], piece: Tile, whole: Tensor) -> None:
        """Add the core of a tile, which no other tile has."""
        area = whole[0, 0].numel()
        seen, own = (math.prod(s.stop - s.start for s in part) for part in piece)
        cores = [_core(d.detach(), piece).mean((1, 2)) * (own / area) for d in densities]
        before = self.means or [torch.zeros_like(core) for core in cores]
        self.means = [a + b for a, b in zip(before, cores, strict=True)]
        self.counts = [round(d[0].numel() * area / seen) for d in densities]


def _core(density: Tensor, piece: Tile) -> Tensor:
    """Return the part of a tile's density (N, h, w) that belongs to its core."""
    places = []
    for cells, core, seen in zip(density.shape[1:], piece.core, piece.seen, strict=True):
        scale = cells / (seen.stop - seen.start)
        inside = _relative(core, seen)
        start = min(round(inside.start * scale), cells - 1)
        places.append(slice(start, max(start + 1, round(inside.stop * scale))))
    return density[:, *places]


def _relative(core: slice, seen: slice) -> slice:
    return slice(core.start - seen.start, core.stop - seen.start)


# ---- filters of the gradient


def blurred_sum(slope: Tensor) -> Tensor:
    """Sum the gradient (N, C, H, W) over three Gaussian blurs, so that large forms grow too.

    By the Fourier transform, which takes a fifth of the time of convolutions and wraps around.
    """
    height, width = slope.shape[2:]
    waves = torch.fft.rfft2(slope) * _three_blurs(height, width)
    blurred: Tensor = torch.fft.irfft2(waves, s=(height, width))
    return blurred


@lru_cache(maxsize=32)
def _three_blurs(height: int, width: int) -> Tensor:
    """Return the sum of the Fourier transforms of the Gaussians."""
    rows, columns = (torch.fft.fftfreq(n, 1 / n) for n in (height, width))  # 0, 1, 2, … -2, -1
    squared = rows[:, None].square() + columns.square()
    blurs = [torch.exp(-squared / (2 * sigma**2)) for sigma in BLUR_SIGMAS]
    waves: Tensor = torch.fft.rfft2(torch.stack([b / b.sum() for b in blurs]).sum(0))
    return waves


def normalised_bands(slope: Tensor, bands: int) -> Tensor:
    """Normalise each band of the gradient's Laplacian pyramid, and sum them (Mordvintsev et al.
    2015)."""
    parts, rest = [], slope
    for _ in range(bands - 1):
        if min(rest.shape[2:]) < 4:
            break
        smaller = resized(rest, tuple(side // 2 for side in rest.shape[2:]))
        parts.append(rest - resized(smaller, tuple(rest.shape[2:])))
        rest = smaller
    out = rest / rest.std().clamp_min(MIN_GRADIENT_STD)
    for part in reversed(parts):
        out = resized(out, tuple(part.shape[2:])) + part / part.std().clamp_min(MIN_GRADIENT_STD)
    return out


def _smoothness_gradient(image: Tensor) -> Tensor:
    """Return the negative gradient of the squared differences of neighbours, up to a factor."""
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    around = padded[:, :, :-2, 1:-1] + padded[:, :, 2:, 1:-1]
    around = around + padded[:, :, 1:-1, :-2] + padded[:, :, 1:-1, 2:]
    return around / 4 - image
