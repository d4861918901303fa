"""Every task and variant keeps the contract; the reference variants are those of the texts."""

import json
import math
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from core import data
from core.data import Images
from core.errors import Cancelled, LabError, UnknownName
from core.tasks import TASKS, TaskConfig, task
from core.tasks import denoising as denoising_module
from core.tasks.base import Task, unit
from core.tasks.denoising import DENOISING, DenoisingConfig

ALL = [(t.name, v) for t in TASKS.values() for v in t.variants]
LEARNING = [(name, v) for name, v in ALL if TASKS[name].variants[v].learns]
DENOISERS = list(DENOISING.variants)


def tiny(chosen: Task, split: data.Split = "train", n: int = 16) -> Images:
    """A few real digits in the shape that the task works on."""
    return chosen.prepare(data.load("digits", split).first(n))


def built(chosen: Task, variant: str, seed: int = 0) -> nn.Module:
    """A new network, its weights drawn from `seed`."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return chosen.build(variant, tuple(tiny(chosen).pixels.shape[1:]))


def taught(chosen: Task, variant: str, steps: int) -> tuple[nn.Module, list[dict[str, float]]]:
    """A network after a few steps on one batch, and what it told of each."""
    model = built(chosen, variant).train()
    learner = chosen.learner(variant, chosen.config(variant), model)
    generator = torch.Generator().manual_seed(0)
    batch = tiny(chosen)
    told = [learner.step(batch, i / steps, generator) for i in range(steps)]
    return model.eval(), told


def numbers(value: Any) -> Iterator[float]:
    """All numbers in nested figures."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, (int, float)):
        yield value


# ---- the contract


@pytest.mark.parametrize("name", TASKS)
def test_a_task_says_what_it_is(name: str) -> None:
    chosen = task(name)
    assert chosen.name == name and chosen.title and chosen.variants
    assert chosen.kind.isidentifier() and chosen.kind == chosen.kind.lower()
    assert issubclass(chosen.config_class, TaskConfig)
    for field in chosen.config_class.model_fields.values():
        assert field.title and field.description, "the form is made from them"


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_a_variant_says_what_it_is(name: str, variant: str) -> None:
    entry = task(name).variant(variant)
    assert entry.name == variant and variant.isidentifier() and variant == variant.lower()
    assert entry.title and entry.summary.endswith(".") and entry.source


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_defaults_are_within_bounds_and_change_nothing(name: str, variant: str) -> None:
    chosen = task(name)
    config = chosen.config(variant)
    assert chosen.changed(variant, config) == {}
    assert chosen.config(variant, config.model_dump()) == config
    assert set(chosen.variant(variant).defaults) <= set(chosen.config_class.model_fields)


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_values_out_of_bounds_are_refused_by_name(name: str, variant: str) -> None:
    bad = {"epochs": -1, "batch_size": 0, "learning_rate": 2.0, "train_images": -5, "seed": -1}
    for field, value in bad.items():
        with pytest.raises(LabError, match=f"^{field}: "):
            task(name).config(variant, {field: value})
    with pytest.raises(LabError, match=r"There is no setting 'epoch'\. Known: epochs, batch_size"):
        task(name).config(variant, {"epoch": 3})
    with pytest.raises(LabError, match="learning_rate: "):
        task(name).config(variant, {"learning_rate": math.nan})


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_the_same_seed_builds_the_same_network(name: str, variant: str) -> None:
    first, again, other = (built(task(name), variant, seed).state_dict() for seed in (0, 0, 1))
    assert list(first) == list(again)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not first or any(not torch.equal(first[k], other[k]) for k in first)


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_a_network_learns_if_and_only_if_it_says_so(name: str, variant: str) -> None:
    has_parameters = any(True for _ in built(task(name), variant).parameters())
    assert has_parameters == task(name).variant(variant).learns


@pytest.mark.parametrize(("name", "variant"), LEARNING)
def test_the_loss_falls_in_a_few_steps(name: str, variant: str) -> None:
    _, told = taught(task(name), variant, 20)
    assert all(isinstance(v, float) and math.isfinite(v) for step in told for v in step.values())
    losses = [step["loss"] for step in told]
    assert np.mean(losses[-3:]) < 0.95 * np.mean(losses[:3])


@pytest.mark.parametrize(("name", "variant"), LEARNING)
def test_the_same_steps_give_the_same_losses_and_weights(name: str, variant: str) -> None:
    (first, told), (again, retold) = (taught(task(name), variant, 2) for _ in range(2))
    assert told == retold
    assert all(map(torch.equal, first.state_dict().values(), again.state_dict().values()))


@pytest.mark.parametrize(("name", "variant"), LEARNING)
def test_a_learner_goes_on_from_its_state(name: str, variant: str) -> None:
    chosen, config = task(name), task(name).config(variant)
    batch, generator = tiny(chosen), torch.Generator().manual_seed(0)
    learner = chosen.learner(variant, config, built(chosen, variant).train())
    learner.step(batch, 0.2, generator)
    other = chosen.learner(variant, config, built(chosen, variant, seed=1).train())
    other.load_state_dict(deepcopy(learner.state_dict()))
    copy = torch.Generator()
    copy.set_state(generator.get_state())
    assert learner.step(batch, 0.4, generator) == other.step(batch, 0.4, copy)
    weights = zip(learner.model.parameters(), other.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_figures_are_finite_json_and_checked_often(name: str, variant: str) -> None:
    chosen, config = task(name), task(name).config(variant)
    model, images = built(chosen, variant).eval(), tiny(chosen, "test", 3)
    stages: list[str] = []
    figures = chosen.evaluate(variant, config, model, images, stages.append)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert len(list(numbers(figures))) > 1
    assert figures["n_test"] == 3
    assert len(stages) > 3 and all(stages)
    assert figures == chosen.evaluate(variant, config, model, images, stages.append)


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_a_measurement_can_be_stopped(name: str, variant: str) -> None:
    chosen = task(name)

    def stop(stage: str) -> None:
        raise Cancelled

    model = built(chosen, variant).eval()
    with pytest.raises(Cancelled):
        chosen.evaluate(variant, chosen.config(variant), model, tiny(chosen, "test", 4), stop)


@pytest.mark.parametrize(("name", "variant"), LEARNING)
def test_quick_figures_are_finite(name: str, variant: str) -> None:
    chosen = task(name)
    figures = chosen.validate(
        variant, chosen.config(variant), built(chosen, variant).eval(), tiny(chosen, "test", 8)
    )
    assert figures and all(isinstance(v, float) and math.isfinite(v) for v in figures.values())


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_the_sample_sheet_is_a_picture_and_always_the_same(name: str, variant: str) -> None:
    chosen, config = task(name), task(name).config(variant)
    model, images = built(chosen, variant).eval(), tiny(chosen, "test", 12)
    sheet = chosen.render(variant, config, model, images)
    assert sheet.dtype == np.uint8 and sheet.ndim in (2, 3) and min(sheet.shape[:2]) >= 28
    assert int(sheet.max()) > int(sheet.min())
    torch.manual_seed(99)
    assert np.array_equal(sheet, chosen.render(variant, config, model, images))


@pytest.mark.parametrize("name", TASKS)
def test_images_of_any_set_are_brought_to_one_shape(name: str) -> None:
    chosen, generator = task(name), torch.Generator().manual_seed(0)
    shapes = set()
    for shape in ((1, 28, 28), (3, 32, 32), (1, 64, 64)):
        pixels = torch.randint(0, 256, (3, *shape), generator=generator).byte()
        prepared = chosen.prepare(Images(pixels, torch.arange(3)))
        assert prepared.pixels.dtype == torch.uint8 and prepared.labels.tolist() == [0, 1, 2]
        shapes.add(prepared.pixels.shape)
    assert len(shapes) == 1


def test_unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="denoising"):
        task("painting")
    with pytest.raises(UnknownName, match="linear, conv, conv_pyramid, conv_plain, unet"):
        task("denoising").config("transformer")


# ---- denoising


@pytest.mark.parametrize("variant", DENOISERS)
def test_a_restored_image_has_the_shape_and_range_of_the_input(variant: str) -> None:
    model = built(DENOISING, variant).eval()
    noisy = unit(tiny(DENOISING, "test", 3).pixels)
    rms = torch.full((3,), 0.4)
    restored = DENOISING.restore(variant, model, noisy, rms)
    assert restored.shape == noisy.shape and restored.dtype == torch.float32
    assert float(restored.min()) >= 0 and float(restored.max()) <= 1
    assert torch.equal(restored, DENOISING.restore(variant, model, noisy, rms))


@pytest.mark.parametrize("variant", DENOISERS)
def test_restoring_answers_image_by_image(variant: str) -> None:
    model = built(DENOISING, variant).eval()
    noisy, rms = unit(tiny(DENOISING, "test", 4).pixels), torch.tensor([0.1, 0.2, 0.4, 0.6])
    together = DENOISING.restore(variant, model, noisy, rms)
    alone = [DENOISING.restore(variant, model, noisy[i : i + 1], rms[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_more_images_than_a_chunk_are_all_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    model, noisy = built(DENOISING, "conv").eval(), unit(tiny(DENOISING, "test", 7).pixels)
    whole = DENOISING.restore("conv", model, noisy, torch.zeros(7))
    monkeypatch.setattr(denoising_module, "CHUNK", 3)
    parts = DENOISING.restore("conv", model, noisy, torch.zeros(7))
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", ["median", "nl_means", "tv"])
def test_a_classical_method_makes_noise_less(variant: str) -> None:
    figures = DENOISING.evaluate(
        variant,
        DENOISING.config(variant),
        built(DENOISING, variant),
        tiny(DENOISING, "test", 8),
        lambda stage: None,
    )
    assert figures["psnr"] > figures["psnr_noisy"] + 1


def test_the_headline_is_the_row_at_half_strength() -> None:
    config = DENOISING.config("unet")
    figures = DENOISING.evaluate(
        "unet", config, built(DENOISING, "unet").eval(), tiny(DENOISING, "test", 8), lambda s: None
    )
    rows = {row["strength"]: row for row in figures["sweep"]}
    assert list(rows) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert figures["corruption"] == "gaussian"
    assert {k: figures[k] for k in ("psnr", "psnr_noisy", "ssim", "ssim_noisy")} == {
        k: v for k, v in rows[0.5].items() if k != "strength"
    }
    noisy = [row["psnr_noisy"] for row in figures["sweep"]]
    assert noisy == sorted(noisy, reverse=True)
    # An untrained U-Net gives its input back: what it restores is as good as what it got.
    assert all(row["psnr"] == row["psnr_noisy"] for row in figures["sweep"])


def test_a_run_without_corruption_is_measured_under_noise() -> None:
    config = DENOISING.config("conv_plain")
    assert isinstance(config, DenoisingConfig) and config.corruption == "none"
    assert denoising_module.sweep_corruption(config) == "gaussian"
    mosaic = DENOISING.config("conv", {"corruption": "mosaic"})
    assert isinstance(mosaic, DenoisingConfig)
    assert denoising_module.sweep_corruption(mosaic) == "mosaic"


def test_an_untrained_unet_gives_back_its_input() -> None:
    noisy = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert torch.equal(built(DENOISING, "unet")(noisy), noisy)


def test_the_unet_is_taught_every_strength_up_to_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def noting(x: Tensor, name: str, strength: Tensor, generator: torch.Generator) -> Tensor:
        seen.append(strength)
        return x

    monkeypatch.setattr(denoising_module, "corrupt", noting)
    learner = DENOISING.learner("unet", DENOISING.config("unet"), built(DENOISING, "unet"))
    learner.step(tiny(DENOISING, n=64), 0.5, torch.Generator().manual_seed(0))
    (strengths,) = seen
    assert strengths.shape == (64,), "one an image"
    assert float(strengths.min()) >= 0 and float(strengths.max()) <= 1
    assert float(strengths.min()) < 0.1 and float(strengths.max()) > 0.9
    assert float(strengths.mean()) == pytest.approx(0.5, abs=0.1)


def test_the_rate_of_the_unet_rises_then_falls_to_nothing() -> None:
    rate = [denoising_module.warm_cosine(p) for p in (0.0, 0.05, 0.1, 0.55, 1.0)]
    assert rate == pytest.approx([0, 0.5, 1, 0.5, 0], abs=1e-9)


# ---- the reference variants, written out from the texts

PYRAMID = [
    "Conv2d({0}, {1}, 3, p1)", "ReLU", "MaxPool2d(2) -> 14",
    "Conv2d({1}, {2}, 3, p1)", "ReLU", "MaxPool2d(2) -> 7",
    "Conv2d({2}, {3}, 3, p1)", "ReLU", "MaxPool2d(2) -> 4",
    "Nearest -> 7", "Conv2d({3}, {4}, 3, p1)", "ReLU",
    "Nearest -> 14", "Conv2d({4}, {5}, 3, p1)", "ReLU",
    "Nearest -> 28", "Conv2d({5}, {6}, 3, p1)", "ReLU",
    "Conv2d({6}, {0}, 3, p1)",
]  # fmt: skip
LAYERS = {
    "linear": [
        "Linear(784, 128)", "ReLU", "Linear(128, 64)", "ReLU", "Linear(64, 32)", "ReLU",
        "Linear(32, 64)", "ReLU", "Linear(64, 128)", "ReLU", "Linear(128, 784)",
    ],
    "conv": [
        "Conv2d(1, 64, 3, p1)", "ReLU", "MaxPool2d(2) -> 14",
        "Conv2d(64, 128, 3, p1)", "ReLU", "MaxPool2d(2) -> 7",
        "Nearest -> 14", "Conv2d(128, 64, 3, p1)", "ReLU",
        "Nearest -> 28", "Conv2d(64, 1, 3, p1)",
    ],
    "conv_pyramid": [line.format(1, 32, 32, 16, 16, 32, 32) for line in PYRAMID],
    "conv_plain": [line.format(1, 16, 8, 8, 8, 8, 16) for line in PYRAMID],
}  # fmt: skip
MSE, BCE = nn.MSELoss(), nn.BCEWithLogitsLoss()
TRAINED = {
    #               epochs, batch, rate, optimiser, loss, corruption, strength
    "linear": (10, 64, 1e-3, "Adam", MSE, "gaussian", 0.5),
    "conv": (10, 64, 1e-3, "Adam", MSE, "gaussian", 0.5),
    "conv_pyramid": (100, 200, 1e-3, "Adam", BCE, "gaussian", 0.5),
    "conv_plain": (20, 200, 1e-3, "Adam", BCE, "none", None),
}


class Layers(TorchFunctionMode):
    """Notes what is computed, layer by layer, whether by modules or by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        if name == "linear":
            self.lines.append(f"Linear({args[1].shape[1]}, {args[1].shape[0]})")
        elif name == "conv2d":
            self.lines.append(self.convolution(args, out))
        elif name == "relu":
            self.lines.append("ReLU")
        elif name.startswith("max_pool2d"):
            window = args[1] if isinstance(args[1], int) else args[1][0]
            self.lines.append(f"MaxPool2d({window}) -> {out.shape[-1]}")
        elif name == "interpolate":
            self.lines.append(f"{kwargs['mode'].capitalize()} -> {out.shape[-1]}")
        elif name not in {"flatten", "unflatten", "view", "reshape", "contiguous"}:
            assert name.startswith("__"), f"{name} is no layer that this test knows"
        return out

    @staticmethod
    def convolution(args: tuple[Any, ...], out: Tensor) -> str:
        x, weight = args[0], args[1]
        stride = x.shape[-1] // out.shape[-1]
        padding = ((out.shape[-1] - 1) * stride + weight.shape[-1] - x.shape[-1]) // 2
        steps = f", s{stride}" if stride > 1 else ""
        return f"Conv2d({weight.shape[1]}, {weight.shape[0]}, {weight.shape[2]}{steps}, p{padding})"


@pytest.mark.parametrize("variant", LAYERS)
def test_a_reference_network_has_the_layers_of_the_text(variant: str) -> None:
    model = built(DENOISING, variant).eval()
    x = torch.zeros(1, 1, 28, 28)
    with torch.no_grad(), Layers() as layers:
        out = model(x)
    assert layers.lines == LAYERS[variant]
    assert out.shape == (1, 1, 28, 28)
    made = [m for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    assert len(made) == sum(line.startswith(("Linear", "Conv2d")) for line in LAYERS[variant])
    assert all(m.bias is not None for m in made)


@pytest.mark.parametrize("variant", TRAINED)
def test_a_reference_variant_is_trained_as_in_the_text(variant: str) -> None:
    epochs, batch_size, rate, optimiser, _, corruption, strength = TRAINED[variant]
    config = DENOISING.config(variant)
    assert isinstance(config, DenoisingConfig)
    assert (config.epochs, config.batch_size, config.learning_rate) == (epochs, batch_size, rate)
    assert config.corruption == corruption and not config.blind and config.train_images == 0
    assert strength is None or config.strength == strength
    learner = DENOISING.learner(variant, config, built(DENOISING, variant))
    (made,) = learner.optimisers.values()
    assert type(made).__name__ == optimiser
    (group,) = made.param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (rate, (0.9, 0.999), 0)
    for progress in (0.0, 0.5, 0.99):
        learner.step(tiny(DENOISING), progress, torch.Generator().manual_seed(0))
        assert group["lr"] == rate, "the texts keep the rate as it is"


@pytest.mark.parametrize("variant", TRAINED)
def test_a_reference_variant_has_the_loss_and_the_noise_of_the_text(variant: str) -> None:
    loss, corruption = TRAINED[variant][4:6]
    model, clean = built(DENOISING, variant), unit(tiny(DENOISING).pixels)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(5))
    noisy = clean if corruption == "none" else (clean + 0.5 * noise).clamp(0, 1)
    with torch.no_grad():
        expected = float(loss(model(noisy), clean))
    learner = DENOISING.learner(variant, DENOISING.config(variant), model)
    told = learner.step(tiny(DENOISING), 0.0, torch.Generator().manual_seed(5))
    assert told == {"loss": pytest.approx(expected, rel=1e-5)}


@pytest.mark.parametrize(("variant", "squash"), [("conv", "clamp"), ("conv_pyramid", "sigmoid")])
def test_logits_are_shown_through_their_sigmoid(variant: str, squash: str) -> None:
    model, noisy = built(DENOISING, variant).eval(), unit(tiny(DENOISING, "test", 3).pixels)
    with torch.no_grad():
        out = model(noisy)
    expected = out.sigmoid() if squash == "sigmoid" else out.clamp(0, 1)
    restored = DENOISING.restore(variant, model, noisy, torch.zeros(3))
    torch.testing.assert_close(restored, expected, rtol=1e-4, atol=1e-5)
