"""The text's DeepDream: a recursion over halved pictures, each climbing a few steps on its own."""

from functools import partial

import numpy as np
import torch
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from core.dreaming.ascent import MIN_GRADIENT_STD, NO_GRADIENT, share_done
from core.dreaming.config import SQUEEZED_SIDE, Dream, DreamConfig, Report, Scene, targets
from core.dreaming.objectives import Objective
from core.errors import LabError
from core.models import backbones


def classic(scene: Scene, config: DreamConfig, report: Report) -> Dream:
    """The published recursion: blur, shrink, dream, enlarge, blend with the picture, ascend.

    It goes down to a pixel, since the network sees every octave at 224×224 (`squeeze`). Without
    `squeeze`, the smallest octave is the smallest input of the network.

    Raises:
        LabError: the gradient is zero.
    """
    objective = Objective(scene, config)
    picture = to_image(scene.picture)
    min_side = 1 if config.squeeze else min_network_side(config)
    levels = _levels(picture.size, config, min_side)
    network_sizes = _network_sizes(levels, config)
    remarks, has_gradient = [], False
    if len(levels) < config.octaves + 1:
        why = "a pixel is the least" if config.squeeze else f"the network needs {min_side} pixels"
        remarks.append(f"{len(levels) - 1} halvings instead of {config.octaves}: {why}.")
    stages: list[tuple[str, Tensor]] = []
    history: list[dict[str, float]] = []
    dreamt: Image.Image | None = None
    shrunk = _pyramid(picture, levels, config)
    for number, (size, image) in enumerate(zip(levels, shrunk, strict=True)):
        if dreamt is not None:
            enlarged = dreamt.resize(image.size, Image.Resampling.LANCZOS)
            image = ImageChops.blend(image, enlarged, config.blend)
        seen = image.resize(network_sizes[number], Image.Resampling.BILINEAR)
        pixels = scene.net.preprocess.normalise(to_tensor(seen))
        total = torch.zeros_like(pixels)
        for step in range(config.steps):
            slope, value = _slope(objective, pixels, scene)
            has_gradient |= float(slope.std()) > MIN_GRADIENT_STD  # a single pixel may have none
            if not has_gradient and number == len(levels) - 1:
                raise LabError(NO_GRADIENT)
            total = total + slope if config.add_up else slope
            pixels = pixels + config.rate * total
            done = number * config.steps + step + 1
            history.append({"epoch": done, "octave": number + 1, "objective": value})
            report(
                f"octave {number + 1} of {len(levels)}",
                partial(_preview, scene, pixels, picture.size),
                epoch=done,
                epochs=len(levels) * config.steps,
                done=share_done(network_sizes, number, (step + 1) / config.steps),
            )
        dreamt = to_image(_to_picture(scene, pixels)).resize(size, Image.Resampling.BICUBIC)
        stages.append((f"{size[0]}×{size[1]}", to_tensor(dreamt)[0]))
    return Dream(stages[-1][1], stages, history, remarks)


def _slope(objective: Objective, normal: Tensor, scene: Scene) -> tuple[Tensor, float]:
    """Return the gradient with respect to the normalised pixels, as in the text."""
    with torch.enable_grad():
        pixels = normal.detach().requires_grad_(True)
        value = objective(_unnormalised(scene, pixels)).sum()
        (slope,) = torch.autograd.grad(value, pixels)
    return slope, float(value.detach())


def _unnormalised(scene: Scene, normal: Tensor) -> Tensor:
    return normal * scene.net.preprocess.std + scene.net.preprocess.mean


def _to_picture(scene: Scene, normal: Tensor) -> Tensor:
    """Convert normalised pixels to a picture (3, H, W) in [0, 1]."""
    return _unnormalised(scene, normal)[0].clamp(0, 1)


def _preview(scene: Scene, normal: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the current picture in its final size."""
    shown = to_image(_to_picture(scene, normal)).resize(size, Image.Resampling.BILINEAR)
    return to_tensor(shown)[0]


def sizes(size: tuple[int, int], config: DreamConfig) -> list[tuple[int, int]]:
    """Return the heights and widths at which the network sees a picture (height, width), the
    smallest octave first."""
    least = 1 if config.squeeze else min_network_side(config)
    levels = _levels((size[1], size[0]), config, least)
    return [(high, wide) for wide, high in _network_sizes(levels, config)]


def min_network_side(config: DreamConfig) -> int:
    """Return the minimum side in pixels of which the deepest target layer has a map."""
    known = {layer.name: layer.reduction for layer in backbones.layers(config.backbone)}
    return max(known.get(t.layer, max(known.values())) for t in targets(config.layers))


def _network_sizes(levels: list[tuple[int, int]], config: DreamConfig) -> list[tuple[int, int]]:
    """Return the widths and heights at which the network sees the levels."""
    return [(SQUEEZED_SIDE, SQUEEZED_SIDE)] * len(levels) if config.squeeze else levels


def _levels(size: tuple[int, int], config: DreamConfig, least: int) -> list[tuple[int, int]]:
    """Return the widths and heights of the octaves, the smallest first."""
    levels = [size]
    while len(levels) <= config.octaves:
        smaller = (int(levels[-1][0] / config.ratio), int(levels[-1][1] / config.ratio))
        if min(smaller) < least:
            break
        levels.append(smaller)
    return levels[::-1]


def _pyramid(
    picture: Image.Image, levels: list[tuple[int, int]], config: DreamConfig
) -> list[Image.Image]:
    """Return the picture at each level, blurred before each shrinking, the smallest first."""
    images = [picture]
    for size in levels[-2::-1]:
        blurred = images[-1].filter(ImageFilter.GaussianBlur(config.blur))
        images.append(blurred.resize(size, Image.Resampling.LANCZOS))
    return images[::-1]


def to_image(pixels: Tensor) -> Image.Image:
    """Convert (3, H, W) in [0, 1] as the text does between its octaves: to 8 bits, rounded down."""
    return Image.fromarray(np.uint8(pixels.permute(1, 2, 0).numpy() * 255))


def to_tensor(image: Image.Image) -> Tensor:
    """Convert an image to (1, 3, H, W) in [0, 1]."""
    pixels = torch.from_numpy(np.asarray(image).copy())
    return pixels.permute(2, 0, 1)[None].float() / 255
