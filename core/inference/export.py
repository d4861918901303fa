"""A finished run as an ONNX file that needs neither PyTorch nor this lab."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from core import data, files
from core.errors import LabError
from core.models.autoencoders import Autoencoder
from core.runs import Run
from core.tasks import load_model, task
from core.tasks.base import unit

INPUT, OUTPUT = "image", "restored"
"""ONNX gives every value of a graph one name, so they cannot both be `image`."""
BATCHES = [1, 7]
"""Sizes that the export is tried at; neither is the one that it was traced with."""
TOLERANCE = 1e-4
"""Largest difference from PyTorch; a step of an 8-bit grey is forty times larger."""
RANGE = "float32 NCHW in [0, 1]"


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how far it is from PyTorch on real test images."""

    path: Path
    size: int
    """Bytes."""
    shape: tuple[int, int, int]
    """(C, H, W) that it takes and gives, in batches of any size."""
    max_difference: float


class Squashed(nn.Module):
    """A network with what brings its answer into [0, 1]."""

    def __init__(self, model: nn.Module, squash: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model = model
        self.sigmoid = squash is torch.sigmoid

    def forward(self, image: Tensor) -> Tensor:
        """Restore images (N, C, H, W) in [0, 1]."""
        out: Tensor = self.model(image)
        return out.sigmoid() if self.sigmoid else out.clamp(0, 1)


def export(run: Run, output: Path) -> ExportReport:
    """Write a run's network to `output`, whole and compared with PyTorch, or not at all.

    Raises:
        LabError: no network from image to image, no usable weights, or another answer than
            PyTorch's.
        DataMissing: the test split, on which they are compared, is not here.
        OSError: `output` cannot be written.
    """
    model = _module(run)
    images = _test_images(run, sum(BATCHES))
    content = _onnx(run, model, images[:2])
    difference = _largest_difference(content, model, images)
    if not difference < TOLERANCE:  # so written, nan is caught too
        raise LabError(
            f"The export of {run.id} was given up: it differs from PyTorch by {difference:.2g}, "
            f"and {TOLERANCE:.0e} is the most that is allowed."
        )
    files.write_bytes(output, content)
    return ExportReport(output, len(content), run.config().data.shape, difference)


def _module(run: Run) -> nn.Module:
    asked = run.config()
    variant = task(asked.task).variant(asked.variant)
    if not variant.learns:
        raise LabError(f"{variant.title} has learnt nothing: there is no network to export.")
    model = load_model(run)
    if isinstance(model, Autoencoder):  # its answer is in [0, 1] already
        if model.classes:
            raise LabError(f"{variant.title} asks for a class beside each image: it has no export.")
        return model
    if "squash" not in variant.options:
        raise LabError(f"{variant.title} does not turn an image into an image: it has no export.")
    return Squashed(model, variant.options["squash"]).eval()


def _test_images(run: Run, count: int) -> Tensor:
    asked = run.config()
    images = task(asked.task).prepare(asked.variant, data.load(asked.dataset, "test").first(count))
    if len(images.labels) < count:  # a small set of somebody's own
        times = -(-count // len(images.labels))
        return unit(images.pixels.repeat(times, 1, 1, 1)[:count]).contiguous()
    return unit(images.pixels).contiguous()


def _onnx(run: Run, model: nn.Module, example: Tensor) -> bytes:
    """The network in ONNX's format; `example` has two images, for one alone would be special."""
    program = torch.onnx.export(
        model,
        (example,),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    proto = program.model_proto
    _forget_origin(proto.graph)
    asked = run.config()
    title = f"{task(asked.task).variant(asked.variant).title}, trained on {asked.dataset}"
    facts = {"run": run.id, "title": title, "input": RANGE, "output": RANGE}
    onnx.helper.set_model_props(proto, facts)
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString())


def _forget_origin(graph: onnx.GraphProto) -> None:
    """Drop the exporter's notes: they hold source lines and paths of the machine it ran on."""
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for part in (graph, *graph.node, *values):
        part.ClearField("metadata_props")


@torch.inference_mode()
def _largest_difference(content: bytes, model: nn.Module, images: Tensor) -> float:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch in torch.split(images, BATCHES):
        (found,) = session.run([OUTPUT], {INPUT: batch.numpy()})
        # numpy's maximum keeps nan, which Python's max would lose
        worst = float(np.maximum(worst, np.abs(found - model(batch).numpy()).max()))
    return worst
