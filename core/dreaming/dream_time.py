"""How long a dream will take, before it starts."""

import math
import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import NamedTuple

import torch
from cachetools import LRUCache

from core.dreaming import ascent, classic, dream_runs
from core.dreaming.config import ATLAS, CLASSES, NEW, DreamConfig, Scene, answering, targets
from core.dreaming.objectives import Objective
from core.errors import LabError
from core.models import backbones
from core.models.pretrained import folded
from core.runs.store import Run
from core.settings import settings

PROBED = 160
"""Pixels of the picture by which a machine's speed is told."""
OVERLAP = 1.5
"""Times the work of a tiled picture, whose margins are looked at twice."""
LEARNT_FROM = 5
"""Finished dreams at most, those most like the one that is asked for."""
BUSY = 2.0
"""Times as long that it takes where others work too."""
ELSE = 2.0
"""Times as long, or as short, of other layers or of a picture of quite another size."""
ALIKE = 8.0
"""Times the work, more or less, of a dream that tells something about another."""
STEPS, REACH = 3, 8
"""Of a probe: its steps, and the pixels by which they shift the picture."""


class Span(NamedTuple):
    """The seconds that something will take at least and at most, roughly."""

    least: float
    most: float


def estimate(
    variant: str,
    config: DreamConfig,
    size: tuple[int, int],
    done: Iterable[Run] = (),
    probe: Callable[[str, str], float] | None = None,
) -> Span:
    """How long a dream of a picture (height, width) will take here.

    It is learnt from finished dreams; where there are none yet of this kind and network, from a
    small probe in this process, which says less: its thread is one of those that a dream has.

    Args:
        done: finished dreams, of any kind; those that were made elsewhere tell nothing.
        probe: gives `seconds_a_pixel` of a backbone and layers, maybe kept.

    Raises:
        DataMissing: the network's weights are not here.
    """
    asked = work(variant, config, size)
    if seen := sorted(_seen(variant, config, asked, done))[:LEARNT_FROM]:
        rates = [rate for _, rate in seen]
        spread = max(distance for distance, _ in seen)
        return Span(asked * min(rates) / spread, asked * max(rates) * spread)
    seconds = asked * (probe or seconds_a_pixel)(config.backbone, config.layers)
    return Span(seconds / settings().torch_threads, seconds * BUSY)


def work(variant: str, config: DreamConfig, size: tuple[int, int]) -> float:
    """Pixels that a dream looks at, over all its steps."""
    if variant in NEW:
        known = answering(config.backbone)
        count = sum(known[t.layer] for t in targets(config.layers)) if variant == ATLAS else 1
        return float(config.side**2 * count * config.steps)
    classical = variant == "classic"
    sizes = (
        classic.sizes(size, config)
        if classical
        else ascent.octaves(size, config.octaves, config.ratio)
    )
    found = float(sum(high * wide for high, wide in sizes) * config.steps)
    found *= config.frames if variant == "zoom" else 1
    parts = 1 if classical else len(list(ascent.tiles(*size, config.tile)))
    return found * (OVERLAP if parts > 1 else 1)


def _seen(
    variant: str, config: DreamConfig, asked: float, done: Iterable[Run]
) -> Iterable[tuple[float, float]]:
    """How far dreams of the same kind and network were from this one, as a factor from 1.25 on, and
    the seconds that they took for a pixel."""
    threads = settings().torch_threads
    here = f"cpu, {threads} thread{'s' if threads > 1 else ''}"
    for run in done:
        try:
            if run.shipped or run.spec().variant != variant:
                continue
            figures, other = run.metrics(), dream_runs.config_of(run)
            shape = run.spec().data.shape
            before = work(variant, other, (shape[1], shape[2]))
        except LabError:
            continue
        seconds = float(figures.get("seconds", 0))
        if other.backbone != config.backbone or figures.get("device") != here or seconds <= 0:
            continue
        far = abs(math.log(before / asked)) > math.log(ALIKE)
        yield (
            1.25 * (ELSE if far else 1) * (ELSE if other.layers != config.layers else 1),
            (seconds / before),
        )


_least: LRUCache[tuple[str, str], float] = LRUCache(64)
_lock = Lock()


def seconds_a_pixel(backbone: str, layers: str) -> float:
    """Seconds of one step for a pixel in this thread: the least that was seen since the process
    began, for what else goes on can only make it longer.

    Raises:
        DataMissing: the network's weights are not here.
    """
    names = {t.layer for t in targets(layers)}
    head = backbones.load_head(backbone) if CLASSES in names else None
    net = folded(backbones.load(backbone))
    generator = torch.Generator().manual_seed(0)
    scene = Scene(torch.rand(3, PROBED, PROBED, generator=generator), net, head=head)
    config = DreamConfig(backbone=backbone, layers=layers)
    objective = Objective(scene, config)
    ascent.ascent(objective, scene.picture[None], config, generator, REACH)
    times = []
    for _ in range(STEPS):
        began = time.perf_counter()
        ascent.ascent(objective, scene.picture[None], config, generator, REACH)
        times.append(time.perf_counter() - began)
    seen = min(times) / PROBED**2
    with _lock:
        _least[backbone, layers] = min(seen, _least.get((backbone, layers), seen))
        return _least[backbone, layers]
