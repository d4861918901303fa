"""Two networks of the same layers: CKA with its floor, and channels that are matched."""

import copy

import pytest
import torch
from torch import nn

from core.data import Images
from core.errors import Cancelled, LabError
from core.inference.alignment import _cka, _gram, _inner, aligned, differences, pairs
from core.tasks.classification import RECOGNITION
from tests.core.support import built, recognisers, tiny

NETWORKS = recognisers("lenet_relu", "lenet", "cnn")
IMAGES = tiny(RECOGNITION, "test", 300, "cnn")
SHAPE = (1, 28, 28)
UNTRAINED = built(RECOGNITION, "lenet_relu", seed=7).eval()


def permuted(model: nn.Module, order: torch.Tensor) -> nn.Module:
    """The same function with the channels of the first convolution in another order."""
    other = copy.deepcopy(model)
    first, second = other.get_submodule("body.0"), other.get_submodule("body.3")
    with torch.no_grad():
        first.weight.copy_(first.weight[order].clone())
        first.bias.copy_(first.bias[order].clone())
        second.weight.copy_(second.weight[:, order].clone())
    return other


def test_a_network_with_its_channels_in_another_order_is_the_same() -> None:
    model, order = NETWORKS["lenet_relu"][0], torch.tensor([3, 0, 5, 1, 4, 2])
    other = permuted(model, order)
    result = aligned(model, other, UNTRAINED, IMAGES)
    assert torch.allclose(result.similarity.diagonal(), torch.ones(5).double(), atol=1e-4)
    assert torch.equal(order[result.matches[0]], torch.arange(6)), "each channel finds itself"
    assert all(float(c.min()) > 0.999 for c in result.correlations)
    assert result.n == 300 and len(result.pairs) == 5 and float(result.spread.max()) < 1e-3
    made = differences(model, other, IMAGES.pixels[:1] / 255, result)
    assert all(one.relative < 1e-4 for one in made)
    assert not any(m._forward_hooks for m in model.modules())


def test_another_network_is_less_alike_and_the_floor_is_that_of_an_untrained_one() -> None:
    model = NETWORKS["lenet_relu"][0]
    result = aligned(model, UNTRAINED, UNTRAINED, IMAGES)
    assert torch.allclose(result.similarity.diagonal(), result.floor, atol=1e-9)
    assert bool((result.similarity.diagonal() < 0.999).all())
    assert result.correlation_floor[0] == pytest.approx(float(result.correlations[0].mean()))
    again = aligned(model, UNTRAINED, UNTRAINED, IMAGES)
    assert torch.equal(result.similarity, again.similarity)


def test_cka_is_not_raised_by_many_channels_and_few_images() -> None:
    generator = torch.Generator().manual_seed(0)
    values = []
    for _ in range(20):
        x, y = (_gram(torch.randn(50, 2000, generator=generator)) for _ in range(2))
        values.append(_cka(_inner(x, y), _inner(x, x), _inner(y, y)))
    assert abs(float(torch.stack(values).mean())) < 0.1, "with its bias it would be about 0.97"


def test_layers_that_differ_are_told() -> None:
    lenet, cnn = NETWORKS["lenet"][0], NETWORKS["cnn"][0]
    assert [(p.first, p.second) for p in pairs(lenet, UNTRAINED, SHAPE)][1] == ("body.2", "body.3")
    with pytest.raises(LabError, match="same layers are aligned: these have layers of 6, 16"):
        pairs(lenet, cnn, SHAPE)
    colour = built(RECOGNITION, "simple_cnn").eval()
    with pytest.raises(LabError, match="different shapes"):
        pairs(lenet, colour, SHAPE)


def test_what_cannot_be_compared_is_refused_and_it_can_be_cancelled() -> None:
    model = NETWORKS["lenet_relu"][0]
    few = Images(IMAGES.pixels[:150], IMAGES.labels[:150])
    with pytest.raises(LabError, match="200 images at least"):
        aligned(model, model, UNTRAINED, few)

    def cancel(stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        aligned(model, model, UNTRAINED, IMAGES, cancel)
