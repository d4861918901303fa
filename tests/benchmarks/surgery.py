"""How long it takes to judge all test images again when a channel of a classifier is cut."""

import time
from collections.abc import Iterator

import torch

from core.inference.surgery import Cut, Judge, cuttable
from core.memory import keep_memory
from core.runs import store
from core.tasks import load_model
from core.training.request import test_images
from tests.benchmarks.measuring import Row, at_most

ASKED = 2.0
RUN = "recognise-cnn-mnist-c6cead7c"


def surgery(quick: bool) -> Iterator[Row]:
    """The slowest of three channels of each layer, with the cache warm. Quick: one channel."""
    keep_memory()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the server: two chunks at once have one each
    try:
        run = store.open_run(RUN)
        model, images = load_model(run), test_images(run)
        judge = Judge(model, images, run.id)
        judge.logits()
        for path in cuttable(model, run.spec().data.shape):
            judge.verdict(Cut(path, channel=0))
            seconds = max(_seconds(judge, path, c) for c in range(1, 2 if quick else 4))
            name = f"surgery: a channel of {path} of `cnn`, {len(images.labels):,} images"
            yield at_most(name, seconds, ASKED, "s")
    finally:
        torch.set_num_threads(threads)


def _seconds(judge: Judge, path: str, channel: int) -> float:
    began = time.perf_counter()
    judge.verdict(Cut(path, channel=channel))
    return time.perf_counter() - began
