"""Backbones: the ones that are always here know their classes; the others come whole or not."""

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models

from core.errors import DataMissing, UnknownName
from core.inference.network import layer_table
from core.models import backbones
from core.models.backbones import (
    BACKBONES,
    backbone,
    classes,
    layers,
    load,
    load_classifier,
    load_head,
)
from core.models.pretrained import Chain, FeatureNet, Preprocess, RedirectedReLU, folded
from core.settings import settings

LITES = ["lite0", "lite1", "lite2"]
PALACE = 698
"""ImageNet's number of it, from 0 on."""


def china() -> Tensor:
    picture = torch.from_numpy(np.array(load_sample_image("china.jpg")))
    return picture.permute(2, 0, 1)[None].float() / 255


@functools.cache
def random_body(name: str) -> Chain:
    """A backbone's body with random weights, built once: VGG-16 alone takes seconds."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return backbone(name).body().eval()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("LATENT_LAB_DATA", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.mark.parametrize("name", LITES)
def test_the_lites_recognise_a_palace_without_a_network(name: str) -> None:
    net = load(name)
    with torch.inference_mode():
        maps = net.maps(china())
        logits = load_head(name)(maps)
    assert maps.shape[:2] == (1, net.width) and not net.training
    assert int(logits.argmax()) == PALACE and classes()[PALACE] == "palace"
    assert float(logits.softmax(1).max()) > 0.2
    assert not any(p.requires_grad for p in net.parameters())


def test_a_network_of_torchvision_gives_maps_of_the_width_that_it_names() -> None:
    chosen = backbone("resnet18")
    net = FeatureNet(chosen, random_body("resnet18"))
    with torch.inference_mode():
        maps = net.maps(china())
    assert maps.shape == (1, chosen.width, 7, 7)


@pytest.mark.parametrize("name", [n for n in BACKBONES if n not in LITES])
def test_body_and_head_are_the_whole_network_of_torchvision(name: str) -> None:
    chosen, original = backbone(name), {"mobilenet_v3": "mobilenet_v3_large"}.get(name, name)
    torch.manual_seed(0)
    more = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    whole = getattr(models, original)(**more).eval()
    state, body = whole.state_dict(), deepcopy(random_body(name))
    body.load_state_dict(chosen.rename(state, body))
    images = torch.randn(1, 3, 96, 96)
    with torch.inference_mode():
        result = chosen.head(state).eval()(body(images))
        assert torch.allclose(result, whole(images), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", BACKBONES)
def test_layers_are_told_with_their_channels_and_sizes(name: str) -> None:
    told = layers(name)
    body = random_body(name)
    with torch.inference_mode():
        result = body.responses(torch.zeros(1, 3, 64, 64), [told[0].name, told[-1].name])
    assert [layer.name for layer in told] == list(body.layers)
    for layer in (told[0], told[-1]):
        side = 64 // layer.reduction
        assert result[layer.name].shape == (1, layer.channels, side, side)
    assert told[-1].channels == backbone(name).width


@pytest.mark.parametrize("name", BACKBONES)
def test_without_its_batch_norms_a_network_says_the_same(name: str) -> None:
    torch.manual_seed(0)
    net = FeatureNet(backbone(name), deepcopy(random_body(name))).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    less = folded(net)
    images = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        before, after = (n.body.responses(images.clone(), n.body.layers) for n in (net, less))
    assert not any(isinstance(m, nn.BatchNorm2d) for m in less.modules())
    for layer, response in before.items():
        scale = float(response.abs().max()) + 1e-6
        assert torch.allclose(response / scale, after[layer] / scale, atol=1e-4), layer


def test_a_response_is_that_before_the_next_layer_works_in_place() -> None:
    body = random_body("vgg16")  # its odd layers are ReLUs that work in place
    images = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        alone = body.responses(images.clone(), ["28"])["28"]
        both = body.responses(images.clone(), ["28", "29"])
    assert torch.equal(alone, both["28"]) and torch.equal(alone.relu(), both["29"])
    with pytest.raises(KeyError):
        body.responses(images, ["31"])


def test_preprocessing_keeps_the_middle_and_normalises() -> None:
    prepare = Preprocess(backbone("lite0"))
    picture = torch.zeros(2, 3, 256, 320)
    picture[:, :, 16:240, 48:272] = 1  # the middle 224 × 224 of what is 256 high already
    seen = prepare(picture)
    assert seen.shape == (2, 3, 224, 224) and bool((seen == 1).all())
    assert prepare(torch.rand(1, 3, 40, 30)).shape == (1, 3, 224, 224)
    imagenet = Preprocess(backbone("resnet18"))(torch.full((1, 3, 256, 256), 0.5))
    wanted = (0.5 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(imagenet[0, :, 5, 5], wanted)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="lite0"):
        load("resnet999")


# ---- from the network


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which a server of ours gives its files."""
    where = tmp_path_factory.mktemp("served")
    handler = functools.partial(Quiet, directory=str(where))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield where, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def published(where: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Random weights of a ResNet-18 in the served folder; gives the file's name."""
    from torchvision import models

    torch.save(models.resnet18().state_dict(), where / "file.pth")
    content = (where / "file.pth").read_bytes()
    name = f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    (where / "file.pth").rename(where / name)
    made = replace(backbone("resnet18"), file=name)  # type: ignore[call-arg]
    monkeypatch.setitem(BACKBONES, "resnet18", made)
    monkeypatch.setattr(backbones, "_address", lambda file: f"{address}/{file}")
    return name


def test_weights_are_fetched_once_and_kept(
    served: tuple[Path, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, address = served
    name = published(where, address, monkeypatch)
    assert not backbone("resnet18").here()
    told: list[float] = []
    net = load("resnet18", lambda text, share: told.append(share))
    assert told and told[-1] == 1.0 and backbone("resnet18").here()
    state = torch.load(where / name, weights_only=True)
    assert torch.equal(net.body.get_submodule("net.conv1").weight, state["conv1.weight"])
    (where / name).unlink()
    assert load("resnet18").width == 512  # no network any more


def test_another_file_than_promised_is_not_kept(
    served: tuple[Path, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, address = served
    name = published(where, address, monkeypatch)
    (where / name).write_bytes(b"something else")
    with pytest.raises(DataMissing, match="always here"):
        load("resnet18")
    assert not list((folder / "backbones").iterdir())


def test_without_a_network_a_sentence_says_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "_address", lambda file: "http://127.0.0.1:9/nothing")
    with pytest.raises(DataMissing, match=r"is there a network\? EfficientNet-Lite 0, 1 and 2"):
        load("vgg16")
    monkeypatch.setenv("LATENT_LAB_DOWNLOADS", "off")
    settings.cache_clear()
    with pytest.raises(DataMissing, match="downloads are switched off"):
        load("vgg16")


def test_a_file_of_weights_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    backbones.fingerprint("lite0")
    monkeypatch.setattr(hashlib, "file_digest", None)  # whoever hashes again fails
    assert len({backbones.fingerprint("lite0") for _ in range(3)}) == 1


def test_damaged_weights_are_said(folder: Path) -> None:
    path = folder / "backbones" / "googlenet-1378be20.pth"
    path.parent.mkdir()
    path.write_bytes(b"no weights")
    with pytest.raises(DataMissing, match="damaged"):
        load("googlenet")


def test_a_gradient_that_a_relu_would_lose_altogether_passes_where_it_is_off() -> None:
    x = torch.tensor([[-1.0, -2.0], [-1.0, 3.0], [9.0, 2.0]]).view(3, 1, 1, 2)
    x.requires_grad_(True)
    shown = RedirectedReLU(6.0)(x)
    assert torch.equal(shown, functional.relu6(x))
    shown.sum().backward()
    assert x.grad is not None
    assert x.grad.flatten(1).tolist() == [[1, 1], [0, 1], [0, 1]]


def test_no_channel_of_a_layer_that_ends_in_a_relu_stays_without_a_gradient() -> None:
    net = folded(backbones.load("lite0"))
    grey = torch.full((1, 3, 64, 64), 0.5, requires_grad=True)
    response = net.body.responses(net.preprocess.normalise(grey), ["head"])["head"]
    dead = int((response.amax((2, 3)) == 0)[0].nonzero()[0])
    response[:, dead].mean().backward()
    assert grey.grad is not None and grey.grad.abs().max() > 0


def test_a_backbone_and_its_head_are_one_network() -> None:
    side = backbone("lite0").side
    picture = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)[None]
    cut = picture[:, :, :side, 200 : 200 + side] / 255
    model = load_classifier("lite0")
    assert int(model(cut).argmax()) == PALACE
    net, head = load("lite0"), load_head("lite0")
    assert torch.allclose(model(cut), head(net.body(net.preprocess.normalise(cut))), atol=1e-4)
    rows = layer_table(model, (3, side, side))
    assert sum(row.weights for row in rows) == sum(p.numel() for p in model.parameters())
