"""What a translation between two sets keeps, hides and loses; images are (N, C, H, W) in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.cancellation import Check, silent
from core.data.dataset import Images
from core.metrics.image import psnr, ssim, wilson_interval
from core.models.convnets import Recogniser, pooled_cnn

CHUNK = 250
FIT_IMAGES = 20_000
FIT_STEPS = 1500
FIT_BATCH = 64
FIT_SEED = 60_006
TURN, SHEAR, STRETCH, SHIFT = 0.25, 0.3, 0.2, 0.15
"""How far a picture is turned (radians), sheared, stretched and moved (of half a side) at most
while a classifier is fitted to it, so that it does not err where another hand writes."""
NOISES = (1, 2, 4, 8)
"""Standard deviations of the hidden-message test's noise, in 255ths."""
NOISE_SEED = 60_007
Translate = Callable[[Tensor], Tensor]


# ---- the class


def fitted_classifier(images: Images, classes: int, check: Check = silent) -> Recogniser:
    """Fit a small network to real images, uint8 (N, C, H, W), and return it in eval mode.

    It judges translations, so it sees none. Always the same for the same images.
    """
    chosen = images.choice(FIT_IMAGES)
    device = chosen.pixels.device
    with torch.random.fork_rng():
        torch.manual_seed(FIT_SEED)
        shape = (chosen.pixels.shape[1], chosen.pixels.shape[2], chosen.pixels.shape[3])
        model = pooled_cnn(shape, classes).to(device)
    generator = torch.Generator().manual_seed(FIT_SEED)
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=FIT_STEPS)
    for step in range(FIT_STEPS):
        if step % 50 == 0:
            check("fitting a classifier to real images")
        rows = torch.randint(len(chosen.labels), (FIT_BATCH,), generator=generator).to(device)
        pictures = _moved(chosen.pixels[rows].float() / 255, generator)
        loss = F.cross_entropy(model(pictures), chosen.labels[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return model.eval().requires_grad_(False)


def _moved(images: Tensor, generator: torch.Generator) -> Tensor:
    """Turn, shear, stretch and move each image a little, at random."""
    turn, shear, wide, high, right, down = (
        most * (2 * torch.rand(len(images), generator=generator) - 1)
        for most in (TURN, SHEAR, STRETCH, STRETCH, SHIFT, SHIFT)
    )
    cos, sin, wide, high = turn.cos(), turn.sin(), 1 + wide, 1 + high
    rows = [cos * wide, shear - sin * high, right, sin * wide, cos * high, down]
    maps = torch.stack(rows, 1).view(-1, 2, 3).to(images.device)
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def class_kept(read: Tensor, labels: Tensor, classes: int) -> dict[str, Any]:
    """Count how many translations are read as the class of the picture that they are made from.

    Args:
        read: classes (N,) that a classifier of the target set reads.
        labels: classes (N,) of the pictures.

    Returns:
        `kept`, its 95 % interval `kept_low` to `kept_high` (Wilson), `n`, and `confusion`, whose
        rows are the pictures' classes and whose columns are those that are read.
    """
    right, n = int((read == labels).sum()), len(labels)
    low, high = wilson_interval(right, n)
    pairs = torch.bincount(labels * classes + read, minlength=classes**2)
    return {
        "kept": round(right / max(n, 1), 4),
        "kept_low": round(low, 4),
        "kept_high": round(high, 4),
        "n": n,
        "confusion": pairs.view(classes, classes).tolist(),
    }


@torch.inference_mode()
def classes_read(model: nn.Module, images: Tensor, check: Check = silent) -> Tensor:
    """The classes (N,) that a classifier reads."""
    read = []
    for part in torch.split(images, CHUNK):
        check("reading the classes of translations")
        read.append(model(part).argmax(1))
    return torch.cat(read)


# ---- hidden pairs


@torch.inference_mode()
def against_truth(
    translated: Tensor, inputs: Tensor, truth: Tensor, check: Check = silent
) -> dict[str, float]:
    """PSNR and SSIM of translations against hidden pairs, beside two that take no network:

    `copy` is the input itself, and `matched` the input with the mean and the spread of the true
    pictures of the set, so that a translation is not praised for its brightness alone. `psnr_low`
    and `psnr_high` are the 95 % interval of the mean (normal, by the spread over pictures).
    """
    matched = (inputs - inputs.mean()) / inputs.std().clamp_min(1e-6) * truth.std() + truth.mean()
    figures: dict[str, float] = {}
    for name, images in (("", translated), ("_copy", inputs), ("_matched", matched.clamp(0, 1))):
        check("comparing with hidden pairs")
        quality = psnr(images, truth)
        figures[f"psnr{name}"] = round(float(quality.mean()), 4)
        figures[f"ssim{name}"] = round(float(ssim(images, truth).mean()), 4)
        if not name:
            reach = _reach(quality)
            figures["psnr_low"] = round(float(quality.mean()) - reach, 4)
            figures["psnr_high"] = round(float(quality.mean()) + reach, 4)
    return figures


# ---- the hidden message


@torch.inference_mode()
def hidden_message(
    there: Translate,
    back: Translate,
    pictures: Tensor,
    others: Tensor,
    noises: Sequence[float] = NOISES,
    check: Check = silent,
) -> list[dict[str, float]]:
    """Put a little noise on translations, and see whether the way back still finds the pictures.

    A network that goes there and back may hide in the translation what it needs for the way back,
    in differences that nobody sees (Chu et al. 2017). Noise that changes nothing for the eye then
    breaks the way back, though the same noise on a real picture of that set changes little.

    Args:
        there, back: translations from the set of `pictures` to that of `others`, and back.
        pictures: (N, C, H, W); `others`: (M, C, H, W), real ones of the other set.
        noises: standard deviations in 255ths; images are cut to [0, 1] afterwards.

    Returns:
        A row for each noise, the first without any: `noise`; `cycle_error`, the mean absolute
        difference between a picture and its way there and back; `change`, between that way back
        with and without noise; and `change_real`, the same for real pictures of the other set.
        Each mean with its 95 % interval, `_low` to `_high` (normal, by the spread over pictures).
    """
    translated = _in_parts(there, pictures, check)
    clean, clean_real = (_in_parts(back, x, check) for x in (translated, others))
    rows = []
    for noise in (0, *noises):
        generator = torch.Generator().manual_seed(NOISE_SEED)
        moved, moved_real = (
            _in_parts(back, _noisy(x, noise / 255, generator), check) if noise else way
            for x, way in ((translated, clean), (others, clean_real))
        )
        row = {
            "noise": float(noise),
            **_mean_with_interval("cycle_error", moved - pictures),
            **_mean_with_interval("change", moved - clean),
            **_mean_with_interval("change_real", moved_real - clean_real),
        }
        rows.append({k: round(v, 5) for k, v in row.items()})
    return rows


def _mean_with_interval(name: str, differences: Tensor) -> dict[str, float]:
    """The mean absolute difference (of N, C, H, W) with its interval over pictures."""
    each = differences.abs().mean((1, 2, 3))
    mean = float(each.mean())
    reach = _reach(each)
    return {name: mean, f"{name}_low": mean - reach, f"{name}_high": mean + reach}


def _reach(each: Tensor) -> float:
    """Half of the 95 % interval of the mean of (N,) figures; none of a single one."""
    return 1.96 * float(each.std()) / math.sqrt(len(each)) if len(each) > 1 else 0.0


def _noisy(images: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    return (images + sigma * noise).clamp(0, 1)


def _in_parts(translate: Translate, images: Tensor, check: Check) -> Tensor:
    parts = []
    for part in torch.split(images, CHUNK):
        check("translating")
        parts.append(translate(part))
    return torch.cat(parts)


# ---- the nearest


@torch.inference_mode()
def nearest(images: Tensor, real: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """Find the real pictures nearest to each image, in pixels.

    Returns:
        Their rows (N, k) in `real` (M, C, H, W) and their distances (N, k), root mean square; the
        nearest first; fewer than k columns where there are fewer pictures.
    """
    far = torch.cdist(images.flatten(1), real.flatten(1)) / math.sqrt(images[0].numel())
    farthest = far.topk(min(k, len(real)), largest=False)
    return farthest.indices, farthest.values
