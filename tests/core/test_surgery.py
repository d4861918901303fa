"""Surgery on classifiers: what is cut, how the test images are judged again, and the verdict."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.data import Images
from core.errors import Cancelled, LabError, UnknownName
from core.inference import surgery
from core.inference.surgery import Cache, Cut, Judge, compare, cuttable, links, operated
from core.metrics.image import paired_interval
from core.tasks.classification import RECOGNITION
from tests.core.support import recognisers, tiny

NETWORKS = recognisers("mlp", "cnn", "lenet", "inception", "resnet20", "fast_resnet")
IMAGES = tiny(RECOGNITION, "test", 230, "cnn")
COLOUR = Images(IMAGES.pixels[:40, :, :, :].repeat(1, 3, 1, 1), IMAGES.labels[:40])


def pictures(name: str) -> Images:
    if NETWORKS[name][1][0] == 1:
        return IMAGES
    return Images(F.pad(COLOUR.pixels, (2, 2, 2, 2)), COLOUR.labels)


def hooked(model: nn.Module, path: str, change: object, images: Images) -> Tensor:
    """The answers with a hook on a module that changes what it gives."""
    handle = model.get_submodule(path).register_forward_hook(lambda m, i, out: change(out))  # type: ignore[operator]
    try:
        with torch.inference_mode():
            out: Tensor = model(images.pixels / 255)
            return out
    finally:
        handle.remove()


@pytest.mark.parametrize(
    ("name", "path", "end"),
    [
        ("mlp", "body.1", "body.2"),
        ("cnn", "body.0", "body.1"),
        ("cnn", "body.10", "body.11"),
        ("cnn", "body.17", "body.17"),
        ("cnn", "head", "head"),
        ("inception", "body.2.five.1.0", "body.2.five.1.1"),
        ("resnet20", "body.6.second", "body.6.second_norm"),
        ("fast_resnet", "body.2.first", "body.2.first_norm"),
    ],
)
def test_a_channel_that_is_zeroed_or_swapped_gives_what_a_hook_would(
    name: str, path: str, end: str
) -> None:
    (model, shape), images = NETWORKS[name], pictures(name)
    judge = Judge(model, images, name)
    assert cuttable(model, shape)[path].end == end

    def zero(out: Tensor) -> Tensor:
        out = out.clone()
        out[:, 3] = 0
        return out

    def swap(out: Tensor) -> Tensor:
        out = out.clone()
        out[:, [3, 5]] = out[:, [5, 3]]
        return out

    for cut, change in ((Cut(path, channel=3), zero), (Cut(path, "swap", 3, 5), swap)):
        expected = hooked(model, end, change, images)
        for _ in range(2):  # cold, and from the cache
            assert torch.allclose(judge.logits_after(cut), expected, atol=1e-4)
    assert torch.allclose(judge.logits(), model(images.pixels / 255), atol=1e-4)
    assert not any(m._forward_hooks for m in model.modules())


def test_a_shuffled_channel_is_another_image_s_and_the_seed_says_which() -> None:
    model, _ = NETWORKS["cnn"]
    judge = Judge(model, IMAGES, "cnn")
    cut = Cut("body.3", "shuffle", 2)
    once, again = judge.logits_after(cut), Judge(model, IMAGES, "again").logits_after(cut)
    other = judge.logits_after(Cut("body.3", "shuffle", 2, seed=1))
    assert torch.equal(once, again) and not torch.equal(once, other)
    # A whole linear layer that is shuffled gives each image the answer to another one.
    whole = judge.logits_after(Cut("body.17", "shuffle"))
    rows = torch.cdist(whole, judge.logits()).min(1)
    assert float(rows.values.max()) < 1e-3
    assert not bool((rows.indices == torch.arange(len(whole))).any()), "to none its own"
    assert len(rows.indices.unique()) == len(whole)


@pytest.mark.parametrize(("name", "path"), [("resnet20", "body.6"), ("fast_resnet", "body.3")])
def test_a_residual_link_is_cut_on_either_side(name: str, path: str) -> None:
    (model, _), images = NETWORKS[name], pictures(name)
    assert path in links(model) and not links(NETWORKS["cnn"][0])
    norm = f"{path}.second_norm"
    judge = Judge(model, images, name)
    body = hooked(model, norm, torch.zeros_like, images)
    assert torch.allclose(judge.logits_after(Cut(path, "body")), body, atol=1e-4)
    kept: list[Tensor] = []
    hooked(model, norm, lambda out: kept.append(out) or out, images)
    alone = hooked(model, path, lambda out: F.relu(kept[0]), images)
    assert torch.allclose(judge.logits_after(Cut(path, "shortcut")), alone, atol=1e-4)
    assert torch.allclose(judge.logits(), model(images.pixels / 255), atol=1e-4), "not touched"


def test_where_all_is_zero_one_class_is_answered_to_everything() -> None:
    verdict = Judge(NETWORKS["cnn"][0], IMAGES, "cnn").verdict(Cut("body.15"))
    answered = verdict.constant
    assert answered is not None and bool((verdict.answers == answered).all())
    share = float((IMAGES.labels == answered).float().mean())
    assert verdict.after == pytest.approx(share) and verdict.n == 230
    assert verdict.baseline == pytest.approx(float(IMAGES.labels.bincount().max()) / 230)


@pytest.mark.parametrize(
    ("cut", "error", "sentence"),
    [
        (Cut("body.99", channel=1), UnknownName, r"layer called 'body.99'.*Known: body.0, body.3"),
        (Cut("body.0", channel=16), LabError, "go from 0 to 15; there is no 16"),
        (Cut("body.0", channel=-1), LabError, "go from 0 to 15"),
        (Cut("body.0", "swap", 1), LabError, "name both"),
        (Cut("body.0", "body"), UnknownName, "residual link"),
    ],
)
def test_what_cannot_be_cut_is_refused(cut: Cut, error: type[LabError], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        operated(NETWORKS["cnn"][0], cut, (1, 28, 28))


def test_weights_that_are_no_numbers_are_named() -> None:
    model, _ = recognisers("lenet")["lenet"]
    with torch.no_grad():
        model.get_parameter("body.0.weight")[0] = float("nan")
    with pytest.raises(LabError, match=r"no numbers .* in body.0.weight"):
        Judge(model, IMAGES, "nan").verdict(Cut("body.2", channel=0))


def test_the_cache_is_bounded_and_what_does_not_fit_is_computed_again() -> None:
    model, _ = NETWORKS["cnn"]
    cut = Cut("body.15", channel=0)
    wide, narrow = Cache(), Cache(100_000)
    expected = Judge(model, IMAGES, "a", wide).logits_after(cut)
    assert torch.allclose(Judge(model, IMAGES, "a", narrow).logits_after(cut), expected, atol=1e-5)
    assert wide.bytes > 0 and narrow.bytes <= 100_000
    for i in range(5):
        narrow.put(i, torch.zeros(10_000))
    assert narrow.bytes <= 100_000 and narrow.get(0) is None and narrow.get(4) is not None
    narrow.put("huge", torch.zeros(100_000))
    assert narrow.get("huge") is None


def test_without_test_images_nothing_is_judged() -> None:
    none = Images(IMAGES.pixels[:0], IMAGES.labels[:0])
    with pytest.raises(LabError, match="no test images"):
        Judge(NETWORKS["cnn"][0], none, "none").verdict(Cut("body.3"))


def test_judging_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surgery, "CHUNK", 10)
    calls: list[float] = []

    def cancel(stage: str, done: float) -> None:
        calls.append(done)
        if len(calls) == 3:
            raise Cancelled

    judge = Judge(NETWORKS["cnn"][0], IMAGES, "cnn")
    with pytest.raises(Cancelled):
        judge.verdict(Cut("body.0", channel=1), cancel)
    assert calls == [k / 23 for k in range(3)], "of the chunks"
    assert judge.cache.bytes == 0, "nothing half done is kept"


def logits(answers: list[int]) -> Tensor:
    return F.one_hot(torch.tensor(answers), 3).float()


def test_a_verdict_says_which_classes_suffer_and_is_silent_about_chance() -> None:
    labels = torch.tensor([0] * 100 + [1] * 100 + [2] * 50)
    before = [0] * 100 + [1] * 100 + [2] * 50
    after = [1] * 40 + [0] * 60 + [1] * 99 + [0] + [2] * 50
    verdict = compare(labels, logits(before), logits(after))
    assert (verdict.lost, verdict.gained, verdict.n) == (41, 0, 250)
    assert verdict.distinct and verdict.low < verdict.after - verdict.before < verdict.high < 0
    assert [c.distinct for c in verdict.classes] == [True, False, False]
    assert verdict.baseline == pytest.approx(0.4) and verdict.constant is None
    same = compare(labels, logits(before), logits(before))
    assert not same.distinct and same.low < 0 < same.high


def test_there_is_nothing_to_judge_without_images_or_with_answers_that_are_no_numbers() -> None:
    with pytest.raises(LabError, match="no test images"):
        compare(torch.zeros(0, dtype=torch.long), torch.zeros(0, 3), torch.zeros(0, 3))
    with pytest.raises(LabError, match="no number"):
        compare(torch.zeros(2, dtype=torch.long), torch.zeros(2, 3), torch.full((2, 3), torch.nan))


def test_the_paired_interval_covers_the_difference_as_often_as_it_says() -> None:
    generator = torch.Generator().manual_seed(0)
    n, rates = 400, torch.tensor([0.03, 0.06])  # gained, lost
    covered = 0
    for _ in range(2000):
        u = torch.rand(n, generator=generator)
        gained, lost = int((u < rates[0]).sum()), int((u > 1 - rates[1]).sum())
        low, high = paired_interval(gained, lost, n)
        covered += low <= float(rates[0] - rates[1]) <= high
    assert 0.935 < covered / 2000 < 0.97
    assert paired_interval(0, 0, 0) == (-1.0, 1.0)
    one, ten = paired_interval(3, 9, 100), paired_interval(3, 9, 100, 10)
    assert ten[0] < one[0] < one[1] < ten[1]
