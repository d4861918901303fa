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
from core.models.convnets import Recogniser
from core.models.feature_classifiers import Transfer
from core.models.translation_nets import Translator
from core.runs.query import classes_of
from core.runs.store import Run
from core.tasks import load_model, task
from core.tasks.base import unit
from core.tasks.denoising import DenoisingVariant
from core.tasks.family import Variant

INPUT = "image"
BATCHES = [1, 7]
"""Batch sizes at which the export is tested; neither is the one of its trace."""
TOLERANCE = 1e-4
"""Maximum difference from PyTorch; a step of an 8-bit grey is forty times larger."""
SCALED_SIZES = [
    (427, 640),
    (640, 427),
    (300, 300),
    (181, 1000),
    (1000, 1500),
    (2000, 1333),
    (100, 75),
]
"""Heights and widths of the photographs on which scaling is tested."""
IMAGE_FORMAT = "float32 NCHW in [0, 1]"
PHOTOGRAPH_FORMAT = "uint8 NHWC, RGB, of any size"


@dataclass(frozen=True)
class ExportReport:
    """The exported file, and its difference from PyTorch on real images."""

    path: Path
    size: int
    """Bytes."""
    shape: tuple[int, int, int]
    """(C, H, W) of its images, in batches of any size."""
    max_difference: float
    compared_on: str
    """The images that it was compared on."""
    scaling_difference: float | None = None
    """Maximum difference of its probabilities from the lab's on photographs of other sizes: the
    file scales them itself, while the lab uses Pillow, which rounds in between."""


class Squashed(nn.Module):
    """A network with the function that maps its output to [0, 1]."""

    def __init__(self, model: nn.Module, variant: DenoisingVariant) -> None:
        super().__init__()
        self.model, self.variant = model, variant

    def forward(self, image: Tensor) -> Tensor:
        """Restore images (N, C, H, W) in [0, 1]."""
        outputs: Tensor = self.model(image)
        return self.variant.squash(outputs)


class Photographs(nn.Module):
    """A classifier with its preprocessing and softmax: from photographs to probabilities.

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


class Classified(nn.Module):
    """A classifier of images in [0, 1] with its softmax."""

    def __init__(self, model: Recogniser) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        """Images (N, C, H, W) to probabilities (N, classes)."""
        probabilities: Tensor = self.model(image).softmax(1)
        return probabilities


@dataclass(frozen=True)
class _Graph:
    """What is exported: a module, the name of its output, and the metadata of the file."""

    module: nn.Module
    output: str
    images: Tensor
    """The images on which it is compared."""
    compared_on: str
    sizes: dict[int, Any]
    """The dynamic dimensions of the input."""
    facts: dict[str, str]


def export(run: Run, output: Path) -> ExportReport:
    """Write a run's network to `output` after comparing it with PyTorch.

    Raises:
        LabError: the network has no export or no usable weights, or its output differs from
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
    facts = {"classes": json.dumps(classes_of(run)), "output": "float32, a row an image"}
    if isinstance(model, Transfer):
        images, compared_on = _photographs(run, count)
        return _Graph(
            Photographs(model, spec.data.shape[-1]).eval(),
            "probabilities",
            images,
            compared_on,
            {0: Dim("batch"), 1: Dim.DYNAMIC, 2: Dim.DYNAMIC},
            {**facts, "input": PHOTOGRAPH_FORMAT},
        )
    images = unit(_test_images(run, count))
    if isinstance(model, Recogniser):
        return _Graph(
            Classified(model).eval(),
            "probabilities",
            images,
            "test images",
            {0: Dim("batch")},
            {**facts, "input": IMAGE_FORMAT},
        )
    return _Graph(
        _image_to_image(model, variant),
        "restored",
        images,
        "test images",
        {0: Dim("batch")},
        {"input": IMAGE_FORMAT, "output": IMAGE_FORMAT},
    )


def _image_to_image(model: nn.Module, variant: Variant) -> nn.Module:
    """Return the network as a module from images to images in [0, 1]."""
    if isinstance(model, Autoencoder):  # its output is in [0, 1] already
        if model.classes:
            raise LabError(f"{variant.title} needs a class beside each image: it has no export.")
        return model
    if isinstance(model, Translator):
        raise LabError(f"{variant.title} is two networks, one each way: it has no export.")
    if not isinstance(variant, DenoisingVariant):
        raise LabError(f"{variant.title} does not turn an image into an image: it has no export.")
    return Squashed(model, variant).eval()


def _test_images(run: Run, count: int) -> Tensor:
    """Return test images, uint8 (count, C, H, W), those of a small set repeatedly."""
    spec = run.spec()
    chosen = data.load(spec.dataset, "test").choice(count)
    images = task(spec.task).prepare(spec.variant, chosen)
    times = -(-count // len(images.labels))
    return images.pixels.repeat(times, 1, 1, 1)[:count].contiguous()


def _photographs(run: Run, count: int) -> tuple[Tensor, str]:
    """Return photographs of the run's test split, uint8 (count, H, W, 3), and their origin.

    For a shipped run, whose photographs are not here, they are crops of scikit-learn's two.
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
    """Export the network as ONNX, traced with two images, since one would become a constant."""
    for module in graph.module.modules():
        if isinstance(module, nn.Hardtanh):  # as ReLU6 is, of which the Lites have many
            module.inplace = False  # to trace one that works in place takes torch a second
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
    _drop_metadata(proto.graph)
    spec = run.spec()
    title = f"{task(spec.task).variant(spec.variant).title}, trained on {spec.dataset}"
    onnx.helper.set_model_props(proto, {"run": run.id, "title": title, **graph.facts})
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString())


def _drop_metadata(graph: onnx.GraphProto) -> None:
    """Drop the exporter's metadata, which holds source lines and paths of this machine."""
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for part in (graph, *graph.node, *values):
        part.ClearField("metadata_props")


@torch.inference_mode()
def _largest_difference(content: bytes, graph: _Graph) -> float:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    largest = 0.0
    for batch in torch.split(graph.images, BATCHES):
        (outputs,) = session.run([graph.output], {INPUT: batch.numpy()})
        # numpy's maximum keeps nan, which Python's max would lose
        largest = float(np.maximum(largest, np.abs(outputs - graph.module(batch).numpy()).max()))
    return largest


@torch.inference_mode()
def _scaling_difference(content: bytes, module: Photographs) -> float:
    """Compare probabilities with the lab's on scikit-learn's two photographs at many sizes."""
    from sklearn.datasets import load_sample_images  # here: it takes a second

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    largest = 0.0
    for photograph in load_sample_images().images:
        for height, width in SCALED_SIZES:
            picture = Image.fromarray(photograph).resize((width, height), Image.Resampling.LANCZOS)
            (outputs,) = session.run(None, {INPUT: np.asarray(picture)[None]})
            pixels = to_tensor(picture, (3, module.side, module.side))
            expected = module.model(unit(pixels[None])).softmax(1)
            largest = float(np.maximum(largest, np.abs(outputs - expected.numpy()).max()))
    return largest
