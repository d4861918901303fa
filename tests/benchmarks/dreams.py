"""The figures of dreams: a step against the text's, the ascent, a whole dream, large pictures."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import groupby, pairwise
from statistics import median
from typing import Any

import pytest
import torch
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from core.dreaming import ascent, classic
from core.dreaming.config import SQUEEZED_SIDE, DreamConfig, Scene
from core.dreaming.objectives import Objective
from core.dreaming.starting_pictures import fitted, sample
from core.dreaming.variants import DREAMING
from core.models import backbones
from core.models.backbones import backbone
from core.models.pretrained import folded
from core.settings import ROOT
from tests.benchmarks.measuring import Row, at_least, at_most, in_turns, median_ratio

ASKED_STEP, ASKED_RISING, ASKED_SECONDS, ASKED_PREVIEW = 0.4, 0.9, 8, 1
ASKED_MEMORY, ASKED_SEAMS = 2048, 2.0
LAYER, SIDE, LARGE = "blocks.4", 512, 2048
CHILD = """
import resource, sys
import torch
from core.dreaming.starting_pictures import fitted, sample
from core.models import backbones
from core.models.pretrained import folded
from core.dreaming.variants import DREAMING
from core.dreaming import ascent
from core.dreaming.config import Scene
side, tile, steps = (int(word) for word in sys.argv[1:4])
picture = fitted(sample("china").pixels, side).float() / 255
picture = torch.nn.functional.interpolate(picture[None], (side, side))[0]
config = DREAMING.config("deep", {"side": side, "octaves": 1, "steps": steps, "tile": tile})
def said(stage, picture=None, **progress):
    picture()
found = ascent.dream(Scene(picture, folded(backbones.load("lite0"))), config, said)
torch.save(found.picture, sys.argv[4])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def dreams(quick: bool) -> Iterator[Row]:
    """A step, the ascent, a whole dream, memory and seams. Quick: few steps, no large picture."""
    scene = Scene(_picture(SIDE), folded(backbones.load("lite0")))
    yield _step(scene, 3 if quick else 15)
    yield _whole(scene)
    yield from _ascent(scene, quick)
    if not quick:
        yield from _large()


def _picture(side: int) -> Tensor:
    return fitted(sample("china").pixels, side).float() / 255


def texts_step(net: torch.nn.Module, image: Tensor, layer: str) -> Tensor:
    """The text's step up to a layer: the norm, gradients for all weights, default layout."""
    pixels = image.clone().requires_grad_(True)
    out = pixels
    for name, paths in net.layers.items():  # type: ignore[union-attr, operator]
        for path in paths:
            out = net.net.get_submodule(path)(out)  # type: ignore[union-attr, operator]
        if name == layer:
            break
    out.norm().backward()
    assert pixels.grad is not None
    return pixels.detach() + 0.2 * pixels.grad


def _texts_net() -> torch.nn.Module:
    chosen = backbone("lite0")
    body = chosen.body()
    state = torch.load(chosen.weights(lambda text, share: None), weights_only=True)
    body.load_state_dict(chosen.rename(state, body))
    return body.eval()


def _step(scene: Scene, rounds: int) -> Row:
    """Both on a square picture of 512 pixels, in turns."""
    square = torch.nn.functional.interpolate(scene.picture[None], (SIDE, SIDE))
    config = DreamConfig(layers=LAYER)
    objective, generator = Objective(scene, config), torch.Generator().manual_seed(0)
    net = _texts_net()
    normal = scene.net.preprocess.normalise(square)

    def ours() -> float:
        began = time.perf_counter()
        direction, _ = ascent.ascent(objective, square, config, generator, config.shift)
        assert direction is not None
        (square + config.rate * direction).clamp(0, 1)
        return time.perf_counter() - began

    def texts() -> float:
        began = time.perf_counter()
        texts_step(net, normal, LAYER)
        net.zero_grad(set_to_none=True)
        return time.perf_counter() - began

    ours(), texts()
    seconds = in_turns({"ours": ours, "text": texts}, rounds)
    ratio = median_ratio(seconds["ours"], seconds["text"])
    mine, theirs = (1000 * median(seconds[name]) for name in ("ours", "text"))
    note = f"{mine:.0f} by {theirs:.0f} ms, medians of {rounds} in turns"
    name = "dreams: a whole step at 512 pixels by the text's"
    return at_most(name, ratio, ASKED_STEP, "×", note, seconds)


def _whole(scene: Scene) -> Row:
    """The default recipe: a hundred steps over five octaves."""
    config = DREAMING.config("deep")
    first: list[float] = []
    began = time.perf_counter()

    def watch(stage: str, picture: object = None, **progress: object) -> None:
        first.append(time.perf_counter() - began)

    result = ascent.dream(scene, config, watch)
    seconds = time.perf_counter() - began
    note = f"{len(result.history)} steps; the first was seen after {first[0]:.2f} s"
    return at_most("dreams: 512 pixels, the default recipe", seconds, ASKED_SECONDS, "s", note)


def _ascent(scene: Scene, quick: bool) -> Iterator[Row]:
    """How often the unshifted objective rises, and whether it ends above the text's."""
    config = DREAMING.config("deep", {"steps": 5} if quick else {})
    objective, seen, step = Objective(scene, config), [], ascent.ascent

    def noted(objective: Objective, image: Tensor, *rest: Any) -> Any:
        seen.append(image.clone())
        return step(objective, image, *rest)

    began = time.perf_counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ascent, "ascent", noted)
        result = ascent.dream(scene, config, lambda *_, **__: None)
    spent = time.perf_counter() - began
    octaves = groupby([*seen, result.picture[None]], key=lambda image: image.shape)
    values = [[_measured(objective, image) for image in images] for _, images in octaves]
    steps = [b > a for octave in values for a, b in pairwise(octave)]
    share = sum(steps) / len(steps)
    yield at_least("dreams: steps after which the objective is higher", share, ASKED_RISING, "")
    yield from _against_the_text(scene, config, objective, spent, values[-1][-1])


@torch.no_grad()
def _measured(objective: Objective, image: Tensor) -> float:
    return float(objective(image).sum())


def _against_the_text(
    scene: Scene, config: DreamConfig, objective: Objective, seconds: float, reached: float
) -> Iterator[Row]:
    """The objective in the time of the text's recursion as published, and in that of our recipe."""
    net = _texts_net()
    spent, text = _texts_dream(net, scene, objective, 5)
    few = config.model_copy(update={"steps": max(1, int(config.steps * spent / seconds))})
    began = time.perf_counter()
    quick = ascent.dream(scene, few, lambda *_, **__: None).picture
    taken = time.perf_counter() - began
    ours = _measured(objective, quick[None])
    name = f"dreams: mean square of {LAYER} by that of the text's recursion"
    note = (
        f"{ours:.1f} by {text:.1f}; {few.steps} steps, {taken:.1f} s; the text's 5, {spent:.1f} s"
    )
    yield at_least(f"{name}, in its time", ours / text, 1.0, "×", note)
    steps = int(5 * seconds / spent)
    spent, text = _texts_dream(net, scene, objective, steps)
    note = f"{reached:.1f} by {text:.1f}; {config.steps} steps; the text's {steps}, {spent:.1f} s"
    yield Row(f"{name} with more steps, in ours", "–", f"{reached / text:.3g} ×", None, note)


def _texts_dream(
    net: torch.nn.Module, scene: Scene, objective: Objective, steps: int
) -> tuple[float, float]:
    """Seconds and objective of the text's recursion."""
    began = time.perf_counter()
    picture = _recursion(net, scene, classic.to_image(scene.picture), steps)
    spent = time.perf_counter() - began
    return spent, _measured(objective, classic.to_tensor(picture))


def _recursion(net: torch.nn.Module, scene: Scene, image: Image.Image, steps: int) -> Image.Image:
    """The text's formulae, on Lite0: every octave at 224×224, a gradient that adds up, down to a
    pixel."""
    small = image.filter(ImageFilter.GaussianBlur(2))
    size = (int(small.size[0] / 2), int(small.size[1] / 2))
    if min(size) >= 1:
        small = small.resize(size, Image.Resampling.LANCZOS)
        small = _recursion(net, scene, small, steps).resize(image.size, Image.Resampling.LANCZOS)
        image = ImageChops.blend(image, small, 0.6)
    mean, std = scene.net.preprocess.mean, scene.net.preprocess.std
    squeezed = image.resize((SQUEEZED_SIDE, SQUEEZED_SIDE), Image.Resampling.BILINEAR)
    normal = (classic.to_tensor(squeezed) - mean) / std
    total = torch.zeros_like(normal)
    for _ in range(steps):
        total = total + texts_step(net, normal, LAYER) - normal  # its gradient is never set to zero
        normal = normal + total
    return classic.to_image((normal * std + mean)[0].clamp(0, 1)).resize(image.size)


def _large() -> Iterator[Row]:
    """A picture of 2,048 by 2,048 pixels, by tiles and at once, in processes of their own."""
    with tempfile.TemporaryDirectory() as folder:
        result, peaks = {}, {}
        for tile in (512, LARGE):
            path = f"{folder}/{tile}.pt"
            said = subprocess.run(
                [sys.executable, "-c", CHILD, str(LARGE), str(tile), "1", path],
                cwd=ROOT, check=True, capture_output=True, text=True,
            )  # fmt: skip
            peaks[tile] = float(said.stdout.split()[-1])
            result[tile] = torch.load(path, weights_only=True)
    note = f"{peaks[LARGE]:.0f} MiB at once"
    yield at_most("dreams: memory at 2,048 pixels, by tiles", peaks[512], ASKED_MEMORY, "MiB", note)
    apart = 255 * float((result[512] - result[LARGE]).abs().mean())
    yield at_most("dreams: by tiles from at once, mean grey levels", apart, ASKED_SEAMS, "")
