"""Image quality, and how far figures are to be trusted: tensors in, numbers out."""

import math
from statistics import NormalDist

import torch
from torch import Tensor
from torch.nn import functional as F

PSNR_CEILING = 100.0
"""dB; an exact copy has no error and would be infinite, which no chart or JSON can hold."""


def psnr(image: Tensor, clean: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image.

    Args:
        image, clean: (N, C, H, W) in [0, 1].

    Returns:
        (N,) in dB, at most `PSNR_CEILING`.
    """
    error = (image - clean).square().flatten(1).mean(1)
    return (-10 * error.log10()).clamp_max(PSNR_CEILING)


def ssim(image: Tensor, clean: Tensor) -> Tensor:
    """Structural similarity of each image (Wang et al. 2004): 11×11 Gaussian window, σ = 1.5.

    Written here because torchmetrics takes two seconds to import, which every visitor of a cold
    server would wait for, and six times as long to compute.

    Args:
        image, clean: (N, C, H, W) in [0, 1], sides of 11 pixels or more.

    Returns:
        (N,), 1 for equal images.
    """
    n, c, h, w = image.shape
    offsets = torch.arange(11, dtype=image.dtype, device=image.device) - 5
    window = torch.exp(-0.5 * (offsets / 1.5) ** 2)
    window = window / window.sum()
    # Each plane is a channel of one image with a filter of its own: faster than a batch of planes.
    x, y = (t.reshape(n * c, h, w) for t in (image, clean))
    planes = torch.cat([x, y, x * x, y * y, x * y])[None]
    count = 5 * n * c
    planes = F.conv2d(planes, window.view(1, 1, -1, 1).expand(count, 1, -1, 1), groups=count)
    planes = F.conv2d(planes, window.view(1, 1, 1, -1).expand(count, 1, 1, -1), groups=count)
    mean_x, mean_y, xx, yy, xy = torch.split(planes[0], n * c)
    var_x, var_y, cov = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    similar = (2 * mean_x * mean_y + c1) * (2 * cov + c2)
    similar = similar / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    means: Tensor = similar.view(n, -1).mean(1)
    return means


def rms_error(image: Tensor, clean: Tensor) -> Tensor:
    """Root of the mean squared difference of each image; (N,), in the images' unit."""
    return (image - clean).square().flatten(1).mean(1).sqrt()


def calibration_error(logits: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017): how far certainty is from being right.

    Args:
        logits: (N, classes); the certainty is the largest probability.
        labels: (N,).
        bins: of equal width, over certainties 0 to 1.

    Returns:
        0 to 1: the mean distance, weighted by the images in a bin.
    """
    certainty, read = logits.softmax(1).max(1)
    right = (read == labels).to(certainty.dtype)
    place = (certainty * bins).long().clamp_max(bins - 1)
    gaps = torch.zeros(bins, dtype=certainty.dtype, device=logits.device)
    return float(gaps.index_add(0, place, right - certainty).abs().sum() / max(len(labels), 1))


def wilson_interval(right: float, n: int) -> tuple[float, float]:
    """95 % interval of a share that was counted on `n` pictures (Wilson 1927).

    It stays within 0 to 1 and says something of 0 or of all of them too, where the usual
    ± 1.96 √(p(1 - p)/n) has no width.

    Args:
        right: how many of them, 0 to `n`.
        n: 0 tells nothing: the interval is (0, 1).
    """
    if not n:
        return 0.0, 1.0
    z, share = 1.959964, right / n
    scale = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    # Rounding may push an end a hair past the share itself, which lies in it.
    return min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach))


def paired_interval(gained: int, lost: int, n: int, comparisons: int = 1) -> tuple[float, float]:
    """95 % interval of the difference of two shares that were counted on the same `n` pictures.

    The interval of Wald for paired shares with half a picture added to each of the four cells
    (Agresti and Min 2005): only pictures on which the two disagree count, as in the test of
    McNemar, and it has a width where there are none.

    Args:
        gained: pictures that are right only the second time.
        lost: those that are right only the first time.
        n: 0 tells nothing: the interval is (-1, 1).
        comparisons: how many differences are looked at together; the intervals get as much wider
            as it takes for all of them to hold at once (Bonferroni).
    """
    if not n:
        return -1.0, 1.0
    z = NormalDist().inv_cdf(1 - 0.025 / comparisons)
    more, fewer, total = gained + 0.5, lost + 0.5, n + 2
    middle = (more - fewer) / total
    reach = z * math.sqrt(more + fewer - (more - fewer) ** 2 / total) / total
    return max(-1.0, middle - reach), min(1.0, middle + reach)


def percent(share: float, places: int = 1) -> str:
    """A share (0 to 1) in percent, never rounded to none or to all where it is neither."""
    rounded, step = round(100 * share, places), 10.0**-places
    if share < 1 and rounded >= 100:
        return f"> {100 - step:.{places}f}%"
    if share > 0 and rounded <= 0:
        return f"< {step:.{places}f}%"
    return f"{rounded:.{places}f}%"
