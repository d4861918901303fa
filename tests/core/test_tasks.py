"""Every task and variant keeps the contract."""

import json
import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core import features
from core.data import Images
from core.errors import Cancelled, LabError, UnknownName
from core.randomness import Seeded
from core.tasks import (
    TASKS,
    TaskConfig,
    adversarial,
    classification,
    denoising,
    diffusion,
    task,
    transfer,
)
from core.tasks import autoencoding as autoencoding_module
from core.tasks.base import AnyTask
from tests.core.support import built, small_pictures, tiny

ALL = [(t.name, v) for t in TASKS.values() for v in t.variants]
LEARNING = [(name, v) for name, v in ALL if TASKS[name].variants[v].learns]
PICTURES = [(name, v) for name, v in ALL if TASKS[name].medium == "pictures"]
FALLS: dict[str, tuple[str, dict[str, Any], int]] = {
    # A critic has a loss that falls while the generator is held, after the first of its steps.
    "adversarial": ("critic_loss", {"critic_steps": 20}, 10),
    "transfer": ("loss", {"learning_rate": 3e-3}, 9),
    "tagging": ("loss", {"learning_rate": 3e-2}, 20),
    "diffusion": ("loss", {"width": 8, "learning_rate": 1e-2}, 20),
    "translation": ("loss", {"width": 8, "blocks": 1, "learning_rate": 3e-3}, 10),
    "denoising": ("loss", {"learning_rate": 3e-3}, 12),
    "autoencoding": ("loss", {"learning_rate": 3e-3}, 12),
}
"""The loss of a task that is to fall, under which settings, and in how many steps."""
BATCH = 4


@pytest.fixture(autouse=True)
def quick(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small chunks, so that three images take more than one; few samples of bounds and GANs; small
    pictures for the pretrained networks."""
    small_pictures(monkeypatch)
    monkeypatch.setattr(features, "BATCH", 1)
    monkeypatch.setattr(transfer, "CHUNK", 1)
    monkeypatch.setattr(autoencoding_module, "CHUNK", 2)
    monkeypatch.setattr(classification, "CHUNK", 1)
    monkeypatch.setattr(denoising, "CHUNK", 1)
    monkeypatch.setattr(denoising, "CLASSICAL_CHUNK", 1)
    monkeypatch.setattr(adversarial, "CHUNK", 5)
    monkeypatch.setattr(adversarial, "ROWS", 2)
    monkeypatch.setattr(adversarial, "SAMPLES", 20)
    monkeypatch.setattr(diffusion, "CHUNK", 5)
    monkeypatch.setattr(diffusion, "ROWS", 2)
    monkeypatch.setattr(diffusion, "SAMPLES", 20)
    monkeypatch.setattr(diffusion, "SAMPLES_AN_EPOCH", 20)
    monkeypatch.setattr(diffusion, "PAIRS", 8)
    monkeypatch.setattr(diffusion, "FEW_STEPS", (1,))
    monkeypatch.setattr(diffusion, "USUAL", diffusion.Sampling(steps=2))
    monkeypatch.setattr(autoencoding_module, "SAMPLES", 20)
    monkeypatch.setattr(autoencoding_module, "IWAE_SAMPLES", 20)


class Lesson:
    """A new network that learns from one batch, step by step."""

    def __init__(
        self, chosen: AnyTask, variant: str, seed: int = 0, values: dict[str, Any] | None = None
    ) -> None:
        model = built(chosen, variant, seed, values).train()
        experiment = chosen.experiment(variant, chosen.config(variant, values), model)
        self.batch = chosen.precompute(experiment, tiny(chosen, variant=variant, n=BATCH))
        self.learner = chosen.learner(experiment, self.batch)
        self.generator = torch.Generator().manual_seed(0)

    def step(self, progress: float) -> dict[str, float]:
        with Seeded(0):  # dropout takes no generator; a training keeps the global one's state
            return self.learner.step(self.batch, progress, self.generator)

    def go_on_from(self, other: "Lesson") -> None:
        self.learner.load_state_dict(deepcopy(other.learner.state_dict()))
        self.generator.set_state(other.generator.get_state())

    def weights(self) -> list[torch.Tensor]:
        return list(self.learner.model.state_dict().values())


def stop_after(pieces: int) -> Callable[[str], None]:
    """A check that lets so many pieces of work be done."""
    left = iter(range(pieces))

    def check(stage: str) -> None:
        if next(left, None) is None:
            raise Cancelled

    return check


def numbers(value: Any) -> Iterator[float]:
    """All numbers in nested figures."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, (int, float)):
        yield value


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
def test_the_seed_decides_the_weights_of_what_learns(name: str, variant: str) -> None:
    models = [built(task(name), variant, seed) for seed in (0, 0, 1)]
    first, again, other = (model.state_dict() for model in models)
    assert list(first) == list(again)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not first or any(not torch.equal(first[k], other[k]) for k in first)
    has_parameters = any(True for _ in models[0].parameters())
    assert has_parameters == task(name).variant(variant).learns


@pytest.mark.parametrize(("name", "variant"), LEARNING)
def test_the_loss_falls_in_steps_that_can_be_repeated_and_resumed(name: str, variant: str) -> None:
    loss, values, steps = FALLS.get(name, ("loss", {}, 8))
    first, again, resumed = (Lesson(task(name), variant, seed, values) for seed in (0, 0, 1))
    told = [first.step(0)]
    assert again.step(0) == told[0]
    assert all(map(torch.equal, first.weights(), again.weights()))
    resumed.go_on_from(first)
    told.append(first.step(1 / steps))
    assert resumed.step(1 / steps) == told[1]
    assert all(map(torch.equal, first.weights(), resumed.weights()))
    told += [first.step(i / steps) for i in range(2, steps)]
    assert all(isinstance(v, float) and math.isfinite(v) for step in told for v in step.values())
    losses = [step[loss] for step in told]
    assert np.mean(losses[-3:]) < 0.95 * np.mean(losses[:3])


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_what_is_measured_and_drawn_is_always_the_same(name: str, variant: str) -> None:
    chosen = task(name)
    config, model = chosen.config(variant), built(chosen, variant).eval()
    images, stages = tiny(chosen, "test", 3, variant), list[str]()
    experiment = chosen.experiment(variant, config, model, check=stages.append)
    figures = chosen.evaluate(experiment, images)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert len(list(numbers(figures))) > 1
    assert figures["n_test"] == 3 or chosen.medium != "pictures"
    assert len(stages) >= 3 and all(stages), "it is checked often whether to stop"
    sheet = chosen.render(experiment, images)
    assert sheet.dtype == np.uint8 and sheet.ndim in (2, 3) and min(sheet.shape[:2]) >= 28
    assert int(sheet.max()) > int(sheet.min())
    torch.manual_seed(99)
    assert figures == chosen.evaluate(experiment, images)
    assert np.array_equal(sheet, chosen.render(experiment, images))


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_a_measurement_can_be_stopped_at_its_beginning_and_in_the_middle(
    name: str, variant: str
) -> None:
    chosen = task(name)
    config, model = chosen.config(variant), built(chosen, variant).eval()
    images = tiny(chosen, "test", 4, variant)
    for pieces in (0, 2):
        with pytest.raises(Cancelled):
            chosen.evaluate(
                chosen.experiment(variant, config, model, check=stop_after(pieces)), images
            )
        if chosen.variant(variant).learns:
            # Of features that are there already, each of the two parts is one piece.
            stop, few = stop_after(pieces // 2), images.first(2)
            with pytest.raises(Cancelled):
                chosen.validate(chosen.experiment(variant, config, model, check=stop), images, few)
    for held in (images.first(0), images.first(3)) if chosen.variant(variant).learns else ():
        figures = chosen.validate(chosen.experiment(variant, config, model), images, held)
        assert figures and all(isinstance(v, float) and math.isfinite(v) for v in figures.values())


@pytest.mark.parametrize("values", [{}, {"ema": 0.9}])
def test_an_averaged_generator_and_its_picture_can_be_stopped(values: dict[str, Any]) -> None:
    chosen = task("adversarial")
    config = chosen.config("gan", values)
    model, images = built(chosen, "gan", values=values), tiny(chosen, "test", 4, "gan")
    learner = chosen.learner(chosen.experiment("gan", config, model))
    asked: list[str] = []
    result = learner.eval_model(asked.append)
    assert len(asked) == (adversarial.BATCH_NORM_BATCHES if values else 0)
    chosen.render(chosen.experiment("gan", config, result.eval(), check=asked.append), images)
    assert asked[-1] == "drawing samples"


@pytest.mark.parametrize(("name", "variant"), sorted({*LEARNING} & {*PICTURES}))
def test_what_is_held_back_and_what_is_learnt_from_are_all_images(name: str, variant: str) -> None:
    chosen = task(name)
    whole = Images(tiny(chosen, n=50, variant=variant).pixels, torch.arange(50))
    parts = chosen.split(chosen.config(variant), whole)
    assert sorted(torch.cat([part.labels for part in parts]).tolist()) == list(range(50))
    for part in parts:
        assert torch.equal(part.pixels, whole.pixels[part.labels]), "an image keeps its label"


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_a_setting_that_a_variant_does_not_have_is_refused(name: str, variant: str) -> None:
    chosen = task(name)
    config = chosen.config(variant)
    assert chosen.variant(variant).fixed <= set(config.model_dump())
    for field in chosen.variant(variant).fixed:
        value = getattr(config, field)
        other = {"str": "gaussian", "int": 5, "float": 0.75}[type(value).__name__]
        assert other != value
        with pytest.raises(LabError, match=f"has no setting '{field}' to change"):
            chosen.config(variant, {field: other})


@pytest.mark.parametrize(("name", "variant"), PICTURES)
def test_images_of_any_set_are_brought_to_the_shape_of_the_variant(name: str, variant: str) -> None:
    chosen, generator = task(name), torch.Generator().manual_seed(0)
    for shape in ((1, 28, 28), (3, 32, 32), (1, 64, 64)):
        pixels = torch.randint(0, 256, (3, *shape), generator=generator).byte()
        prepared = chosen.prepare(variant, Images(pixels, torch.arange(3)))
        assert prepared.pixels.dtype == torch.uint8 and prepared.labels.tolist() == [0, 1, 2]
        assert prepared.pixels.shape == (3, *chosen.variant(variant).shape_for(shape))


def test_unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="denoising"):
        task("painting")
    with pytest.raises(UnknownName, match="linear, conv, conv_pyramid, conv_plain, unet"):
        task("denoising").config("transformer")
