"""The text's DeepDream: a recursion over halved pictures, each climbing a few steps on its own."""

from functools import partial

import numpy as np
import torch
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from core.errors import LabError
from core.models import backbones
from core.tasks.dreams.ascent import DEAD, UNMOVED, share_done
from core.tasks.dreams.objectives import Objective
from core.tasks.dreams.recipe import Dream, DreamConfig, Scene, Watch, targets


def classic(scene: Scene, config: DreamConfig, watch: Watch) -> Dream:
    """Blur, shrink, dream of that, enlarge, blend with the picture, climb: published recursion.

    The text goes on down to a pixel; here the smallest picture is the one of which the network
    still gives a map.

    Raises:
        LabError: the gradient is zero.
    """
    objective = Objective(scene, config)
    picture = to_image(scene.picture)
    least = smallest(config)
    levels = _levels(picture.size, config, least)
    remarks = []
    if len(levels) < config.octaves + 1:
        remarks.append(
            f"{len(levels) - 1} halvings instead of {config.octaves}: the network needs {least} "
            "pixels."
        )
    stages: list[tuple[str, Tensor]] = []
    history: list[dict[str, float]] = []
    dreamt: Image.Image | None = None
    shrunk = _shrunk(picture, levels, config)
    for number, (size, image) in enumerate(zip(levels, shrunk, strict=True)):
        if dreamt is not None:
            enlarged = dreamt.resize(image.size, Image.Resampling.LANCZOS)
            image = ImageChops.blend(image, enlarged, config.blend)
        normal = scene.net.preprocess.normalise(to_tensor(image))
        for step in range(config.steps):
            slope, value = _slope(objective, normal, scene)
            if not float(slope.std()) > DEAD and not number and not step:
                raise LabError(UNMOVED)
            normal = normal + config.rate * slope
            done = number * config.steps + step + 1
            history.append({"epoch": done, "octave": number + 1, "objective": value})
            watch(
                f"octave {number + 1} of {len(levels)}",
                partial(_plain, scene, normal),
                epoch=done,
                epochs=len(levels) * config.steps,
                done=share_done(levels, number, (step + 1) / config.steps),
            )
        dreamt = to_image(_plain(scene, normal))
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


def smallest(config: DreamConfig) -> int:
    """Pixels of a side of which the deepest layer asked for still gives a map."""
    known = {layer.name: layer.reduction for layer in backbones.layers(config.backbone)}
    return max(known.get(t.layer, max(known.values())) for t in targets(config.layers))


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
