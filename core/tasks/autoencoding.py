"""Autoencoding: a network learns to put an image into a few numbers, and to draw it from them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.cancellation import Check, silent, watched
from core.data import Images
from core.errors import LabError
from core.images import contact_sheet
from core.metrics.image import psnr
from core.models import autoencoders as networks
from core.models.autoencoders import Autoencoder
from core.tasks.autoencoding_training import (
    IWAE_SAMPLES,
    AutoencodingConfig,
    AutoencodingExperiment,
    AutoencodingVariant,
    PlainLearner,
    VariationalLearner,
    anomaly_score,
    bound,
    bound_name,
    importance_bound,
    left_out,
    mean_squared,
    summed_squared,
)
from core.tasks.base import (
    Learner,
    Task,
    check_batch_size,
    unit,
    warm_cosine,
)
from core.tasks.family import Shape, by_name
from core.tasks.generating import SampleFigures

SAMPLES = 10_000
"""Draws from the prior that a finished VAE is measured on."""
EVALUATION_SEED = 30_000
VALIDATION_IMAGES = 2000
CHUNK = 500
"""Images at a time in a measurement."""
IWAE_IMAGES = 1000
MIN_ACTIVE_VARIANCE = 0.01
"""A dimension is active when its mean varies by more between images (Burda et al. 2016)."""
SHEET = 10
"""Images in a row of the sample sheet."""


BOUND_SETTINGS = frozenset({"likelihood", "sigma", "beta", "warmup", "free_bits"})
SQUARED: dict[str, Any] = {"epochs": 100, "batch_size": 128, "likelihood": "squared error"}
"""The text's program: images in [-1, 1], tanh, and the summed squared error."""
squared_vae = partial(networks.vae, output="tanh")


class Autoencoding(SampleFigures, Task[AutoencodingConfig, AutoencodingVariant, Autoencoder]):
    """Grey images of 28×28 pixels from any data set, encoded and decoded."""

    name = "autoencoding"
    kind = "autoencode"
    title = "Autoencoding"
    headline = "negative_elbo"
    lower_is_better = True
    half = True
    encodes = True
    config_class = AutoencodingConfig
    variants = by_name(
        AutoencodingVariant(
            "ae_conv",
            "Convolutional autoencoder",
            "Three strided convolutions down to a few numbers, and back.",
            networks.ae_conv,
            {
                "latent": 4,
                "epochs": 30,
                "batch_size": 256,
                "weight_decay": 1e-5,
                "validation_share": 0.2,
            },
            loss=mean_squared,
            fixed=BOUND_SETTINGS,
            source="Conv 8-16-32, Lin 288-128-d, mirrored; squared error",
            text="Conv 8-16-32, Lin 288-128-d and back, d = 4, or 2 for a map; squared "
            "error, Adam 1e-3, weight decay 1e-5, batches of 256, 30 epochs, 80/20. "
            "Not shuffled; validated on the test set; the function that is printed "
            "adds noise of 0.3 to input and target.",
            differs="Shuffled; a fifth of the training images, drawn by the seed, "
            "validates instead of the test set; no noise, which would be learnt too.",
        ),
        AutoencodingVariant(
            "ae_mlp3",
            "Three-number autoencoder",
            "Linear layers down to three numbers, a point in space for each image.",
            networks.ae_mlp3,
            {"latent": 3, "epochs": 100, "batch_size": 128},
            loss=summed_squared,
            fixed=BOUND_SETTINGS | {"latent"},
            source="Lin 784-128-64-12-3-12-64-128-784, tanh; squared error",
            text="Lin 784-128-64-12-3 and back, tanh, images in [-1, 1]; summed squared "
            "error, Adam 1e-3, batches of 128, 100 epochs.",
            differs="Nothing.",
        ),
        AutoencodingVariant(
            "ae_conv_tiny",
            "Tiny convolutional autoencoder",
            "Five small convolutions around a 2×2×8 code.",
            networks.ae_conv_tiny,
            {"latent": 32, "epochs": 40, "batch_size": 128, "weight_decay": 1e-5},
            loss=summed_squared,
            fixed=BOUND_SETTINGS | {"latent"},
            source="Conv 16-8, ConvT 16-8-1, tanh; squared error",
            text="Conv 16-8 with pooling to 2×2×8, ConvT 16-8-1, tanh; trained as "
            "`ae_mlp3` with weight decay 1e-5, 40 epochs.",
            differs="Nothing.",
        ),
        AutoencodingVariant(
            "vae",
            "VAE",
            "Learns a cloud for each image instead of a point: most codes can then be drawn.",
            networks.vae,
            {"epochs": 100, "batch_size": 128},
            source="Lin 784-400-20-400-784; Kingma and Welling 2014",
            text="See `vae_squared`.",
            differs="Images in [0, 1], a sigmoid and a Bernoulli likelihood, as Kingma "
            "and Welling 2014 have it for digits. Rate, batches and epochs are the text's.",
        ),
        AutoencodingVariant(
            "cvae",
            "Class-conditional VAE",
            "The VAE is told the class, so the code is left with the handwriting.",
            networks.vae,
            {"epochs": 100, "batch_size": 128},
            conditional=True,
            source="The VAE with a one-hot class; Sohn, Lee and Yan 2015",
            text="See `cvae_squared`.",
            differs="As for `vae`.",
        ),
        AutoencodingVariant(
            "vae_conv",
            "Convolutional VAE",
            "Convolutions, batch norm and warm-up: the same bound, several nats better.",
            networks.vae_conv,
            {
                "latent": 16,
                "epochs": 20,
                "batch_size": 128,
                "learning_rate": 2e-3,
                "warmup": 0.1,
            },
            schedule=warm_cosine,
            source="Ours; warm-up after Sønderby et al. 2016",
            differs="Ours: convolutions, batch norm, warm-up of β, 16 numbers, a rate that "
            "rises and falls, 20 epochs: some nats better.",
        ),
        AutoencodingVariant(
            "vae_squared",
            "VAE, squared error",
            "The VAE as the text programs it: images in [-1, 1], tanh, and the squared error.",
            squared_vae,
            SQUARED,
            fixed=frozenset({"likelihood", "sigma"}),
            source="Lin 784-400-20-400-784, tanh; summed squared error + KL",
            text="Lin 784-400, two heads of 20, 20-400-784, tanh, images in [-1, 1]; "
            "summed squared error + KL, Adam 1e-3, batches of 128, 100 epochs.",
            differs="Nothing.",
        ),
        AutoencodingVariant(
            "cvae_squared",
            "Class-conditional VAE, squared error",
            "The same program, told the class in the encoder and in the decoder.",
            squared_vae,
            SQUARED,
            conditional=True,
            fixed=frozenset({"likelihood", "sigma"}),
            source="The VAE with a one-hot class, tanh; summed squared error + KL",
            text="`vae_squared` with the one-hot class joined to the input of both halves.",
            differs="Nothing.",
        ),
    )

    def split(self, config: AutoencodingConfig, images: Images) -> tuple[Images, Images]:
        """The last images of a seeded shuffle are held back."""
        n = len(images.labels)
        held = int(n * config.validation_share)
        generator = torch.Generator().manual_seed(config.seed)
        order = torch.randperm(n, generator=generator).to(images.labels.device)
        parts = (order[: n - held], order[n - held :])
        first, second = (Images(images.pixels[p], images.labels[p]) for p in parts)
        return first, second

    def build(
        self,
        variant: str,
        shape: Shape,
        config: AutoencodingConfig | None = None,
        classes: int = 0,
    ) -> Autoencoder:
        chosen, latent = self.variant(variant), (config or self.config(variant)).latent
        if chosen.conditional and not classes:
            raise LabError(f"{chosen.title} needs a data set with classes; this one has none.")
        condition = (classes,) if chosen.conditional else ()
        model: Autoencoder = chosen.build(shape, latent, *condition)
        return model

    def learner(self, experiment: AutoencodingExperiment, data: Images | None = None) -> Learner:
        """Raises LabError for single images where batch norm has nothing to norm."""
        check_batch_size(experiment.model, experiment.config.batch_size, (nn.BatchNorm1d,))
        kind = PlainLearner if experiment.variant.loss else VariationalLearner
        return kind(experiment)

    def validate(
        self, experiment: AutoencodingExperiment, images: Images, held: Images
    ) -> dict[str, float]:
        """Losses and figures on a choice of the test split; KL of each dimension."""
        figures = self._figures(experiment, images.choice(VALIDATION_IMAGES))
        kl_per_dim = figures.pop("kl_per_dimension", ())
        row = {f"test_{name}": float(value) for name, value in figures.items()}
        row |= {f"test_kl_{i:02d}": kl for i, kl in enumerate(kl_per_dim)}
        if len(held.labels):
            held_figures = self._figures(experiment, held.choice(VALIDATION_IMAGES))
            row["validation_loss"] = held_figures["loss"]
        return row

    @torch.inference_mode()
    def evaluate(self, experiment: AutoencodingExperiment, images: Images) -> dict[str, Any]:
        """The bound, its terms, the importance-weighted bound, PSNR and the codes' statistics."""
        config, model, check = experiment.config, experiment.model, experiment.check
        figures = self._figures(experiment, images)
        if model.variational:
            subset, stage = images.choice(IWAE_IMAGES), "importance sampling"
            bounds = []
            for x, labels, generator in _batches(subset, 100, check, stage):
                samples = watched(range(IWAE_SAMPLES), check, stage)
                bounds.append(importance_bound(config, model, x, labels, generator, samples))
            figures[bound_name(config).replace("elbo", "iwae")] = float(torch.cat(bounds).mean())
            figures |= {"iwae_samples": IWAE_SAMPLES, "iwae_images": len(subset.labels)}
            if len(images.labels) > 1:  # of one image no covariance can be taken
                drawn = self.draw(experiment, SAMPLES, EVALUATION_SEED)
                figures |= self.figures(experiment, images, drawn, model.classes)
        figures |= self._codes(experiment, images)
        return {**_rounded(figures), "n_test": len(images.labels)}

    @torch.inference_mode()
    def render(self, experiment: AutoencodingExperiment, images: Images) -> np.ndarray:
        """Ten test images, their reconstructions, and for a VAE draws from the prior: ten, or as
        many rows of ten as a conditional one's classes need."""
        model, subset = experiment.model, images.first(SHEET)
        x = unit(subset.pixels)
        rows = [x, model(x, subset.labels)]
        if model.variational:
            # every class is shown
            count = SHEET * max(1, -(-model.classes // SHEET))
            rows.append(self.draw(experiment, count, EVALUATION_SEED))
        return contact_sheet(torch.cat(rows), columns=SHEET)

    @torch.inference_mode()
    def encode(self, model: Autoencoder, images: Images, check: Check = silent) -> Tensor:
        """Return the posterior means; a conditional network also gets the images' classes."""
        parts = [model.encode(x, y).mu for x, y, _ in _batches(images, CHUNK, check, "encoding")]
        return torch.cat(parts) if parts else torch.zeros(0, model.latent)

    @torch.inference_mode()
    def draw(self, experiment: AutoencodingExperiment, count: int, seed: int) -> Tensor:
        """Draw images (N, C, H, W) in [0, 1] from the prior; with classes each in turn."""
        model = experiment.model
        device = next(model.parameters()).device
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(count, model.latent, generator=generator).to(device)
        labels = torch.arange(count, device=device) % max(model.classes, 1)
        starts = range(0, count, CHUNK)
        return torch.cat([model.decode(z[i : i + CHUNK], labels[i : i + CHUNK]) for i in starts])

    # ---- measuring

    @torch.inference_mode()
    def _figures(self, experiment: AutoencodingExperiment, images: Images) -> dict[str, Any]:
        """Means over images: the loss, PSNR, and for a VAE the bound with its terms."""
        config, model, loss = experiment.config, experiment.model, experiment.variant.loss
        totals: dict[str, float] = {}
        means, kls = [], []
        for x, labels, generator in _batches(images, CHUNK, experiment.check, "measuring"):
            code = model.encode(x, labels)
            raw = model.raw(code.mu, labels)
            batch = {"psnr": float(psnr(model.finish(raw), x).mean())}
            if loss is None:
                terms = bound(config, model, x, labels, generator)
                batch["reconstruction"] = float(terms.reconstruction.mean())
                kls.append(terms.kl)
                means.append(code.mu)
            else:
                batch["loss"] = float(loss(model, raw, x))
                batch["mse"] = float((model.finish(raw) - x).square().mean())
            for name, value in batch.items():
                totals[name] = totals.get(name, 0.0) + value * len(x)
        figures: dict[str, Any] = {k: v / len(images.labels) for k, v in totals.items()}
        if model.variational:
            kl_per_dim = torch.cat(kls).mean(0)
            kl = float(kl_per_dim.sum())
            figures["kl"] = kl
            figures["loss"] = figures["reconstruction"] + config.beta * kl
            constant_term = left_out(config, images.pixels[0].numel())
            figures[bound_name(config)] = figures["reconstruction"] + kl + constant_term
            variance = torch.cat(means).var(0, correction=0)
            figures["active_units"] = int((variance > MIN_ACTIVE_VARIANCE).sum())
            figures["kl_per_dimension"] = kl_per_dim.tolist()
        return figures

    @torch.inference_mode()
    def _codes(self, experiment: AutoencodingExperiment, images: Images) -> dict[str, Any]:
        """Where the codes of the test split lie, and how their anomaly scores are spread."""
        model, codes, scores = experiment.model, [], []
        for x, labels, _ in _batches(images, CHUNK, experiment.check, "encoding"):
            codes.append(model.encode(x, labels).mu)
            scores.append(anomaly_score(experiment.config, model, x, labels))
        z = torch.cat(codes)
        shares = torch.linspace(0, 1, 101, device=z.device)
        statistics = {
            "code_mean": z.mean(0).tolist(),
            "code_std": z.std(0, correction=0).tolist(),
            "anomaly_quantiles": torch.cat(scores).quantile(shares).tolist(),
        }
        if not model.variational:  # it has no prior: these are what a code is held against
            centred = z - z.mean(0)
            statistics["code_covariance"] = (centred.T @ centred / len(z)).tolist()
        return statistics


def _batches(
    images: Images, size: int, check: Check, stage: str
) -> Iterator[tuple[Tensor, Tensor, torch.Generator]]:
    """Floats, labels and a generator that every measurement starts anew."""
    generator = torch.Generator(images.pixels.device).manual_seed(EVALUATION_SEED)
    for start in watched(range(0, len(images.labels), size), check, stage):
        rows = slice(start, start + size)
        yield unit(images.pixels[rows]), images.labels[rows], generator


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return round(value, 4) if isinstance(value, float) else value


AUTOENCODING = Autoencoding()
