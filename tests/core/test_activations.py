"""What layers make of a picture: a contract over every denoiser and autoencoder."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from core.errors import LabError
from core.inference.activations import (
    Layer,
    autoencoder_layers,
    classifier_layers,
    denoiser_layers,
)
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.classification import RECOGNITION
from core.tasks.denoising import DENOISING
from tests.core.support import built

NAME = re.compile(
    r"(Input|Output|Code, \d+ numbers|Mean µ, \d+ numbers|Standard deviation σ, \d+ numbers"
    r"|(Transposed c|C)onvolution \d × \d(, stride \d)?, \d+ channels?|Fully connected, [\d,]+ "
    r"outputs|Max pooling \d × \d|Resizing to \d+ × \d+|Pixels to channels|Channels to pixels"
    r"|Sum with (the input|layer \d+), a skip connection)( \(code\))?"
)
WITH_WEIGHTS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
PICTURE = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def checked(layers: list[Layer], model: nn.Module) -> list[Layer]:
    """What holds for every network."""
    assert layers[0].role == "input" and torch.equal(layers[0].values, PICTURE[0])
    assert layers[-1].role == "output" and layers[-1].values.shape == (1, 28, 28)
    for i, layer in enumerate(layers):
        assert NAME.fullmatch(layer.name), layer.name
        assert layer.about.endswith(".") and layer.short
        assert layer.values.ndim in (1, 3) and bool(layer.values.isfinite().all())
        assert layer.skip is None or layer.skip < i - 1
    weighted = [x for x in layers if x.name.startswith(("Conv", "Trans", "Fully", "Mean", "Stand"))]
    assert len(weighted) == sum(isinstance(m, WITH_WEIGHTS) for m in model.modules())
    assert not any(m._forward_hooks for m in model.modules())
    return layers


@pytest.mark.parametrize("name", [n for n in DENOISING.variants if DENOISING.learns(n)])
def test_every_denoiser_is_read_layer_by_layer(name):
    model = built(DENOISING, name).eval()
    layers = checked(denoiser_layers(name, model, PICTURE), model)
    restored = DENOISING.restore(name, model, PICTURE, torch.zeros(1))
    assert torch.allclose(layers[-1].values, restored[0], atol=1e-5)
    answer = DENOISING.variant(name).squash(layers[-2].values)
    assert torch.equal(answer, layers[-1].values), "the last layer gives the picture"


@pytest.mark.parametrize("name", [n for n in DENOISING.variants if not DENOISING.learns(n)])
def test_a_classical_method_has_no_layers(name):
    assert denoiser_layers(name, built(DENOISING, name), PICTURE) == []


@pytest.mark.parametrize("name", AUTOENCODING.variants)
def test_every_autoencoder_is_read_layer_by_layer(name):
    model = built(AUTOENCODING, name).eval()
    labels = torch.tensor([3]) if model.classes else None
    code = model.encode(PICTURE, labels)
    layers = checked(autoencoder_layers(model, PICTURE, code.mu, 3, 3), model)
    assert torch.allclose(layers[-1].values, model.decode(code.mu, labels)[0])
    assert torch.equal(model.finish(layers[-2].values), layers[-1].values)
    codes = {x.short: x.values.flatten() for x in layers if x.role == "code"}
    assert torch.equal(codes["Code"], code.mu[0])
    if model.variational:
        assert torch.equal(codes["Mean µ"], code.mu[0])
        assert torch.allclose(codes["Spread σ"], (0.5 * code.logvar[0]).exp())
    told = ["Among them is the class" in x.about for x in layers]
    assert sum(told) == (2 if model.classes else 0)


def test_a_decoder_alone_draws_from_a_code():
    model = built(AUTOENCODING, "vae").eval()
    layers = autoencoder_layers(model, None, torch.zeros(1, model.latent))
    assert [x.role for x in layers] == ["code", "layer", "layer", "output"]


def test_a_conditional_model_needs_a_class_that_it_has():
    model = built(AUTOENCODING, "cvae").eval()
    code = torch.zeros(1, model.latent)
    for label, image_label in ((None, 3), (10, 3), (3, None), (3, 10)):
        with pytest.raises(LabError):
            autoencoder_layers(model, PICTURE, code, label, image_label)
    drawn = [autoencoder_layers(model, PICTURE, code, label, 3) for label in (3, 4)]
    means = [next(x.values for x in layers if x.short == "Mean µ") for layers in drawn]
    assert torch.equal(*means), "the encoder is told the class of the image, not the drawn one"


def test_the_code_is_the_narrowest_place_and_a_u_net_has_none():
    def codes(name: str) -> list[int]:
        layers = denoiser_layers(name, built(DENOISING, name).eval(), PICTURE)
        return [x.values.numel() for x in layers if x.role == "code"]

    numbers = {"linear": [32], "conv": [], "conv_pyramid": [256], "conv_plain": [128], "unet": []}
    assert {name: codes(name) for name in numbers} == numbers


def test_the_skip_connections_of_a_u_net_are_named():
    layers = denoiser_layers("unet", built(DENOISING, "unet").eval(), PICTURE)
    skips = {i: x.skip for i, x in enumerate(layers) if x.skip is not None}
    assert skips == {5: 2, 9: 6, 12: 9, 14: 5, 17: 14, 20: 0}
    for i, skip in skips.items():
        before = layers[i - 1].values + layers[skip].values
        assert torch.allclose(layers[i].values, before, atol=1e-6)


def test_batch_norm_and_relu_belong_to_the_layer_before():
    model = built(AUTOENCODING, "vae_conv").eval()
    first = autoencoder_layers(model, PICTURE, torch.zeros(1, model.latent))[1]
    assert first.steps == ("batch norm", "ReLU") and float(first.values.min()) == 0


def test_what_others_compute_meanwhile_is_not_noted():
    model = built(DENOISING, "conv").eval()
    pictures = [torch.full((1, 1, 28, 28), i / 8) for i in range(8)]
    alone = [denoiser_layers("conv", model, picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda p: denoiser_layers("conv", model, p), pictures))
    for one, other in zip(alone, together, strict=True):
        assert [x.name for x in one] == [x.name for x in other]
        assert all(torch.equal(a.values, b.values) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("variant", RECOGNITION.variants)
def test_a_classifier_s_layers_are_what_hooks_see(variant):
    chosen = RECOGNITION.variant(variant)
    model = built(RECOGNITION, variant).eval()
    picture = torch.rand(1, *chosen.shape, generator=torch.Generator().manual_seed(0))
    seen = {}
    for module in model.modules():
        if isinstance(module, (*WITH_WEIGHTS, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)):
            module.register_forward_hook(lambda m, _, out: seen.update({m: out[0].clone()}))
    layers = classifier_layers(model, picture)
    assert layers[0].role == "input" and torch.equal(layers[-1].values, model(picture)[0])
    left_out = {"fast_resnet": "Max pooling 2 × 2"}.get(variant)  # a function there, no module
    named = [x for x in layers[1:] if x.name != left_out]
    plain = [x for x in named if x.skip is None and x.short != "Joined"]
    assert len(plain) == len(seen) and all(bool(x.values.isfinite().all()) for x in layers)
    for layer, out in zip(plain, seen.values(), strict=True):
        assert layer.values.shape == out.shape
        assert layer.steps or torch.equal(layer.values, out)
