"""Denoising: a network learns to restore corrupted images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, AdamW, Optimizer

from core.data import Images
from core.data.corruptions import CORRUPTIONS, MIXED, corrupt, corrupt_seeded
from core.images import contact_sheet
from core.metrics.image import psnr, rms_error, ssim
from core.models.classical import Classical, Grey, median_filter, non_local_means, total_variation
from core.models.denoisers import ConvDenoiser, ConvPyramid, LinearDenoiser, UNet
from core.models.fused import fused
from core.tasks.base import (
    Descent,
    Experiment,
    Learner,
    Schedule,
    Task,
    TaskConfig,
    constant,
    unit,
    warm_cosine,
)
from core.tasks.family import Shape, Variant, by_name, number

STRENGTHS = tuple(round(0.1 * i, 1) for i in range(1, 11))
EVALUATION_SEED = 20_000
"""The noise that every model is measured under, one seed a strength from here on."""
VALIDATION_IMAGES = 1000
CHUNK = 250
"""Images at a time: bounds the memory, and between two chunks a measurement can be stopped."""
CLASSICAL_CHUNK = 10
"""The same for methods that look at each image by itself, up to 30 ms long."""


class DenoisingConfig(TaskConfig):
    """Settings of a denoiser's training."""

    corruption: Literal[
        "gaussian", "salt_and_pepper", "mosaic", "mask", "blur", "mixed", "none"
    ] = Field("gaussian", title="Corruption", description="how the training images are spoilt")
    strength: float = number(
        0.5, (0, 1), "Strength", "of the corruption; for Gaussian noise its σ", step=0.05
    )
    blind: bool = Field(
        False,
        title="Blind to the strength",
        description="draw each image's strength between 0 and the one above",
    )


# A loss takes what the network gives and the clean images and returns one number an image, (N,).
Loss = Callable[[Tensor, Tensor], Tensor]


def mse(output: Tensor, clean: Tensor) -> Tensor:
    """Mean squared error."""
    return (output - clean).square().flatten(1).mean(1)


def bce_with_logits(output: Tensor, clean: Tensor) -> Tensor:
    """Binary cross-entropy of logits against grey values taken as probabilities."""
    return F.binary_cross_entropy_with_logits(output, clean, reduction="none").flatten(1).mean(1)


def rmse(output: Tensor, clean: Tensor) -> Tensor:
    """Root of the squared error of each image.

    Over all noise levels at once it weighs faint noise more than the squared error does, and
    strong noise more than its logarithm (NAFNet's PSNR loss, Chen et al. 2022) does.
    """
    return (mse(output, clean) + 1e-6).sqrt()


@dataclass(frozen=True, kw_only=True)
class DenoisingVariant(Variant):
    """A denoiser with what it is trained by."""

    loss: Loss = mse
    optimiser: type[Optimizer] = Adam
    schedule: Schedule = constant
    logits: bool = False
    """Whether the network's outputs are logits of grey values, else they are cut to [0, 1]."""
    test_images: int = 0
    """How many it is measured on; 0 for all."""

    def squash(self, outputs: Tensor) -> Tensor:
        """Bring the network's outputs into [0, 1]."""
        return outputs.sigmoid() if self.logits else outputs.clamp(0, 1)


DenoisingExperiment = Experiment[DenoisingConfig, DenoisingVariant, nn.Module]


def _classical(function: Callable[[Grey, float], Grey], shape: Shape) -> nn.Module:
    return Classical(function)


class DenoisingLearner(Descent):
    """Corrupt the batch anew and take one step on the loss."""

    def __init__(self, experiment: DenoisingExperiment):
        variant, self.config, model = experiment.variant, experiment.config, experiment.model
        super().__init__(model, variant.optimiser, self.config.learning_rate, variant.schedule)
        self.forward, self.loss = fused(model), variant.loss

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        clean = unit(images.pixels)
        strength: float | Tensor = self.config.strength
        if self.config.blind:
            strength = strength * torch.rand(len(clean), generator=generator, device=clean.device)
        noisy = corrupt(clean, self.config.corruption, strength, generator)
        loss = self.loss(self.forward(noisy), clean).mean()
        self.descend(loss, progress)
        return {"loss": loss.item()}


class Denoising(Task[DenoisingConfig, DenoisingVariant, nn.Module]):
    """Grey images of 28×28 pixels from any data set, corrupted and restored."""

    name = "denoising"
    kind = "denoise"
    title = "Denoising"
    config_class = DenoisingConfig
    half = True
    variants = by_name(
        DenoisingVariant(
            "linear",
            "Linear",
            "Fully connected layers through a code of 32 numbers.",
            LinearDenoiser,
            source="Lin 784-128-64-32-64-128-784",
            text="Lin 784-128-64-32 and back; squared error, Adam 1e-3, batches of 64, 10 "
            "epochs. Noise of σ = 0.5 is added to images in [-1, 1], clipped to [0, "
            "1], and the answer is to be in [-1, 1]: 17.2 dB.",
            differs="Noise is added to images in [0, 1], which are to be given back in [0, "
            "1]. In the text a background at -1 stays exactly 0 with a probability of "
            "0.977, so its task is easier, and its decibels compare with none here.",
        ),
        DenoisingVariant(
            "conv",
            "Convolutional",
            "Two convolutions down, two up.",
            ConvDenoiser,
            source="Conv 64-128-64-1, nearest resizing",
            text="Conv 64-128, pooled twice, and back by nearest resizing; trained as "
            "`linear`: 23.2 dB.",
            differs="As for `linear`. Pooling comes before ReLU, and resizing and convolution "
            "are one step: the same function, faster.",
        ),
        DenoisingVariant(
            "conv_pyramid",
            "Convolutional pyramid",
            "Three poolings down to a 4×4 code of 256 numbers, and back.",
            lambda shape: ConvPyramid(shape, (32, 32, 16), (16, 32, 32)),
            {"epochs": 100, "batch_size": 200},
            loss=bce_with_logits,
            logits=True,
            source="Conv 32-32-16-16-32-32-1, cross-entropy",
            text="Conv 32-32-16, pooled to 4×4×16, and back; cross-entropy, Adam 1e-3, "
            "batches of 200, 100 epochs; noise on [0, 1].",
            differs="Nothing.",
        ),
        DenoisingVariant(
            "conv_plain",
            "Plain autoencoder",
            "The pyramid at a quarter of its width, trained on clean images: a code of 128 "
            "numbers, 16 % of the image.",
            lambda shape: ConvPyramid(shape, (16, 8, 8), (8, 8, 16)),
            {"epochs": 20, "batch_size": 200, "corruption": "none"},
            loss=bce_with_logits,
            logits=True,
            source="Conv 16-8-8-8-8-16-1, cross-entropy",
            text="The pyramid with 16-8-8 channels, a code of 128 numbers; cross-entropy, "
            "no noise, 20 epochs.",
            differs="Nothing; batches of 200, as for `conv_pyramid`.",
        ),
        DenoisingVariant(
            "unet",
            "U-Net",
            "Skip connections, predicts the correction, trained on every noise level at once.",
            UNet,
            {"epochs": 10, "learning_rate": 2e-3, "strength": 1.0, "blind": True},
            loss=rmse,
            optimiser=AdamW,
            schedule=warm_cosine,
            source="Ours, after Ronneberger et al. 2015 and Zhang et al. 2017, 2018",
            differs="Ours: skip connections, predicts the correction, and begins with none: "
            "last layers at zero; trained on all noise levels at once with AdamW, a "
            "rate that rises and falls, and the root of each image's squared error.",
        ),
        *(
            DenoisingVariant(
                name,
                title,
                summary,
                partial(_classical, function),
                {"epochs": 0, "train_images": 1},
                test_images=1000,
                learns=False,
                source=source,
                differs="Not of the texts: a classical method, to compare with. It is told how "
                "strong the noise is, and learns nothing.",
            )
            for name, title, summary, function, source in (
                (
                    "median",
                    "Median filter",
                    "The middle value of each pixel's surroundings.",
                    median_filter,
                    "scikit-image",
                ),
                (
                    "nl_means",
                    "Non-local means",
                    "Averages patches that look alike.",
                    non_local_means,
                    "Buades et al. 2005, scikit-image",
                ),
                (
                    "tv",
                    "Total variation",
                    "The flattest image near the noisy one.",
                    total_variation,
                    "Chambolle 2004, scikit-image",
                ),
            )
        ),
    )

    def learner(self, experiment: DenoisingExperiment, data: Images | None = None) -> Learner:
        return DenoisingLearner(experiment)

    @torch.inference_mode()
    def restore(self, variant: str, model: nn.Module, noisy: Tensor, rms: Tensor) -> Tensor:
        """Denoise with a finished network or a classical method.

        Args:
            noisy: (N, C, H, W) in [0, 1].
            rms: (N,), each image's distance from its clean self; only classical methods ask.

        Returns:
            (N, C, H, W) in [0, 1].
        """
        if isinstance(model, Classical):
            denoised: Tensor = model(noisy, rms)
            return denoised
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        forward = fused(model)
        outputs = torch.cat([forward(part) for part in torch.split(noisy, CHUNK)])
        return self.variant(variant).squash(outputs)

    def validate(
        self, experiment: DenoisingExperiment, images: Images, held: Images
    ) -> dict[str, float]:
        variant, config, model = experiment.variant, experiment.config, experiment.model
        clean = unit(images.choice(VALIDATION_IMAGES).pixels)
        strength = _reference_strength(config)
        noisy = corrupt_seeded(clean, config.corruption, strength, EVALUATION_SEED)
        losses, quality = [], []
        for part, target in _chunks(model, noisy, clean):
            experiment.check("measuring")
            with torch.inference_mode():
                losses.append(variant.loss(fused(model)(part), target))
            restored = self.restore(variant.name, model, part, rms_error(part, target))
            quality.append(psnr(restored, target))
        return {
            "test_loss": float(torch.cat(losses).mean()),
            "test_psnr": float(torch.cat(quality).mean()),
        }

    def evaluate(self, experiment: DenoisingExperiment, images: Images) -> dict[str, Any]:
        """PSNR and SSIM, in and out, of clean images and at ten strengths of what it learnt.

        The headline figures are those at strength 0.5 of the first of them.
        """
        clean = unit(images.choice(experiment.variant.test_images).pixels)
        sweeps = {
            corruption: list(self._sweep(experiment, clean, corruption))
            for corruption in learnt_corruptions(experiment.config)
        }
        corruption, rows = next(iter(sweeps.items()))
        headline = {k: v for k, v in rows[STRENGTHS.index(0.5) + 1].items() if k != "strength"}
        figures = {**headline, "corruption": corruption, "sweep": rows, "n_test": len(clean)}
        return figures if len(sweeps) == 1 else {**figures, "sweeps": sweeps}

    def _sweep(
        self, experiment: DenoisingExperiment, clean: Tensor, corruption: str
    ) -> Iterator[dict[str, float]]:
        """The means over the images at each strength, 0 first."""
        for i, strength in enumerate((0.0, *STRENGTHS)):
            noisy = corrupt_seeded(clean, corruption, strength, EVALUATION_SEED + i)
            figures = []
            for part, target in _chunks(experiment.model, noisy, clean):
                experiment.check(f"measuring {i + 1} of {len(STRENGTHS) + 1}")
                rms = rms_error(part, target)
                restored = self.restore(experiment.variant.name, experiment.model, part, rms)
                pairs = [(f, x) for f in (psnr, ssim) for x in (part, restored)]
                figures.append(torch.stack([f(x, target) for f, x in pairs]))
            means = torch.cat(figures, dim=1).mean(dim=1).tolist()
            named = zip(("psnr_noisy", "psnr", "ssim_noisy", "ssim"), means, strict=True)
            yield {"strength": strength, **{k: round(v, 4) for k, v in named}}

    def render(self, experiment: DenoisingExperiment, images: Images) -> np.ndarray:
        """Ten test images: clean, noisy, restored, a row each."""
        config, clean = experiment.config, unit(images.first(10).pixels)
        noisy = corrupt_seeded(
            clean, learnt_corruptions(config)[0], _reference_strength(config), EVALUATION_SEED
        )
        rms = rms_error(noisy, clean)
        restored = self.restore(experiment.variant.name, experiment.model, noisy, rms)
        return contact_sheet(torch.cat([clean, noisy, restored]), columns=len(clean))


def _chunks(model: nn.Module, noisy: Tensor, clean: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Noisy images with their clean selves, so few at a time that each takes a moment."""
    size = CLASSICAL_CHUNK if isinstance(model, Classical) else CHUNK
    yield from zip(torch.split(noisy, size), torch.split(clean, size), strict=True)


def learnt_corruptions(config: DenoisingConfig) -> tuple[str, ...]:
    """The corruptions that a run saw, and is measured under; noise where it saw none."""
    return {"mixed": MIXED, "none": ("gaussian",)}.get(config.corruption, (config.corruption,))


def _reference_strength(config: DenoisingConfig) -> float:
    """A blind network is watched at the middle of its range, so that it compares with the rest."""
    return config.strength / 2 if config.blind else config.strength


assert set(CORRUPTIONS) == set(
    DenoisingConfig.model_fields["corruption"].annotation.__args__  # type: ignore[union-attr]
)
DENOISING = Denoising()
