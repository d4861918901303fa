"""What tests share: a few real digits, new networks and their layers, commands and answers."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from core import data
from core.data import Images
from core.data.drawn_sets import sketched
from core.data.set_pairs import side_by_side
from core.models.backbones import BACKBONES
from core.runs import store
from core.runs.schema import Status
from core.runs.store import Run
from core.tasks.base import AnyTask
from core.tasks.classification import RECOGNITION
from core.tasks.diffusion import DIFFUSION
from core.tasks.sequence_tasks import SequenceVariant
from core.tasks.translation import TRANSLATION
from core.training.request import make_request

TRAIN = ["train", "denoising", "linear", "--dataset", "digits", "--train-images", "64"]
SHORT = [*TRAIN, "--epochs", "1"]
CLASSES = 10
"""Of the digits."""
SILENT = {
    "flatten", "unflatten", "view", "reshape", "contiguous", "chunk", "one_hot", "float", "dim",
    "min", "max", "mul", "div", "add", "sub", "sum",
}  # fmt: skip
"""No layers: what moves numbers about, looks at them, or scales them to another range."""


def tiny(
    chosen: AnyTask, split: data.Split = "train", n: int = 16, variant: str | None = None
) -> Images:
    """A few real digits in the shape that the variant works on; None is the task's first. Of a
    task on sequences a few examples of the smallest that ships."""
    name = variant or next(iter(chosen.variants))
    if chosen.medium != "pictures":
        run = sequence_run(chosen, name)
        return (chosen.training(run) if split == "train" else chosen.testing(run)).first(n)
    images = chosen.prepare(name, data.load("digits", split).first(n))
    if chosen is TRANSLATION:  # digits and their sketches
        shape = chosen.variant(name).shape_for((1, 28, 28))
        return side_by_side(images, Images(sketched(images.pixels), images.labels), shape)
    return images


def sequence_run(chosen: AnyTask, variant: str, values: dict[str, Any] | None = None) -> Run:
    """A new run of a task on sequences, on what its first variant is trained on."""
    first = next(iter(chosen.variants.values()))
    assert isinstance(first, SequenceVariant)
    request = make_request(chosen.name, variant, first.dataset, values)
    return store.find(request.run_id) or store.create(request.run_id, request.config, request.given)


def built(
    chosen: AnyTask, variant: str, seed: int = 0, values: dict[str, Any] | None = None
) -> nn.Module:
    """A new network for the digits, or for a sequence, its weights drawn from `seed`."""
    config = chosen.config(variant, values)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if chosen.medium != "pictures":
            return chosen.build_for(sequence_run(chosen, variant, values).spec(), config)
        shape = chosen.variant(variant).shape_for((1, 28, 28))
        return chosen.build(variant, shape, config, CLASSES)


def recognisers(*names: str) -> dict[str, tuple[nn.Module, tuple[int, int, int]]]:
    """New classifiers of ten classes with the shape that each takes, their weights seeded, and the
    statistics of their batch norms as if they had seen something."""
    made = {}
    for name in names:
        shape = RECOGNITION.variant(name).shape_for((1, 28, 28))
        model = built(RECOGNITION, name).eval()
        generator = torch.Generator().manual_seed(1)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2, generator=generator)  # type: ignore[union-attr]
                module.running_var.uniform_(0.5, 2, generator=generator)  # type: ignore[union-attr]
        made[name] = (model, shape)
    return made


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """What was printed, which must be JSON and nothing else."""
    return json.loads(capsys.readouterr().out)


def small_pictures(patch: pytest.MonkeyPatch) -> None:
    """Let pretrained networks look at small pictures, where their size does not matter."""
    for name, backbone in BACKBONES.items():
        patch.setitem(BACKBONES, name, replace(backbone, side=64))


class Killed(BaseException):
    """As a signal would, it passes every `except Exception`."""


def kill_in_epoch_2(status: Status) -> None:
    if status.epoch == 2 and status.stage.startswith("epoch"):
        raise Killed


class Layers(TorchFunctionMode):
    """Notes what is computed, layer by layer, whether by modules or by functions."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        if name == "linear":
            self.lines.append(f"Linear({args[1].shape[1]}, {args[1].shape[0]})")
        elif name == "conv2d":
            into, taken, side, _ = args[1].shape
            self.lines.append(f"Conv2d({taken}, {into}, {side}{self.steps(args)})")
        elif name == "conv_transpose2d":
            taken, into, side, _ = args[1].shape
            more = f", o{args[5][0]}" if args[5][0] else ""
            self.lines.append(f"ConvTranspose2d({taken}, {into}, {side}{self.steps(args)}{more})")
        elif name == "batch_norm":
            self.lines.append(f"BatchNorm({args[0].shape[1]})")
        elif name in ("relu", "tanh", "sigmoid"):
            self.lines.append({"relu": "ReLU"}.get(name, name.capitalize()))
        elif name == "leaky_relu":
            self.lines.append(f"LeakyReLU({(kwargs or {})['negative_slope']})")
        elif name == "embedding":
            self.lines.append(f"Embedding({args[1].shape[0]}, {args[1].shape[1]})")
        elif name.startswith("max_pool2d"):
            window = args[1] if isinstance(args[1], int) else args[1][0]
            self.lines.append(f"MaxPool2d({window}) -> {out.shape[-1]}")
        elif name == "cat":
            self.lines.append(f"Join -> {out.shape[1]}")
        elif name not in SILENT:
            assert name.startswith("__"), f"{name} is no layer that this test knows"
        return out

    @staticmethod
    def steps(args: tuple[Any, ...]) -> str:
        """Stride and padding of a convolution, as a module hands them over."""
        (stride, *_), (padding, *_) = args[3], args[4]
        return f"{f', s{stride}' if stride > 1 else ''}, p{padding}"


def untaught(
    chosen: AnyTask, variant: str, values: dict[str, Any] | None = None, shift: float = 0.0
) -> Run:
    """Make a finished run on scikit-learn's digits with random weights, of which none is 0.

    Args:
        shift: is added to all of them.
    """
    question = make_request(chosen.name, variant, "digits", values)
    run = store.create(question.run_id, question.config)
    network = built(chosen, variant, values=values)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        for weight in network.parameters():
            weight.add_(0.02 * torch.randn_like(weight) + shift)
    run.write_weights(network.state_dict(), half=chosen.half)
    run.update(state="done")
    return run


def untaught_diffusion(variant: str) -> Run:
    """Make a finished run with small random weights, on scikit-learn's digits."""
    question = make_request("diffusion", variant, "digits", {"width": 8})
    run = store.create(question.run_id, question.config)
    model = DIFFUSION.build_for(run.spec(), DIFFUSION.config_of(run))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for weight in model.parameters():
            nn.init.normal_(weight, 0, 0.1)
    run.write_weights(model.state_dict(), half=True)
    run.update(state="done")
    return run
