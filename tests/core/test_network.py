"""The table of a network's layers against torchinfo and the gradients of PyTorch."""

import json
from collections.abc import Callable
from math import prod

import pytest
import torch
import torchinfo
from torch import Tensor, nn

from core.__main__ import main
from core.inference.network import Row, layer_table, totals
from core.models import convnets
from core.tasks.classification import RECOGNITION
from core.tasks.denoising import DENOISING


@pytest.mark.parametrize("name", RECOGNITION.variants)
def test_shapes_weights_and_work_are_those_that_torchinfo_counts(name: str) -> None:
    variant = RECOGNITION.variant(name)
    shape = variant.shape or (1, 28, 28)
    model = RECOGNITION.build(name, shape, classes=10).eval()
    rows = {row.path: row for row in layer_table(model, shape)}
    assert not any(m._forward_hooks for m in model.modules()), "the network itself is not touched"
    paths = {id(module): path for path, module in model.named_modules()}
    counted = torchinfo.summary(model, (1, *shape), verbose=0)
    leaves = {paths[id(one.module)]: one for one in counted.summary_list if one.is_leaf_layer}
    assert set(rows) == set(leaves) and totals(list(rows.values()))["weights"] == sum(
        p.numel() for p in model.parameters()
    )
    for path, one in leaves.items():
        row = rows[path]
        assert (row.shape, row.weights) == (tuple(one.output_size[1:]), one.num_params)
        assert row.bytes == one.output_bytes and row.milliseconds >= 0
        if isinstance(one.module, nn.Conv2d | nn.Linear):  # it counts sums with biases too
            biases = 0 if one.module.bias is None else prod(row.shape)
            assert row.multiply_adds == one.macs - biases
        else:
            assert row.multiply_adds == 0


def seen(model: nn.Module, path: str, shape: tuple[int, int, int]) -> tuple[int, int]:
    """On how many pixels, high and wide, the middle of a layer's output depends: where a change
    of the picture changes it, of any of some pictures."""
    outputs: list[Tensor] = []
    handle = model.get_submodule(path).register_forward_hook(
        lambda module, inputs, out: outputs.append(out)
    )
    touched = torch.zeros(shape[1:], dtype=torch.bool)
    for seed in range(12):
        x = torch.rand(4, *shape, generator=torch.Generator().manual_seed(seed), requires_grad=True)
        model(x)
        out = outputs.pop()
        middle = out if out.dim() == 2 else out[:, :, out.shape[2] // 2, out.shape[3] // 2]
        (gradient,) = torch.autograd.grad(middle.sum(), x)
        touched |= gradient.abs().sum((0, 1)) > 0
    handle.remove()
    rows, columns = touched.any(1).nonzero()[:, 0], touched.any(0).nonzero()[:, 0]
    return int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


@pytest.mark.parametrize(
    ("build", "shape", "path"),
    [
        (convnets.cnn, (1, 28, 28), "body.3"),
        (convnets.cnn, (1, 28, 28), "body.10"),
        (convnets.cnn, (1, 28, 28), "body.15"),
        (convnets.resnet20, (3, 32, 32), "body.4"),
        (convnets.resnet20, (3, 32, 32), "body.6.first"),
        (convnets.inception, (3, 32, 32), "body.2.three.2.0"),
        (convnets.inception, (3, 32, 32), "body.2.pooled.1.0"),
    ],
)
def test_a_receptive_field_is_where_gradients_come_from(
    build: Callable[..., nn.Module], shape: tuple[int, int, int], path: str
) -> None:
    torch.manual_seed(0)
    model = build(shape, 10).eval()
    fields = {row.path: row.field for row in layer_table(model, shape)}
    field = fields.get(path) or fields[f"{path}.second_norm"]
    assert field == seen(model, path, shape)


def test_the_layers_of_runs_and_backbones_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "recognise-cnn-mnist-dd3f87e3"]) == 0
    assert "2,328,298 weights, 11,542,848 multiply-adds" in capsys.readouterr().out
    assert main(["inspect", "lite0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["layers"][0]["kind"].startswith("Conv2d") and told["totals"]["weights"] > 3_000_000


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("denoise-median-mnist-dd3f87e3", "without layers"),
        ("draw-dcgan-mnist-dd3f87e3", "takes no pictures alone"),
        ("no-such-run", "no run"),
    ],
)
def test_what_has_no_layers_is_refused(
    name: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", name]) == 1
    assert sentence in capsys.readouterr().err


def test_where_places_are_mixed_nothing_is_claimed() -> None:
    model = DENOISING.build("unet", (1, 28, 28)).eval()
    rows: list[Row] = layer_table(model, (1, 28, 28))
    assert rows and rows[-1].field is None
