"""A finished run as an ONNX file that needs neither PyTorch nor this lab."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from torch import Tensor, nn
from torch.export import Dim
from torch.nn import functional as F

from core import data, files
from core.errors import DataMissing, LabError, UnknownName
from core.images import to_tensor
from core.models.autoencoders import Autoencoder
from core.models.feature_classifiers import Transfer
from core.runs.query import classes_of
from core.runs.store import Run
from core.tasks import load_model, task
from core.tasks.base import unit
from core.tasks.denoising import DenoisingVariant
from core.tasks.family import Variant

INPUT = "image"
BATCHES = [1, 7]
"""Sizes that the export is tried at; neither is the one that it was traced with."""
TOLERANCE = 1e-4
"""Largest difference from PyTorch; a step of an 8-bit grey is forty times larger."""
SIZES = [(427, 640), (640, 427), (300, 300), (181, 1000), (1000, 1500), (2000, 1333), (100, 75)]
"""Heights and widths of the photographs that scaling is tried on."""
RANGE = "float32 NCHW in [0, 1]"
PHOTOGRAPHS = "uint8 NHWC, RGB, of any size"


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how far it is from PyTorch on real images."""

    path: Path
    size: int
    """Bytes."""
    shape: tuple[int, int, int]
    """(C, H, W) that it works on, in batches of any size."""
    max_difference: float
    compared_on: str
    """The images that it was compared on."""
    scaling_difference: float | None = None
    """How far its probabilities are from the lab's on photographs of other sizes, at most: it
    scales them itself, where the lab has Pillow do it, which rounds on the way."""


class Squashed(nn.Module):
    """A network with what brings its answer into [0, 1]."""

    def __init__(self, model: nn.Module, variant: DenoisingVariant) -> None:
        super().__init__()
        self.model, self.variant = model, variant

    def forward(self, image: Tensor) -> Tensor:
        """Restore images (N, C, H, W) in [0, 1]."""
        outputs: Tensor = self.model(image)
        return self.variant.squash(outputs)


class Photographs(nn.Module):
    """A classifier with all that comes before and after it: photographs to probabilities.

    Args:
        model: of images (N, 3, side, side) in [0, 1].
    """

    def __init__(self, model: Transfer, side: int) -> None:
        super().__init__()
        self.nets = nn.ModuleList(model.backbones)  # frozen ones are no modules of the model
        self.model, self.side = model, side

    def forward(self, image: Tensor) -> Tensor:
        """uint8 (N, H, W, 3) of any size to calibrated probabilities (N, classes).

        The middle is cut out and scaled as `core.images.to_tensor` does it.
        """
        height, width, side = *image.shape[1:3], self.side
        short = torch.sym_min(height, width)
        size = [(part * side + short // 2) // short for part in (height, width)]
        planes = image.permute(0, 3, 1, 2).float()
        scaled = F.interpolate(planes, size, mode="bicubic", antialias=True)  # type: ignore[arg-type]
        top, left = (size[0] - side) // 2, (size[1] - side) // 2
        places = torch.arange(side)  # a slice between two symbols would have no known size
        cut = scaled.index_select(2, places + top).index_select(3, places + left)
        pixels = cut.round().clamp(0, 255) / 255
        probabilities: Tensor = self.model(pixels).softmax(1)
        return probabilities


@dataclass(frozen=True)
class _Graph:
    """What is exported: a module, what its answer is called, and the facts written beside it."""

    module: nn.Module
    output: str
    images: Tensor
    """That it is compared on."""
    compared_on: str
    sizes: dict[int, Any]
    """Dimensions of the input that may be of any size."""
    facts: dict[str, str]


def export(run: Run, output: Path) -> ExportReport:
    """Write a run's network to `output`, whole and compared with PyTorch, or not at all.

    Raises:
        LabError: a network that has no export, no usable weights, or another answer than
            PyTorch's.
        DataMissing: the test split, on which they are compared, is not here.
        OSError: `output` cannot be written.
    """
    graph = _graph(run)
    content = _onnx(run, graph)
    difference = _largest_difference(content, graph)
    if not difference < TOLERANCE:  # so written, nan is caught too
        raise LabError(
            f"The export of {run.id} was given up: it differs from PyTorch by {difference:.2g}, "
            f"and {TOLERANCE:.0e} is the most that is allowed."
        )
    scaling = None
    if isinstance(graph.module, Photographs):
        scaling = _scaling_difference(content, graph.module)
    files.write_bytes(output, content)
    shape = run.spec().data.shape
    return ExportReport(output, len(content), shape, difference, graph.compared_on, scaling)


def _graph(run: Run) -> _Graph:
    spec = run.spec()
    variant = task(spec.task).variant(spec.variant)
    if not variant.learns:
        raise LabError(f"{variant.title} has learnt nothing: there is no network to export.")
    model, count = load_model(run), sum(BATCHES)
    if isinstance(model, Transfer):
        images, compared_on = _photographs(run, count)
        facts = {"classes": json.dumps(classes_of(run)), "output": "float32, a row an image"}
        return _Graph(
            Photographs(model, spec.data.shape[-1]).eval(),
            "probabilities",
            images,
            compared_on,
            {0: Dim("batch"), 1: Dim.DYNAMIC, 2: Dim.DYNAMIC},
            {**facts, "input": PHOTOGRAPHS},
        )
    images = unit(_test_images(run, count))
    return _Graph(
        _restoring(model, variant),
        "restored",
        images,
        "test images",
        {0: Dim("batch")},
        {"input": RANGE, "output": RANGE},
    )


def _restoring(model: nn.Module, variant: Variant) -> nn.Module:
    """From image to image."""
    if isinstance(model, Autoencoder):  # its answer is in [0, 1] already
        if model.classes:
            raise LabError(f"{variant.title} asks for a class beside each image: it has no export.")
        return model
    if not isinstance(variant, DenoisingVariant):
        raise LabError(f"{variant.title} does not turn an image into an image: it has no export.")
    return Squashed(model, variant).eval()


def _test_images(run: Run, count: int) -> Tensor:
    """uint8 (count, C, H, W), again and again those of somebody's small set."""
    spec = run.spec()
    chosen = data.load(spec.dataset, "test").choice(count)
    images = task(spec.task).prepare(spec.variant, chosen)
    times = -(-count // len(images.labels))
    return images.pixels.repeat(times, 1, 1, 1)[:count].contiguous()


def _photographs(run: Run, count: int) -> tuple[Tensor, str]:
    """uint8 (count, H, W, 3) as the run's test split has them, and where they are from.

    A shipped run's photographs are not here: then crops of scikit-learn's two.
    """
    try:
        return _test_images(run, count).permute(0, 2, 3, 1).contiguous(), "held-out images"
    except (DataMissing, UnknownName):
        from sklearn.datasets import load_sample_images  # here: it takes a second

        china, flower = (torch.from_numpy(p.copy()) for p in load_sample_images().images)
        steps = [(31 * i, 53 * i) for i in range(-(-count // 2))]
        side = run.spec().data.shape[-1]  # what is not scaled is rounded alike everywhere
        crops = [p[y : y + side, x : x + side] for y, x in steps for p in (china, flower)]
        return torch.stack(crops[:count]), "crops of two photographs"


def _onnx(run: Run, graph: _Graph) -> bytes:
    """The network in ONNX's format, traced with two images, for one alone would be special."""
    program = torch.onnx.export(
        graph.module,
        (graph.images[:2],),
        input_names=[INPUT],
        output_names=[graph.output],
        dynamic_shapes=(graph.sizes,),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    proto = program.model_proto
    _forget_origin(proto.graph)
    spec = run.spec()
    title = f"{task(spec.task).variant(spec.variant).title}, trained on {spec.dataset}"
    onnx.helper.set_model_props(proto, {"run": run.id, "title": title, **graph.facts})
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString())


def _forget_origin(graph: onnx.GraphProto) -> None:
    """Drop the exporter's notes: they hold source lines and paths of the machine it ran on."""
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for part in (graph, *graph.node, *values):
        part.ClearField("metadata_props")


@torch.inference_mode()
def _largest_difference(content: bytes, graph: _Graph) -> float:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch in torch.split(graph.images, BATCHES):
        (found,) = session.run([graph.output], {INPUT: batch.numpy()})
        # numpy's maximum keeps nan, which Python's max would lose
        worst = float(np.maximum(worst, np.abs(found - graph.module(batch).numpy()).max()))
    return worst


@torch.inference_mode()
def _scaling_difference(content: bytes, module: Photographs) -> float:
    """On scikit-learn's two photographs at many sizes, against the way of an upload in the lab."""
    from sklearn.datasets import load_sample_images  # here: it takes a second

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    worst = 0.0
    for photograph in load_sample_images().images:
        for height, width in SIZES:
            picture = Image.fromarray(photograph).resize((width, height), Image.Resampling.LANCZOS)
            (found,) = session.run(None, {INPUT: np.asarray(picture)[None]})
            pixels = to_tensor(picture, (3, module.side, module.side))
            wanted = module.model(unit(pixels[None])).softmax(1)
            worst = float(np.maximum(worst, np.abs(found - wanted.numpy()).max()))
    return worst
