"""The dreaming engine: gradients, octaves, tiles, objectives, and what they do to a picture."""

import threading
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import Compose, Normalize, Resize, ToTensor

from core.dreaming import ascent, classic, visions, zoom
from core.dreaming.config import (
    DreamConfig,
    Scene,
    Target,
    check_targets,
    format_targets,
    targets,
)
from core.dreaming.objectives import Objective
from core.dreaming.variants import DREAMING
from core.errors import LabError, UnknownName
from core.models import backbones
from core.models.backbones import BACKBONES
from tests.core.dreams import flower, lite0, random_vgg, scene, unwatched

SMALL = {"side": 96, "octaves": 2, "steps": 3}


def dreamt(config: DreamConfig, on: Scene | None = None) -> Tensor:
    return ascent.dream(on or scene(config.side), config, unwatched).picture


# ---- what is asked


@given(
    st.lists(
        st.builds(
            Target,
            st.sampled_from(["blocks.4", "stem", "28", "layer3.1"]),
            st.none() | st.integers(0, 999),
            st.integers(-99, 99).filter(bool).map(lambda i: i / 4),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_mixture_is_read_as_it_was_written(mixture: list[Target]) -> None:
    assert targets(format_targets(tuple(mixture))) == tuple(mixture)


@pytest.mark.parametrize("text", ["", "blocks.4 +", "a b/c", "blocks.4/", "x*y", "blocks.4*0", "é"])
def test_what_is_no_mixture_is_said(text: str) -> None:
    with pytest.raises(LabError):
        targets(text)
    with pytest.raises(LabError, match="layers"):
        DREAMING.config("deep", {"layers": text})


def test_one_mixture_is_written_in_one_way() -> None:
    config = DREAMING.config("deep", {"layers": " blocks.4/17 , blocks.2 *0.50"})
    assert config.layers == "blocks.4/17 + blocks.2*0.5"


@pytest.mark.parametrize(
    ("layers", "error"),
    [("blocks.9", UnknownName), ("blocks.4/112", LabError), ("classes/1000", LabError),
     ("classes", LabError)],
)  # fmt: skip
def test_layers_and_channels_that_there_are_not(layers: str, error: type[LabError]) -> None:
    with pytest.raises(error):
        check_targets(DREAMING.config("deep", {"layers": layers}))


def test_an_atlas_may_be_of_all_classes() -> None:
    check_targets(DREAMING.config("atlas", {"layers": "classes"}), each=True)


def test_every_backbone_can_be_named() -> None:
    names = DreamConfig.model_fields["backbone"].annotation
    assert set(names.__args__) == set(BACKBONES)  # type: ignore[union-attr]


# ---- the gradient


@pytest.mark.parametrize("measure", ["mean square", "mean", "norm"])
def test_the_gradient_is_that_of_the_whole_network(measure: str) -> None:
    config = DreamConfig(layers="blocks.3 + blocks.1/5*0.5", measure=measure)  # type: ignore[arg-type]
    picture = flower()[None]
    pixels = picture.clone().requires_grad_(True)
    seen = lite0().body.responses(lite0().preprocess.normalise(pixels), lite0().body.layers)
    one, two = seen["blocks.3"], seen["blocks.1"][:, 5]
    kinds = {
        "mean square": lambda r: r.square().mean(),
        "mean": lambda r: r.mean(),
        "norm": lambda r: r.norm(),
    }
    value = kinds[measure](one) + 0.5 * kinds[measure](two)
    (wanted,) = torch.autograd.grad(value, pixels)
    slope, found = ascent.gradient(Objective(scene(), config), picture, 512)
    assert found == pytest.approx(float(value.detach()), rel=1e-4)
    assert torch.allclose(slope, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
    assert all(p.grad is None for p in lite0().parameters())


@pytest.mark.parametrize("measure", ["mean square", "norm"])
def test_tiles_find_nearly_the_gradient_of_the_whole(measure: str) -> None:
    config = DreamConfig(layers="blocks.3 + blocks.2*0.5", measure=measure)  # type: ignore[arg-type]
    objective = Objective(scene(), config)
    picture = flower(480)[None]
    whole, value = ascent.gradient(objective, picture, 2048)
    parts, same = ascent.gradient(objective, picture, 192)
    assert same == pytest.approx(value, rel=0.02)
    # Near the seams a tile knows less; everywhere else it is the same.
    likeness = F.cosine_similarity(whole.flatten(), parts.flatten(), dim=0)
    assert float(likeness) > 0.99


def test_tiles_cover_a_picture_once() -> None:
    covered = torch.zeros(1000, 700)
    for tile in ascent.tiles(1000, 700, 256):
        covered[tile.core] += 1
        assert all(s.start <= c.start and c.stop <= s.stop
                   for c, s in zip(tile.core, tile.seen, strict=True))  # fmt: skip
    assert bool((covered == 1).all())


def test_a_tiled_dream_is_the_untiled_one() -> None:
    config = DREAMING.config("deep", {"octaves": 1, "steps": 2, "side": 480})
    plain = dreamt(config)
    tiled = dreamt(config.model_copy(update={"tile": 192}))
    assert float((plain - tiled).abs().mean()) < 2 / 255


# ---- the ascent


def test_the_objective_rises() -> None:
    config = DREAMING.config("deep", {**SMALL, "steps": 8, "side": 96})
    on = scene(96)
    objective = Objective(on, config)
    before = ascent.gradient(objective, on.picture[None], 512)[1]
    after = ascent.gradient(objective, dreamt(config, on)[None], 512)[1]
    assert after > 1.3 * before


def test_a_dream_is_a_function_of_its_recipe_and_seed() -> None:
    config = DREAMING.config("deep", SMALL)
    assert torch.equal(dreamt(config), dreamt(config))
    other = dreamt(config.model_copy(update={"seed": 1}))
    assert not torch.equal(dreamt(config), other)


def test_two_who_dream_at_once_get_what_they_would_have_got_alone() -> None:
    configs = [DREAMING.config("deep", {**SMALL, "layers": name}) for name in ("blocks.4", "stem")]
    alone = [dreamt(config) for config in configs]
    together: dict[int, Tensor] = {}

    def work(i: int) -> None:
        together[i] = dreamt(configs[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(alone[i], together[i]) for i in range(2))


def test_octaves_stop_where_a_picture_would_be_too_small_and_say_so() -> None:
    config = DREAMING.config("deep", {**SMALL, "octaves": 9, "steps": 1})
    found = ascent.dream(scene(), config, unwatched)
    assert len(found.stages) == 3 and "3 octaves instead of 9" in found.remarks[0]
    assert ascent.octaves((100, 200), 3, 2.0) == [(50, 100), (100, 200)]
    assert ascent.octaves((20, 20), 3, 2.0) == [(20, 20)]


def test_the_mask_says_where_to_dream() -> None:
    mask = torch.zeros(flower().shape[1:])
    mask[:, :20] = 1
    config = DREAMING.config("deep", {**SMALL, "octaves": 1})
    changed = (dreamt(config, scene(mask=mask)) - flower()).abs().amax((0, 1))
    assert float(changed[:20].min()) > 0 and float(changed[20:].max()) < 1e-6


def test_colours_can_be_kept() -> None:
    config = DREAMING.config("deep", {**SMALL, "keep_colours": True})
    change = dreamt(config) - flower()
    inside = (dreamt(config) > 0.02) & (dreamt(config) < 0.98)
    everywhere = inside.all(0)
    spread = (change.amax(0) - change.amin(0))[everywhere]
    assert float(change.abs().max()) > 0.05 and float(spread.max()) < 1e-5


def test_flatness_makes_a_dream_smoother() -> None:
    def roughness(picture: Tensor) -> float:
        return float(picture.diff(dim=2).square().mean())

    config = DREAMING.config("deep", {**SMALL, "steps": 8})
    assert roughness(dreamt(config.model_copy(update={"flatness": 1.0}))) < roughness(
        dreamt(config)
    )


@pytest.mark.parametrize(
    "settings", [{"bands": 4}, {"smooth": False}, {"shift": 0}, {"octaves": 1}]
)
def test_every_way_to_climb_climbs(settings: dict[str, object]) -> None:
    config = DREAMING.config("deep", {**SMALL, "steps": 6, **settings})
    objective = Objective(scene(), config)
    before, after = (
        ascent.gradient(objective, p[None], 512)[1] for p in (flower(), dreamt(config))
    )
    assert after > 1.1 * before


def test_bands_of_a_pyramid_are_evened_out() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 3, 64, 48, generator=generator)
    slope = ascent.resized(ascent.resized(noise, (8, 6)), (64, 48))
    evened = ascent.normalised_bands(slope, 4)

    def fine(image: Tensor) -> float:
        """The share of its finest detail."""
        return float((image - ascent.resized(ascent.resized(image, (32, 24)), (64, 48))).std()
                     / image.std())  # fmt: skip

    assert evened.shape == slope.shape and fine(evened) > 2 * fine(slope)


def test_three_blurs_are_added_up_by_their_waves() -> None:
    point = torch.zeros(1, 1, 33, 40)
    point[0, 0, 16, 20] = 1
    found = ascent.blurred_sum(point)[0, 0]
    y, x = torch.meshgrid(torch.arange(33) - 16, torch.arange(40) - 20, indexing="ij")
    squared = (y**2 + x**2).float()
    wanted = sum(torch.exp(-squared / (2 * s**2)) / (2 * np.pi * s**2) for s in (1.0, 2.0))
    assert torch.allclose(found[16, 22:26], (wanted + 0)[16, 22:26], atol=1e-3)
    assert float(found.sum()) == pytest.approx(3, rel=1e-5)


def test_a_picture_that_moves_nothing_is_woken_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    config = DREAMING.config("deep", {**SMALL, "steps": 1})
    whole = ascent.gradient

    def dead_at_first(objective: Objective, image: Tensor, tile: int) -> tuple[Tensor, float]:
        calls.append(1)
        slope, value = whole(objective, image, tile)
        return (slope * 0, value) if len(calls) <= dead else (slope, value)

    monkeypatch.setattr(ascent, "gradient", dead_at_first)
    calls: list[int] = []
    dead = 1
    assert "noise" in ascent.dream(scene(), config, unwatched).remarks[0]
    calls.clear()
    dead = 99
    with pytest.raises(LabError, match="The gradient is zero"):
        ascent.dream(scene(), config, unwatched)


def test_a_channel_that_is_silent_on_black_is_refused_in_earnest() -> None:
    on = Scene(torch.zeros(3, 48, 48), lite0())
    dark = DREAMING.config("deep", {**SMALL, "side": 48, "layers": "stem/1"})
    try:
        found = ascent.dream(on, dark, unwatched)
    except LabError as error:
        assert "another layer or channel" in str(error)
    else:
        assert bool(torch.isfinite(found.picture).all())


def test_a_guide_of_another_size_draws_the_picture_to_its_features() -> None:
    guide = torch.rand(3, 40, 170, generator=torch.Generator().manual_seed(0))
    config = DREAMING.config("deep", {**SMALL, "steps": 6, "measure": "guide"})
    on = scene(guide=guide)
    objective = Objective(on, config)
    before = ascent.gradient(objective, on.picture[None], 512)[1]
    assert ascent.gradient(objective, dreamt(config, on)[None], 512)[1] > before
    with pytest.raises(LabError, match="guide"):
        Objective(scene(), config)


def test_a_class_can_be_dreamt_of() -> None:
    head = backbones.load_head("lite0")
    asked = {**SMALL, "steps": 8, "layers": "classes/207", "measure": "mean"}
    config = DREAMING.config("deep", asked)
    on = scene(head=head)
    objective = Objective(on, config)
    before = ascent.gradient(objective, on.picture[None], 512)[1]
    after = ascent.gradient(objective, dreamt(config, on)[None], 512)[1]
    assert after > before + 1


# ---- the text's recursion


RATE = 2.0
"""Ten times the text's, for these weights are random: what differs can be told from rounding."""
STEPS = 2
"""Of the text's five, as many as it takes for gradients to add up."""
MEAN, STD = ((torch.tensor(v).view(1, 3, 1, 1)) for v in ((0.485, 0.456, 0.406),
                                                        (0.229, 0.224, 0.225)))  # fmt: skip


def of_the_text(image: Image.Image, level: int, squeeze: bool, add_up: bool, stop: int) -> Any:
    """The text's recursion, one line after the other; with its three ways switched off, ours."""
    if level > 0:
        image1 = image.filter(ImageFilter.GaussianBlur(2))
        size = (int(image1.size[0] / 2), int(image1.size[1] / 2))
        if min(size) >= stop:
            image1 = image1.resize(size, Image.Resampling.LANCZOS)
            image1 = of_the_text(image1, level - 1, squeeze, add_up, stop)
            image1 = image1.resize(image.size, Image.Resampling.LANCZOS)
            image = ImageChops.blend(image, image1, 0.6)
    result = helper(image, squeeze, add_up)
    return result.resize(image.size)


def helper(image: Image.Image, squeeze: bool, add_up: bool) -> Image.Image:
    """Its iterations: for j < 28 `modulelist[j + 1]`, whose first is the whole network."""
    preprocess = [Resize((224, 224))] if squeeze else []
    preprocess += [ToTensor(), Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    x = Compose(preprocess)(image)[None].requires_grad_(True)
    modulelist = list(random_vgg().body.net.get_submodule("features").modules())
    for _ in range(STEPS):
        out = x
        for j in range(28 if squeeze else 29):
            out = modulelist[j + 1](out)
        out.norm().backward()
        x.data = x.data + RATE * x.grad
        if not add_up:
            x.grad.zero_()
    shown = np.clip((x.data * STD + MEAN)[0].permute(1, 2, 0).numpy(), 0, 1)
    return Image.fromarray(np.uint8(shown * 255))


@pytest.mark.parametrize("ours", [False, True])
def test_the_classic_dream_is_the_text_s_and_each_of_its_ways_can_be_switched(ours: bool) -> None:
    switched = {"layers": "28", "squeeze": False, "add_up": False} if ours else {}
    usual = DREAMING.config("classic")
    assert (usual.steps, usual.rate, usual.measure, usual.backbone) == (5, 0.2, "norm", "vgg16")
    asked = {"side": 64, "octaves": 1, "rate": RATE, "steps": STEPS, **switched}
    config = DREAMING.config("classic", asked)
    assert (config.blur, config.ratio, config.blend) == (2, 2, 0.6)
    assert (usual.layers, usual.octaves) == ("27", 20)
    picture = flower(96)[:, :64, :96]
    found = classic.classic(Scene(picture, random_vgg()), config, unwatched)
    image = classic.to_image(picture)
    wanted = np.asarray(of_the_text(image, 1, not ours, not ours, 16 if ours else 1)).astype(int)
    got = np.asarray(classic.to_image(found.picture)).astype(int)
    assert got.shape == (64, 96, 3) and np.abs(got - np.asarray(image).astype(int)).mean() > 0.5
    # The gradients are the same numbers added up in another order: a grey level, here and there.
    assert np.abs(got - wanted).max() <= 3 and np.abs(got - wanted).mean() < 0.15


def test_the_classic_dream_goes_down_to_a_pixel() -> None:
    config = DREAMING.config("classic", {"steps": 1, "backbone": "lite0", "layers": "blocks.4"})
    found = classic.classic(Scene(flower(24)[:, :10, :24], lite0()), config, unwatched)
    assert [name for name, _ in found.stages] == ["3×1", "6×2", "12×5", "24×10"]
    assert found.picture.shape == (3, 10, 24)
    assert "3 halvings instead of 20: a pixel is the least" in found.remarks[0]
    assert classic.sizes((10, 24), config) == [(224, 224)] * 4
    small = DREAMING.config("classic", {**config.model_dump(), "squeeze": False})
    assert classic.sizes((64, 96), small) == [(16, 24), (32, 48), (64, 96)]


# ---- from noise, and films


def test_a_channel_gets_a_picture_that_it_likes() -> None:
    config = DREAMING.config("visualise", {"side": 48, "steps": 24, "layers": "blocks.1/3"})
    found = visions.visualise(Scene(torch.zeros(3, 1, 1), lite0()), config, unwatched)
    values = [row["objective"] for row in found.history]
    assert found.picture.shape == (3, 48, 48) and float(found.picture.min()) >= 0
    assert np.mean(values[-4:]) > np.mean(values[:4]) + 1
    assert len(found.stages) == visions.STAGE_COUNT


def test_the_atlas_has_every_channel_of_a_layer() -> None:
    config = DREAMING.config("atlas", {"side": 36, "steps": 1, "layers": "blocks.0 + blocks.1"})
    found = visions.atlas(Scene(torch.zeros(3, 1, 1), lite0()), config, unwatched)
    assert [(name, tuple(sheet.shape)) for name, sheet in found.stages] == [
        ("blocks.0", (16, 3, 24, 24)), ("blocks.1", (24, 3, 24, 24)),
    ]  # fmt: skip


def test_each_frame_of_a_zoom_goes_deeper() -> None:
    config = DREAMING.config("zoom", {"side": 48, "frames": 3, "steps": 1, "octaves": 1})
    found = zoom.zoom(scene(48), config, unwatched)
    assert found.film is not None and found.film.shape == (3, *flower(48).shape)
    assert not torch.equal(found.film[0], found.film[2])


def test_zooming_keeps_the_middle_and_enlarges() -> None:
    picture = torch.zeros(3, 41, 61)
    picture[:, 18:23, 28:33] = 1
    larger = zoom.enlarged_by(picture, 2.0, 0.0)
    assert float(larger[:, 20, 30].min()) > 0.9
    assert 3 < float(larger.sum() / picture.sum()) < 5
    turned = zoom.enlarged_by(torch.eye(41).expand(3, 41, 41).clone(), 1.0, 90.0)
    assert float(turned[0].fliplr().diagonal().mean()) > 0.9


# ---- cancelled


def test_a_tick_is_heard_before_each_look() -> None:
    class Stop(Exception):
        pass

    def tick() -> None:
        raise Stop

    with pytest.raises(Stop):
        dreamt(DREAMING.config("deep", SMALL), scene(tick=tick))
