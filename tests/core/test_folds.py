"""How far a head's figures are to be trusted, how long it takes, and which rate suits it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core import data, features, training
from core.data import Images
from core.errors import LabError
from core.execution import carry_out
from core.images import to_png
from core.inference import explain
from core.models.feature_classifiers import Transfer
from core.runs import store
from core.runs.store import Run
from core.settings import settings
from core.tasks.transfer import TRANSFER, TransferExperiment
from core.training import cross_validation, lr_finder, training_time
from core.training.request import train_images
from tests.core.support import small_pictures
from tests.core.test_transfer import built, clouds

HARD = 8
"""How strongly features of clouds are drowned in noise, so that not all is read right."""


def experiment(model: Transfer, **values: object) -> TransferExperiment:
    config = TRANSFER.config("new_head", {"epochs": 8, **values})
    return TRANSFER.experiment("new_head", config, model)


def noisy(each: int, seed: int) -> Images:
    known = clouds(each, seed=seed)
    noise = torch.randn(known.pixels.shape, generator=torch.Generator().manual_seed(seed + 50))
    return Images(known.pixels + HARD * noise, known.labels)


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        small_pictures(patch)
        yield


@pytest.fixture(scope="module")
def model() -> Transfer:
    return built()


def test_every_picture_is_tested_once(model: Transfer) -> None:
    seen = clouds(20)
    result = cross_validation.cross_validated(experiment(model), seen, folds=4)
    assert len(result.accuracies) == 4 and result.mean == 1.0 and result.spread == 0.0
    again = cross_validation.cross_validated(experiment(model), noisy(20, 1), folds=4)
    repeated = cross_validation.cross_validated(experiment(model), noisy(20, 1), folds=4)
    assert again.accuracies == repeated.accuracies and again.mean < 1.0


def test_nearly_the_same_pictures_stay_in_one_fold() -> None:
    seen = clouds(6).pixels
    twins = torch.cat([seen, seen[:5] + 1e-3])
    numbers = cross_validation.groups(twins)
    assert numbers[18:].tolist() == numbers[:5].tolist()
    assert len(numbers[:18].unique()) == 18


def test_more_pictures_are_read_better(model: Transfer) -> None:
    train, test = noisy(40, 1), noisy(60, 2)
    few, many = (
        cross_validation.with_few(experiment(model), train, test, each, seeds=range(3))
        for each in (2, 40)
    )
    assert 1 / 3 < few.mean < many.mean and len(few.accuracies) == 3


@pytest.mark.parametrize("count", [1, 21])
def test_another_number_of_folds_is_refused(model: Transfer, count: int) -> None:
    with pytest.raises(LabError, match="2 to 20"):
        cross_validation.cross_validated(experiment(model), clouds(20), folds=count)


def test_too_few_pictures_are_refused(model: Transfer) -> None:
    with pytest.raises(LabError, match=r"5 folds; the smallest has 4. Choose from 2 to 4"):
        cross_validation.cross_validated(experiment(model), clouds(4))
    with pytest.raises(LabError, match=r"9 pictures of each class.* Choose from 1 to 4"):
        cross_validation.with_few(experiment(model), clouds(4), clouds(4), 9)


def test_a_sweep_ends_when_the_loss_runs_away(model: Transfer) -> None:
    seen = clouds(20)
    result = lr_finder.sweep(experiment(model, batch_size=16), seen)
    assert len(result.rates) == len(result.losses) and result.rates == sorted(result.rates)
    assert min(result.rates) == pytest.approx(1e-5) and 1e-5 <= result.best <= 1
    assert min(result.losses) < result.losses[0]
    assert result == lr_finder.sweep(experiment(model, batch_size=16), seen)


# ---- a run of its own


@pytest.fixture(scope="module")
def taught_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was trained on a few of scikit-learn's digits."""
    question = training.make_request(
        "transfer", "new_head", "digits", {"train_images": 40, "epochs": 3}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_LAB_CHECKPOINTS", str(tmp_path_factory.mktemp("taught")))
        patch.setattr(type(TRANSFER), "most_test", 30)
        settings.cache_clear()
        run = store.create(question.run_id, question.config)
        carry_out(run)
        assert run.status().state == "done", run.status().error
    settings.cache_clear()
    return run.path


@pytest.fixture
def taught(taught_once: Path, lab: Path) -> Run:
    """That run, and the features that it was taught on, in a lab of its own."""
    shutil.copytree(taught_once.parent, settings().runs)
    return store.open_run(taught_once.name)


def test_a_run_is_trained_read_and_explained(taught: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(TRANSFER), "most_test", 30)
    figures = taught.metrics()
    assert figures["n_test"] == 30 == sum(sum(row) for row in figures["confusion"])
    assert taught.spec().data.class_names == tuple("0123456789")
    assert {"test_loss", "validation_loss"} <= set(taught.history().columns)
    model = explain.classifier(taught)
    images = training.request.test_images(taught)
    worst = explain.top_losses(model, images)
    assert worst.losses.tolist() == sorted(worst.losses.tolist(), reverse=True)
    right = sum(int(images.labels[i]) == int(r) for i, r in zip(worst.ids, worst.read, strict=True))
    assert right / 30 == pytest.approx(figures["accuracy"], abs=1e-4)
    warm = explain.heat(model, images.pixels[:2], 3)
    assert warm.shape == (2, 28, 28) and 0 <= float(warm.min()) <= float(warm.max()) <= 1
    seen = explain.overlaid(images.pixels[:2], warm)
    assert torch.equal(
        seen[warm[:, None].expand_as(seen) == 0],
        images.pixels[:2][warm[:, None].expand_as(seen) == 0],
    )
    said = explain.predict(model, images.pixels[:2])
    assert torch.allclose(said.probabilities.sum(1), torch.ones(2))
    run_images = TRANSFER.split(TRANSFER.config_of(taught), train_images(taught))[0]
    said = explain.predict(model, run_images.pixels[[3, 8]])
    rows = explain.alike(model, said)  # nothing is more like a picture than itself
    assert [
        torch.equal(run_images.pixels[r], run_images.pixels[i])
        for r, i in zip(rows[:, 0].tolist(), (3, 8), strict=True)
    ] == [True, True]
    with pytest.raises(LabError, match="0 to 9"):
        explain.heat(model, images.pixels[:1], 10)


def test_a_map_that_speaks_for_nothing_is_all_zeros(taught: Run) -> None:
    model = explain.classifier(taught)
    with torch.no_grad():
        model.head[0].weight.zero_()  # type: ignore[union-attr, operator]
    warm = explain.heat(model, data.load("digits", "test").pixels[:1].expand(-1, 3, -1, -1), 0)
    assert warm.tolist() == torch.zeros(1, 28, 28).tolist()


def test_pictures_that_were_looked_at_cost_no_time(
    taught: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(TRANSFER), "most_test", 30)
    asked = TRANSFER.config("new_head", {"train_images": 40})
    seen = training_time.estimate("new_head", asked, "digits")
    assert seen.pictures == 70 and seen.looking == 0 < seen.learning
    other = asked.model_copy(update={"backbones": "lite1"})
    assert training_time.estimate("new_head", other, "digits").looking > 0
    tuned = training_time.estimate("fine_tune", asked, "digits")
    assert tuned.looking == 0 and tuned.learning > seen.learning
    p = cross_validation.prepared(taught)
    assert features.known("lite0", training.request.train_images(taught).pixels) == 40
    assert len(p.train.labels) == 40 and len(p.test.labels) == 30


def test_one_class_is_refused_before_anything_is_made(lab: Path) -> None:
    pictures = {"only": [(f"{i}.png", _png(i)) for i in range(10)]}
    info = data.import_classes(pictures, "Alone", size=32, grey=False)
    with pytest.raises(LabError, match="needs 2 classes at least; Alone has 1"):
        training.make_request("transfer", "new_head", info.name)


def _png(seed: int) -> bytes:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (40, 40, 3), generator=generator).byte().numpy()
    return to_png(pixels)


def test_all_of_a_network_is_taught_and_used(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(TRANSFER), "most_test", 6)
    values = {"train_images": 12, "epochs": 1, "batch_size": 4}
    question = training.make_request("transfer", "fine_tune", "digits", values)
    run = store.create(question.run_id, question.config)
    assert carry_out(run).state == "done", run.status().error
    model = explain.classifier(run)
    images = training.request.test_images(run)
    assert model.trained and len(model.known) == len(folds_of(run))
    assert float(explain.heat(model, images.pixels[:1], 0).max()) <= 1
    assert len(explain.top_losses(model, images).ids) == 6
    assert not TRANSFER.encode(model, images).requires_grad
    with pytest.raises(LabError, match="heads on frozen networks"):
        cross_validation.prepared(run)


def folds_of(run: Run) -> torch.Tensor:
    """The labels that the run learnt from: those that it did not hold back."""
    config = TRANSFER.config(run.spec().variant, run.spec().config)
    return TRANSFER.split(config, training.request.train_images(run))[0].labels
