"""Networks as code: what is copied runs, and is the same network."""

import pytest
import torch

from core.inference.torch_code import torch_code
from core.tasks.classification import RECOGNITION
from tests.core.support import built


def executed(code):
    space = {}
    exec(compile(code, "copied", "exec"), space)
    return space["model"]


@pytest.mark.parametrize("variant", RECOGNITION.variants)
def test_the_code_of_a_network_is_the_network(variant):
    model = built(RECOGNITION, variant).eval()
    code = torch_code(model)
    assert "core." not in code and "Recogniser(" in code
    again = executed(code).eval()
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert {name: tuple(value.shape) for name, value in again.state_dict().items()} == shapes
    again.load_state_dict(model.state_dict())
    picture = torch.rand(2, *RECOGNITION.variant(variant).shape)
    assert torch.equal(again(picture), model(picture))


@pytest.mark.parametrize(
    ("variant", "path"),
    [("cnn", "head"), ("cnn", "body.0"), ("inception", "body.5"), ("resnet20", "body.3")],
)
def test_a_part_has_code_of_its_own(variant, path):
    part = built(RECOGNITION, variant).get_submodule(path)
    again = executed(torch_code(part))
    counts = [sum(p.numel() for p in one.parameters()) for one in (part, again)]
    assert counts[0] == counts[1] > 0
    assert "class Recogniser" not in torch_code(part)
