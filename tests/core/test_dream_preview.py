"""The preview of a dream: small, quick, and of the same settings."""

import pytest
import torch

from core.dreaming import dream_runs, starting_pictures
from core.dreaming.preview import SIDE, preview
from core.models import backbones
from core.models.pretrained import folded


@pytest.fixture(scope="module")
def net():
    return folded(backbones.load("lite0"))


def request(variant="deep", values=None):
    picture = starting_pictures.sample("flower")
    return dream_runs.make_request(variant, picture, {"octaves": 1, "steps": 2, **(values or {})})


@pytest.mark.parametrize("variant", ["deep", "zoom"])
def test_it_is_small_repeatable_and_changes_the_picture(net, variant):
    asked = request(variant, {"layers": "blocks.3"})
    drawn = preview(asked, net, seconds=float("inf"))
    assert max(drawn.shape[1:]) == SIDE and 0 <= drawn.min() <= drawn.max() <= 1
    assert torch.equal(drawn, preview(asked, net, seconds=float("inf")))
    other = preview(request(variant, {"layers": "blocks.1"}), net, seconds=float("inf"))
    assert (drawn - other).abs().mean() > 0.01


def test_when_the_time_is_up_the_picture_so_far_is_shown(net):
    long = request(values={"steps": 1000, "octaves": 5, "layers": "blocks.1"})
    steps = []
    drawn = preview(long, net, seconds=0, tick=lambda: steps.append(1))
    assert len(steps) == 1 and max(drawn.shape[1:]) == SIDE


def test_one_from_noise_and_one_of_a_class(net):
    values = {"layers": "blocks.3/24", "steps": 2}
    grown = preview(dream_runs.make_request("visualise", None, values), net)
    assert grown.shape == (3, SIDE // 2, SIDE // 2)
    head = backbones.load_head("lite0")
    assert preview(request(values={"layers": "classes/207"}), net, head, seconds=0).std() > 0
