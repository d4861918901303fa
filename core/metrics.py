"""Image quality: tensors in, numbers out."""

import torch
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

PSNR_CEILING = 100.0
"""dB; an exact copy has no error and would be infinite, which no chart or JSON can hold."""


def psnr(image: Tensor, clean: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image.

    Args:
        image, clean: (N, C, H, W) in [0, 1].

    Returns:
        (N,) in dB, at most `PSNR_CEILING`.
    """
    values = peak_signal_noise_ratio(
        image, clean, data_range=1.0, reduction="none", dim=(1, 2, 3)
    )
    return values.clamp_max(PSNR_CEILING)


def ssim(image: Tensor, clean: Tensor) -> Tensor:
    """Structural similarity of each image (Wang et al. 2004, Gaussian window of 11 pixels).

    Args:
        image, clean: (N, C, H, W) in [0, 1], sides of 11 pixels or more.

    Returns:
        (N,), 1 for equal images.
    """
    n, c, h, w = image.shape
    # As channels of one image every plane is filtered on its own, six times faster than in a batch.
    planes = (t.reshape(1, n * c, h, w) for t in (image, clean))
    _, full = structural_similarity_index_measure(
        *planes, data_range=1.0, reduction="none", return_full_image=True
    )
    return full.view(n, -1).mean(1)


def rms_error(image: Tensor, clean: Tensor) -> Tensor:
    """Root of the mean squared difference of each image; (N,), in the images' unit."""
    return (image - clean).square().flatten(1).mean(1).sqrt()
