"""Our training loop against that of the texts, at the same threads and in turns."""

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F
from torch.optim import Adam
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, ToTensor

from core import data
from core.data import Images
from core.errors import DataMissing
from core.runs import Run
from core.settings import settings
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.base import Task
from core.tasks.denoising import DENOISING
from core.tasks.families import SMALL
from tests.benchmarks import text_dcgan, text_vae
from tests.benchmarks.measuring import Row, at_least, at_most, in_turns, median_ratio, torch_threads
from tests.benchmarks.shipped import shipped

BATCH = 64
NOISE = 0.5
ASKED = {"linear": 5.0, "conv": 4.0, "vae": 8.0, "dcgan": 1.5}
TEXT_EPOCHS, TEXT_IMAGES = 10, 60_000
BLOCKS, BATCHES = 10, 10
QUICK_BLOCKS, QUICK_BATCHES = 5, 2
WARM_UP = 3
"""Batches before the clock starts: the first ones choose kernels and fill the memory pools."""

TEXTS: dict[str, tuple[Task, Any]] = {
    "vae": (AUTOENCODING, text_vae),
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
    if variant in DENOISING.variants:
        text = text_loop(variant, images)
        return {"text": text, "ours": our_loop(DENOISING, variant, BATCH, images, folder)}
    chosen, published = TEXTS[variant]
    return {
        "text": published.text_loop(InMemoryMnist(images, ToTensor())),
        "ours": our_loop(chosen, variant, published.BATCH, images, folder),
    }


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


def our_loop(chosen: Task, variant: str, batch_size: int, images: Images, folder: Path) -> Batches:
    """What `core.training.loop` does for each batch, the look for a cancellation included."""
    torch.manual_seed(0)
    config = chosen.config(variant, {"batch_size": batch_size})
    model = chosen.build(variant, SMALL, config).to(memory_format=torch.channels_last).train()
    learner = chosen.learner(variant, config, model)
    generator = torch.Generator().manual_seed(0)
    run, n = Run(folder), len(images.labels)
    while True:
        sums: dict[str, float] = {}
        for rows in torch.split(torch.randperm(n, generator=generator), batch_size):
            batch = Images(images.pixels[rows], images.labels[rows])
            losses = learner.step(batch, 0.5, generator)
            if run.cancel_requested() or not all(math.isfinite(v) for v in losses.values()):
                raise ArithmeticError(f"{variant} diverged")
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value * len(rows)
            yield len(rows)


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
    """How soon the U-Net is as good as `conv` in the end, by what `conv` takes in the texts."""
    name = "time to quality: unet until it equals conv, by conv in the text's loop"
    unet, conv = shipped("unet"), shipped("conv")
    if unet is None or conv is None:
        yield Row(name, "≤ 0.1", "unet or conv on mnist is not shipped")
        return
    goal = float(conv.history()["test_psnr"].iloc[-1])
    history = unet.history()
    reached = history.index[history["test_psnr"] >= goal]
    if not len(reached):
        yield Row(name, "≤ 0.1", f"unet never reaches {goal:.2f} dB", False)
        return
    until = history.loc[: reached[0]]
    images, what = digits()
    with torch_threads(settings().torch_threads), tempfile.TemporaryDirectory() as folder:
        samples = _measured(
            {
                "text conv": text_loop("conv", images),
                "our unet": our_loop(DENOISING, "unet", BATCH, images, Path(folder)),
            },
            quick,
        )
    speed = {name: _middle(values) for name, values in samples.items()}
    text_seconds = TEXT_EPOCHS * TEXT_IMAGES / speed["text conv"]
    stored = float(until["seconds"].sum())
    here = len(until) * unet.config().data.n_train / speed["our unet"]
    samples = {f"{name} images/s": values for name, values in samples.items()}
    source = (
        f"epoch {len(until)}, {until['test_psnr'].iloc[-1]:.2f} dB where conv ends at {goal:.2f} "
        f"(test_psnr of both history.csv, 1000 test images, σ = 0.5). The text: {TEXT_EPOCHS} × "
        f"{TEXT_IMAGES:,} images at {speed['text conv']:,.0f} images/s, {_timed(quick)} measured "
        f"here on {what} = {text_seconds:,.0f} s"
    )
    yield at_most(
        name,
        stored / text_seconds,
        0.1,
        "",
        f"unet's {stored:,.0f} s stand in its history.csv, trained on "
        f"{unet.metrics().get('device', 'an unnamed machine')}: {source}",
        {**samples, "unet seconds, stored": until["seconds"].tolist()},
    )
    yield at_most(
        f"{name}, both on this machine",
        here / text_seconds,
        0.1,
        "",
        f"unet's {here:,.0f} s are the same epochs at {speed['our unet']:,.0f} images/s, measured "
        f"here in turns with the text's loop: {source}",
        samples,
    )


def _measured(loops: dict[str, Batches], quick: bool) -> dict[str, list[float]]:
    blocks, count = (QUICK_BLOCKS, QUICK_BATCHES) if quick else (BLOCKS, BATCHES)
    return in_turns({name: block(loop, count) for name, loop in loops.items()}, blocks)


def _timed(quick: bool) -> str:
    return f"{QUICK_BLOCKS * QUICK_BATCHES if quick else BLOCKS * BATCHES} batches"


def _middle(values: list[float]) -> float:
    """Images per second over all blocks, which have the same number of images."""
    return len(values) / sum(1 / value for value in values)
