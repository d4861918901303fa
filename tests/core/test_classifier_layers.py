"""What the layers of a classifier make of a picture, against hooks and PyTorch's own gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from core.errors import LabError
from core.inference.activations import Layer, as_gradients, classifier_layers
from core.models import backbones, convnets
from tests.core.support import recognisers

NETWORKS = recognisers("mlp", "cnn", "lenet_relu", "inception", "resnet", "resnet20", "plain20")


def with_path(layers: list[Layer]) -> dict[str, Layer]:
    return {layer.path: layer for layer in layers if layer.path}


@pytest.mark.parametrize(("model", "shape"), NETWORKS.values(), ids=list(NETWORKS))
def test_activations_and_gradients_are_those_that_hooks_see(
    model: nn.Module, shape: tuple[int, int, int]
) -> None:
    image = torch.rand(1, *shape, generator=torch.Generator().manual_seed(1))
    layers = classifier_layers(model, image, 3)
    assert not any(m._forward_hooks for m in model.modules())
    assert all(p.grad is None for p in model.parameters()), "shared weights get no gradients"
    seen: dict[str, Tensor] = {}
    for path, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda m, i, out, path=path: seen.update({path: out}))
    try:
        logits = model(image)
    finally:
        for module in model.modules():
            module._forward_hooks.clear()
    assert set(with_path(layers)) == set(seen), "every layer with weights has its path"
    assert torch.allclose(layers[-1].values, logits[0].detach(), atol=1e-5)
    gradients = torch.autograd.grad(logits[0, 3], list(seen.values()), retain_graph=True)
    for (path, out), gradient in zip(seen.items(), gradients, strict=True):
        layer = with_path(layers)[path]
        assert layer.gradient is not None and layer.gradient.shape == layer.values.shape
        if not layer.steps:
            assert torch.allclose(layer.values, out[0].detach(), atol=1e-5)
            assert torch.allclose(layer.gradient, gradient[0], atol=1e-5)
        elif layer.steps == ("ReLU",):
            assert torch.allclose(layer.values, out[0].detach().relu(), atol=1e-5)
            assert torch.allclose(layer.gradient * (out[0] > 0), gradient[0], atol=1e-5)


def test_gradients_stand_in_for_what_layers_give() -> None:
    model, shape = NETWORKS["plain20"]
    image = torch.rand(1, *shape, generator=torch.Generator().manual_seed(1), requires_grad=True)
    layers = as_gradients(classifier_layers(model, image.detach(), 3), "cat")
    (gradient,) = torch.autograd.grad(model(image)[0, 3], image)
    assert torch.allclose(layers[0].values, gradient[0], atol=1e-5)
    assert layers[-1].values.tolist() == [float(k == 3) for k in range(10)]


def test_without_a_class_there_are_no_gradients_and_an_unknown_one_is_refused() -> None:
    model, shape = NETWORKS["lenet_relu"]
    image = torch.zeros(1, *shape)
    assert all(layer.gradient is None for layer in classifier_layers(model, image))
    with pytest.raises(LabError, match="from 0 to 9"):
        classifier_layers(model, image, 10)


def test_skip_connections_and_joined_ways_are_named() -> None:
    layers = classifier_layers(NETWORKS["resnet20"][0], torch.zeros(1, 3, 32, 32))
    sums = [layer for layer in layers if layer.skip is not None]
    assert len(sums) == 9 and all(layer.steps == ("ReLU",) for layer in sums)
    assert not any(
        x.skip for x in classifier_layers(NETWORKS["plain20"][0], torch.zeros(1, 3, 32, 32))
    )
    joined = classifier_layers(NETWORKS["inception"][0], torch.zeros(1, 3, 32, 32))
    assert [len(x.values) for x in joined if x.short == "Joined"] == [256, 288, 288]


@pytest.mark.parametrize("build", [convnets.alexnet, convnets.vgg])
def test_the_published_sizes_are_read_too(build: Callable[..., nn.Module]) -> None:
    with torch.device("meta"):
        model = build((3, 224, 224), 1000).eval()
        layers = classifier_layers(model, torch.zeros(1, 3, 224, 224))
    weighted = sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules())
    assert len(with_path(layers)) == weighted and layers[-1].values.shape == (1000,)


def test_a_network_of_imagenet_has_gradients_in_every_layer() -> None:
    model = backbones.load_classifier("lite0")
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    layers = classifier_layers(model, image, 207)
    weighted = sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules())
    assert len(with_path(layers)) == weighted
    for layer in layers:
        assert layer.gradient is not None and layer.gradient.shape == layer.values.shape
