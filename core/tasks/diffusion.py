"""Diffusion: a network learns to take noise away, and draws by doing so over and over.

One procedure for all variants: a variant is the process by which images become noise, and whether
its network is told the time and the class.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import AdamW

from core.cancellation import Check, silent
from core.data import Images
from core.images import contact_sheet
from core.models.denoising_nets import DiffusionNet
from core.models.noise_processes import NOISE, RESIDUAL, VELOCITY, Process
from core.models.sampling import STEPS, USUAL, Sampling, denoise, first_noise
from core.tasks.base import (
    Averaging,
    Descent,
    Experiment,
    TaskConfig,
    unit,
    update_ema,
    warm_cosine,
)
from core.tasks.family import Shape, Variant, by_name, number
from core.tasks.generating import GeneratingTask

SAMPLES = 10_000
"""Images that a finished network is measured on."""
SAMPLES_AN_EPOCH = 1_000
"""Images that it is measured on after each epoch: a distance of few is larger, so those of the
epochs compare with each other only."""
CHUNK = 250
EVALUATION_SEED = 40_000
SHEET_SEED = 0
COLUMNS, ROWS = 10, 6
"""Of the sample sheet: with classes, a column each."""
ANY_CLASS = 0.1
"""Share of the training images whose class is not told, so that guidance has something to leave
behind (Ho and Salimans 2022)."""
PAIRS = 10_000
"""Pairs of a noise and the picture that a network draws from it, which reflow learns from."""
PAIR_SEED = 60_000
FEW_STEPS = (1, 2, 4)
"""Numbers of steps that a finished network is measured at besides."""


# ---- training


class DiffusionConfig(TaskConfig):
    """Settings of a diffusion's training."""

    width: int = number(
        32, (8, 256), "Width", "channels at half the resolution, twice as many at a quarter", step=8
    )
    ema: float = number(
        0.998,
        (0, 0.9999),
        "Average",
        "share of the past in a running average of the weights, which then draws in their place; "
        "0 for none",
        step=0.001,
    )


@dataclass(frozen=True, kw_only=True)
class DiffusionVariant(Variant):
    """A diffusion with what its network is told."""

    process: Process
    conditional: bool = False
    """Whether it is told the class, where the data set has some."""
    blind: bool = False
    """Whether it is not told the time either."""
    guidance: float = 0.0
    """How far its samples are guided where they are measured (see `Sampling`); with `reflow` only
    the pairs that it learns from are."""
    reflow: bool = False
    """Whether it learns from pairs of noise and picture that it has drawn itself."""

    @property
    def sample_guidance(self) -> float:
        """How far its own samples are guided: what learnt from guided pairs needs none."""
        return 0.0 if self.reflow else self.guidance


DiffusionExperiment = Experiment[DiffusionConfig, DiffusionVariant, DiffusionNet]


class DiffusionLearner(Averaging[DiffusionNet], Descent):
    """Add noise at times drawn evenly, and take one step on the squared error."""

    def __init__(self, experiment: DiffusionExperiment) -> None:
        config, model = experiment.config, experiment.model
        super().__init__(model, AdamW, config.learning_rate, warm_cosine)
        self.process, self.net, self.ema = experiment.variant.process, model, config.ema
        self.begin_average(model, config.ema)

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        clean, noise, labels = self.examples(images, progress, generator)
        device, n = clean.device, len(clean)
        # One time in each n-th of the way: no batch is all hard or all easy (Kingma et al. 2021).
        offset = torch.rand(1, generator=generator, device=device)
        t = (torch.arange(n, device=device) / n + offset) % 1
        t = t.clamp_min(1e-3)
        scales = self.process.scales(t).spread()
        said = self.net(self.process.noisy(clean, noise, t), t, labels)
        errors = (said - self.process.target(clean, noise, scales)).square().mean((1, 2, 3))
        loss = (errors * self.process.weight(scales).flatten()).mean()
        self.descend(loss, progress)
        self.steps += 1
        if self.average:
            update_ema(self.average.parameters(), self.net.parameters(), self.ema, self.steps)
        return {"loss": loss.item()}

    def examples(
        self, images: Images, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return images and their noises (B, C, H, W), and the classes (B,) that are told."""
        clean = signed(images.pixels)
        noise = torch.randn(clean.shape, generator=generator, device=clean.device)
        untold = torch.rand(len(clean), generator=generator, device=clean.device) < ANY_CLASS
        return clean, noise, torch.where(untold, -1, images.labels)

    def eval_model(self, check: Check = silent) -> DiffusionNet:
        return self.average or self.net


class ReflowLearner(DiffusionLearner):
    """Make the paths of a flow straight (Liu et al. 2023): it learns the lines between noises and
    the pictures that it has itself drawn from them, so that fewer steps lead as far.

    It begins with the run that `start_from` names; without one it first learns from images, for
    half of its epochs. Each step draws pairs for one batch, until there are `PAIRS`.
    """

    def __init__(self, experiment: DiffusionExperiment) -> None:
        super().__init__(experiment)
        self.turn = 0.0 if experiment.config.start_from else 0.5
        self.sampling = Sampling(STEPS // 2, order=2, guidance=experiment.variant.guidance)
        self.teacher: DiffusionNet | None = None
        self.pictures = torch.empty(0, dtype=torch.uint8)
        self.labels = torch.empty(0, dtype=torch.long)
        self.noises: list[Tensor] = []

    def examples(
        self, images: Images, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        if progress < self.turn:
            return super().examples(images, progress, generator)
        if self.teacher is None:
            self.teacher = copy.deepcopy(self.average or self.net).eval()
            self.net.load_state_dict(self.teacher.state_dict())
        _, _, labels = super().examples(images, progress, generator)
        if len(self.pictures) < PAIRS:
            self._draw(self.teacher, labels)
        device = labels.device
        chosen = torch.randint(len(self.pictures), labels.shape, generator=generator, device=device)
        return signed(self.pictures[chosen]), torch.cat(self.noises)[chosen], self.labels[chosen]

    def _draw(self, teacher: DiffusionNet, labels: Tensor) -> None:
        """Draw pairs for one batch; the pictures are kept as bytes."""
        noise = self._noise(len(self.noises), len(labels), labels.device)
        drawn = denoise(self.process, teacher, noise, labels, self.sampling)
        kept = ((drawn.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        self.pictures = torch.cat([self.pictures.to(labels.device), kept])
        self.labels = torch.cat([self.labels.to(labels.device), labels])
        self.noises.append(noise)

    def _noise(self, block: int, count: int, device: torch.device) -> Tensor:
        return first_noise(count, self.net.shape, PAIR_SEED + block).to(device)

    def state_dict(self) -> dict[str, Any]:
        """The noises are not among it: their seeds give them again."""
        pairs = {"pictures": self.pictures, "asked": self.labels}
        counts = [len(block) for block in self.noises]
        teacher = self.teacher.state_dict() if self.teacher else {}
        return {**super().state_dict(), "pairs": pairs, "counts": counts, "teacher": teacher}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        if state["teacher"]:
            self.teacher = copy.deepcopy(self.net)
            self.teacher.load_state_dict(state["teacher"])
        self.pictures, self.labels = state["pairs"]["pictures"], state["pairs"]["asked"]
        device = next(self.net.parameters()).device
        self.noises = [self._noise(i, n, device) for i, n in enumerate(state["counts"])]


def signed(pixels: Tensor) -> Tensor:
    """Convert uint8 (N, C, H, W) to floats in [-1, 1], channels last."""
    return 2 * unit(pixels) - 1


# ---- drawing


def samples(
    experiment: DiffusionExperiment, count: int, seed: int, how: Sampling | None = None
) -> Tensor:
    """Draw `count` images (N, C, H, W) in [0, 1]; with classes each in turn, guided as its variant
    is."""
    model, variant = experiment.model, experiment.variant
    how = (how or USUAL)._replace(guidance=variant.sample_guidance)
    weight = next(model.parameters())
    noise = first_noise(count, model.shape, seed).to(weight.device)
    labels = None
    if model.classes:
        labels = torch.arange(count, device=weight.device) % model.classes
    drawn = []
    for start in range(0, count, CHUNK):
        experiment.check("drawing samples")
        classes = None if labels is None else labels[start : start + CHUNK]
        part = noise[start : start + CHUNK]
        drawn.append(denoise(experiment.variant.process, model, part, classes, how))
    return (torch.cat(drawn).clamp(-1, 1) + 1) / 2


TRAINED = {"epochs": 7, "batch_size": 64, "learning_rate": 1.5e-3}


class Diffusion(GeneratingTask[DiffusionConfig, DiffusionVariant, DiffusionNet]):
    """Images of any data set, drawn out of noise step by step."""

    name = "diffusion"
    kind = "diffuse"
    title = "Diffusion"
    config_class = DiffusionConfig
    variants = by_name(
        DiffusionVariant(
            "flow",
            "Flow matching",
            "Goes straight from noise to picture, told the time and the class.",
            DiffusionNet,
            TRAINED,
            process=VELOCITY,
            conditional=True,
            guidance=0.3,
            source="Velocity of straight lines, Liu et al. 2023; Lipman et al. 2023",
            differs="Ours: a U-Net on patches of 2×2 pixels, small enough for a browser.",
        ),
        DiffusionVariant(
            "reflow",
            "Straightened flow",
            "Learns the straight lines between noises and what a flow draws from them: few steps "
            "are enough.",
            DiffusionNet,
            TRAINED | {"epochs": 3, "learning_rate": 5e-4},
            process=VELOCITY,
            conditional=True,
            guidance=0.3,
            reflow=True,
            starts=("flow",),
            source="Reflow, Liu et al. 2023",
            differs="The network of `flow`; ten thousand pairs, drawn in ten steps of two looks.",
        ),
        DiffusionVariant(
            "ddpm",
            "DDPM",
            "Predicts the noise, told which of a thousand steps it is in.",
            DiffusionNet,
            TRAINED,
            process=NOISE,
            source="Noise of a thousand steps, Ho et al. 2020",
            differs="The U-Net of `flow`, without classes; drawn in 20 steps.",
        ),
        DiffusionVariant(
            "denoiser_prior",
            "Denoiser as a prior",
            "Only takes noise away, of any strength, and is told nothing.",
            DiffusionNet,
            TRAINED | {"epochs": 5},
            process=RESIDUAL,
            blind=True,
            source="A blind denoiser, Kadkhodaie and Simoncelli 2021",
            differs="The U-Net of `flow` without time and class, on noise that is not clipped.",
        ),
        DiffusionVariant(
            "face_flow",
            "Face flow",
            "Flow matching on 32×32 pixels: for faces, told the time only.",
            DiffusionNet,
            TRAINED | {"epochs": 24},
            shape=(1, 32, 32),
            process=VELOCITY,
            source="Velocity of straight lines, Liu et al. 2023; Lipman et al. 2023",
            differs="The U-Net of `flow` without classes, on grey pictures of 32×32 pixels.",
        ),
    )

    def build(
        self, variant: str, shape: Shape, config: DiffusionConfig | None = None, classes: int = 0
    ) -> DiffusionNet:
        chosen, config = self.variant(variant), config or self.config(variant)
        known = classes if chosen.conditional else 0
        return DiffusionNet(shape, config.width, known, blind=chosen.blind)

    def learner(
        self, experiment: DiffusionExperiment, data: Images | None = None
    ) -> DiffusionLearner:
        return (ReflowLearner if experiment.variant.reflow else DiffusionLearner)(experiment)

    def draw(self, experiment: DiffusionExperiment, count: int, seed: int) -> Tensor:
        return samples(experiment, count, seed)

    def validate(
        self, experiment: DiffusionExperiment, images: Images, held: Images
    ) -> dict[str, float]:
        """The figures of a thousand samples."""
        drawn = self.draw(experiment, SAMPLES_AN_EPOCH, EVALUATION_SEED)
        guidance = experiment.variant.sample_guidance
        return {**self.row(experiment, images, drawn), "guidance": guidance}

    def evaluate(self, experiment: DiffusionExperiment, images: Images) -> dict[str, Any]:
        """Measure ten thousand samples against the test split, each class in turn."""
        drawn = self.draw(experiment, SAMPLES, EVALUATION_SEED)
        figures = self.figures(experiment, images, drawn, experiment.model.classes)
        few = {}
        for steps in FEW_STEPS:
            drawn = samples(experiment, SAMPLES, EVALUATION_SEED, Sampling(steps))
            few[str(steps)] = round(self.distance(experiment, images, drawn), 4)
        figures |= {"steps": STEPS, "guidance": experiment.variant.sample_guidance}
        return figures | {"fid_by_steps": few | {str(STEPS): figures["fid"]}}

    def render(self, experiment: DiffusionExperiment, images: Images) -> np.ndarray:
        """Draw samples of the same sixty noises for every network; with classes a column each."""
        return contact_sheet(self.draw(experiment, COLUMNS * ROWS, SHEET_SEED), COLUMNS)


DIFFUSION = Diffusion()
