"""Heads on pretrained features: what is trained, what is kept, and what is said of strangers."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.data import Images
from core.errors import LabError
from core.models.backbones import BACKBONES
from core.models.feature_classifiers import Transfer, head
from core.runs.schema import RunSpec
from core.settings import settings
from core.tasks.transfer import TRANSFER, TransferConfig, TransferLearner, class_weights, cropped

WIDTH = 1280


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("LATENT_LAB_CHECKPOINTS", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def built(variant: str = "new_head", classes: int = 3, **values: object) -> Transfer:
    config = TRANSFER.config(variant, values)
    torch.manual_seed(0)
    return TRANSFER.build(variant, (3, 32, 32), config, classes)


def clouds(each: int, classes: int = 3, seed: int = 0) -> Images:
    """Features of as many clouds as classes, well apart."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, WIDTH, generator=torch.Generator().manual_seed(99))
    labels = torch.arange(classes).repeat_interleave(each)
    noise = torch.randn(len(labels), WIDTH, generator=generator)
    return Images(3 + centres[labels] + noise, labels)


def test_the_published_head_is_as_in_the_text() -> None:
    layers = head("published", BACKBONES["resnet18"].width, 2)
    widths = [(m.in_features, m.out_features) for m in layers if isinstance(m, nn.Linear)]
    assert widths == [(512, 256), (256, 256), (256, 2)]
    assert [type(m).__name__ for m in layers] == ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]
    assert {m.p for m in layers if isinstance(m, nn.Dropout)} == {0.5}
    assert sum(p.numel() for p in layers.parameters()) == 197_634
    of_another = [m for m in built(head="published").head if isinstance(m, nn.Linear)]
    assert [m.in_features for m in of_another] == [WIDTH, 256, 256]


def test_the_head_of_four_layers_has_a_name_of_its_own_and_keeps_its_runs() -> None:
    layers = [m for m in built(head="mlp", classes=2).head if isinstance(m, nn.Linear)]
    assert [m.out_features for m in layers] == [512, 256, 256, 2]
    ids = {
        kind: TRANSFER.identity("new_head", TRANSFER.config("new_head", {"head": kind}))[1]
        for kind in ("linear", "published", "mlp")
    }
    assert ids["mlp"] == {"head": "published"}, "what it was called when its first runs were named"
    assert ids["linear"] == {} and ids["published"] != ids["mlp"]
    asked = {
        "task": "transfer", "variant": "new_head", "dataset": "pets", "version": 1,
        "config": TRANSFER.config("new_head").model_dump() | {"head": "published"},
        "data": {"fingerprint": "", "n_train": 1, "n_test": 1, "shape": (3, 32, 32), "classes": 2},
    }  # fmt: skip
    assert RunSpec.model_validate(asked).config["head"] == "mlp"
    assert RunSpec.model_validate({**asked, "version": 2}).config["head"] == "published"


def test_frozen_backbones_are_not_kept_and_trained_ones_are() -> None:
    frozen, trained = built("new_head").state_dict(), built("fine_tune").state_dict()
    assert {k.split(".")[0] for k in frozen} == {
        "head", "mean", "std", "temperature", "known", "reach"
    }  # fmt: skip
    assert any(k.startswith("nets.0.body") for k in trained)


def test_networks_side_by_side_join_their_features() -> None:
    model = built("side_by_side", backbones="lite0+lite1")
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        both = model.features(images)
        one = built("new_head").features(images)
    assert both.shape == (2, 2 * WIDTH) and torch.allclose(both[:, :WIDTH], one, atol=1e-5)


@pytest.mark.parametrize("name", ["lite9", "lite0+lite0", "", "lite0+"])
def test_unknown_backbones_are_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(LabError, match="lite0, lite1"):
        TRANSFER.config("new_head", {"backbones": name})
    assert all(TRANSFER.config("new_head", {"backbones": n}) for n in BACKBONES)


def test_one_class_is_refused() -> None:
    with pytest.raises(LabError, match="two classes"):
        built(classes=1)


# ---- learning


def learner(model: Transfer, data: Images, **values: object) -> TransferLearner:
    config = TRANSFER.config("new_head", values)
    return TRANSFER.learner(TRANSFER.experiment("new_head", config, model), data)


def test_a_head_learns_clouds_and_stops_when_it_only_grows_surer() -> None:
    model, data, held = built(), clouds(30), clouds(10, seed=1)
    held.labels[::10] = (held.labels[::10] + 1) % 3  # wrong labels: certainty is punished
    taught = learner(model, data, patience=3)
    generator = torch.Generator().manual_seed(0)
    epochs = 0
    while not taught.should_stop and epochs < 200:
        for rows in torch.split(torch.randperm(90, generator=generator), 32):
            taught.step(Images(data.pixels[rows], data.labels[rows]), 0.5, generator)
        row = TRANSFER.validate(
            TRANSFER.experiment("new_head", taught.config, model.eval()), held, held
        )
        taught.on_epoch_end(row)
        epochs += 1
    assert row["validation_accuracy"] == pytest.approx(0.9)
    assert taught.waited == 3 < epochs < 200
    last = {k: v.clone() for k, v in model.state_dict().items()}
    taught.finish()
    final = TRANSFER.validate(TRANSFER.experiment("new_head", taught.config, model), held, held)
    assert final["validation_loss"] == pytest.approx(taught.least)
    assert not torch.equal(last["head.0.weight"], model.state_dict()["head.0.weight"])


def test_the_body_of_a_fine_tuned_network_waits_for_its_head() -> None:
    model = built("fine_tune")
    config = TRANSFER.config("fine_tune")
    images = Images(torch.randint(0, 256, (4, 3, 32, 32)).byte(), torch.tensor([0, 1, 2, 0]))
    taught = TRANSFER.learner(TRANSFER.experiment("fine_tune", config, model), images)
    stem = model.nets[0].get_submodule("body.net.conv_stem").weight
    norm = model.nets[0].get_submodule("body.net.bn1").running_mean
    before, kept, head = stem.clone(), norm.clone(), model.head[0].weight.clone()
    model.train()
    generator = torch.Generator().manual_seed(0)
    taught.step(images, 0.1, generator)
    assert torch.equal(stem, before) and not torch.equal(model.head[0].weight, head)
    taught.step(images, 0.5, generator)
    assert not torch.equal(stem, before)
    assert torch.equal(norm, kept)  # a few pictures have no statistics of their own


def test_a_fine_tuned_head_begins_with_features_of_an_even_spread() -> None:
    model = built("fine_tune")
    images = torch.randint(0, 256, (80, 3, 32, 32), dtype=torch.uint8)
    data = Images(images, torch.arange(80) % 3)
    TRANSFER.learner(TRANSFER.experiment("fine_tune", TRANSFER.config("fine_tune"), model), data)
    with torch.inference_mode():
        features = model.features(images[::3] / 255)
    assert float(features.norm(dim=1).mean()) == pytest.approx(1)
    assert float(model.standard(features).std()) == pytest.approx(1, abs=0.1)
    assert float(model.standard(features).mean()) == pytest.approx(0, abs=0.1)


def test_rare_classes_weigh_more() -> None:
    weights = class_weights(torch.tensor([0] * 8 + [1] * 2), 2)
    assert weights.tolist() == pytest.approx([10 / 16, 10 / 4])


def test_crops_are_seeded_and_stay_pictures() -> None:
    images = torch.rand(6, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    one, two = (cropped(images, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, two) and one.shape == images.shape
    assert float(one.min()) >= 0 and float(one.max()) <= 1 and not torch.equal(one, images)


def test_each_class_keeps_a_picture_on_both_sides() -> None:
    labels = torch.tensor([0] * 20 + [1] * 2 + [2])
    images = Images(torch.arange(23).view(-1, 1, 1, 1).byte(), labels)
    own, held = TRANSFER.split(TRANSFER.config("new_head"), images)
    assert len(own.labels) + len(held.labels) == 23
    assert torch.bincount(held.labels, minlength=3).tolist() == [2, 1, 0]
    assert not set(own.pixels.flatten().tolist()) & set(held.pixels.flatten().tolist())


# ---- what it says


def test_a_temperature_calibrates_what_was_too_sure() -> None:
    model, held = built(), clouds(40, seed=2)
    known = clouds(40)
    model.standardise(known.pixels)
    with torch.no_grad():
        first = cast(nn.Linear, model.head[0])
        middles = [model.standard(known.pixels[known.labels == k]).mean(0) for k in range(3)]
        first.weight.copy_(torch.stack(middles))
        first.bias.zero_()
    noisy = Images(held.pixels, held.labels.roll(7))  # many of its answers are wrong
    before = TRANSFER.validate(TRANSFER.experiment("new_head", config(), model), noisy, noisy)[
        "test_loss"
    ]
    TRANSFER.calibrate(TRANSFER.experiment("new_head", config(), model), noisy)
    after = TRANSFER.validate(TRANSFER.experiment("new_head", config(), model), noisy, noisy)[
        "test_loss"
    ]
    assert float(model.temperature) > 1 and after < before


def config() -> TransferConfig:
    return TRANSFER.config("new_head")


def test_certainty_stays_bounded_where_nothing_is_wrong() -> None:
    model, held = built(), clouds(40, seed=2)
    model.standardise(held.pixels)
    with torch.no_grad():
        middles = [model.standard(held.pixels[held.labels == k]).mean(0) for k in range(3)]
        cast(nn.Linear, model.head[0]).weight.copy_(torch.stack(middles))
    before = model.read(held.pixels).detach().softmax(1).amax(1)
    TRANSFER.calibrate(TRANSFER.experiment("new_head", config(), model), held)
    sure = model.read(held.pixels).detach().softmax(1).amax(1)
    assert float(before.mean()) > 0.9999 > 0.9995 > float(sure.mean()) > 0.9


def test_strangers_are_told_from_the_training_pictures() -> None:
    model = built()
    model.remember(clouds(60).pixels)
    own = model.strangeness(clouds(40, seed=3).pixels)
    others: Tensor = 3 + 2 * torch.randn(40, WIDTH, generator=torch.Generator().manual_seed(5))
    assert float(model.strangeness(others).median()) >= 0.99 > float(own.median())
    again = built()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.strangeness(others), model.strangeness(others))


def test_a_network_that_knows_no_picture_calls_none_strange() -> None:
    assert built().strangeness(clouds(2).pixels).tolist() == [0] * 6


def test_strangeness_is_the_cosine_distance_to_the_tenth_nearest() -> None:
    model, known = built(), clouds(100).pixels
    model.remember(known)
    assert model.neighbours == 10
    unit = F.normalize(known, dim=1)
    apart = 1 - unit @ unit.T
    own = apart.sort(1).values[:, 10]  # the first is the picture itself
    asked = torch.randn(50, WIDTH, generator=torch.Generator().manual_seed(1)) + known[:50]
    theirs = (1 - F.normalize(asked, dim=1) @ unit.T).sort(1).values[:, 9]
    shares = (own[None] < theirs[:, None]).float().mean(1)
    torch.testing.assert_close(model.strangeness(asked), shares, atol=0.015, rtol=0)
    model.remember(known[::10])
    assert model.neighbours == 1  # of few, the nearest twentieth
