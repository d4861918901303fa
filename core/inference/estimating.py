"""How long a dream will take, before it starts."""

import time
from functools import lru_cache

import torch

from core.models import backbones
from core.models.pretrained import folded
from core.settings import settings
from core.tasks.dreams import ascent, classic
from core.tasks.dreams.objectives import Objective
from core.tasks.dreams.recipe import ATLAS, CLASSES, NEW, DreamConfig, Scene, answering, targets

PROBED = 160
"""Pixels of the picture by which a machine's speed is told."""
OVERLAP = 1.5
"""Times the work of a tiled picture, whose margins are looked at twice."""


def estimate(variant: str, config: DreamConfig, size: tuple[int, int]) -> float:
    """Seconds that a dream of a picture (height, width) will take here, roughly.

    Raises:
        DataMissing: the network's weights are not here.
    """
    if variant in NEW:
        known = answering(config.backbone)
        count = sum(known[t.layer] for t in targets(config.layers)) if variant == ATLAS else 1
        work = float(config.side**2 * count * config.steps)
    else:
        classical = variant == "classic"
        sizes = (
            classic.sizes(size, config)
            if classical
            else ascent.octaves(size, config.octaves, config.ratio)
        )
        work = float(sum(high * wide for high, wide in sizes) * config.steps)
        work *= config.frames if variant == "zoom" else 1
        parts = 1 if classical else len(list(ascent.tiles(*size, config.tile)))
        work *= OVERLAP if parts > 1 else 1
    return work * _seconds_a_pixel(config.backbone, config.layers, settings().torch_threads)


@lru_cache(maxsize=64)
def _seconds_a_pixel(backbone: str, layers: str, threads: int) -> float:
    """Of one step here, on so many threads: seen on a small picture."""
    names = {t.layer for t in targets(layers)}
    head = backbones.load_head(backbone) if CLASSES in names else None
    net = folded(backbones.load(backbone))
    scene = Scene(torch.rand(3, PROBED, PROBED), net, head=head)
    config = DreamConfig(backbone=backbone, layers=layers)
    objective = Objective(scene, config)
    generator = torch.Generator().manual_seed(0)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        ascent.ascent(objective, scene.picture[None], config, generator, 8)
        seen = []
        for _ in range(3):
            began = time.perf_counter()
            ascent.ascent(objective, scene.picture[None], config, generator, 8)
            seen.append(time.perf_counter() - began)
        return min(seen) / PROBED**2
    finally:
        torch.set_num_threads(before)
