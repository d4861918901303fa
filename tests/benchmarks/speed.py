"""Our training loop against that of the texts, at the same threads and in turns."""

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import Adam
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, ToTensor

from core import data
from core.data import Images
from core.errors import DataMissing
from core.runs.store import Run
from core.settings import settings
from core.tasks import load_model
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.base import AnyTask, TaskConfig
from core.tasks.denoising import DENOISING
from core.tasks.family import SMALL
from tests.benchmarks import text_dcgan, text_vae
from tests.benchmarks.measuring import Row, at_least, at_most, in_turns, median_ratio, torch_threads
from tests.benchmarks.shipped import shipped

BATCH = 64
NOISE = 0.5
ASKED = {"linear": 5.0, "conv": 4.0, "vae_squared": 8.0, "dcgan": 1.5}
TEXT_EPOCHS, TEXT_IMAGES = 10, 60_000
BLOCKS, BATCHES = 10, 10
QUICK_BLOCKS, QUICK_BATCHES = 5, 2
LOOKS = 10
"""How often in an epoch it is looked whether the goal is reached."""
WARM_UP = 3
"""Batches before the clock starts: the first ones choose kernels and fill the memory pools."""

TEXTS: dict[str, tuple[AnyTask, Any]] = {
    "vae_squared": (AUTOENCODING, text_vae),
    "dcgan": (ADVERSARIAL, text_dcgan),
}
"""Programs that were published whole, by the variant that comes from them."""

Batches = Iterator[int]
"""Trains on one batch each time it is asked, and gives how many images it had."""


class InMemoryMnist(MNIST):
    """torchvision's MNIST, its `__getitem__` untouched, over images that are loaded already."""

    def __init__(self, images: Images, transform: Callable[[Any], Any]) -> None:
        self.data, self.targets = images.pixels[:, 0].contiguous(), images.labels
        self.transform = transform
        self.target_transform = None


def loops(variant: str, images: Images, folder: Path) -> dict[str, Batches]:
    """The loop of the text that the variant comes from, and ours."""
    chosen: AnyTask
    if variant in DENOISING.variants:
        text = text_loop(variant, images)
        chosen, batch_size = DENOISING, BATCH
    else:
        chosen, published = TEXTS[variant]
        text = published.text_loop(InMemoryMnist(images, published.TRANSFORM))
        batch_size = published.BATCH
    config = chosen.config(variant, {"batch_size": batch_size})
    return {"text": text, "ours": our_loop(chosen, variant, config, images, folder)[1]}


def text_loop(variant: str, images: Images) -> Batches:
    """The loop of the texts: DataLoader, a transform an image, Adam, squared error; and their
    network as they compute it, layer by layer."""
    torch.manual_seed(0)
    model = DENOISING.build(variant, SMALL).layers.train()
    optimiser = Adam(model.parameters(), lr=1e-3)
    shown = InMemoryMnist(images, Compose([ToTensor(), Normalize((0.5,), (0.5,))]))
    loader: DataLoader[Any] = DataLoader(shown, batch_size=BATCH, shuffle=True, num_workers=0)
    while True:
        running = 0.0
        for clean, _ in loader:
            noisy = (clean + NOISE * torch.randn(clean.shape)).clamp(0.0, 1.0)
            optimiser.zero_grad()
            loss = F.mse_loss(model(noisy), clean)
            loss.backward()
            optimiser.step()
            running += loss.item() * len(clean)
            yield len(clean)


def our_loop(
    chosen: AnyTask, variant: str, config: TaskConfig, images: Images, folder: Path
) -> tuple[nn.Module, Batches]:
    """A network, and what `core.training.loop` does with it for each batch, the look for a
    cancellation included."""
    torch.manual_seed(0)
    model = chosen.build(variant, SMALL, config).to(memory_format=torch.channels_last).train()
    learner = chosen.learner(chosen.experiment(variant, config, model))
    generator = torch.Generator().manual_seed(0)
    run, n = Run(folder), len(images.labels)

    def batches() -> Batches:
        seen, whole = 0, config.epochs * n
        while True:
            sums: dict[str, float] = {}
            for rows in torch.split(torch.randperm(n, generator=generator), config.batch_size):
                batch = Images(images.pixels[rows], images.labels[rows])
                losses = learner.step(batch, min(seen / whole, 1.0), generator)
                if run.cancel_requested() or not all(math.isfinite(v) for v in losses.values()):
                    raise ArithmeticError(f"{variant} diverged")
                for name, value in losses.items():
                    sums[name] = sums.get(name, 0.0) + value * len(rows)
                seen += len(rows)
                yield len(rows)

    return model, batches()


def block(batches: Batches, count: int) -> Callable[[], float]:
    """Warms the loop up; each call then trains `count` batches and gives images per second."""
    for _ in range(WARM_UP):
        next(batches)

    def measure() -> float:
        began = time.perf_counter()
        seen = sum(next(batches) for _ in range(count))
        return seen / (time.perf_counter() - began)

    return measure


def digits() -> tuple[Images, str]:
    """The images to train on, and what they are: MNIST's training images where they are here."""
    try:
        return data.load("mnist", "train"), "MNIST's training images"
    except DataMissing:
        return data.load("mnist", "test"), "MNIST's test images (the training images are not here)"


def throughput(quick: bool) -> Iterator[Row]:
    """Images per second of our loop by those of the texts' loop."""
    images, what = digits()
    for variant, asked in ASKED.items():
        with torch_threads(settings().torch_threads), tempfile.TemporaryDirectory() as folder:
            samples = _measured(loops(variant, images, Path(folder)), quick)
        speed = {name: _middle(values) for name, values in samples.items()}
        batch = TEXTS[variant][1].BATCH if variant in TEXTS else BATCH
        yield at_least(
            f"throughput {variant}: ours by the text's",
            median_ratio(samples["ours"], samples["text"]),
            asked,
            "×",
            f"{speed['ours']:,.0f} by {speed['text']:,.0f} images/s at batch {batch} on {what}, "
            f"{_timed(quick)} each in turns",
            {f"{name} images/s": values for name, values in samples.items()},
        )


def time_to_quality(quick: bool) -> Iterator[Row]:
    """How soon the U-Net is as good as `conv` in the end, by what `conv` takes in the texts.

    It is trained here until it is, as it is by default, and looked at after every tenth of an
    epoch; the text's loop has its turn at each look, so that a busy machine slows both alike.
    """
    name = "time to quality: unet until it equals conv, by conv in the text's loop"
    conv = shipped("conv")
    try:
        images, test = data.load("mnist", "train"), data.load("mnist", "test")
    except DataMissing as error:
        yield Row(name, "≤ 0.1", str(error))
        return
    if conv is None:
        yield Row(name, "≤ 0.1", "conv on mnist is not shipped")
        return
    model = load_model(conv)
    goal = DENOISING.validate(
        DENOISING.experiment("conv", DENOISING.config_of(conv), model), test, test
    )["test_psnr"]
    with torch_threads(settings().torch_threads), tempfile.TemporaryDirectory() as folder:
        looks, seconds, text = _until(goal, images, test, Path(folder), quick)
    samples = {"test_psnr": looks, "seconds a look": seconds, "text conv images/s": text}
    if looks[-1] < goal:
        held = None if quick else False
        yield Row(name, "≤ 0.1", f"{looks[-1]:.2f} dB of {goal:.2f}", held, "", samples)
        return
    text_seconds = TEXT_EPOCHS * TEXT_IMAGES / _middle(text)
    yield at_most(
        name,
        sum(seconds) / text_seconds,
        0.1,
        "",
        f"{looks[-1]:.2f} dB after {len(looks) / LOOKS:g} epochs of {len(images.labels):,} images "
        f"and {sum(seconds):,.0f} s, where conv ends at {goal:.2f} (2,000 test images, σ = 0.5). "
        f"The text: {TEXT_EPOCHS} × {TEXT_IMAGES:,} images at {_middle(text):,.0f} images/s, "
        f"{len(text) * BATCHES} batches in turns with it = {text_seconds:,.0f} s",
        samples,
    )


def _until(
    goal: float, images: Images, test: Images, folder: Path, quick: bool
) -> tuple[list[float], list[float], list[float]]:
    """Train the U-Net until its PSNR is `goal` or its epochs are over: what it was at each look,
    the seconds of training before each, and images per second of the text's loop beside it."""
    config = DENOISING.config("unet")
    model, batches = our_loop(DENOISING, "unet", config, images, folder)
    texts = block(text_loop("conv", images), BATCHES)
    count = QUICK_BATCHES if quick else round(len(images.labels) / config.batch_size / LOOKS)
    looks: list[float] = []
    seconds: list[float] = []
    speeds: list[float] = []
    for _ in range(1 if quick else config.epochs * LOOKS):
        began = time.perf_counter()
        for _ in range(count):
            next(batches)
        seconds.append(time.perf_counter() - began)
        seen = DENOISING.validate(DENOISING.experiment("unet", config, model.eval()), test, test)
        model.train()
        looks.append(seen["test_psnr"])
        speeds.append(texts())
        if looks[-1] >= goal:
            break
    return looks, seconds, speeds


def _measured(loops: dict[str, Batches], quick: bool) -> dict[str, list[float]]:
    blocks, count = (QUICK_BLOCKS, QUICK_BATCHES) if quick else (BLOCKS, BATCHES)
    return in_turns({name: block(loop, count) for name, loop in loops.items()}, blocks)


def _timed(quick: bool) -> str:
    return f"{QUICK_BLOCKS * QUICK_BATCHES if quick else BLOCKS * BATCHES} batches"


def _middle(values: list[float]) -> float:
    """Images per second over all blocks, which have the same number of images."""
    return len(values) / sum(1 / value for value in values)
