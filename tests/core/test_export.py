"""An exported run answers as PyTorch does, without it."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from core import data, runs, training
from core.errors import LabError, RunBroken
from core.inference import export as exporting
from core.inference.export import INPUT, OUTPUT, TOLERANCE, ExportReport, export
from core.runs import Run
from core.settings import settings
from core.tasks import load_model
from core.tasks.base import unit
from core.tasks.denoising import DENOISING

LEARNING = [name for name, variant in DENOISING.variants.items() if variant.learns]


def made(variant: str, bias: float = 0.0) -> Run:
    """A run with random weights: no layer is at rest, and no training is needed."""
    question = training.ask("denoising", variant, "digits")
    run = runs.create(question.run_id, question.config)
    torch.manual_seed(0)
    network = DENOISING.build(variant, question.config.data.shape)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter) + bias)
    run.write_weights(network.state_dict())
    run.update(state="done")
    return run


@pytest.fixture(scope="module", params=LEARNING)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Run, ExportReport]]:
    """Each network that learns, exported once: it takes seconds."""
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_LAB_CHECKPOINTS", str(folder))
        settings.cache_clear()
        run = made(request.param)
        yield run, export(run, folder / "deep" / "model.onnx")
    settings.cache_clear()


@pytest.mark.parametrize("count", [1, 5])
def test_the_file_restores_as_the_lab_does(exported: tuple[Run, ExportReport], count: int) -> None:
    run, report = exported
    batch = unit(data.load("digits", "test").first(count).pixels).contiguous()
    session = onnxruntime.InferenceSession(report.path, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run([OUTPUT], {INPUT: batch.numpy()})[0]
    variant = run.config().variant
    wanted: Tensor = DENOISING.restore(variant, load_model(run), batch, torch.zeros(count))
    np.testing.assert_allclose(found, wanted.numpy(), atol=TOLERANCE)
    assert 0 <= found.min() < found.max() <= 1


def test_the_file_is_one_and_says_what_it_is(exported: tuple[Run, ExportReport]) -> None:
    run, report = exported
    assert report.size == report.path.stat().st_size and report.max_difference < TOLERANCE
    assert [p.name for p in report.path.parent.iterdir()] == ["model.onnx"]
    proto = onnx.load(report.path, load_external_data=False)
    facts = {entry.key: entry.value for entry in proto.metadata_props}
    assert facts["run"] == run.id and "digits" in facts["title"] and "[0, 1]" in facts["input"]
    shape = proto.graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param == "batch"
    assert tuple(d.dim_value for d in shape[1:]) == report.shape == (1, 28, 28)


def test_the_file_tells_nothing_of_this_machine(exported: tuple[Run, ExportReport]) -> None:
    content = exported[1].path.read_bytes()
    assert b".py" not in content and str(Path.cwd()).encode() not in content


@pytest.mark.parametrize("bias", [0.01, math.nan], ids=["other", "undefined"])
def test_a_file_that_answers_otherwise_is_given_up(
    lab: Path, monkeypatch: pytest.MonkeyPatch, bias: float
) -> None:
    """The network is exchanged for one that gives back what it gets."""
    run, path = made("linear", bias), lab / "model.onnx"
    path.write_bytes(b"the old one")
    taken, given = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 1, 28, 28])
        for name in (INPUT, OUTPUT)
    )
    node = onnx.helper.make_node("Identity", [INPUT], [OUTPUT])
    graph = onnx.helper.make_graph([node], "identity", [taken], [given])
    other = onnx.helper.make_model(graph, ir_version=10)
    monkeypatch.setattr(exporting, "_onnx", lambda *_: other.SerializeToString())
    with pytest.raises(LabError, match="differs from PyTorch"):
        export(run, path)
    assert path.read_bytes() == b"the old one"
    assert [p.name for p in lab.glob("*model*")] == ["model.onnx"]


def test_a_method_without_weights_is_refused(lab: Path) -> None:
    with pytest.raises(LabError, match="Median filter has learnt nothing"):
        export(made("median"), lab / "model.onnx")
    assert not (lab / "model.onnx").exists()


def test_damaged_weights_are_refused(lab: Path) -> None:
    run = made("linear")
    weights = run.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RunBroken, match="cannot be read"):
        export(run, lab / "model.onnx")
    assert not (lab / "model.onnx").exists()
