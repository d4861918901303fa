"""What PyTorch says of classifiers, for the browser to compare with."""

import base64
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import data, tasks
from core.digits import digit_from_drawing
from core.errors import LabError
from core.inference.browser_classifier import pack_classifier
from core.inference.network import layer_table
from core.models.convnets import Recogniser
from core.runs.query import finished
from core.tasks.classification import RECOGNITION

SHIPPED = {
    RECOGNITION.variants[run.spec().variant].build: run
    for run in finished(RECOGNITION)
    if run.shipped
}
"""One run a network."""
ANSWERS = 10
"""Test images whose answers are compared."""


def base64_of(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def classifier(variant: str) -> Recogniser:
    """A seeded network in half precision, as runs keep it, whose batch norms do something."""
    shape = RECOGNITION.variants[variant].shape_for((1, 28, 28))
    generator = torch.Generator().manual_seed(7)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = RECOGNITION.build(variant, shape, None, 10)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            with torch.no_grad():
                module.bias.normal_(0, 0.2, generator=generator)
    return model.half().float().eval()


def shape_of(variant: str) -> tuple[int, int, int]:
    return RECOGNITION.variants[variant].shape_for((1, 28, 28))


def fitting() -> dict[str, tuple[Recogniser, tuple[int, int, int], bytes]]:
    """Every registered variant that a browser can run, packed."""
    result = {}
    for variant in RECOGNITION.variants:
        model, shape = classifier(variant), shape_of(variant)
        try:
            result[variant] = (model, shape, pack_classifier(model, shape))
        except LabError:
            continue
    return result


@torch.inference_mode()
def activations(model: Recogniser, image: Tensor) -> dict[str, Tensor]:
    """What each module gives, by its path."""
    seen = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, path=path: seen.update({path: out[0]}))
        for path, module in model.named_modules()
    ]
    model(image[None])
    for hook in hooks:
        hook.remove()
    return seen


def hwc(t: Tensor) -> np.ndarray:
    return (t.permute(1, 2, 0) if t.ndim == 3 else t).numpy().astype(np.float32)


def layers():
    """Networks of all variants, and all that they make of a picture."""
    generator = torch.Generator().manual_seed(5)
    for variant, (model, shape, content) in fitting().items():
        pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        pixels[:, :, : shape[2] // 3] = 0  # where inputs are alike
        seen = activations(model, pixels / 255)
        yield {
            "name": variant,
            "packed": base64.b64encode(content).decode(),
            "pixels": base64_of(hwc(pixels).astype(np.uint8)),
            "values": {path: base64_of(hwc(t)) for path, t in seen.items() if t.ndim in (1, 3)},
            "fields": {row.path: row.field for row in layer_table(model, shape)},
        }


def answers():
    """What shipped networks answer to test images."""
    for run in SHIPPED.values():
        model = tasks.load_model(run)
        try:
            content = pack_classifier(model, run.spec().data.shape)
        except LabError:
            continue
        pixels = data.load(run.spec().dataset, "test").choice(ANSWERS).pixels
        with torch.inference_mode():
            shares = F.softmax(model(pixels / 255), 1)
        yield {
            "name": run.id,
            "packed": base64.b64encode(content).decode(),
            "pixels": base64_of(pixels.permute(0, 2, 3, 1).numpy()),
            "shares": base64_of(shares.numpy()),
        }


def drawings():
    """Canvases, and what `core.digits` makes of them."""
    generator = np.random.default_rng(2)
    for case in range(12):
        ink = np.zeros((280, 280), np.float32)
        places = generator.uniform(10, 270, (4, 2)) if case else np.array([[140, 140], [142, 141]])
        y, x = np.mgrid[0:280, 0:280]
        for a, b in pairwise(places):
            along = np.clip(
                ((y - a[0]) * (b - a)[0] + (x - a[1]) * (b - a)[1]) / ((b - a) ** 2).sum(), 0, 1
            )
            away = np.hypot(y - a[0] - along * (b - a)[0], x - a[1] - along * (b - a)[1])
            ink = np.maximum(ink, np.clip(11.5 - away, 0, 1))
        alpha = (255 * ink).astype(np.uint8)
        rgba = np.dstack([np.full((280, 280, 3), 255, np.uint8), alpha])
        yield {"ink": base64_of(alpha), "digit": base64_of(digit_from_drawing(rgba)[0].numpy())}


def cases():
    return {
        "layers": list(layers()), "answers": list(answers()), "drawings": list(drawings()),
    }  # fmt: skip
