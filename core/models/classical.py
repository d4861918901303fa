"""Denoisers from before learning, as modules with nothing to learn (scikit-image).

They have one advantage over the networks: they are told how far the input is from the clean
picture (`rms`), and their strength was chosen by that on training images.
"""

from collections.abc import Callable

import numpy as np
import torch
from skimage.filters import median
from skimage.morphology import disk
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle
from torch import Tensor, nn

Grey = np.ndarray
"""One channel (H, W) in [0, 1]."""


def median_filter(image: Grey, rms: float) -> Grey:
    """Median over a disk, larger for stronger noise."""
    return median(image, disk(1 if rms < 0.3 else 2))


def non_local_means(image: Grey, rms: float) -> Grey:
    """Non-local means (Buades et al. 2005), the faster variant that ignores patch centres."""
    return denoise_nl_means(image, patch_size=5, patch_distance=6, h=0.9 * rms, sigma=rms)


def total_variation(image: Grey, rms: float) -> Grey:
    """Total variation (Chambolle 2004); a clean picture stays as it is."""
    if rms == 0:
        return image  # scikit-image divides by the weight
    return denoise_tv_chambolle(image, weight=0.6 * rms)


class Classical(nn.Module):
    """A function of one channel, applied to each channel of each image."""

    def __init__(self, function: Callable[[Grey, float], Grey]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, rms: Tensor) -> Tensor:
        """Denoise.

        Args:
            x: (N, C, H, W) in [0, 1].
            rms: (N,), root mean squared difference of each image from its clean self.

        Returns:
            (N, C, H, W) in [0, 1].
        """
        out = [
            [self.function(channel, float(level)) for channel in image]
            for image, level in zip(x.numpy(force=True), rms, strict=True)
        ]
        return torch.from_numpy(np.array(out, dtype=np.float32)).to(x.device).clamp(0, 1)
