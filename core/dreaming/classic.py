"""The text's DeepDream: a recursion over halved pictures, each climbing a few steps on its own."""

from functools import partial

import numpy as np
import torch
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from core.dreaming.ascent import DEAD, UNMOVED, share_done
from core.dreaming.config import SQUEEZED, Dream, DreamConfig, Scene, Watch, targets
from core.dreaming.objectives import Objective
from core.errors import LabError
from core.models import backbones


def classic(scene: Scene, config: DreamConfig, watch: Watch) -> Dream:
    """Blur, shrink, dream of that, enlarge, blend with the picture, climb: published recursion.

    It goes down to a pixel, for the network sees every octave at 224×224 (`squeeze`). Where it sees
    them as they are, the smallest is the one of which it still gives a map.

    Raises:
        LabError: the gradient is zero.
    """
    objective = Objective(scene, config)
    picture = to_image(scene.picture)
    least = 1 if config.squeeze else smallest(config)
    levels = _levels(picture.size, config, least)
    looked = _seen(levels, config)
    remarks, moved = [], False
    if len(levels) < config.octaves + 1:
        why = "a pixel is the least" if config.squeeze else f"the network needs {least} pixels"
        remarks.append(f"{len(levels) - 1} halvings instead of {config.octaves}: {why}.")
    stages: list[tuple[str, Tensor]] = []
    history: list[dict[str, float]] = []
    dreamt: Image.Image | None = None
    shrunk = _shrunk(picture, levels, config)
    for number, (size, image) in enumerate(zip(levels, shrunk, strict=True)):
        if dreamt is not None:
            enlarged = dreamt.resize(image.size, Image.Resampling.LANCZOS)
            image = ImageChops.blend(image, enlarged, config.blend)
        seen = image.resize(looked[number], Image.Resampling.BILINEAR)
        normal = scene.net.preprocess.normalise(to_tensor(seen))
        total = torch.zeros_like(normal)
        for step in range(config.steps):
            slope, value = _slope(objective, normal, scene)
            moved |= float(slope.std()) > DEAD  # a pixel alone may move nothing
            if not moved and number == len(levels) - 1:
                raise LabError(UNMOVED)
            total = total + slope if config.add_up else slope
            normal = normal + config.rate * total
            done = number * config.steps + step + 1
            history.append({"epoch": done, "octave": number + 1, "objective": value})
            watch(
                f"octave {number + 1} of {len(levels)}",
                partial(_preview, scene, normal, picture.size),
                epoch=done,
                epochs=len(levels) * config.steps,
                done=share_done(looked, number, (step + 1) / config.steps),
            )
        dreamt = to_image(_plain(scene, normal)).resize(size, Image.Resampling.BICUBIC)
        stages.append((f"{size[0]}×{size[1]}", to_tensor(dreamt)[0]))
    return Dream(stages[-1][1], stages, history, remarks)


def _slope(objective: Objective, normal: Tensor, scene: Scene) -> tuple[Tensor, float]:
    """The gradient for normalised pixels, as the text takes it."""
    with torch.enable_grad():
        pixels = normal.detach().requires_grad_(True)
        value = objective(_unnormalised(scene, pixels)).sum()
        (slope,) = torch.autograd.grad(value, pixels)
    return slope, float(value.detach())


def _unnormalised(scene: Scene, normal: Tensor) -> Tensor:
    return normal * scene.net.preprocess.std + scene.net.preprocess.mean


def _plain(scene: Scene, normal: Tensor) -> Tensor:
    """As a picture (3, H, W) in [0, 1]."""
    return _unnormalised(scene, normal)[0].clamp(0, 1)


def _preview(scene: Scene, normal: Tensor, size: tuple[int, int]) -> Tensor:
    """What there is so far, as large as the picture will be."""
    shown = to_image(_plain(scene, normal)).resize(size, Image.Resampling.BILINEAR)
    return to_tensor(shown)[0]


def sizes(size: tuple[int, int], config: DreamConfig) -> list[tuple[int, int]]:
    """Heights and widths at which the network sees a picture (height, width), the smallest octave
    first."""
    least = 1 if config.squeeze else smallest(config)
    levels = _levels((size[1], size[0]), config, least)
    return [(high, wide) for wide, high in _seen(levels, config)]


def smallest(config: DreamConfig) -> int:
    """Pixels of a side of which the deepest layer asked for still gives a map."""
    known = {layer.name: layer.reduction for layer in backbones.layers(config.backbone)}
    return max(known.get(t.layer, max(known.values())) for t in targets(config.layers))


def _seen(levels: list[tuple[int, int]], config: DreamConfig) -> list[tuple[int, int]]:
    """Widths and heights at which the network sees the levels."""
    return [(SQUEEZED, SQUEEZED)] * len(levels) if config.squeeze else levels


def _levels(size: tuple[int, int], config: DreamConfig, least: int) -> list[tuple[int, int]]:
    """Widths and heights, the smallest first."""
    found = [size]
    while len(found) <= config.octaves:
        smaller = (int(found[-1][0] / config.ratio), int(found[-1][1] / config.ratio))
        if min(smaller) < least:
            break
        found.append(smaller)
    return found[::-1]


def _shrunk(
    picture: Image.Image, levels: list[tuple[int, int]], config: DreamConfig
) -> list[Image.Image]:
    """The picture at each level, blurred before each shrinking, the smallest first."""
    found = [picture]
    for size in levels[-2::-1]:
        blurred = found[-1].filter(ImageFilter.GaussianBlur(config.blur))
        found.append(blurred.resize(size, Image.Resampling.LANCZOS))
    return found[::-1]


def to_image(pixels: Tensor) -> Image.Image:
    """(3, H, W) in [0, 1] as the text keeps pictures between its octaves: 8 bits, cut down."""
    return Image.fromarray(np.uint8(pixels.permute(1, 2, 0).numpy() * 255))


def to_tensor(image: Image.Image) -> Tensor:
    """(1, 3, H, W) in [0, 1]."""
    pixels = torch.from_numpy(np.asarray(image).copy())
    return pixels.permute(2, 0, 1)[None].float() / 255
