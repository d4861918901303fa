"""A classifier as bytes: which networks a browser can run, and what its layers are called."""

import json

import numpy as np
import pytest
import torch
from support import built
from torch import nn

from core.errors import LabError
from core.inference import browser_classifier
from core.inference.browser_classifier import pack_classifier
from core.models.convnets import Recogniser
from core.tasks.classification import RECOGNITION

SHAPE = (1, 28, 28)
TOO_LARGE = {"alexnet_small", "inception", "resnet"}


def unpacked(content):
    length = int.from_bytes(content[:4], "little")
    assert length % 4 == 0
    return json.loads(content[4 : 4 + length]), content[4 + length :]


def of(*layers, classes=3, width=None):
    """A classifier of pictures (2, 4, 4)."""
    body = nn.Sequential(*layers, nn.Flatten())
    width = body.eval()(torch.zeros(1, 2, 4, 4)).shape[1]
    return Recogniser(body, nn.Linear(width, classes)).eval()


def packed(*layers):
    return unpacked(pack_classifier(of(*layers), (2, 4, 4)))


@pytest.mark.parametrize("variant", RECOGNITION.variants)
def test_every_classifier_is_packed_or_too_large(variant):
    model = built(RECOGNITION, variant).eval()
    shape = RECOGNITION.variants[variant].shape_for(SHAPE)
    if variant in TOO_LARGE:
        with pytest.raises(LabError, match="too large to follow a pen in the browser"):
            pack_classifier(model, shape)
        return
    header, _ = unpacked(pack_classifier(model, shape))
    assert header["shape"] == list(shape) and header["classes"] == 10
    layers = header["layers"]
    assert (layers[-1]["path"], layers[-1]["name"]) == ("head", "Fully connected")
    for place, layer in enumerate(layers):
        assert all(source < place for source in layer["from"])
        first = layer["from"][0]
        before = layers[first]["out"] if first >= 0 else [*shape[1:], shape[0]]
        assert np.prod(before) == np.prod(layer["in"])
        assert layer["path"] in dict(model.named_modules())


def test_batch_norm_and_activation_are_part_of_the_layer_before():
    header, _ = packed(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2))
    conv, pool, flat, head = header["layers"]
    assert (conv["name"], conv["path"], conv["end"]) == ("Convolution 3 × 3", "body.0", "body.2")
    assert (conv["after"], conv["activation"]) == (["batch norm", "ReLU"], "relu")
    assert (pool["kind"], pool["out"]) == ("max_pool", [2, 2, 3])
    assert (flat["kind"], head["in"]) == ("to_chw", [1, 1, 12])


def test_weights_are_in_half_precision_only_where_that_loses_nothing():
    model = of(nn.Conv2d(2, 3, 1))
    with torch.no_grad():
        for p in model.head.parameters():
            p.copy_(p.half())
    header, weights = unpacked(pack_classifier(model, (2, 4, 4)))
    conv, _, head = header["layers"]
    assert conv["single"] and "single" not in head
    result = np.frombuffer(weights, "<f4", 6, 2 * conv["weight"])
    wanted = model.body[0].weight.detach()[:, :, 0, 0].T.numpy()
    assert (result.reshape(2, 3) == wanted).all()
    result = np.frombuffer(weights, "<f2", 48 * 3, 2 * head["weight"]).reshape(48, 3)
    assert (result == model.head.weight.detach().T.numpy()).all()


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([nn.GELU()], "layer body.0 of this network, a GELU: it supports"),
        ([nn.Conv2d(2, 2, 1, groups=2)], "layer body.0 of this network, a Conv2d: groups"),
        ([nn.MaxPool2d(3, ceil_mode=True)], "a MaxPool2d: it counts whole windows"),
        ([nn.AdaptiveAvgPool2d(3)], "an? AdaptiveAvgPool2d: its windows"),
    ],
)
def test_what_the_browser_cannot_run_is_refused_with_its_name(layers, told):
    with pytest.raises(LabError, match=told):
        packed(*layers)


@pytest.mark.parametrize("bound", ["MAX_BYTES", "MAX_MULTIPLY_ADDS"])
def test_a_network_beyond_a_bound_is_refused(bound, monkeypatch):
    monkeypatch.setattr(browser_classifier, bound, 100)
    with pytest.raises(LabError, match="too large to follow a pen"):
        packed(nn.Conv2d(2, 3, 3))


def test_weights_that_are_no_numbers_are_refused():
    model = of(nn.Conv2d(2, 3, 3))
    with torch.no_grad():
        model.body[0].weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(LabError, match="too large for it"):
        pack_classifier(model, (2, 4, 4))


def test_the_model_stays_as_it_was():
    model = built(RECOGNITION, "cnn").train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    pack_classifier(model, SHAPE)
    assert all(m.training for m in model.modules())
    assert all((v == before[k]).all() for k, v in model.state_dict().items())
