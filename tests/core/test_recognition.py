"""Recognition: the network is that of the text, and its figures are what they say."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics
from torch import nn
from torch.nn import functional as F
from torchvision import models

from core.data import Images
from core.errors import LabError
from core.metrics.image import calibration_error
from core.models import convnets
from core.models.convnets import Recogniser
from core.tasks import classification
from core.tasks.base import unit
from core.tasks.classification import RECOGNITION
from core.tasks.recognition_training import LOOKAHEAD_STEPS, RecognitionConfig, varied
from tests.core.support import Layers, built, tiny

LAYERS = [
    "Conv2d(1, 16, 3, p0)", "BatchNorm(16)", "ReLU",
    "Conv2d(16, 32, 3, p0)", "BatchNorm(32)", "ReLU", "MaxPool2d(2) -> 12",
    "Conv2d(32, 64, 3, p0)", "BatchNorm(64)", "ReLU",
    "Conv2d(64, 128, 3, p0)", "BatchNorm(128)", "ReLU", "MaxPool2d(2) -> 4",
    "Linear(2048, 1024)", "ReLU", "Linear(1024, 128)", "ReLU", "Linear(128, 10)",
]  # fmt: skip


def network(seed: int = 0, variant: str = "cnn_strong") -> Recogniser:
    """A new one, in training mode."""
    made = built(RECOGNITION, variant, seed)
    assert isinstance(made, Recogniser)
    return made.train()


def settings(variant: str = "cnn_strong", **values: Any) -> RecognitionConfig:
    made = RECOGNITION.config(variant, values)
    assert isinstance(made, RecognitionConfig)
    return made


def seeded(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def taught() -> Recogniser:
    """A network that has learnt a little, so that it is right and wrong."""
    model = network()
    learner, images = (
        RECOGNITION.learner(RECOGNITION.experiment("cnn_strong", settings(), model)),
        tiny(RECOGNITION, n=200),
    )
    for i in range(12):
        rows = slice(i * 20 % 200, i * 20 % 200 + 20)
        batch = Images(images.pixels[rows], images.labels[rows])
        learner.step(batch, 0.05 + i / 20, seeded(i))
    return model.eval().requires_grad_(False)


# ---- the reference network


@pytest.mark.parametrize("variant", ["cnn", "cnn_strong"])
def test_the_network_has_the_layers_of_the_text(variant: str) -> None:
    model, x = network(variant=variant).eval(), torch.zeros(1, 1, 28, 28)
    with torch.no_grad(), Layers() as layers:
        logits = model(x)
    assert layers.lines == LAYERS and logits.shape == (1, 10)


PUBLISHED = {
    "lenet": (convnets.lenet, (1, 28, 28), [
        "Conv2d(1, 6, 3, p1)", "MaxPool2d(2) -> 14", "Conv2d(6, 16, 5, p0)", "MaxPool2d(2) -> 5",
        "Linear(400, 120)", "Linear(120, 84)", "Linear(84, 10)",
    ]),
    "simple_cnn": (convnets.simple_cnn, (3, 32, 32), [
        "Conv2d(3, 32, 3, p1)", "ReLU", "MaxPool2d(2) -> 16",
        "Conv2d(32, 64, 3, p1)", "ReLU", "MaxPool2d(2) -> 8",
        "Conv2d(64, 128, 3, p1)", "ReLU", "MaxPool2d(2) -> 4",
        "Linear(2048, 512)", "ReLU", "Linear(512, 64)", "ReLU", "Linear(64, 10)",
    ]),
}  # fmt: skip
"""Networks of the text that it does not train: as they are printed."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_network_that_the_text_only_prints_has_its_layers(name: str) -> None:
    build, shape, lines = PUBLISHED[name]
    model, x = build(shape, 10).eval(), torch.zeros(1, *shape)
    with torch.no_grad(), Layers() as layers:
        logits = model(x)
    assert layers.lines == lines and logits.shape == (1, 10)


@pytest.mark.parametrize(
    ("build", "theirs"), [(convnets.alexnet, models.alexnet), (convnets.vgg, models.vgg16)]
)
def test_the_large_networks_have_the_weights_of_torchvision_s(
    build: Callable[..., Recogniser], theirs: Callable[[], nn.Module]
) -> None:
    with torch.device("meta"):
        ours, published = build((3, 224, 224), 1000), theirs()
    assert [p.shape for p in ours.parameters()] == [p.shape for p in published.parameters()]


def test_a_residual_network_is_the_plain_one_with_shortcuts() -> None:
    torch.manual_seed(0)
    residual = convnets.resnet20((3, 32, 32), 10).eval()
    plain = convnets.plain20((3, 32, 32), 10).eval()
    plain.load_state_dict(residual.state_dict())
    assert sum(p.numel() for p in plain.parameters()) == 269_722, "He et al. say 0.27 million"
    block = residual.body[3]
    assert isinstance(block, convnets.Residual)
    x = torch.rand(2, 16, 8, 8)
    with torch.no_grad():
        nn.init.zeros_(block.second_norm.weight)
        assert torch.equal(block(x), x), "without its convolutions it passes its input on"
    wider = residual.body[6]
    assert isinstance(wider, convnets.Residual) and isinstance(wider.shortcut, convnets.Padded)
    assert torch.equal(wider.shortcut(x)[:, :16], x[:, :, ::2, ::2])
    assert not wider.shortcut(x)[:, 16:].any()


def test_without_activations_lenet_is_linear_but_for_its_pooling() -> None:
    model = convnets.lenet((1, 28, 28), 10).eval()
    behind = nn.Sequential(*list(model.body)[4:], model.head)
    x, y = torch.randn(2, 16, 5, 5).split(1)
    with torch.no_grad():
        bias = behind(torch.zeros(1, 16, 5, 5))
        assert torch.allclose(behind(x + y) + bias, behind(x) + behind(y), atol=1e-4)
    assert any(isinstance(m, nn.ReLU) for m in convnets.lenet_relu((1, 28, 28), 10).modules())


def test_an_inception_module_joins_four_ways_by_depth() -> None:
    module = convnets.Inception(20, 32).eval()
    with torch.no_grad():
        joined = module(x := torch.rand(1, 20, 9, 9))
        assert joined.shape == (1, 64 + 64 + 96 + 32, 9, 9)
        assert torch.equal(joined[:, 224:], module.pooled(x))


def test_the_text_s_classifier_is_trained_as_in_the_text() -> None:
    config, images = settings("cnn"), tiny(RECOGNITION)
    asked = (config.epochs, config.batch_size, config.learning_rate, config.weight_decay)
    assert asked == (5, 64, 1e-2, 0.0)
    assert not config.shift and not config.mirror and not config.train_images
    ours, theirs = network(variant="cnn"), network(variant="cnn")
    learner = RECOGNITION.learner(RECOGNITION.experiment("cnn", config, ours))
    solver = torch.optim.SGD(theirs.parameters(), lr=1e-2)
    for progress in (0.0, 0.5, 0.99):  # the text keeps the rate as it is
        x = (images.pixels.float() / 255 - 0.5) / 0.5
        out = theirs.head(theirs.body(x))
        loss = nn.CrossEntropyLoss()(out, images.labels)
        solver.zero_grad()
        loss.backward()
        solver.step()
        told = learner.step(images, progress, seeded())
        assert told["loss"] == pytest.approx(loss.item(), rel=1e-5)
    for name, weight in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], weight, rtol=1e-4, atol=1e-6)


def test_ours_is_trained_as_it_says() -> None:
    assert settings().epochs == 5
    config, model, images = settings(weight_decay=0.01), network(), tiny(RECOGNITION)
    with torch.no_grad():
        logits = model(unit(images.pixels))
    learner = RECOGNITION.learner(RECOGNITION.experiment("cnn_strong", config, network()))
    (made,) = learner.optimisers.values()
    (group,) = made.param_groups
    assert (type(made).__name__, group["weight_decay"]) == ("Adam", 0.01)
    told = learner.step(images, 0.1, seeded())
    assert group["lr"] == config.learning_rate == 1e-3
    loss = float(nn.CrossEntropyLoss()(logits, images.labels))
    assert told["loss"] == pytest.approx(loss, rel=1e-5)
    accuracy = float((logits.argmax(1) == images.labels).float().mean())
    assert told["accuracy"] == pytest.approx(accuracy)
    for progress, share in ((0.0, 1 / 25), (0.55, 0.5), (1.0, 0)):
        learner.step(images, progress, seeded())
        assert group["lr"] == pytest.approx(share * 1e-3, abs=1e-9)


def test_each_step_tells_the_gradient_of_each_layer() -> None:
    images, ours, theirs = tiny(RECOGNITION), network(), network()
    told = RECOGNITION.learner(RECOGNITION.experiment("cnn_strong", settings(), ours)).step(
        images, 0.1, seeded()
    )
    F.cross_entropy(theirs(unit(images.pixels)), images.labels).backward()
    for path in ("body.0", "body.10", "body.17", "head"):
        weight = theirs.get_parameter(f"{path}.weight")
        assert weight.grad is not None
        expected = float(weight.grad.norm())
        assert told[f"gradient:{path}"] == pytest.approx(expected, rel=1e-3), path


def test_a_unit_is_dead_that_no_image_wakes() -> None:
    images, model = tiny(RECOGNITION, n=12), network().eval()
    with torch.no_grad():
        norm, linear = model.body[1], model.body[15]
        assert isinstance(norm, nn.BatchNorm2d) and isinstance(linear, nn.Linear)
        norm.bias[:4] = -100.0  # four of sixteen channels
        linear.bias[:] = -100.0
    row = RECOGNITION.validate(
        RECOGNITION.experiment("cnn_strong", settings(), model), images, images
    )
    assert (row["dead:body.0"], row["dead:body.15"]) == (0.25, 1.0)
    assert "dead:head" not in row, "no ReLU follows it"
    with torch.no_grad():
        right = model(unit(images.pixels)).argmax(1) == images.labels
    for k in images.labels.unique().tolist():
        expected = float(right[images.labels == k].float().mean())
        assert row[f"class_accuracy:{k}"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("how", "convolution", "linear"),
    [
        ("normal", 1.0, 1.0),
        ("text", (2 / (16 * 9)) ** 0.5, 1.0),
        ("kaiming", (2 / (16 * 9)) ** 0.5, (2 / 2048) ** 0.5),
        ("xavier", (2 / (16 * 9 + 32 * 9)) ** 0.5, (2 / (2048 + 1024)) ** 0.5),
    ],
)
def test_initial_weights_by_hand_have_their_spread(
    how: str, convolution: float, linear: float
) -> None:
    made = RECOGNITION.build("cnn", (1, 28, 28), settings("cnn", initialisation=how), 10)
    spread = {
        path: float(made.get_parameter(f"body.{path}.weight").detach().std()) for path in (3, 15)
    }
    assert spread[3] == pytest.approx(convolution, rel=0.05)
    assert spread[15] == pytest.approx(linear, rel=0.01)
    assert not any(p.any() for name, p in made.named_parameters() if name == "head.bias")


# ---- the fast network


def test_the_first_layer_of_the_fast_network_whitens_patches() -> None:
    images = torch.rand(60, 3, 8, 8, generator=seeded())
    images = (images + images.roll(1, 3)) / 2  # neighbours are alike
    first = convnets.fast_resnet((3, 32, 32), 10).body[0]
    assert isinstance(first, nn.Conv2d)
    convnets.whiten(first, images, least=0.0)
    with torch.no_grad():
        out = first(2 * images - 1).transpose(0, 1).flatten(1)
    assert torch.equal(out[:12], -out[12:])
    torch.testing.assert_close(out[:12].cov(correction=0), torch.eye(12), atol=1e-3, rtol=0)


def test_the_fast_network_is_drawn_towards_its_average() -> None:
    images, experiment = tiny(RECOGNITION, variant="fast_resnet"), settings("fast_resnet")
    model = network(variant="fast_resnet")
    learner = RECOGNITION.learner(RECOGNITION.experiment("fast_resnet", experiment, model), images)
    before = model.body[2].second.weight.detach().clone()
    for _ in range(LOOKAHEAD_STEPS - 1):
        learner.step(images, 0.9, seeded())
    state, generator = copy.deepcopy(learner.state_dict()), seeded()
    other = network(seed=1, variant="fast_resnet")
    again = RECOGNITION.learner(RECOGNITION.experiment("fast_resnet", experiment, other), images)
    again.load_state_dict(state)
    moved = float((model.body[2].second.weight - before).detach().norm())
    learner.step(images, 0.9, generator)
    assert 0 < float((model.body[2].second.weight - before).detach().norm()) < 0.8 * moved
    again.step(images, 0.9, seeded())
    for one, two in zip(learner.model.parameters(), again.model.parameters(), strict=True):
        torch.testing.assert_close(one, two)
    whitening = model.body[0].weight
    assert not whitening.requires_grad and torch.equal(whitening, other.body[0].weight)


def test_data_without_classes_and_single_images_are_refused() -> None:
    for classes in (0, 1):
        with pytest.raises(LabError, match="needs a data set with two classes at least"):
            RECOGNITION.build("cnn_strong", (1, 28, 28), settings(), classes)
    two = RECOGNITION.build("cnn_strong", (1, 28, 28), settings(), 2)
    assert two.eval()(torch.zeros(3, 1, 28, 28)).shape == (3, 2)
    with pytest.raises(LabError, match="two images at least"):
        RECOGNITION.learner(RECOGNITION.experiment("cnn_strong", settings(batch_size=1), network()))


# ---- what is varied


def test_as_they_are_images_stay_as_they_are() -> None:
    pixels = tiny(RECOGNITION).pixels
    assert varied(settings(), pixels, seeded()) is pixels


def test_half_of_the_images_are_mirrored() -> None:
    pixels = tiny(RECOGNITION, n=200).pixels
    result = varied(settings(mirror=True), pixels, seeded())
    turned = (result == pixels.flip(3)).flatten(1).all(1)
    kept = (result == pixels).flatten(1).all(1)
    assert bool((turned | kept).all()), "each is one or the other"
    assert 80 <= int(turned.sum()) <= 120
    assert torch.equal(result, varied(settings(mirror=True), pixels, seeded()))
    assert not torch.equal(result, varied(settings(mirror=True), pixels, seeded(6)))


def test_an_enlarged_or_bordered_image_is_cropped_to_its_size() -> None:
    pixels = torch.full((40, 3, 16, 16), 255, dtype=torch.uint8)
    larger = varied(settings("resnet", enlarge=20), pixels, seeded())
    assert larger.shape == pixels.shape and bool((larger == 255).all())
    bordered = varied(settings("resnet20", border=4), pixels, seeded())
    assert bordered.shape == pixels.shape and 0 < int((bordered == 0).sum()) < pixels.numel() / 2


def test_smoothed_labels_are_those_of_pytorch() -> None:
    images, model = tiny(RECOGNITION), network()
    config = settings(smoothing=0.2)
    with torch.no_grad():
        logits = model(unit(images.pixels))
    told = RECOGNITION.learner(RECOGNITION.experiment("cnn_strong", config, network())).step(
        images, 0.1, seeded()
    )
    loss = nn.CrossEntropyLoss(label_smoothing=0.2)(logits, images.labels)
    assert told["loss"] == pytest.approx(float(loss), rel=1e-5)


def test_a_shift_moves_whole_images_and_repeats_their_border() -> None:
    pixels = torch.randint(0, 256, (300, 2, 9, 7), generator=seeded()).byte()
    result = varied(settings(shift=2), pixels, seeded())
    wide = F.pad(pixels.float(), (2, 2, 2, 2), mode="replicate").byte()
    ways: dict[tuple[int, int], int] = {}
    for i in range(300):
        fits = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.equal(result[i], wide[i, :, y : y + 9, x : x + 7])
        ]
        assert len(fits) == 1
        ways[fits[0]] = ways.get(fits[0], 0) + 1
    assert len(ways) == 25, "every way up to two pixels, up and down and to the sides"
    assert max(ways.values()) < 40
    assert torch.equal(result, varied(settings(shift=2), pixels, seeded()))
    assert not torch.equal(result, varied(settings(shift=2), pixels, seeded(6)))


def test_learning_sees_the_varied_images() -> None:
    images, config = tiny(RECOGNITION), settings(shift=2, mirror=True)
    with torch.no_grad():
        x = unit(varied(config, images.pixels, seeded()))
        expected = F.cross_entropy(network()(x), images.labels)
    told = RECOGNITION.learner(RECOGNITION.experiment("cnn_strong", config, network())).step(
        images, 0.1, seeded()
    )
    assert told["loss"] == pytest.approx(float(expected), rel=1e-5)


# ---- figures


def test_the_figures_are_those_of_scikit_learn(
    taught: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tiny(RECOGNITION, "test", 150)
    with torch.no_grad():
        shares = taught(unit(images.pixels)).softmax(1).double().numpy()
    truth, read = images.labels.numpy(), shares.argmax(1)
    monkeypatch.setattr(classification, "CHUNK", 40)
    stages: list[str] = []
    result = RECOGNITION.evaluate(
        RECOGNITION.experiment("cnn_strong", settings(), taught, check=stages.append), images
    )
    assert len(stages) == 4 and result["n_test"] == 150
    assert 0.2 < result["accuracy"] < 1
    assert result["accuracy"] == pytest.approx(
        sklearn_metrics.accuracy_score(truth, read), abs=5e-5
    )
    every = list(range(10))
    confusion = sklearn_metrics.confusion_matrix(truth, read, labels=every)
    assert result["confusion"] == confusion.tolist(), "a row for each true class"
    recalls = sklearn_metrics.recall_score(truth, read, labels=every, average=None, zero_division=0)
    assert result["class_accuracy"] == pytest.approx(recalls.tolist(), abs=5e-5)
    loss = sklearn_metrics.log_loss(truth, shares / shares.sum(1, keepdims=True), labels=every)
    assert result["log_loss"] == pytest.approx(loss, abs=1e-4)
    assert result["calibration_error"] == pytest.approx(plain_ece(shares, truth), abs=1e-4)
    quick = RECOGNITION.validate(
        RECOGNITION.experiment("cnn_strong", settings(), taught), images, images
    )
    assert quick["test_accuracy"] == pytest.approx(result["accuracy"], abs=5e-5)
    assert quick["test_loss"] == pytest.approx(result["log_loss"], abs=5e-5)


def plain_ece(shares: np.ndarray, truth: np.ndarray, bins: int = 15) -> float:
    """Guo et al. 2017, bin by bin."""
    certainty, right = shares.max(1), shares.argmax(1) == truth
    result = 0.0
    for i in range(bins):
        inside = (certainty >= i / bins) & (certainty < (i + 1) / bins)
        if i == bins - 1:
            inside |= certainty == 1
        if inside.any():
            result += inside.sum() * abs(right[inside].mean() - certainty[inside].mean())
    return float(result / len(truth))


def test_calibration_of_plain_cases() -> None:
    sure, labels = torch.tensor([[50.0, 0.0]] * 4), torch.tensor([0, 0, 0, 1])
    assert calibration_error(sure, labels) == pytest.approx(0.25)
    assert calibration_error(sure, torch.zeros(4, dtype=torch.int64)) == pytest.approx(0)
    three_to_one = torch.tensor([[0.75, 0.25]] * 4).log()
    assert calibration_error(three_to_one, labels) == pytest.approx(0, abs=1e-6)
    assert calibration_error(sure[:0], labels[:0]) == 0
    drawn = torch.randn(500, 7, generator=seeded())
    truth = torch.randint(0, 7, (500,), generator=seeded())
    expected = plain_ece(drawn.double().softmax(1).numpy(), truth.numpy())
    assert calibration_error(drawn.double(), truth) == pytest.approx(expected, rel=1e-9)


def test_codes_are_what_the_last_layer_sees(
    taught: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, stages = tiny(RECOGNITION, "test", 7), list[str]()
    monkeypatch.setattr(classification, "CHUNK", 3)
    codes = RECOGNITION.encode(taught, images, stages.append)
    assert codes.shape == (7, 128) == (7, taught.width) and len(stages) == 3
    assert float(codes.min()) >= 0
    torch.testing.assert_close(taught.head(codes), taught(unit(images.pixels)))
    assert RECOGNITION.encode(taught, images.first(7)).shape == (7, 128)
    assert RECOGNITION.encodes


def test_the_sheet_shows_a_row_of_what_is_taken_for_each_class(taught: Recogniser) -> None:
    images = tiny(RECOGNITION, "test", 60)
    sheet = RECOGNITION.render(RECOGNITION.experiment("cnn_strong", settings(), taught), images)
    with torch.no_grad():
        read = taught(unit(images.pixels)).argmax(1)
    for k in range(10):
        expected = images.pixels[read == k][: classification.SHEET, 0].numpy()
        row = [sheet[29 * k :, 29 * i :][:28, :28] for i in range(classification.SHEET)]
        for cell, picture in zip(row, expected, strict=False):
            assert np.array_equal(cell, picture)
        assert all((cell == 128).all() for cell in row[len(expected) :]), "grey where there is none"
