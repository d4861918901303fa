"""The figures of the shipped runs: stored, measured again, and against what is asked."""

from collections.abc import Iterator
from typing import Any

from core.data import Images
from core.runs.store import Run
from core.settings import settings
from core.tasks import load_model
from core.tasks.denoising import DENOISING
from core.training import evaluate
from core.training.request import test_images
from tests.benchmarks.autoencoders import autoencoders
from tests.benchmarks.measuring import Row, at_least, at_most, torch_threads
from tests.benchmarks.shipped import shipped, shipped_runs

ASKED_PSNR = {"linear": 16.9, "conv": 19.7, "unet": 21.0}
"""dB on MNIST's test split under Gaussian noise of σ = 0.5."""
UNET_ABOVE_CONV = 1.0
CLASSICAL_IMAGES = 1000
TOLERANCE = 0.02
"""dB between a stored figure and the same measured again: another processor rounds otherwise."""

Figures = dict[str, Any]


def quality(quick: bool) -> Iterator[Row]:
    """Quality of each shipped run; quick reads the stored figures only."""
    with torch_threads(settings().torch_threads):
        yield from autoencoders(quick)
        yield from denoisers(quick)


def denoisers(quick: bool) -> Iterator[Row]:
    """PSNR of each shipped denoiser, and the U-Net's lead."""
    result = shipped_runs(DENOISING)
    figures = {run.id: run.metrics() if quick else evaluate(run) for run in result}
    if not quick:
        yield from (_again(run, figures[run.id]) for run in result)
    yield from _asked(figures, "stored" if quick else "measured now")
    yield from _above_classical(figures, quick)


def _again(run: Run, now: Figures) -> Row:
    """How far the stored figures are from those measured now, at the worst strength."""
    before, after = by_strength(run.metrics()), by_strength(now)
    name = f"quality {run.id}: stored and measured again"
    if before.keys() != after.keys():
        return Row(name, f"≤ {TOLERANCE} dB apart", "the stored sweep has other strengths", False)
    return at_most(
        name,
        max(abs(before[s] - after[s]) for s in after),
        TOLERANCE,
        "dB apart",
        f"at σ = 0.5 {run.metrics().get('psnr')} dB stored, {now['psnr']} dB now, "
        f"n = {now['n_test']}",
        {"stored dB": list(before.values()), "now dB": list(after.values())},
    )


def _asked(figures: dict[str, Figures], how: str) -> Iterator[Row]:
    result = {variant: _of(variant, figures) for variant in ASKED_PSNR}
    for variant, asked in ASKED_PSNR.items():
        name = f"quality {variant}: PSNR at σ = 0.5"
        if (seen := result[variant]) is None:
            yield Row(name, f"≥ {asked} dB", f"{variant} on mnist is not shipped")
        else:
            note = f"{how}, n = {seen['n_test']}; SSIM {seen['ssim']}"
            yield at_least(name, seen["psnr"], asked, "dB", note)
    name, unet, conv = "quality unet above conv at σ = 0.5", result["unet"], result["conv"]
    if unet is None or conv is None:
        yield Row(name, f"≥ {UNET_ABOVE_CONV} dB", "unet or conv on mnist is not shipped")
    else:
        yield at_least(name, round(unet["psnr"] - conv["psnr"], 4), UNET_ABOVE_CONV, "dB", how)


def _above_classical(figures: dict[str, Figures], quick: bool) -> Iterator[Row]:
    """The U-Net's least lead over each classical method, on the same images and noise."""
    unet = shipped("unet")
    ours = None
    if unet is not None:
        ours = figures[unet.id] if quick else evaluate_on(unet, CLASSICAL_IMAGES)
    for variant in (v.name for v in DENOISING.variants.values() if not v.learns):
        name, other = f"quality unet above {variant} at every σ", _of(variant, figures)
        if ours is None or other is None:
            yield Row(name, "> 0 dB", f"unet or {variant} on mnist is not shipped")
        else:
            yield _lead(name, ours, other)


def _lead(name: str, ours: Figures, other: Figures) -> Row:
    """σ = 0 is not in it: told that there is no noise, a method gives the picture back."""
    mine, others = by_strength(ours), by_strength(other)
    strengths = [s for s in mine if s > 0 and s in others]
    leads = {s: mine[s] - others[s] for s in strengths}
    worst = min(leads, key=lambda s: leads[s])
    return Row(
        name,
        "> 0 dB",
        f"{leads[worst]:.2f} dB at σ = {worst}, the least of {len(leads)}",
        leads[worst] > 0,
        f"unet on n = {ours['n_test']}, the other on n = {other['n_test']}; without noise "
        f"{mine.get(0.0)} by {others.get(0.0)} dB, not counted: the method is told that there is "
        "none",
        {
            "strength": strengths,
            "unet dB": [mine[s] for s in strengths],
            "classical dB": [others[s] for s in strengths],
        },
    )


def evaluate_on(run: Run, count: int) -> Figures:
    """A run's figures on the choice of `count` test images that classical methods have."""
    images: Images = test_images(run).choice(count)
    model, variant = load_model(run), run.spec().variant
    return DENOISING.evaluate(
        DENOISING.experiment(variant, DENOISING.config_of(run), model), images
    )


def by_strength(figures: Figures) -> dict[float, float]:
    """PSNR in dB by strength."""
    return {row["strength"]: row["psnr"] for row in figures.get("sweep", [])}


def _of(variant: str, figures: dict[str, Figures]) -> Figures | None:
    run = shipped(variant)
    return figures[run.id] if run is not None else None
