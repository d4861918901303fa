"""Directions in a GAN's latent space: those that change most, and those that change one thing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.cancellation import Check, silent
from core.errors import LabError
from core.images import LUMINANCE
from core.inference.generators import draw
from core.metrics.generative import Extractor
from core.models.gans import GAN, seeded_noise
from core.tasks.adversarial import cyclic_labels

SEED = 60_000
SAMPLE_COUNT = 1500
HELD_OUT = 400
"""Number of samples held out to measure how much of an attribute its direction explains."""
MIN_EXPLAINED = 0.1
"""Minimum share of an attribute's variance that a useful direction explains."""
MAX_STD = 5
"""Range of a slider in standard deviations to each side: rare along a single direction, but with
96 dimensions only an eighth farther from the origin than the prior's samples."""
PRIOR_STD = {"uniform": 3**-0.5, "normal": 1.0}
"""Standard deviation of a prior along any direction."""
TAIL_SHARE = 0.02
"""Share of the samples at either end that is clamped, so that outliers do not decide the fit."""
MIN_STD = 1e-5
"""Minimum standard deviation of an attribute that gets a direction."""


@dataclass(frozen=True)
class Direction:
    """A direction in the latent space, (latent,) and of length 1.

    `explained`, 0 to 1: of a principal direction its share of the first layer's variance, of an
    attribute's its R², the share of that attribute's variance among samples of their own that the
    position along the direction tells. `spread` is the prior's standard deviation along it.
    """

    name: str
    title: str
    vector: Tensor
    explained: float
    spread: float

    @property
    def reach(self) -> float:
        """The range of its slider to each side."""
        return MAX_STD * self.spread


# ---- what changes most


@torch.inference_mode()
def principal_directions(model: GAN, count: int = 10) -> list[Direction]:
    """The directions along which the generator's first hidden layer changes most, the most first.

    GANSpace (Härkönen et al. 2020): principal components of the activations over seeded latents,
    then for each the direction in the latent space that a regression finds: here of coordinates on
    latents, which gives the same directions as theirs of latents on coordinates, with less noise.
    With classes, all are drawn and each one's mean is taken off: what is left is what the classes
    share. The sign is such that a vector's largest number is positive.

    Raises:
        LabError: count is not from 1 to the latent's length.
    """
    if not 1 <= count <= model.latent:
        raise LabError(f"This network has 1 to {model.latent} directions.")
    latents, labels = _prior_samples(model)
    hidden = _centred_by_class(_first_hidden(model, latents, labels), labels)
    coordinates, shares = _principal(hidden, count)
    weights = torch.linalg.lstsq(_centred_by_class(latents, labels), coordinates).solution
    vectors = F.normalize(weights.T, dim=1)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return [
        Direction(f"principal_{i}", f"Component {i + 1}", vector, share, PRIOR_STD[model.prior])
        for i, (vector, share) in enumerate(
            zip(vectors * largest.sign(), shares.tolist(), strict=True)
        )
    ]


def _first_hidden(model: GAN, latents: Tensor, labels: Tensor) -> Tensor:
    """What comes out of the generator's first ReLU, (N, d)."""
    inputs = torch.cat([latents, model.classes_drawn(labels)], 1) if model.classes else latents
    first = next(i for i, layer in enumerate(model.generator) if isinstance(layer, nn.ReLU))
    hidden: Tensor = model.generator[: first + 1](inputs)
    return hidden.flatten(1)


def _principal(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Coordinates (N, count) of centred values (N, d) along their principal axes, and the axes'
    shares of the variance (count,)."""
    wide = values.shape[1] > len(values)  # then the smaller matrix has the same eigenvalues
    variances, axes = torch.linalg.eigh(values @ values.T if wide else values.T @ values)
    top = axes.flip(1)[:, :count]
    return top if wide else values @ top, variances.flip(0)[:count] / variances.sum()


# ---- what changes one thing


@torch.inference_mode()
def attribute_directions(
    model: GAN,
    extractor: Extractor,
    class_names: Sequence[str] = (),
    check: Check = silent,
) -> list[Direction]:
    """A direction for each attribute that can be measured in pictures, towards more of it.

    Linear regression of the attribute, its tails cut, on the latents of seeded samples (as Shen et
    al. 2020, who separate its presence from its absence). With classes each one's mean is
    subtracted. A network without classes gets a direction for each class of the extractor's
    classifier: of its logit minus the mean of all. What hardly varies is left out; what
    varies but not linearly with the latents has an `explained` near zero (see `MIN_EXPLAINED`).
    """
    latents, labels = _prior_samples(model)
    check("drawing samples")
    images = draw(model, latents, labels)
    check("measuring samples")
    measured = ATTRIBUTES[images.shape[1]]
    columns = {name: (title, measure(images)) for name, (title, measure) in measured.items()}
    if not model.classes and extractor.judge:
        logits = extractor.judge.head(extractor.features(images, check).values)
        for i, column in enumerate((logits - logits.mean(1, keepdim=True)).T):
            title = class_names[i] if i < len(class_names) else str(i)
            columns[f"class_{i}"] = (title, column)
    varied = {name: c for name, c in columns.items() if float(c[1].std()) > MIN_STD}
    if not varied:
        return []
    values = torch.stack([column for _, column in varied.values()], 1)
    tails = values.quantile(torch.tensor([TAIL_SHARE, 1 - TAIL_SHARE]), dim=0)
    values = _centred_by_class(values.clamp(*tails), labels)
    weights, explained = _regression(_centred_by_class(latents, labels), values)
    return [
        Direction(name, title, vector, share, PRIOR_STD[model.prior])
        for (name, (title, _)), vector, share in zip(
            varied.items(), F.normalize(weights.T, dim=1), explained.tolist(), strict=True
        )
    ]


def _regression(inputs: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Fit weights (d, m) from inputs (N, d) to values (N, m); returns them and the R² (m,) on the
    held-out samples, 0 where it is worse than the mean."""
    x, held_x = inputs[HELD_OUT:], inputs[:HELD_OUT]
    y, held_y = values[HELD_OUT:], values[:HELD_OUT]
    weights = torch.linalg.lstsq(x, y).solution
    residual = (held_y - held_x @ weights).square().mean(0)
    return weights, (1 - residual / held_y.square().mean(0).clamp_min(1e-12)).clamp_min(0)


# ---- samples and their attributes


def _prior_samples(model: GAN) -> tuple[Tensor, Tensor]:
    """Seeded latents (N, latent), and labels (N,) of each class in turn; 0 where there are none."""
    return model.latents(seeded_noise(SAMPLE_COUNT, SEED)), cyclic_labels(model, SAMPLE_COUNT)


def _centred_by_class(values: Tensor, labels: Tensor) -> Tensor:
    """Subtract from values (N, d) the mean of their class."""
    shares = F.one_hot(labels).to(values.dtype)
    return values - shares @ (shares.T @ values / shares.sum(0)[:, None])


class _Moments:
    """The second central moments of the ink of grey pictures (N, 1, H, W)."""

    def __init__(self, images: Tensor) -> None:
        ink = images[:, 0]
        ink = ink / ink.sum((1, 2), keepdim=True).clamp_min(1e-6)
        x, y = torch.arange(ink.shape[2]).float(), torch.arange(ink.shape[1]).float()
        across, down = ink.sum(1), ink.sum(2)  # (N, W), (N, H)
        dx = x - (across @ x)[:, None]
        dy = y - (down @ y)[:, None]
        self.xx = (across * dx.square()).sum(1)
        self.yy = (down * dy.square()).sum(1)
        self.xy = torch.einsum("nyx,ny,nx->n", ink, dy, dx)


def _slant(images: Tensor) -> Tensor:
    """Pixels to the right for each pixel up, along the ink (as MNIST is deslanted by)."""
    mass = _Moments(images)
    return -mass.xy / mass.yy.clamp_min(1e-6)


def _edges(images: Tensor) -> Tensor:
    """Length of the outlines in pixels, (N,): how much neighbours differ, all in all."""
    grey = _grey(images)
    down = (grey[:, 1:, :-1] - grey[:, :-1, :-1]).square()
    across = (grey[:, :-1, 1:] - grey[:, :-1, :-1]).square()
    return (down + across).sqrt().sum((1, 2))


def _thickness(images: Tensor) -> Tensor:
    """Of a long stroke: its area over half of its outline, in pixels."""
    return 2 * images.sum((1, 2, 3)) / _edges(images).clamp_min(1)


def _grey(images: Tensor) -> Tensor:
    """Luminance (N, H, W) of grey or RGB pictures."""
    if images.shape[1] == 1:
        return images[:, 0]
    return torch.einsum("nchw,c->nhw", images, torch.tensor(LUMINANCE))


def _contrast(images: Tensor) -> Tensor:
    return _grey(images).flatten(1).std(1)


def _light_from_left(images: Tensor) -> Tensor:
    left, right = _grey(images).tensor_split(2, dim=2)
    return left.mean((1, 2)) - right.mean((1, 2))


Measure = Callable[[Tensor], Tensor]
ATTRIBUTES: Mapping[int, Mapping[str, tuple[str, Measure]]] = {
    1: {
        "ink": ("Ink", lambda images: images.mean((1, 2, 3))),
        "slant": ("Slant to the right", _slant),
        "width": ("Width", lambda images: _Moments(images).xx.sqrt()),
        "height": ("Height", lambda images: _Moments(images).yy.sqrt()),
        "thickness": ("Thickness of strokes", _thickness),
    },
    3: {
        "brightness": ("Brightness", lambda images: _grey(images).mean((1, 2))),
        "contrast": ("Contrast", _contrast),
        "light": ("Light from the left", _light_from_left),
        "smoothness": ("Smoothness", lambda i: -_edges(i) / _contrast(i).clamp_min(1e-6)),
    },
}
"""What is measured in pictures (N, C, H, W) in [0, 1], by their channels: titles, and (N,) each."""
