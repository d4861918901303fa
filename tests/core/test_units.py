"""Single units: their sums, their receptive fields, filters, and the images that excite them."""

import pytest
import torch
from torch import Tensor, nn

from core.data import Images
from core.errors import Cancelled, LabError, UnknownName
from core.images import signed
from core.inference.activations import classifier_layers
from core.inference.explain import layer_heat
from core.inference.network import Box
from core.inference.units import exciting, filters, largest_terms, read_unit, readable
from core.tasks.classification import RECOGNITION
from tests.core.support import recognisers, tiny

NETWORKS = recognisers("mlp", "cnn", "lenet_relu", "inception", "resnet20")
IMAGES = tiny(RECOGNITION, "test", 230, "cnn")


def picture(shape: tuple[int, int, int]) -> Tensor:
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("model", "shape"), NETWORKS.values(), ids=list(NETWORKS))
def test_the_sum_of_every_kind_of_layer_is_its_activation(
    model: nn.Module, shape: tuple[int, int, int]
) -> None:
    image, generator = picture(shape), torch.Generator().manual_seed(0)
    for path, sides in readable(model, shape).items():
        for corner in (True, False):
            place = [
                0 if corner else int(torch.randint(0, side, (1,), generator=generator))
                for side in sides
            ]
            position = (place[1], place[2]) if len(place) == 3 else (0, 0)
            one = read_unit(model, image, path, place[0], position)
            added = float(one.products.double().sum()) + one.bias
            assert added == pytest.approx(one.value, abs=1e-5, rel=1e-5), path
            assert one.patch.shape == one.kernel.shape
            if one.winner is not None:
                assert float(one.kernel.sum()) == 1 and one.kind == "MaxPool2d"
    assert not any(m._forward_hooks for m in model.modules())


@pytest.mark.parametrize(
    ("name", "path", "position"),
    [
        ("cnn", "body.0", (3, 20)),
        ("cnn", "body.6", (0, 11)),
        ("cnn", "body.10", (2, 5)),
        ("lenet_relu", "body.0", (0, 27)),
        ("inception", "body.2.three.2.0", (1, 8)),
        ("resnet20", "body.6.first", (15, 4)),
    ],
)
def test_a_box_is_exactly_where_the_gradient_of_a_unit_comes_from(
    name: str, path: str, position: tuple[int, int]
) -> None:
    model, shape = NETWORKS[name]
    box = read_unit(model, picture(shape), path, 1, position).box
    outputs: list[Tensor] = []
    handle = model.get_submodule(path).register_forward_hook(lambda m, i, out: outputs.append(out))
    touched = torch.zeros(shape[1:], dtype=torch.bool)
    for seed in range(16):
        x = torch.rand(4, *shape, generator=torch.Generator().manual_seed(seed), requires_grad=True)
        model(x)
        (gradient,) = torch.autograd.grad(outputs.pop()[:, :, position[0], position[1]].sum(), x)
        touched |= gradient.abs().sum((0, 1)) > 0
    handle.remove()
    rows, columns = touched.any(1).nonzero()[:, 0], touched.any(0).nonzero()[:, 0]
    assert box == Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def test_the_largest_terms_of_a_linear_unit_stand_in_the_map_before() -> None:
    model, shape = NETWORKS["cnn"]
    one = read_unit(model, picture(shape), "body.15", 7)
    assert one.source == (128, 4, 4)
    terms = largest_terms(one, 5)
    assert [abs(t.product) for t in terms] == sorted((abs(t.product) for t in terms), reverse=True)
    channel, row, column = terms[0].place
    pooled = classifier_layers(model, picture(shape))[6].values
    assert terms[0].given == pytest.approx(float(pooled[channel, row, column]), abs=1e-5)
    assert terms[0].product == pytest.approx(terms[0].given * terms[0].weight)


def test_pooling_names_the_position_that_won() -> None:
    model, shape = NETWORKS["cnn"]
    one = read_unit(model, picture(shape), "body.6", 4, (5, 6))
    before = classifier_layers(model, picture(shape))[2].values[4]
    assert one.winner is not None
    assert one.winner[0] // 2 == 5 and one.winner[1] // 2 == 6
    assert float(before[one.winner]) == pytest.approx(one.value, abs=1e-5)


@pytest.mark.parametrize(
    ("path", "channel", "position", "error", "sentence"),
    [
        ("body.1", 0, (0, 0), UnknownName, "Known: body.0, body.3"),
        ("body.0", 16, (0, 0), LabError, "no channel 16: they go from 0 to 15"),
        ("body.0", 0, (26, 0), LabError, "no row 26"),
        ("body.0", 0, (0, -1), LabError, "no column -1"),
    ],
)
def test_what_is_not_there_is_refused(
    path: str, channel: int, position: tuple[int, int], error: type[LabError], sentence: str
) -> None:
    model, shape = NETWORKS["cnn"]
    with pytest.raises(error, match=sentence):
        read_unit(model, picture(shape), path, channel, position)


def test_filters_are_pictures_in_signed_colours() -> None:
    model, shape = NETWORKS["cnn"]
    assert filters(model, shape, "body.0").shape == (16, 3, 3, 3)
    one = filters(model, shape, "body.3", 5)
    weight = model.get_parameter("body.3.weight").detach()[5][:, None]
    assert torch.equal(one, signed(weight / weight.abs().max()))
    perceptron, shape = NETWORKS["mlp"]
    assert filters(perceptron, shape, "body.1").shape == (300, 3, 28, 28)
    for wrong, sentence in (
        (("body.3", None), "16 parts"),
        (("body.3", 32), "no channel 32"),
        (("body.17", 0), "no places"),
        (("body.2", 0), "called 'body.2'"),
    ):
        with pytest.raises(LabError, match=sentence):
            filters(model, (1, 28, 28), *wrong)


@pytest.mark.parametrize(
    ("path", "end", "channel"),
    [("body.3", "body.4", 2), ("body.17", "body.17", 9), ("head", "head", 3)],
)
def test_the_images_that_excite_a_channel_most_are_those_of_all(
    path: str, end: str, channel: int
) -> None:
    model, _ = NETWORKS["cnn"]
    outputs: list[Tensor] = []
    handle = model.get_submodule(end).register_forward_hook(lambda m, i, out: outputs.append(out))
    with torch.inference_mode():
        model(IMAGES.pixels / 255)
    handle.remove()
    values = (
        outputs[0][:, channel].flatten(1) if outputs[0].dim() == 4 else outputs[0][:, [channel]]
    )
    result = exciting(model, IMAGES, path, channel, 7)  # type: ignore[arg-type]
    best = values.max(1).values.topk(7)
    assert torch.allclose(result.values, best.values, atol=1e-4) and result.n == 230
    assert result.mean == pytest.approx(float(values.mean()), abs=1e-4)
    if path == "body.3":
        for row, (y, x), value in zip(result.rows, result.positions, result.values, strict=True):
            assert float(outputs[0][row, channel, y, x]) == pytest.approx(float(value), abs=1e-4)
        y, x = result.positions[0]
        assert result.boxes[0] == Box(y, x, y + 5, x + 5)


def test_the_search_for_exciting_images_can_be_cancelled_and_refuses_what_is_not_there() -> None:
    model, _ = NETWORKS["cnn"]

    def cancel(stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        exciting(model, IMAGES, "body.3", 1, check=cancel)  # type: ignore[arg-type]
    with pytest.raises(UnknownName):
        exciting(model, IMAGES, "body.1", 1)  # type: ignore[arg-type]
    with pytest.raises(LabError, match="no channel 99"):
        exciting(model, IMAGES, "body.3", 99)  # type: ignore[arg-type]


def test_a_heat_map_of_a_layer_is_grad_cam() -> None:
    model, shape = NETWORKS["cnn"]
    image = picture(shape)
    heats = {}
    for label in range(10):
        layers = classifier_layers(model, image, label)
        layer = next(x for x in layers if x.path == "body.10")
        heats[label] = layer, layer_heat(layer, (28, 28))
    layer, heat = next(pair for pair in heats.values() if pair[1].any())
    assert heat.shape == (28, 28) and float(heat.min()) >= 0
    assert float(heat.max()) == pytest.approx(1)
    assert layer.gradient is not None
    weights = layer.gradient.mean((1, 2))
    own = (weights[:, None, None] * layer.values).sum(0).relu()[None, None]
    grown = nn.functional.interpolate(own, (28, 28), mode="bilinear")[0, 0]
    assert torch.allclose(heat, grown / grown.max(), atol=1e-5)
    for other in (classifier_layers(model, image)[1], classifier_layers(model, image, 4)[-1]):
        with pytest.raises(LabError, match="Only a layer with places"):
            layer_heat(other, (28, 28))


def test_images_of_one_pixel_are_read_too() -> None:
    model = RECOGNITION.variant("mlp").build((1, 1, 1), 2).eval()
    one = read_unit(model, torch.ones(1, 1, 1, 1), "body.1", 3)
    assert float(one.products.sum()) + one.bias == pytest.approx(one.value, abs=1e-6)
    images = Images(torch.zeros(3, 1, 1, 1, dtype=torch.uint8), torch.tensor([0, 1, 1]))
    assert exciting(model, images, "body.1", 0).n == 3
