"""An exported run answers as PyTorch does, without it."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor

from core import data
from core.errors import LabError, RunBroken
from core.images import decode, to_tensor
from core.inference import explain, latent
from core.inference import export as exporting
from core.inference.export import INPUT, TOLERANCE, ExportReport, export
from core.runs.store import Run
from core.settings import settings
from core.tasks import load_model, task
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.base import AnyTask, unit
from core.tasks.classification import RECOGNITION
from core.tasks.denoising import DENOISING
from core.tasks.transfer import TRANSFER
from pages.parts.transfer_classifier.export_tab import USE
from tests.core.support import untaught

NETWORKS: list[tuple[AnyTask, str]] = [
    *((DENOISING, name) for name in ("linear", "conv_pyramid", "unet")),
    *((AUTOENCODING, name) for name in ("ae_mlp3", "vae_conv")),
    *((RECOGNITION, name) for name in ("inception", "resnet20", "fast_resnet")),
]
"""One of each kind of layer and output; of the others, `export` itself compares the answers."""


@pytest.fixture(scope="module", params=NETWORKS, ids=[name for _, name in NETWORKS])
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Run, ExportReport]]:
    """Each network that learns, exported once: it takes seconds."""
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_LAB_CHECKPOINTS", str(folder))
        settings.cache_clear()
        chosen, variant = request.param
        run = untaught(chosen, variant)
        yield run, export(run, folder / "deep" / "model.onnx")
    settings.cache_clear()


@pytest.mark.parametrize("count", [1, 5])
def test_the_file_answers_as_the_lab_does(exported: tuple[Run, ExportReport], count: int) -> None:
    run, report = exported
    chosen = task(run.spec().task)
    pixels = chosen.prepare(run.spec().variant, data.load("digits", "test").first(count)).pixels
    batch = unit(pixels).contiguous()
    session = onnxruntime.InferenceSession(report.path, providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(None, {INPUT: batch.numpy()})[0]
    wanted: Tensor
    if run.spec().task == DENOISING.name:
        variant = run.spec().variant
        wanted = DENOISING.restore(variant, load_model(run), batch, torch.zeros(count))
    elif run.spec().task == RECOGNITION.name:
        with torch.no_grad():
            wanted = load_model(run)(batch).softmax(1)
    else:
        model = latent.network(run)
        wanted = latent.decode(model, latent.encode(model, pixels))
    np.testing.assert_allclose(result, wanted.numpy(), atol=TOLERANCE)
    assert 0 <= result.min() < result.max() <= 1


def test_the_file_is_one_and_says_what_it_is(exported: tuple[Run, ExportReport]) -> None:
    run, report = exported
    assert report.size == report.path.stat().st_size and report.max_difference < TOLERANCE
    assert [p.name for p in report.path.parent.iterdir()] == ["model.onnx"]
    proto = onnx.load(report.path, load_external_data=False)
    facts = {entry.key: entry.value for entry in proto.metadata_props}
    assert facts["run"] == run.id and "digits" in facts["title"] and "[0, 1]" in facts["input"]
    shape = proto.graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param == "batch"
    assert tuple(d.dim_value for d in shape[1:]) == report.shape == run.spec().data.shape


def test_the_file_tells_nothing_of_this_machine(exported: tuple[Run, ExportReport]) -> None:
    content = exported[1].path.read_bytes()
    assert b".py" not in content and str(Path.cwd()).encode() not in content


@pytest.mark.parametrize("bias", [0.01, math.nan], ids=["other", "undefined"])
def test_a_file_that_answers_otherwise_is_given_up(
    lab: Path, monkeypatch: pytest.MonkeyPatch, bias: float
) -> None:
    """The network is exchanged for one that gives back what it gets."""
    run, path = untaught(DENOISING, "linear", shift=bias), lab / "model.onnx"
    path.write_bytes(b"the old one")
    taken, given = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 1, 28, 28])
        for name in (INPUT, "restored")
    )
    node = onnx.helper.make_node("Identity", [INPUT], ["restored"])
    graph = onnx.helper.make_graph([node], "identity", [taken], [given])
    other = onnx.helper.make_model(graph, ir_version=10)
    monkeypatch.setattr(exporting, "_onnx", lambda *_: other.SerializeToString())
    with pytest.raises(LabError, match="differs from PyTorch"):
        export(run, path)
    assert path.read_bytes() == b"the old one"
    assert [p.name for p in lab.glob("*model*")] == ["model.onnx"]


def test_a_classifier_takes_photographs_of_any_size(
    lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cut, scaled, normalised and calibrated in the file: nothing is left to who uses it."""
    monkeypatch.setattr(exporting, "SCALED_SIZES", [(427, 640), (181, 1000), (100, 75)])
    run = untaught(TRANSFER, "new_head")
    report = export(run, lab / "model.onnx")
    assert report.max_difference < TOLERANCE and report.compared_on == "held-out images"
    assert report.scaling_difference is not None
    assert 0 < report.scaling_difference < 0.02, "measured where it has to scale, and told"
    session = onnxruntime.InferenceSession(report.path, providers=["CPUExecutionProvider"])
    pictures = [p.copy() for p in load_sample_images().images]
    photographs = [pictures[0][:300], pictures[1][:, :200], pictures[0][:20, :28]]
    for photograph in photographs:
        (result,) = session.run(None, {INPUT: photograph[None]})
        pixels = to_tensor(Image.fromarray(photograph), run.spec().data.shape)
        wanted = explain.predict(explain.classifier(run), pixels[None]).probabilities
        np.testing.assert_allclose(result, wanted.numpy(), atol=0.02)  # Pillow rounds twice
        np.testing.assert_allclose(result.sum(), 1, atol=1e-5)
    exif = Image.Exif()
    exif[274] = 6  # the camera was held upright
    Image.fromarray(pictures[0]).save(lab / "photo.jpg", exif=exif)
    monkeypatch.chdir(lab)
    exec(USE.format(name="model"), {})
    said = [line.split() for line in capsys.readouterr().out.strip().splitlines()]
    pixels = to_tensor(decode((lab / "photo.jpg").read_bytes()), run.spec().data.shape)
    wanted = explain.predict(explain.classifier(run), pixels[None]).probabilities[0]
    for i, name, probability in said:
        assert name == str(i) and abs(float(probability) - float(wanted[int(i)])) < 0.02
    assert len(said) == 10
    facts = {e.key: e.value for e in onnx.load(report.path).metadata_props}
    assert json.loads(facts["classes"]) == list("0123456789") and "any size" in facts["input"]


def test_a_method_without_weights_is_refused(lab: Path) -> None:
    with pytest.raises(LabError, match="Median filter has learnt nothing"):
        export(untaught(DENOISING, "median"), lab / "model.onnx")
    assert not (lab / "model.onnx").exists()


def test_a_network_that_asks_for_a_class_is_refused(lab: Path) -> None:
    with pytest.raises(LabError, match="Class-conditional VAE needs a class beside each image"):
        export(untaught(AUTOENCODING, "cvae"), lab / "model.onnx")
    assert not (lab / "model.onnx").exists()


def test_damaged_weights_are_refused(lab: Path) -> None:
    run = untaught(DENOISING, "linear")
    weights = run.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RunBroken, match="cannot be read"):
        export(run, lab / "model.onnx")
    assert not (lab / "model.onnx").exists()
