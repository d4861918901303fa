"""Gradient ascent on a picture, from small octaves to large ones."""

import math
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from core.dreaming.config import Dream, DreamConfig, Scene, Watch
from core.dreaming.objectives import Objective
from core.errors import LabError

SIGMAS = (0.5, 1.0, 2.0)
"""Blurs of the gradient that are added up."""
MARGIN = 64
"""Pixels around a tile that are looked at too."""
ALIGNED = 32
"""Tiles begin at its multiples, as the strides of every network do."""
LEAST = 32
"""Pixels of the smallest octave's shorter side."""
KEPT = 0.5
"""Share of the last step's direction in the next one: the jitter of the shifts cancels out. So 95 %
of the steps raise the objective of the unshifted picture, without it 88 %, and it ends higher."""
DEAD = 1e-12
"""Standard deviation of a gradient that is none."""
UNMOVED = (
    "Nothing in this picture moves what was asked for: choose another layer or channel, or another "
    "picture."
)
NOISE = 0.02
"""What is added to a picture that moves nothing."""
LUMA = (0.299, 0.587, 0.114)


class Tile(NamedTuple):
    """A part of a picture that is looked at, and the part of it that counts."""

    seen: tuple[slice, slice]
    core: tuple[slice, slice]


def dream(scene: Scene, config: DreamConfig, watch: Watch) -> Dream:
    """Raise the objective on a picture, octave by octave; only the detail found is carried on.

    Raises:
        LabError: nothing in the picture moves the layers that were asked for.
    """
    objective = Objective(scene, config)
    generator = torch.Generator().manual_seed(config.seed)
    sizes = octaves(scene.picture.shape[1:], config.octaves, config.ratio)
    remarks = []
    if len(sizes) < config.octaves:
        remarks.append(
            f"{len(sizes)} octaves instead of {config.octaves}: a smaller picture would be less "
            f"than {LEAST} pixels high or wide."
        )
    detail = torch.zeros(1, 3, *sizes[0])
    stages, history = [], []
    for number, size in enumerate(sizes):
        base = resized(scene.picture[None], size)
        detail = resized(detail, size)
        where = None if scene.mask is None else resized(scene.mask[None, None], size)
        image, drift = (base + detail).clamp(0, 1), torch.zeros(())
        for step in range(config.steps):
            reach = round(config.shift * (1 - step / config.steps) ** 2)
            direction, value = ascent(objective, image, config, generator, reach)
            if direction is None:
                if not number and not step:
                    image = _woken(image, generator)
                    direction, value = ascent(objective, image, config, generator, reach)
                    remarks.append("It began with a little noise, for nothing answered before.")
                if direction is None:
                    raise LabError(UNMOVED)
            drift = direction + KEPT * drift
            change = config.rate * drift / drift.std()
            image = (image + (change if where is None else change * where)).clamp(0, 1)
            done = number * config.steps + step + 1
            history.append({"epoch": done, "octave": number + 1, "objective": value})
            watch(
                f"octave {number + 1} of {len(sizes)}",
                partial(composed, scene, image - base, config),
                epoch=done,
                epochs=len(sizes) * config.steps,
                done=share_done(sizes, number, (step + 1) / config.steps),
            )
        detail = image - base
        stages.append((f"{size[1]}×{size[0]}", composed(scene, detail, config)))
    return Dream(stages[-1][1], stages, history, remarks)


def octaves(size: tuple[int, ...], count: int, ratio: float) -> list[tuple[int, int]]:
    """The heights and widths that a picture is dreamt at, the smallest first: as many as asked for,
    or as there are with sides of `LEAST` pixels."""
    every = [tuple(max(1, round(s / ratio**i)) for s in size) for i in range(count)]
    large = [s for s in every if min(s) >= LEAST] or every[:1]
    return [(high, wide) for high, wide in reversed(large)]


def share_done(sizes: list[tuple[int, int]], octave: int, within: float) -> float:
    """How much of the work is behind, 0 to 1: it goes with the pixels."""
    pixels = [high * wide for high, wide in sizes]
    return (sum(pixels[:octave]) + within * pixels[octave]) / sum(pixels)


def resized(image: Tensor, size: tuple[int, ...]) -> Tensor:
    """(N, C, H, W) in another size."""
    if tuple(image.shape[2:]) == tuple(size):
        return image
    return F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)


def composed(scene: Scene, detail: Tensor, config: DreamConfig) -> Tensor:
    """The picture (3, H, W) with the detail that was found at any size, as it is shown: in all
    colours, or only in its brightness."""
    found = resized(detail, tuple(scene.picture.shape[1:]))[0]
    if config.keep_colours:
        found = (found * found.new_tensor(LUMA).view(3, 1, 1)).sum(0, keepdim=True)
    return (scene.picture + found).clamp(0, 1)


def _woken(image: Tensor, generator: torch.Generator) -> Tensor:
    return (image + NOISE * torch.randn(image.shape, generator=generator)).clamp(0, 1)


# ---- one step


def ascent(
    objective: Objective,
    image: Tensor,
    config: DreamConfig,
    generator: torch.Generator,
    reach: int,
) -> tuple[Tensor | None, float]:
    """Where one step goes, of standard deviation 1 (None: no way leads up), and how far up the
    picture stands before it.

    Args:
        image: (1, 3, H, W) in [0, 1].
        reach: pixels by which the picture is shifted at most. It shrinks within an octave: a wide
            one leaves no trace of the network's grid, a narrow one lets the last steps settle.
    """
    shift = torch.randint(-reach, reach + 1, (2,), generator=generator).tolist()
    slope, value = gradient(objective, image.roll(shift, (2, 3)), config.tile)
    slope = slope.roll([-s for s in shift], (2, 3))
    if not float(slope.std()) > DEAD:  # so written, nan is dead too
        return None, value
    slope = banded(slope, config.bands) if config.bands else slope
    slope = blurred_sum(slope) if config.smooth and not config.bands else slope
    slope = slope / slope.std()
    if config.flatness:
        flatter = _flatter(image)
        slope = slope + config.flatness * flatter / flatter.std().clamp_min(DEAD)
    return slope, value


def gradient(objective: Objective, image: Tensor, tile: int) -> tuple[Tensor, float]:
    """The objective's slope at each pixel (1, 3, H, W), and its value.

    Args:
        tile: pixels of a part that is looked at at once; a picture not much larger is one.
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
    """Made larger by its last row and column, so that all tiles meet the same strides."""
    missing = [-side % ALIGNED for side in image.shape[2:]]
    return F.pad(image, (0, missing[1], 0, missing[0]), mode="replicate").detach()


def tiles(height: int, width: int, tile: int) -> Iterator[Tile]:
    """Parts of `tile` pixels or less that cover a picture, each with the margin around it."""
    for top, bottom in _spans(height, tile):
        for left, right in _spans(width, tile):
            seen = (
                slice(max(0, top - MARGIN), min(height, bottom + MARGIN)),
                slice(max(0, left - MARGIN), min(width, right + MARGIN)),
            )
            yield Tile(seen, (slice(top, bottom), slice(left, right)))


def _spans(length: int, tile: int) -> list[tuple[int, int]]:
    if length <= tile + 2 * MARGIN:
        return [(0, length)]
    count = math.ceil(length / tile)
    step = math.ceil(length / count / ALIGNED) * ALIGNED
    return [(start, min(start + step, length)) for start in range(0, length, step)]


def _by_tiles(objective: Objective, whole: Tensor, pieces: list[Tile]) -> tuple[Tensor, float]:
    """The slope from the parts of a picture, by what each adds to the densities' means."""
    before = _means(objective, whole, pieces if objective.rooted else pieces[:1])
    worth = objective.slopes(before.means, before.counts)  # without roots the same for any means
    slope, reached = torch.zeros_like(whole), Means()
    for piece in pieces:
        with torch.enable_grad():
            pixels = whole[:, :, *piece.seen].detach().requires_grad_(True)
            found = objective.densities(pixels)
            share = pixels[0, 0].numel() / whole[0, 0].numel()
            total = torch.stack([d.mean() * w * share for d, w in zip(found, worth, strict=True)])
            (part,) = torch.autograd.grad(total.sum(), pixels)
        inside = tuple(_within(c, s) for c, s in zip(piece.core, piece.seen, strict=True))
        slope[:, :, *piece.core] = part[:, :, *inside]
        reached.add(found, piece, whole)
    return slope, float(objective.value(reached.means, reached.counts).sum())


@torch.no_grad()
def _means(objective: Objective, whole: Tensor, pieces: list[Tile]) -> "Means":
    reached = Means()
    for piece in pieces:
        reached.add(objective.densities(whole[:, :, *piece.seen]), piece, whole)
    return reached


class Means:
    """The densities' means over a whole picture, from those over its parts."""

    def __init__(self) -> None:
        self.means: list[Tensor] = []
        self.counts: list[int] = []

    def add(self, densities: list[Tensor], piece: Tile, whole: Tensor) -> None:
        """What a tile adds: only its core, which no other tile has."""
        area = whole[0, 0].numel()
        seen, own = (math.prod(s.stop - s.start for s in part) for part in piece)
        cores = [_core(d.detach(), piece).mean((1, 2)) * (own / area) for d in densities]
        before = self.means or [torch.zeros_like(core) for core in cores]
        self.means = [a + b for a, b in zip(before, cores, strict=True)]
        self.counts = [round(d[0].numel() * area / seen) for d in densities]


def _core(density: Tensor, piece: Tile) -> Tensor:
    """The part of a tile's density (N, h, w) that belongs to its core."""
    places = []
    for cells, core, seen in zip(density.shape[1:], piece.core, piece.seen, strict=True):
        scale = cells / (seen.stop - seen.start)
        inside = _within(core, seen)
        start = min(round(inside.start * scale), cells - 1)
        places.append(slice(start, max(start + 1, round(inside.stop * scale))))
    return density[:, *places]


def _within(core: slice, seen: slice) -> slice:
    return slice(core.start - seen.start, core.stop - seen.start)


# ---- what is made of a gradient


def blurred_sum(slope: Tensor) -> Tensor:
    """Itself (N, C, H, W) blurred by three Gaussians and added up: large forms grow with the small.

    By its waves, a fifth of the time of convolutions; so it goes on at the opposite edge.
    """
    height, width = slope.shape[2:]
    waves = torch.fft.rfft2(slope) * _three_blurs(height, width)
    found: Tensor = torch.fft.irfft2(waves, s=(height, width))
    return found


@lru_cache(maxsize=32)
def _three_blurs(height: int, width: int) -> Tensor:
    """What the Gaussians leave of each wave, added up."""
    rows, columns = (torch.fft.fftfreq(n, 1 / n) for n in (height, width))  # 0, 1, 2, … -2, -1
    squared = rows[:, None].square() + columns.square()
    blurs = [torch.exp(-squared / (2 * sigma**2)) for sigma in SIGMAS]
    waves: Tensor = torch.fft.rfft2(torch.stack([b / b.sum() for b in blurs]).sum(0))
    return waves


def banded(slope: Tensor, bands: int) -> Tensor:
    """Its bands of a Laplacian pyramid, each brought to the same strength, put together again
    (Mordvintsev et al. 2015)."""
    parts, rest = [], slope
    for _ in range(bands - 1):
        if min(rest.shape[2:]) < 4:
            break
        smaller = resized(rest, tuple(side // 2 for side in rest.shape[2:]))
        parts.append(rest - resized(smaller, tuple(rest.shape[2:])))
        rest = smaller
    out = rest / rest.std().clamp_min(DEAD)
    for part in reversed(parts):
        out = resized(out, tuple(part.shape[2:])) + part / part.std().clamp_min(DEAD)
    return out


def _flatter(image: Tensor) -> Tensor:
    """Where the squared differences of neighbours fall fastest: the mean around less the pixel."""
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    around = padded[:, :, :-2, 1:-1] + padded[:, :, 2:, 1:-1]
    around = around + padded[:, :, 1:-1, :-2] + padded[:, :, 1:-1, 2:]
    return around / 4 - image
