"""Estimates of the duration of a dream."""

import math
import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import NamedTuple

import torch
from cachetools import LRUCache

from core.dreaming import ascent, classic
from core.dreaming.config import (
    ATLAS,
    CLASSES,
    FROM_NOISE,
    DreamConfig,
    Scene,
    layer_channels,
    targets,
)
from core.dreaming.objectives import Objective
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.models import backbones
from core.models.pretrained import folded
from core.runs.store import Run
from core.settings import settings

PROBE_SIDE = 160
"""Side in pixels of the picture by which the machine's speed is measured."""
TILE_OVERHEAD = 1.5
"""Factor on the work of a tiled picture, whose margins are computed twice."""
MAX_COMPARED = 5
"""Maximum number of finished dreams, the most similar ones, for an estimate."""
BUSY_FACTOR = 2.0
"""Factor on the time while other jobs run too."""
DIFFERENCE_FACTOR = 2.0
"""Factor of uncertainty for other layers, or for a picture of quite another size."""
MAX_WORK_RATIO = 8.0
"""Ratio of the work of two dreams beyond which their sizes count as different."""
PROBE_STEPS, PROBE_SHIFT = 3, 8
"""Steps of a probe, and their maximum shift in pixels."""


class Span(NamedTuple):
    """Estimated minimum and maximum duration in seconds."""

    least: float
    most: float


def estimate(
    variant: str,
    config: DreamConfig,
    size: tuple[int, int],
    done: Iterable[Run] = (),
    probe: Callable[[str, str], float] | None = None,
) -> Span:
    """Estimate how long a dream of a picture (height, width) will take here.

    The estimate is based on finished dreams; if there are none of this variant and network, on a
    small probe in this process, which is less accurate: it has only one of a dream's threads.

    Args:
        done: finished dreams, of any variant; those from other machines are ignored.
        probe: returns `seconds_a_pixel` of a backbone and layers, maybe cached.

    Raises:
        DataMissing: the network's weights are not here.
    """
    pixels = pixel_count(variant, config, size)
    if similar := sorted(_similar(variant, config, pixels, done))[:MAX_COMPARED]:
        rates = [rate for _, rate in similar]
        spread = max(distance for distance, _ in similar)
        return Span(pixels * min(rates) / spread, pixels * max(rates) * spread)
    seconds = pixels * (probe or seconds_a_pixel)(config.backbone, config.layers)
    return Span(seconds / settings().torch_threads, seconds * BUSY_FACTOR)


def pixel_count(variant: str, config: DreamConfig, size: tuple[int, int]) -> float:
    """Return the number of pixels that a dream processes, over all its steps."""
    if variant in FROM_NOISE:
        known = layer_channels(config.backbone)
        count = sum(known[t.layer] for t in targets(config.layers)) if variant == ATLAS else 1
        return float(config.side**2 * count * config.steps)
    classical = variant == "classic"
    sizes = (
        classic.sizes(size, config)
        if classical
        else ascent.octaves(size, config.octaves, config.ratio)
    )
    pixels = float(sum(high * wide for high, wide in sizes) * config.steps)
    pixels *= config.frames if variant == "zoom" else 1
    parts = 1 if classical else len(list(ascent.tiles(*size, config.tile)))
    return pixels * (TILE_OVERHEAD if parts > 1 else 1)


def _similar(
    variant: str, config: DreamConfig, pixels: float, done: Iterable[Run]
) -> Iterable[tuple[float, float]]:
    """Yield, for each dream of the same variant and network, its difference from this one, a factor
    of at least 1.25, and its seconds a pixel."""
    threads = settings().torch_threads
    here = f"cpu, {threads} thread{'s' if threads > 1 else ''}"
    for run in done:
        try:
            if run.shipped or run.spec().variant != variant:
                continue
            figures, other = run.metrics(), DREAMING.config_of(run)
            shape = run.spec().data.shape
            before = pixel_count(variant, other, (shape[1], shape[2]))
        except LabError:
            continue
        seconds = float(figures.get("seconds", 0))
        if other.backbone != config.backbone or figures.get("device") != here or seconds <= 0:
            continue
        differs = abs(math.log(before / pixels)) > math.log(MAX_WORK_RATIO)
        yield (
            1.25
            * (DIFFERENCE_FACTOR if differs else 1)
            * (DIFFERENCE_FACTOR if other.layers != config.layers else 1),
            (seconds / before),
        )


_fastest: LRUCache[tuple[str, str], float] = LRUCache(64)
_lock = Lock()


def seconds_a_pixel(backbone: str, layers: str) -> float:
    """Measure the seconds of one step for a pixel in this thread: the minimum since the process
    started, since other work can only make it longer.

    Raises:
        DataMissing: the network's weights are not here.
    """
    names = {t.layer for t in targets(layers)}
    head = backbones.load_head(backbone) if CLASSES in names else None
    net = folded(backbones.load(backbone))
    generator = torch.Generator().manual_seed(0)
    scene = Scene(torch.rand(3, PROBE_SIDE, PROBE_SIDE, generator=generator), net, head=head)
    config = DreamConfig(backbone=backbone, layers=layers)
    objective = Objective(scene, config)
    ascent.ascent(objective, scene.picture[None], config, generator, PROBE_SHIFT)
    times = []
    for _ in range(PROBE_STEPS):
        began = time.perf_counter()
        ascent.ascent(objective, scene.picture[None], config, generator, PROBE_SHIFT)
        times.append(time.perf_counter() - began)
    fastest = min(times) / PROBE_SIDE**2
    with _lock:
        _fastest[backbone, layers] = min(fastest, _fastest.get((backbone, layers), fastest))
        return _fastest[backbone, layers]
