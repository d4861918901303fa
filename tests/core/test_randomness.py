"""Random numbers of one's own: the same as torch's global ones, which stay where they are."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from core.data import Images
from core.models import backbones
from core.models.feature_classifiers import Transfer, head
from core.models.pretrained import FeatureNet
from core.randomness import Seeded
from core.runs import store
from core.tasks import TASKS, load_model
from core.tasks.transfer import TRANSFER
from core.training import cross_validation, lr_finder

SEED = 7


@pytest.fixture(autouse=True)
def nothing_global(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever seeds or sets something for the whole process fails."""

    def refused(*args: object) -> None:
        raise AssertionError("that belongs to the whole process")

    for name in ("set_num_threads", "set_rng_state", "seed"):
        monkeypatch.setattr(torch, name, refused)


def untouched(what: Callable[[], object]) -> object:
    before = torch.get_rng_state()
    result = what()
    assert torch.equal(before, torch.get_rng_state())
    return result


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        (t.name, v)
        for t in TASKS.values()
        for v in t.variants
        if t is not TRANSFER and t.medium == "pictures"
    ],
)
def test_a_network_is_drawn_as_by_the_global_generator(name: str, variant: str) -> None:
    task = TASKS[name]

    def built() -> dict[str, torch.Tensor]:
        shape = task.variant(variant).shape or (3, 32, 32)
        return task.build(variant, shape, task.config(variant), 10).state_dict()

    torch.manual_seed(SEED)
    globally = built()

    def own() -> dict[str, torch.Tensor]:
        with Seeded(SEED):
            return built()

    result = untouched(own)
    assert isinstance(result, dict)
    assert all(torch.equal(globally[key], result[key]) for key in globally)


def test_dropout_and_shuffles_too() -> None:
    net, x = nn.Sequential(nn.Dropout(0.3), nn.Dropout(0.5, inplace=True)), torch.ones(50, 8)
    torch.manual_seed(SEED)
    first, order = net(x), torch.randperm(9)

    def own() -> tuple[torch.Tensor, torch.Tensor]:
        with Seeded(SEED):
            return net(x), torch.randperm(9)

    result = untouched(own)
    assert isinstance(result, tuple)
    assert torch.equal(first, result[0]) and torch.equal(order, result[1])
    with Seeded(SEED):
        assert torch.equal(net.eval()(x), x)


def test_nothing_that_pages_train_or_load_moves_the_global_generator() -> None:
    net = untouched(lambda: backbones.load("lite0"))
    assert isinstance(net, FeatureNet)
    run = next(r for r in store.all_runs() if r.shipped and r.spec().task == "denoising")
    untouched(lambda: load_model(run))
    values, labels = torch.randn(24, net.width), torch.arange(24) % 2
    seen = Images(values + labels[:, None], labels)
    config = TRANSFER.config("new_head", {"epochs": 2, "batch_size": 8, "head": "published"})
    model = Transfer({"lite0": net}, head("linear", net.width, 2), trained=False)
    experiment = TRANSFER.experiment("new_head", config, model)
    scores = [
        untouched(lambda: cross_validation.with_few(experiment, seen, seen, 4, range(2)))
        for _ in range(2)
    ]
    assert scores[0].accuracies == scores[1].accuracies  # type: ignore[attr-defined]
    untouched(lambda: cross_validation.cross_validated(experiment, seen, folds=3))
    untouched(lambda: lr_finder.sweep(experiment, seen))
