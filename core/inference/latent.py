"""Using finished autoencoders: encoding, decoding, sampling and interpolation of codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core import data
from core.data import Images
from core.errors import LabError
from core.models.autoencoders import Autoencoder
from core.models.gans import GAN
from core.runs.query import classes_of
from core.runs.store import Run
from core.tasks import load_model, task
from core.tasks.adversarial import AdversarialVariant
from core.tasks.autoencoding import AUTOENCODING, MIN_ACTIVE_VARIANCE
from core.tasks.autoencoding_training import AutoencodingVariant, anomaly_score, kl_divergence
from core.tasks.base import fitted, unit

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

Interpolation = Literal["lerp", "slerp"]
MAX_CODE = 100.0
"""Maximum magnitude of a number of a code: beyond it is a typing error."""
MAX_TEMPERATURE = 10.0
"""Maximum sampling temperature: beyond it there is nothing to be seen."""
SLIDER_STD = 3
"""Range of a slider in standard deviations to each side."""
CODE_COLUMN = "Enc. Variable"
"""Name of the columns of a table of codes, before their index."""


@dataclass(frozen=True)
class Dimension:
    """One dimension of a code: the range of its values, and its information.

    `kl` is in nats, None for a plain autoencoder; `dead` dimensions hardly change the picture.
    """

    index: int
    centre: float
    spread: float
    kl: float | None
    dead: bool

    @property
    def low(self) -> float:
        """The minimum of its slider."""
        return self.centre - SLIDER_STD * self.spread

    @property
    def high(self) -> float:
        """The maximum of its slider."""
        return self.centre + SLIDER_STD * self.spread


# ---- models


def class_names(run: Run) -> tuple[str, ...]:
    """Return the classes of a conditional run; empty for others."""
    spec = run.spec()
    variant = task(spec.task).variant(spec.variant)
    knows = isinstance(variant, AutoencodingVariant | AdversarialVariant) and variant.conditional
    return classes_of(run) if knows else ()


def network(run: Run) -> Autoencoder:
    """Load the run's autoencoder. Raises RunBroken, and LabError if it is none."""
    model = load_model(run)
    if not isinstance(model, Autoencoder):
        raise LabError(f"{run.id} is no autoencoder: it has no codes.")
    return model


def dimensions(run: Run) -> list[Dimension]:
    """Return the dimensions of the run's codes, the most informative first."""
    metrics = run.metrics()
    means, spreads = metrics.get("code_mean", []), metrics.get("code_std", [])
    kls: list[float] | None = metrics.get("kl_per_dimension")
    by_index = []
    for i, (mean, spread) in enumerate(zip(means, spreads, strict=True)):
        if kls is None:
            by_index.append(Dimension(i, mean, max(spread, 1e-3), None, spread < 1e-3))
        else:
            by_index.append(Dimension(i, 0.0, 1.0, kls[i], spread**2 < MIN_ACTIVE_VARIANCE))
    return sorted(by_index, key=lambda d: (d.dead, -(d.spread if d.kl is None else d.kl), d.index))


# ---- codes and pictures


def checked_code(values: Sequence[float], latent: int) -> Tensor:
    """Return a code (1, latent). Raises LabError for a wrong length or range."""
    if len(values) != latent:
        raise LabError(f"This model's codes have {latent} numbers; this one has {len(values)}.")
    if not all(abs(v) <= MAX_CODE for v in values):  # which no NaN is
        raise LabError(f"Every number of a code lies between -{MAX_CODE:g} and {MAX_CODE:g}.")
    return torch.tensor([[float(v) for v in values]])


def parse_code(text: str, latent: int) -> Tensor:
    """Parse a code (1, latent), its numbers separated by commas or blanks. Raises LabError."""
    words = text.replace(",", " ").replace(";", " ").split()
    try:
        values = [float(word) for word in words[: latent + 1]]
    except ValueError as error:
        raise LabError(
            "A code is a row of numbers with commas between, such as 0.5, -1.2."
        ) from error
    if len(words) != latent:
        raise LabError(f"This model's codes have {latent} numbers; this one has {len(words)}.")
    return checked_code(values, latent)


def checked_labels(
    model: Autoencoder | GAN, labels: int | Tensor | None, count: int
) -> Tensor | None:
    """Return labels (count,) for a conditional model, None for an unconditional one.

    Raises:
        LabError: a class is missing, or the model does not have it.
    """
    if not model.classes:
        return None
    if labels is None:
        raise LabError("This model draws one class at a time: choose which.")
    classes = torch.full((count,), labels) if isinstance(labels, int) else labels
    if len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < model.classes:
        raise LabError(f"This model has the classes 0 to {model.classes - 1} only.")
    return classes


def encode(model: Autoencoder, pixels: Tensor, labels: int | Tensor | None = None) -> Tensor:
    """Encode uint8 images (N, C, H, W) as codes (N, d), the means of the posterior."""
    classes = checked_labels(model, labels, len(pixels))
    unknown = torch.zeros(len(pixels), dtype=torch.int64)
    return AUTOENCODING.encode(model, Images(pixels, unknown if classes is None else classes))


class Posterior(NamedTuple):
    """The cloud of codes that a variational encoder gives an image: a normal distribution in each
    dimension. `mu`, `sigma` and `kl`, its divergence from the prior in nats, are (d,)."""

    mu: Tensor
    sigma: Tensor
    kl: Tensor

    def samples(self, count: int, seed: int) -> Tensor:
        """Draw codes z = µ + σ·ε, (count, d), with ε from N(0, 1) by the seed."""
        noise = torch.randn(count, len(self.mu), generator=torch.Generator().manual_seed(seed))
        return self.mu + self.sigma * noise


@torch.inference_mode()
def posterior(model: Autoencoder, pixels: Tensor, label: int | None = None) -> Posterior | None:
    """Encode one uint8 image (1, C, H, W); None where the model is not variational."""
    code = model.encode(unit(pixels), checked_labels(model, label, 1))
    if code.logvar is None:
        return None
    return Posterior(code.mu[0], (0.5 * code.logvar[0]).exp(), kl_divergence(code)[0])


@torch.inference_mode()
def decode(model: Autoencoder, codes: Tensor, labels: int | Tensor | None = None) -> Tensor:
    """Decode codes (N, d) to pictures (N, C, H, W) in [0, 1].

    Raises:
        LabError: codes of another length, or a class that the model does not have.
    """
    if codes.ndim != 2 or codes.shape[1] != model.latent:
        raise LabError(f"This model's codes have {model.latent} numbers.")
    return model.decode(codes.float(), checked_labels(model, labels, len(codes)))


@torch.inference_mode()
def likeliest_class(run: Run, model: Autoencoder, pixels: Tensor) -> Tensor | None:
    """Return the class (N,) with the lowest anomaly score of each image (N, C, H, W); None without
    classes."""
    if not model.classes:
        return None
    x, config = unit(pixels), AUTOENCODING.config_of(run)
    scores = [
        anomaly_score(config, model, x, torch.full((len(x),), c)) for c in range(model.classes)
    ]
    return torch.stack(scores).argmin(0)


# ---- interpolation


def lerp(a: Tensor, b: Tensor, shares: Tensor) -> Tensor:
    """Interpolate linearly from `a` to `b`, (d,) each: (len(shares), d)."""
    return a + shares[:, None] * (b - a)


def slerp(a: Tensor, b: Tensor, shares: Tensor) -> Tensor:
    """Interpolate on the arc from `a` to `b` (Shoemake 1985), which keeps the distance to zero.

    Lengths are interpolated linearly, so that both ends are met; parallel codes go straight.
    """
    length_a, length_b = a.norm(), b.norm()
    if min(length_a, length_b) < 1e-6:
        return lerp(a, b, shares)
    cosine = torch.dot(a, b) / (length_a * length_b)
    angle = cosine.clamp(-1, 1).acos()
    if angle.sin() < 1e-4:
        return lerp(a, b, shares)
    weights = torch.stack([((1 - shares) * angle).sin(), (shares * angle).sin()]) / angle.sin()
    directions = weights[0, :, None] * (a / length_a) + weights[1, :, None] * (b / length_b)
    points: Tensor = directions * (length_a + shares * (length_b - length_a))[:, None]
    return points


INTERPOLATIONS = {"lerp": lerp, "slerp": slerp}


def between(a: Tensor, b: Tensor, steps: int, path: Interpolation) -> Tensor:
    """Interpolate `steps` codes (steps, d) from `a` to `b`, inclusive."""
    return INTERPOLATIONS[path](a, b, torch.linspace(0, 1, steps))


def loop(corners: Tensor, steps: int, path: Interpolation) -> Tensor:
    """Return a closed walk past the codes (k, d): `steps` codes from each to the next."""
    ends = corners.roll(-1, 0)
    legs = [between(a, b, steps + 1, path)[:-1] for a, b in zip(corners, ends, strict=True)]
    return torch.cat(legs)


def traversals(code: Tensor, chosen: Sequence[Dimension], steps: int) -> Tensor:
    """Move one dimension of the code (1, d) after the other over its range.

    Returns:
        (len(chosen), steps, d).
    """
    rows = code.repeat(len(chosen), steps, 1)
    for row, dimension in zip(rows, chosen, strict=True):
        row[:, dimension.index] = torch.linspace(dimension.low, dimension.high, steps)
    return rows


def rectangle(x: tuple[float, float], y: tuple[float, float], side: int) -> Tensor:
    """Return a grid over a rectangle of a 2-D space, (side², 2), the largest y first."""
    across, up = torch.linspace(*x, side), torch.linspace(y[1], y[0], side)
    return torch.cartesian_prod(up, across).flip(1)


def quantiles(side: int) -> Tensor:
    """Return the even quantiles of a 2-D normal prior, (side², 2) (Kingma and Welling 2014)."""
    points = torch.special.ndtri((torch.arange(side) + 0.5) / side)
    return torch.cartesian_prod(points.flip(0), points).flip(1)


# ---- sampling


def prior_samples(latent: int, count: int, seed: int, temperature: float = 1.0) -> Tensor:
    """Draw from N(0, temperature²), (count, latent); the same seed gives the same draws.

    Raises:
        LabError: a temperature outside [0, 10].
    """
    if not 0 <= temperature <= MAX_TEMPERATURE:
        raise LabError(f"The sampling temperature lies between 0 and {MAX_TEMPERATURE:g}.")
    generator = torch.Generator().manual_seed(seed)
    return temperature * torch.randn(count, latent, generator=generator)


def fit_mixture(codes: Tensor, components: int, seed: int = 0) -> "GaussianMixture":
    """Fit a mixture of Gaussians to codes (N, d), from which a plain autoencoder can be sampled.

    It has at most as many components as there are codes.

    Raises:
        LabError: fewer than two codes.
    """
    if len(codes) < 2:
        raise LabError("A mixture is fitted to two test images at least.")
    components = min(components, len(codes))
    from sklearn.mixture import GaussianMixture  # here: few need it, and it takes a second

    fitted = GaussianMixture(components, covariance_type="full", random_state=seed, reg_covar=1e-4)
    return fitted.fit(codes.numpy())


def mixture_samples(mixture: "GaussianMixture", count: int, seed: int) -> Tensor:
    """Draw (count, d) from a fitted mixture, in random order."""
    generator = np.random.default_rng(seed)
    components = generator.choice(len(mixture.weights_), size=count, p=mixture.weights_)
    noise = generator.standard_normal((count, mixture.means_.shape[1]))
    roots = np.linalg.cholesky(mixture.covariances_)
    points = mixture.means_[components] + np.einsum("nij,nj->ni", roots[components], noise)
    return torch.from_numpy(points).float()


# ---- data


def test_images(dataset: str, first: int = 0, count: int = 0) -> Images:
    """Return `count` test images from index `first` on, or all for 0, in 28×28 grey."""
    images = data.load(dataset, "test")
    if count:
        start = max(0, min(first, len(images.labels) - count))
        images = Images(*(t[start : start + count] for t in images))
    return fitted(images)


def code_table(
    codes: Tensor, labels: Tensor | None = None, name: str = CODE_COLUMN
) -> pd.DataFrame:
    """Return a table with a row a code: columns of `name` and an index, and `label` if known."""
    columns: dict[str, Any] = {
        f"{name} {i}": codes[:, i].numpy().round(4) for i in range(codes.shape[1])
    }
    if labels is not None:
        columns["label"] = labels.numpy()
    return pd.DataFrame(columns)
