"""Autoencoding: a network learns to put an image into a few numbers, and to draw it from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from core.cancellation import Check, silent, watched
from core.data import Images
from core.errors import LabError
from core.images import contact_sheet
from core.metrics.image import psnr
from core.models import autoencoders as networks
from core.models.autoencoders import Autoencoder, Code
from core.tasks.base import (
    Descent,
    Experiment,
    Learner,
    Schedule,
    Task,
    TaskConfig,
    check_batch_size,
    constant,
    unit,
    warm_cosine,
)
from core.tasks.family import Shape, Variant, by_name, number
from core.tasks.generating import SampleFigures

IWAE_SAMPLES = 500


class AutoencodingConfig(TaskConfig):
    """Settings of an autoencoder's training."""

    latent: int = number(20, (1, 128), "Dimensions", "numbers in a code")
    likelihood: Literal["bernoulli", "gaussian", "squared error"] = Field(
        "bernoulli",
        title="Likelihood",
        description="of a pixel given the code: Bernoulli on its grey value, Gaussian around it, "
        "or the plain squared error on the scale of [-1, 1], a Gaussian of variance 1/2 there",
    )
    sigma: float = number(
        0.2,
        (0.01, 1),
        "Sigma",
        "standard deviation of a pixel under the Gaussian likelihood",
        step=0.05,
    )
    beta: float = number(
        1.0, (0, 100), "Beta", "weight of the KL term; only 1 is the bound itself", step=0.5
    )
    warmup: float = number(
        0.0, (0, 1), "Warm-up", "share of the training over which beta rises from 0", step=0.05
    )
    free_bits: float = number(
        0.0,
        (0, 5),
        "Free nats",
        "KL in nats that each dimension may have without paying for it",
        step=0.1,
    )
    validation_share: float = number(
        0.0,
        (0, 0.5),
        "Held back",
        "share of the training images that is only watched, for a validation loss",
        step=0.05,
    )
    weight_decay: float = number(
        0.0, (0, 0.1), "Weight decay", "pull of the weights towards zero", step=5e-06
    )


class Bound(NamedTuple):
    """The two terms of the negative ELBO in nats, one number an image: (N,) and (N, d).

    Their sum bounds -log p(x), of a conditional model -log p(x | class); β is not in it.
    The plain squared error leaves out a constant: see `left_out`.
    """

    reconstruction: Tensor
    kl: Tensor


# A loss takes the network, what its decoder gives before the output function, and the images.
Loss = Callable[[Autoencoder, Tensor, Tensor], Tensor]


def mean_squared(model: Autoencoder, raw: Tensor, images: Tensor) -> Tensor:
    """Mean over all pixels of the squared error."""
    return (model.finish(raw) - images).square().mean()


def summed_squared(model: Autoencoder, raw: Tensor, images: Tensor) -> Tensor:
    """Squared error summed over the pixels and averaged over images, on the scale of [-1, 1]."""
    return 4 * (model.finish(raw) - images).square().sum() / len(images)


def reconstruction(
    config: AutoencodingConfig, model: Autoencoder, raw: Tensor, images: Tensor
) -> Tensor:
    """-log p(x | z) in nats, (N,): Bernoulli with grey values as probabilities, or Gaussian; for
    the squared error that sum itself, which differs from a Gaussian's by `left_out`."""
    if config.likelihood == "bernoulli":
        return F.binary_cross_entropy_with_logits(raw, images, reduction="none").flatten(1).sum(1)
    error = (model.finish(raw) - images).flatten(1)
    if config.likelihood == "squared error":
        return 4 * error.square().sum(1)
    error = error / config.sigma
    constant_term = math.log(config.sigma) + 0.5 * math.log(2 * math.pi)
    return 0.5 * error.square().sum(1) + constant_term * error.shape[1]


def least_cross_entropy(images: Tensor) -> Tensor:
    """The least that a Bernoulli likelihood with grey values as probabilities can cost, nats, (N,):
    the cross-entropy of images (N, C, H, W) in [0, 1] with themselves. Only black and white is
    free."""
    return F.binary_cross_entropy(images, images, reduction="none").flatten(1).sum(1)


def left_out(config: AutoencodingConfig, pixels: int) -> float:
    """Nats that the reconstruction term lacks of -log p(x | z) for a density over [0, 1]^pixels.

    The squared error on [-1, 1] is ½(x - m)²/σ² with σ² = 1/8 on [0, 1]; log(σ√2π) is missing.
    """
    return 0.5 * math.log(math.pi / 4) * pixels if config.likelihood == "squared error" else 0.0


def bound_name(config: AutoencodingConfig) -> str:
    """What a run's figures call its negative ELBO.

    Under a Gaussian it is the logarithm of a density and can be negative; grey values taken as
    Bernoulli probabilities give one of something else. So they have two names, and are nowhere
    held against each other.
    """
    return "negative_elbo" if config.likelihood == "bernoulli" else "gaussian_negative_elbo"


def kl_divergence(code: Code) -> Tensor:
    """KL(q(z|x) ‖ N(0, 1)) of each dimension in nats, (N, d) (Kingma and Welling 2014, B)."""
    assert code.logvar is not None
    return -0.5 * (1 + code.logvar - code.mu.square() - code.logvar.exp())


def bound(
    config: AutoencodingConfig,
    model: Autoencoder,
    images: Tensor,
    labels: Tensor,
    generator: torch.Generator,
) -> Bound:
    """Both terms of the bound, from one draw of the posterior an image."""
    code = model.encode(images, labels)
    raw = model.raw(code.sample(generator), labels)
    return Bound(reconstruction(config, model, raw, images), kl_divergence(code))


def importance_bound(
    config: AutoencodingConfig,
    model: Autoencoder,
    images: Tensor,
    labels: Tensor,
    generator: torch.Generator,
    samples: Iterable[object] = range(IWAE_SAMPLES),
) -> Tensor:
    """An importance-weighted bound on -log p(x), of a conditional model on -log p(x | class)
    (Burda, Grosse and Salakhutdinov 2016), nats, (N,).

    `samples` is gone through once, a sample of each code for each of its items.
    """
    mu, logvar = model.encode(images, labels)
    assert logvar is not None
    weights = []
    for _ in samples:
        noise = torch.randn(mu.shape, generator=generator, device=mu.device)
        z = mu + noise * (0.5 * logvar).exp()
        likelihood = -reconstruction(config, model, model.raw(z, labels), images)
        # log p(z) - log q(z|x); the constants of the two normal densities cancel
        ratio = 0.5 * (noise.square() - z.square() + logvar).sum(1)
        weights.append(likelihood + ratio)
    missing = left_out(config, images[0].numel())
    return math.log(len(weights)) - torch.stack(weights).logsumexp(0) + missing


def anomaly_score(
    config: AutoencodingConfig, model: Autoencoder, images: Tensor, labels: Tensor
) -> Tensor:
    """How unlike its training data an image is, (N,): the higher, the stranger.

    For a VAE the terms of its loss at the middle of the posterior, else the summed squared error.
    """
    code = model.encode(images, labels)
    raw = model.raw(code.mu, labels)
    if model.variational:
        return reconstruction(config, model, raw, images) + kl_divergence(code).sum(1)
    return (model.finish(raw) - images).flatten(1).square().sum(1)


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


@dataclass(frozen=True, kw_only=True)
class AutoencodingVariant(Variant):
    """An autoencoder with what it is trained by."""

    loss: Loss | None = None
    """Of an autoencoder without a posterior; None where the bound is trained on."""
    schedule: Schedule = constant
    conditional: bool = False
    """Whether encoder and decoder also get the class."""


AutoencodingExperiment = Experiment[AutoencodingConfig, AutoencodingVariant, Autoencoder]


class AutoencoderLearner(Descent):
    """An autoencoder with Adam, and what its variant says about loss and schedule."""

    def __init__(self, experiment: AutoencodingExperiment):
        self.config, self.variant = experiment.config, experiment.variant
        self.autoencoder = experiment.model
        rate, decay = self.config.learning_rate, self.config.weight_decay
        super().__init__(self.autoencoder, Adam, rate, self.variant.schedule, decay)


class PlainLearner(AutoencoderLearner):
    """An autoencoder without a posterior: its loss is the reconstruction's alone."""

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        x = unit(images.pixels)
        raw = self.autoencoder.raw(self.autoencoder.encode(x).mu)
        assert self.variant.loss
        loss = self.variant.loss(self.autoencoder, raw, x)
        self.descend(loss, progress)
        return {"loss": loss.item()}


class VariationalLearner(AutoencoderLearner):
    """Reconstruction and KL, both summed over an image and averaged over the batch."""

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        x = unit(images.pixels)
        terms = bound(self.config, self.autoencoder, x, images.labels, generator)
        recon, kl_per_dim = terms.reconstruction.mean(), terms.kl.mean(0)
        # Free bits (Kingma et al. 2016): below them a dimension costs nothing and is not pressed.
        free_bits = self.config.free_bits
        paid = kl_per_dim.clamp_min(free_bits) if free_bits else kl_per_dim
        beta = self.config.beta * self._warm(progress)
        loss = recon + beta * paid.sum()
        self.descend(loss, progress)
        return {"loss": loss.item(), "reconstruction": recon.item(), "kl": kl_per_dim.sum().item()}

    def _warm(self, progress: float) -> float:
        return min(1.0, progress / self.config.warmup) if self.config.warmup else 1.0


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
