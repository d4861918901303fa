"""Noise on a translation, and generators as bytes for the browser."""

import json

import pytest
import torch

from core.errors import LabError
from core.inference import browser_classifier
from core.inference.browser_classifier import pack_translator
from core.inference.spoilt_translations import MAX_NOISE, spoilt_trip
from core.models.translation_nets import Translator

SHAPE = (1, 8, 12)


@pytest.fixture(scope="module")
def model() -> Translator:
    torch.manual_seed(0)
    return Translator(SHAPE, 8, 1, discriminators=False).eval()


def test_noise_moves_the_translation_by_its_size_and_the_way_back_alone(model):
    picture = torch.rand(SHAPE, generator=torch.Generator().manual_seed(1))
    still = spoilt_trip(model, picture, "ba", 0, 0)
    assert torch.equal(still.there, still.spoilt) and torch.equal(still.lost, still.back)
    moved, again, other = (spoilt_trip(model, picture, "ba", 8, seed) for seed in (3, 3, 4))
    assert torch.equal(moved.back, still.back) and torch.equal(moved.lost, again.lost)
    assert not torch.equal(moved.lost, moved.back) and not torch.equal(moved.lost, other.lost)
    assert 4 / 255 < float((moved.spoilt - moved.there).square().mean().sqrt()) < 12 / 255


@pytest.mark.parametrize(("noise", "seed"), [(MAX_NOISE + 1, 0), (-1, 0), (1, 10_000), (1, -1)])
def test_noise_beyond_its_bounds_is_refused(model, noise, seed):
    with pytest.raises(LabError, match="from 0 to"):
        spoilt_trip(model, torch.zeros(SHAPE), "ab", noise, seed)


def test_both_generators_are_packed_one_after_the_other(model):
    content = pack_translator(model)
    length = int.from_bytes(content[:4], "little")
    header = json.loads(content[4 : 4 + length])
    layers = header["layers"]
    assert header["shape"] == list(SHAPE) and 2 * header["there"] == len(layers)
    assert layers[header["there"]]["from"] == layers[0]["from"] == [-1]
    assert [one["kind"] for one in layers[: header["there"]]].count("instance_norm") == 3


def test_a_network_that_is_too_large_is_told(model, monkeypatch):
    monkeypatch.setattr(browser_classifier, "MAX_TRANSLATION", 1000)
    with pytest.raises(LabError, match="million multiplications"):
        pack_translator(model)
