"""Features are computed once, kept by content, and the same whether they were kept or not."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from core import features as module
from core.errors import Cancelled
from core.features import features, known
from core.models.backbones import load
from core.models.pretrained import FeatureNet
from core.settings import settings


@pytest.fixture(scope="module")
def net() -> FeatureNet:
    return load("lite0")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("LATENT_LAB_CHECKPOINTS", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def pictures(n: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, 40, 40), generator=generator, dtype=torch.uint8)


class Never(FeatureNet):
    """A network that nobody should ask."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)

    def forward(self, images: Tensor) -> Tensor:
        raise AssertionError("everything should have been kept")


NEVER = Never()


def test_kept_features_are_those_that_were_computed(net: FeatureNet) -> None:
    pixels = pictures(5)
    first = features("lite0", pixels, net)
    assert first.shape == (5, 1280) and first.dtype == torch.float32
    with torch.inference_mode():
        wanted = net(pixels.float() / 255).half().float()
    torch.testing.assert_close(first, wanted, atol=2e-3, rtol=2e-3)
    assert known("lite0", pixels) == 5
    assert torch.equal(features("lite0", pixels, NEVER), first)
    again = pixels.flip(0)[:3]  # others in another order: the same pictures
    assert torch.equal(features("lite0", again, NEVER), first.flip(0)[:3])


def test_only_new_pictures_are_looked_at(net: FeatureNet, monkeypatch: pytest.MonkeyPatch) -> None:
    features("lite0", pictures(4), net)
    seen: list[int] = []
    own = module.computed

    def counted(net: FeatureNet, pixels: Tensor) -> object:
        seen.append(len(pixels))
        return own(net, pixels)

    monkeypatch.setattr(module, "computed", counted)
    features("lite0", torch.cat([pictures(4), pictures(2, seed=1)]), net)
    assert seen == [2]


def test_a_cancelled_look_keeps_what_it_has_seen(
    net: FeatureNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    told: list[str] = []

    def stop(stage: str) -> None:
        told.append(stage)
        if len(told) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        features("lite0", pictures(6), net, stop)
    assert told[0] == "looking at picture 1 of 6 with lite0"
    assert known("lite0", pictures(6)) == 4


def test_the_oldest_go_when_there_are_too_many(
    net: FeatureNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CACHED", 4)
    monkeypatch.setattr(module, "BATCH", 2)
    features("lite0", pictures(6), net)
    assert known("lite0", pictures(6)) == 4 and known("lite0", pictures(6)[:2]) == 0


def test_without_a_database_features_are_computed_anew(
    net: FeatureNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    first = features("lite0", pictures(2), net)
    monkeypatch.setattr(module, "_opened", broken)
    assert torch.equal(features("lite0", pictures(2), net), first)
    assert known("lite0", pictures(2)) == 0
