"""Using finished denoisers: corrupted pictures in, restored pictures and their figures out."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from core.data import corrupt_seeded
from core.errors import LabError
from core.images import signed
from core.inference.latent import test_images
from core.metrics.image import psnr, rms_error, ssim
from core.runs.query import finished
from core.runs.store import Run
from core.tasks import load_model
from core.tasks.base import unit
from core.tasks.denoising import DENOISING, learnt_corruptions


class Corrupted(NamedTuple):
    """Pictures before and after corruption; floats (N, C, H, W) in [0, 1]."""

    clean: Tensor
    noisy: Tensor


class Restored(NamedTuple):
    """Restored pictures and their figures (N,), PSNR in dB."""

    images: Tensor
    psnr_noisy: Tensor
    psnr: Tensor
    ssim_noisy: Tensor
    ssim: Tensor


def corrupt_images(pixels: Tensor, corruption: str, strength: float, seed: int) -> Corrupted:
    """Corrupt uint8 images (N, C, H, W); the same seed gives the same noise.

    Raises:
        UnknownName: no such corruption.
        LabError: a strength outside [0, 1].
    """
    clean = unit(pixels)
    try:
        return Corrupted(clean, corrupt_seeded(clean, corruption, strength, seed))
    except ValueError as error:
        raise LabError(str(error)) from error


def restore(variant: str, model: nn.Module, pictures: Corrupted) -> Restored:
    """Restore corrupted pictures by a model, and measure the result."""
    clean, noisy = pictures
    with torch.inference_mode():
        images = DENOISING.restore(variant, model, noisy, rms_error(noisy, clean))
        figures = [f(x, clean) for f in (psnr, ssim) for x in (noisy, images)]
    return Restored(images, *figures)


def error_map(images: Tensor, clean: Tensor) -> Tensor:
    """Colour the differences of a picture: orange too bright, blue too dark, black equal.

    Returns:
        uint8 (N, 3, H, W).
    """
    return signed((images - clean).mean(1, keepdim=True))


def sweeps(run: Run) -> dict[str, list[dict[str, float]]]:
    """Return a run's figures at each strength of each corruption that it was measured under."""
    metrics = run.metrics()
    first = {str(metrics["corruption"]): metrics["sweep"]} if "sweep" in metrics else {}
    several: dict[str, list[dict[str, float]]] = metrics.get("sweeps", first)
    return several


def trained_on(run: Run) -> tuple[str, ...]:
    """Return the corruptions that a network saw in training; none of a method that learns none."""
    config = DENOISING.config_of(run)
    unspoilt = config.corruption == "none" or not DENOISING.learns(run.spec().variant)
    return () if unspoilt else learnt_corruptions(config)


def trained_strengths(run: Run) -> tuple[float, float]:
    """Return the lowest and the highest strength of a run's training."""
    config = DENOISING.config_of(run)
    return 0.0 if config.blind else config.strength, config.strength


def export_rows(pictures: Corrupted, restored: Restored) -> list[dict[str, Any]]:
    """Return the figures as a table with a row a picture."""
    columns = {
        "psnr_noisy": restored.psnr_noisy,
        "psnr": restored.psnr,
        "ssim_noisy": restored.ssim_noisy,
        "ssim": restored.ssim,
    }
    return [
        {"picture": i, **{k: round(float(v[i]), 4) for k, v in columns.items()}}
        for i in range(len(pictures.clean))
    ]


def warm_up() -> None:
    """Load a shipped model and its images and run it once, so that the first visitor waits less."""
    runs = finished(DENOISING)
    if not runs:
        return
    run = runs[0]
    pictures = corrupt_images(test_images(run.spec().dataset, 0, 1).pixels, "gaussian", 0.5, 0)
    restore(run.spec().variant, load_model(run), pictures)
